//! Answers the commands of other processes.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::timeout,
};

use super::{
    PeerError, accept,
    answer::Answering,
    folder::Folder,
    protocol::{self, Answer, Kind, REQUEST_BYTES_MAX, Refusal, Request},
    socket,
};

/// How many commands are connected at a time; others wait.
const CONNECTIONS_MAX: usize = 16;

/// How long a command may take to send its next request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long it may take to read a line.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How many lines of progress wait to be sent.
const PROGRESS_MAX: usize = 4;

/// Listens for commands.
pub(super) fn listen(folder: &Folder) -> Result<UnixListener, PeerError> {
    let listener = socket::listen(folder).and_then(UnixListener::from_std);
    listener.map_err(|source| PeerError::Socket {
        path: socket::path(folder),
        source,
    })
}

/// Answers commands until it is dropped, which ends all connections.
pub(super) async fn serve(listener: UnixListener, answering: Arc<Answering>) {
    accept::serve(listener, "of a command", CONNECTIONS_MAX, |stream| {
        let answering = Arc::clone(&answering);
        async move {
            if let Err(error) = talk(stream, &answering).await {
                tracing::debug!(%error, "a command went away");
            }
        }
    })
    .await;
}

/// Answers the requests of one connection, one after the other.
async fn talk(stream: UnixStream, answering: &Answering) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    while let Some(request) = timeout(REQUEST_TIMEOUT, read(&mut reading)).await?? {
        let is_understood = request.is_ok();
        match request {
            Ok(request) => answer(&mut writing, answering, request).await?,
            Err(refusal) => send(&mut writing, &Answer::Refused(refusal)).await?,
        }
        if !is_understood {
            break;
        }
    }
    Ok(())
}

/// Reads a request; nothing where there is no more.
async fn read(from: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Result<Request, Refusal>>> {
    let mut line = Vec::new();
    let length = from
        .take(REQUEST_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .await?;
    if length == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        return Ok(Some(protocol::parse(&line)));
    }
    let message = format!("a request ends within {REQUEST_BYTES_MAX} bytes with its line");
    Ok(Some(Err(Refusal::new(Kind::Request, message))))
}

async fn answer(
    to: &mut OwnedWriteHalf,
    answering: &Answering,
    request: Request,
) -> io::Result<()> {
    let (progress, mut how_far) = mpsc::channel(PROGRESS_MAX);
    let answer = answering.answer(request, progress);
    tokio::pin!(answer);
    loop {
        tokio::select! {
            answer = &mut answer => return send(to, &answer).await,
            Some(how_far) = how_far.recv() => send(to, &Answer::Progress(how_far)).await?,
        }
    }
}

async fn send(to: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer).map_err(io::Error::other)?;
    line.push(b'\n');
    timeout(ANSWER_TIMEOUT, to.write_all(&line)).await?
}
