//! Events to bytes.

use super::{
    NarLimits,
    error::EncodeError,
    event::Event,
    frame,
    names::{Names, check_target},
};

/// Makes the bytes of an archive of its events, and refuses events that are none.
///
/// What it writes, a [`Decoder`](super::Decoder) of the same limits reads. Its memory is that of
/// the names that lead to the node at hand. After an error, what was written is no archive.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), nix_io::nar::EncodeError> {
/// use nix_io::nar::{Encoder, Event, NarLimits};
///
/// let mut bytes = Vec::new();
/// let mut encoder = Encoder::new(NarLimits::default());
/// encoder.encode(Event::Regular { executable: false, size: 5, offset: 0 }, &mut bytes)?;
/// encoder.encode(Event::Contents(b"hello"), &mut bytes)?;
/// encoder.encode(Event::RegularEnd, &mut bytes)?;
/// encoder.finish()?;
/// assert_eq!(bytes.len(), 120);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Encoder {
    limits: NarLimits,
    state: State,
    names: Names,
    position: u64,
}

/// What has to come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The root.
    #[default]
    Root,
    /// The node of an entry.
    Node,
    /// An entry, or the end of the directory.
    Entry,
    /// Contents, or the end of the file once none are missing.
    Contents {
        size: u64,
        missing: u64,
    },
    End,
}

impl State {
    const fn expected(self) -> &'static str {
        match self {
            Self::Root | Self::Node => "a node",
            Self::Entry => "an entry or the end of the directory",
            Self::Contents { .. } => "contents or the end of the file",
            Self::End => "nothing",
        }
    }
}

type Result<T, E = EncodeError> = std::result::Result<T, E>;

impl Encoder {
    /// Returns an encoder that refuses archives above the limits.
    #[must_use]
    pub fn new(limits: NarLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Appends the bytes of an event.
    ///
    /// # Errors
    /// Fails when the event cannot come here, has a bad name or target, is above the limits, or
    /// contents do not add up to the announced size.
    pub fn encode(&mut self, event: Event<'_>, bytes: &mut Vec<u8>) -> Result<()> {
        if let Event::Contents(contents) = event {
            self.contents(contents.len())?;
            bytes.extend_from_slice(contents);
            return Ok(());
        }
        let before = bytes.len();
        self.structure(event, bytes)?;
        self.count(bytes.len().saturating_sub(before) as u64)
    }

    /// Counts bytes of contents that the caller puts after what was appended so far, instead of
    /// having them copied by [`encode`](Self::encode).
    ///
    /// # Errors
    /// Fails where no contents can come, and when they are more than announced.
    pub fn contents(&mut self, bytes: usize) -> Result<()> {
        self.count_contents(bytes as u64)
    }

    /// Counts contents as [`contents`](Self::contents) does, those of a file larger than memory too.
    pub(super) fn count_contents(&mut self, bytes: u64) -> Result<()> {
        let State::Contents { size, missing } = self.state else {
            return Err(self.disorder());
        };
        let Some(missing) = missing.checked_sub(bytes) else {
            let bytes = bytes - missing;
            return Err(EncodeError::Size { bytes });
        };
        self.state = State::Contents { size, missing };
        self.count(bytes)
    }

    /// Confirms that the archive is complete, and returns its size.
    ///
    /// # Errors
    /// Fails before the end of the root.
    pub fn finish(&self) -> Result<u64> {
        match self.state {
            State::End => Ok(self.position),
            _ => Err(self.disorder()),
        }
    }

    /// Returns how many bytes the archive has so far.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Returns the names that lead from the root to the node at hand.
    pub fn path(&self) -> impl Iterator<Item = &[u8]> {
        self.names.path(self.state == State::Entry)
    }

    fn structure(&mut self, event: Event<'_>, bytes: &mut Vec<u8>) -> Result<()> {
        match (self.state, event) {
            (
                State::Root | State::Node,
                Event::Regular {
                    executable, size, ..
                },
            ) => self.regular(executable, size, bytes),
            (State::Root | State::Node, Event::Symlink { target }) => self.symlink(target, bytes),
            (State::Root | State::Node, Event::Directory) => {
                self.node(bytes)?;
                frame::directory(bytes);
                self.names.open();
                self.state = State::Entry;
                Ok(())
            }
            (State::Contents { size, missing: 0 }, Event::RegularEnd) => {
                frame::regular_end(size, self.close(), bytes);
                Ok(())
            }
            (State::Contents { missing, .. }, Event::RegularEnd) => {
                Err(EncodeError::Size { bytes: missing })
            }
            (State::Entry, Event::Entry { name }) => self.entry(name, bytes),
            (State::Entry, Event::DirectoryEnd) => {
                self.names.close();
                frame::close(self.close(), bytes);
                Ok(())
            }
            (State::End, Event::End) => Ok(()),
            _ => Err(self.disorder()),
        }
    }

    /// Begins a node, whose own words are still to be appended.
    fn node(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        let max = self.limits.depth_max;
        if self.names.depth() >= max {
            return Err(EncodeError::TooDeep { max });
        }
        if self.state == State::Root {
            frame::magic(bytes);
        }
        Ok(())
    }

    fn regular(&mut self, executable: bool, size: u64, bytes: &mut Vec<u8>) -> Result<()> {
        self.node(bytes)?;
        frame::regular(executable, size, bytes);
        let missing = size;
        self.state = State::Contents { size, missing };
        Ok(())
    }

    fn symlink(&mut self, target: &[u8], bytes: &mut Vec<u8>) -> Result<()> {
        check_target(target, &self.limits).map_err(EncodeError::Target)?;
        self.node(bytes)?;
        frame::symlink(target, self.close(), bytes);
        Ok(())
    }

    fn entry(&mut self, name: &[u8], bytes: &mut Vec<u8>) -> Result<()> {
        let replaced = self.names.replace(name, &self.limits);
        replaced.map_err(EncodeError::Name)?;
        frame::entry(name, bytes);
        self.state = State::Node;
        Ok(())
    }

    /// Ends a node, and the entry whose node it is; returns whether it was the root.
    fn close(&mut self) -> bool {
        let is_root = self.names.depth() == 0;
        self.state = if is_root { State::End } else { State::Entry };
        is_root
    }

    /// Counts bytes of the archive.
    fn count(&mut self, bytes: u64) -> Result<()> {
        let max = self.limits.archive_bytes_max;
        let counted = self.position.checked_add(bytes);
        let Some(position) = counted.filter(|&position| position <= max) else {
            return Err(EncodeError::TooLong { max });
        };
        self.position = position;
        Ok(())
    }

    const fn disorder(&self) -> EncodeError {
        let expected = self.state.expected();
        EncodeError::Order { expected }
    }
}
