//! Asks the node of another process.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

use super::{
    PeerError,
    folder::Folder,
    protocol::{ANSWER_BYTES_MAX, Answer, Line, Progress, Request, VERSION},
    socket,
};

/// How long a node may be silent; while it works it says how far it is.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A connection to the node of another process.
pub(super) struct Client {
    stream: BufReader<UnixStream>,
    path: PathBuf,
}

impl Client {
    /// Connects to the node of a store; nothing where none runs.
    pub(super) fn connect(folder: &Folder) -> Result<Option<Self>, PeerError> {
        let path = socket::path(folder);
        let talk = |source| PeerError::Talk {
            path: path.clone(),
            source,
        };
        let Some(stream) = socket::connect(folder).map_err(talk)? else {
            return Ok(None);
        };
        let limited = stream
            .set_read_timeout(Some(SILENCE_MAX))
            .and_then(|()| stream.set_write_timeout(Some(SILENCE_MAX)));
        limited.map_err(talk)?;
        let stream = BufReader::new(stream);
        Ok(Some(Self { stream, path }))
    }

    /// Asks, and returns the last line of the answer.
    pub(super) fn ask(
        &mut self,
        request: Request,
        mut progress: impl FnMut(&Progress),
    ) -> Result<Answer, PeerError> {
        let line = Line {
            version: VERSION,
            request,
        };
        let text = serde_json::to_string(&line).map_err(|source| self.answer_error(source))?;
        let sent = writeln!(self.stream.get_mut(), "{text}");
        sent.map_err(|source| self.talk_error(source))?;
        loop {
            match self.read()? {
                Answer::Progress(how_far) => progress(&how_far),
                answer => return Ok(answer),
            }
        }
    }

    fn read(&mut self) -> Result<Answer, PeerError> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(ANSWER_BYTES_MAX);
        let read = limited.read_until(b'\n', &mut line);
        match read {
            Ok(0) => Err(self.hung_up()),
            Ok(_) if line.last() == Some(&b'\n') => {
                serde_json::from_slice(&line).map_err(|source| self.answer_error(source))
            }
            Ok(length) if u64::try_from(length).is_ok_and(|length| length < ANSWER_BYTES_MAX) => {
                Err(self.hung_up())
            }
            Ok(_) => Err(PeerError::LongAnswer {
                path: self.path.clone(),
            }),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(self.hung_up()),
            Err(source) => Err(self.talk_error(source)),
        }
    }

    fn hung_up(&self) -> PeerError {
        let path = self.path.clone();
        PeerError::HungUp { path }
    }

    fn talk_error(&self, source: io::Error) -> PeerError {
        let path = self.path.clone();
        match source.kind() {
            io::ErrorKind::BrokenPipe => PeerError::HungUp { path },
            _ => PeerError::Talk { path, source },
        }
    }

    fn answer_error(&self, source: serde_json::Error) -> PeerError {
        let path = self.path.clone();
        PeerError::Answer { path, source }
    }
}
