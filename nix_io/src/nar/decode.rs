//! Bytes to events.

use super::{
    NarLimits,
    error::{DecodeError, DecodeErrorKind},
    event::Event,
    names::Names,
};
use crate::wire::Partial;

mod states;

pub(super) use self::states::MAGIC;

/// Takes the events of an archive from bytes, however the bytes are cut.
///
/// Contents are lent from the input; names and targets from the decoder, which keeps the names that
/// lead to the node at hand and no more. It takes exactly the archive: bytes after it stay in the
/// input. After an error every call returns it again.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use nix_io::nar::{Decoder, Encoder, Event, NarLimits};
///
/// let mut bytes = Vec::new();
/// let mut encoder = Encoder::new(NarLimits::default());
/// encoder.encode(Event::Symlink { target: b"../lib" }, &mut bytes)?;
/// encoder.finish()?;
/// bytes.extend(b"more");
///
/// let mut decoder = Decoder::new(NarLimits::default());
/// let (mut begin, mut rest) = bytes.split_at(70);
/// assert_eq!(decoder.next(&mut begin)?, None);
/// assert_eq!(decoder.next(&mut rest)?, Some(Event::Symlink { target: b"../lib" }));
/// assert_eq!(decoder.next(&mut rest)?, Some(Event::End));
/// assert_eq!(rest, b"more");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    limits: NarLimits,
    strings: Partial,
    state: State,
    names: Names,
    target: Vec<u8>,
    failed: Option<DecodeError>,
}

/// What has to come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Magic,
    /// `(`, then `type`, then the kind of a node.
    Node,
    Type,
    Kind,
    /// `executable` or `contents`, or the empty string and `contents` after the first.
    Regular,
    Executable,
    ContentsTag,
    /// The length of the contents.
    Size {
        executable: bool,
    },
    Contents {
        missing: u64,
        padding: usize,
    },
    /// Some of the zeros that pad the contents.
    Padding {
        missing: usize,
    },
    /// `)` after the contents.
    RegularClose,
    TargetTag,
    Target,
    /// `)` after the target.
    SymlinkClose,
    /// `entry`, or `)` after the last one.
    Directory,
    EntryOpen,
    NameTag,
    Name,
    NodeTag,
    /// `)` after the node of an entry.
    EntryClose,
    End,
}

/// An event whose bytes lie where [`Decoder::event`] finds them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Regular {
        executable: bool,
        size: u64,
        offset: u64,
    },
    /// So many bytes at the front of the input, which are still in it.
    Contents(usize),
    RegularEnd,
    Symlink,
    Directory,
    Entry,
    DirectoryEnd,
    End,
}

/// What came of an attempt to take one string.
enum Progress {
    /// The state changed.
    Moved,
    /// More input is needed.
    Starved,
    Step(Step),
}

type Result<T, E = DecodeError> = std::result::Result<T, E>;

impl Decoder {
    /// Returns a decoder that refuses archives above the limits.
    #[must_use]
    pub fn new(limits: NarLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Takes the next event, or nothing when all of `input` was taken without reaching one.
    ///
    /// Once [`Event::End`] was returned, nothing more is taken and every call returns it again.
    ///
    /// # Errors
    /// Fails when the input is no archive, or one above the limits.
    pub fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Result<Option<Event<'a>>> {
        let Some(step) = self.advance(input)? else {
            return Ok(None);
        };
        let mut contents = &[][..];
        if let Step::Contents(length) = step
            && let Some((taken, rest)) = input.split_at_checked(length)
        {
            contents = taken;
            *input = rest;
        }
        Ok(Some(self.event(step, contents)))
    }

    /// Confirms that the input may end here.
    ///
    /// # Errors
    /// Fails before the end of the archive.
    pub fn finish(&self) -> Result<()> {
        match self.failed {
            Some(error) => Err(error),
            None if self.is_complete() => Ok(()),
            None => Err(error(self.position(), DecodeErrorKind::Truncated)),
        }
    }

    /// Returns whether all of the archive was taken.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.state == State::End
    }

    /// Returns how many bytes were taken, which is the size of a complete archive.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.strings.position()
    }

    /// Returns the names that lead from the root to the node at hand.
    pub fn path(&self) -> impl Iterator<Item = &[u8]> {
        let is_between = matches!(
            self.state,
            State::Directory | State::EntryOpen | State::NameTag | State::Name
        );
        self.names.path(is_between)
    }

    /// Returns the event of a step.
    pub(super) fn event<'a>(&'a self, step: Step, contents: &'a [u8]) -> Event<'a> {
        match step {
            Step::Regular {
                executable,
                size,
                offset,
            } => Event::Regular {
                executable,
                size,
                offset,
            },
            Step::Contents(_) => Event::Contents(contents),
            Step::RegularEnd => Event::RegularEnd,
            Step::Symlink => Event::Symlink {
                target: &self.target,
            },
            Step::Directory => Event::Directory,
            Step::Entry => Event::Entry {
                name: self.names.last(),
            },
            Step::DirectoryEnd => Event::DirectoryEnd,
            Step::End => Event::End,
        }
    }

    /// Takes from the input up to the next event, whose contents are counted but stay in the input.
    pub(super) fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Step>> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let found = self.find(input);
        if let Err(error) = found {
            self.failed = Some(error);
        }
        found
    }

    fn find(&mut self, input: &mut &[u8]) -> Result<Option<Step>> {
        loop {
            let progress = self.step(input)?;
            let max = self.limits.archive_bytes_max;
            if self.position() > max {
                return Err(error(max, DecodeErrorKind::TooLong { max }));
            }
            match progress {
                Progress::Moved => {}
                Progress::Starved => return Ok(None),
                Progress::Step(step) => return Ok(Some(step)),
            }
        }
    }
}

const fn error(position: u64, kind: DecodeErrorKind) -> DecodeError {
    DecodeError { kind, position }
}
