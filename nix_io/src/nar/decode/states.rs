//! What a decoder takes in each of its states.

use super::{Decoder, Progress, Result, State, Step, error};
use crate::{
    nar::{
        error::{DecodeError, DecodeErrorKind, NameError, TargetError},
        names::check_target,
    },
    wire::{WireError, WireErrorKind, padding},
};

/// The first string of an archive.
pub(in crate::nar) const MAGIC: &[u8] = b"nix-archive-1";

/// The longest word of the format, with room to say of a longer one what was expected.
const TAG_BYTES_MAX: usize = 32;

impl Decoder {
    /// Takes one string, or a part of one.
    pub(super) fn step(&mut self, input: &mut &[u8]) -> Result<Progress> {
        match self.state {
            State::Magic => self.magic(input),
            State::Node => self.node(input),
            State::Type => self.tag(input, "type", State::Kind),
            State::Kind => self.kind(input),
            State::Regular => self.regular(input),
            State::Executable => self.tag(input, "", State::ContentsTag),
            State::ContentsTag => self.tag(input, "contents", State::Size { executable: true }),
            State::Size { executable } => self.size(input, executable),
            State::Contents { missing, padding } => Ok(self.contents(input, missing, padding)),
            State::Padding { missing } => self.padding(input, missing),
            State::RegularClose => self.close(input, Some(Step::RegularEnd)),
            State::TargetTag => self.tag(input, "target", State::Target),
            State::Target => self.target(input),
            State::SymlinkClose => self.close(input, None),
            State::Directory => self.directory(input),
            State::EntryOpen => self.tag(input, "(", State::NameTag),
            State::NameTag => self.tag(input, "name", State::Name),
            State::Name => self.name(input),
            State::NodeTag => self.tag(input, "node", State::Node),
            State::EntryClose => self.tag(input, ")", State::Directory),
            State::End => Ok(Progress::Step(Step::End)),
        }
    }

    fn magic(&mut self, input: &mut &[u8]) -> Result<Progress> {
        match self.strings.string(input, MAGIC.len()) {
            Ok(Some(MAGIC)) => Ok(self.enter(State::Node)),
            Ok(None) => Ok(Progress::Starved),
            Ok(Some(_)) | Err(_) => Err(error(0, DecodeErrorKind::Magic)),
        }
    }

    fn node(&mut self, input: &mut &[u8]) -> Result<Progress> {
        let max = self.limits.depth_max;
        if self.names.depth() >= max {
            return Err(error(self.position(), DecodeErrorKind::TooDeep { max }));
        }
        self.tag(input, "(", State::Type)
    }

    fn kind(&mut self, input: &mut &[u8]) -> Result<Progress> {
        let expected = "regular, symlink or directory";
        let begin = self.strings.begin();
        match self.word(input, expected)? {
            Some(b"regular") => Ok(self.enter(State::Regular)),
            Some(b"symlink") => Ok(self.enter(State::TargetTag)),
            Some(b"directory") => {
                self.names.open();
                self.state = State::Directory;
                Ok(Progress::Step(Step::Directory))
            }
            Some(_) => Err(error(begin, DecodeErrorKind::Tag { expected })),
            None => Ok(Progress::Starved),
        }
    }

    fn regular(&mut self, input: &mut &[u8]) -> Result<Progress> {
        let expected = "executable or contents";
        let begin = self.strings.begin();
        match self.word(input, expected)? {
            Some(b"executable") => Ok(self.enter(State::Executable)),
            Some(b"contents") => Ok(self.enter(State::Size { executable: false })),
            Some(_) => Err(error(begin, DecodeErrorKind::Tag { expected })),
            None => Ok(Progress::Starved),
        }
    }

    fn size(&mut self, input: &mut &[u8], executable: bool) -> Result<Progress> {
        let begin = self.strings.begin();
        let Some(size) = self.strings.word(input) else {
            return Ok(Progress::Starved);
        };
        let offset = self.position();
        let max = self.limits.archive_bytes_max;
        if size > max.saturating_sub(offset) {
            return Err(error(begin, DecodeErrorKind::TooLong { max }));
        }
        self.state = State::Contents {
            missing: size,
            padding: padding(size),
        };
        Ok(Progress::Step(Step::Regular {
            executable,
            size,
            offset,
        }))
    }

    fn contents(&mut self, input: &mut &[u8], missing: u64, padding: usize) -> Progress {
        if missing == 0 {
            return self.enter(State::Padding { missing: padding });
        }
        if input.is_empty() {
            return Progress::Starved;
        }
        let length = usize::try_from(missing).map_or(input.len(), |all| all.min(input.len()));
        self.strings.skip(length);
        let missing = missing.saturating_sub(length as u64);
        self.state = State::Contents { missing, padding };
        Progress::Step(Step::Contents(length))
    }

    fn padding(&mut self, input: &mut &[u8], missing: usize) -> Result<Progress> {
        let length = missing.min(input.len());
        let (zeros, rest) = input.split_at_checked(length).unwrap_or_default();
        if let Some(at) = zeros.iter().position(|&byte| byte != 0) {
            let kind = DecodeErrorKind::Wire(WireErrorKind::Padding);
            return Err(error(self.position() + at as u64, kind));
        }
        *input = rest;
        self.strings.skip(length);
        if length == missing {
            return Ok(self.enter(State::RegularClose));
        }
        let missing = missing - length;
        self.state = State::Padding { missing };
        Ok(Progress::Starved)
    }

    fn target(&mut self, input: &mut &[u8]) -> Result<Progress> {
        let begin = self.strings.begin();
        let max = self.limits.target_bytes_max;
        let target = match self.strings.string(input, max) {
            Ok(Some(target)) => target,
            Ok(None) => return Ok(Progress::Starved),
            Err(error) => {
                let target = DecodeErrorKind::Target(TargetError::TooLong { max });
                return Err(too_long(error, target));
            }
        };
        let checked = check_target(target, &self.limits);
        checked.map_err(|target| error(begin, DecodeErrorKind::Target(target)))?;
        self.target.clear();
        self.target.extend_from_slice(target);
        self.state = State::SymlinkClose;
        Ok(Progress::Step(Step::Symlink))
    }

    fn directory(&mut self, input: &mut &[u8]) -> Result<Progress> {
        let expected = "entry or )";
        let begin = self.strings.begin();
        match self.word(input, expected)? {
            Some(b"entry") => Ok(self.enter(State::EntryOpen)),
            Some(b")") => {
                self.names.close();
                self.leave();
                Ok(Progress::Step(Step::DirectoryEnd))
            }
            Some(_) => Err(error(begin, DecodeErrorKind::Tag { expected })),
            None => Ok(Progress::Starved),
        }
    }

    fn name(&mut self, input: &mut &[u8]) -> Result<Progress> {
        let begin = self.strings.begin();
        let max = self.limits.name_bytes_max;
        let name = match self.strings.string(input, max) {
            Ok(Some(name)) => name,
            Ok(None) => return Ok(Progress::Starved),
            Err(error) => {
                let name = DecodeErrorKind::Name(NameError::TooLong { max });
                return Err(too_long(error, name));
            }
        };
        let replaced = self.names.replace(name, &self.limits);
        replaced.map_err(|name| error(begin, DecodeErrorKind::Name(name)))?;
        self.state = State::NodeTag;
        Ok(Progress::Step(Step::Entry))
    }

    /// Takes the `)` of a node.
    fn close(&mut self, input: &mut &[u8], step: Option<Step>) -> Result<Progress> {
        let progress = self.tag(input, ")", State::End)?;
        if let Progress::Moved = progress {
            self.leave();
            return Ok(step.map_or(Progress::Moved, Progress::Step));
        }
        Ok(progress)
    }

    /// Goes to what follows a node.
    fn leave(&mut self) {
        self.state = match self.names.depth() {
            0 => State::End,
            _ => State::EntryClose,
        };
    }

    /// Takes a word that is the only one that may stand here.
    fn tag(&mut self, input: &mut &[u8], expected: &'static str, next: State) -> Result<Progress> {
        let begin = self.strings.begin();
        let Some(found) = self.word(input, expected)? else {
            return Ok(Progress::Starved);
        };
        if found == expected.as_bytes() {
            return Ok(self.enter(next));
        }
        Err(error(begin, DecodeErrorKind::Tag { expected }))
    }

    /// Takes a word of the format.
    fn word<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        expected: &'static str,
    ) -> Result<Option<&'a [u8]>> {
        let word = self.strings.string(input, TAG_BYTES_MAX);
        word.map_err(|error| too_long(error, DecodeErrorKind::Tag { expected }))
    }

    fn enter(&mut self, state: State) -> Progress {
        self.state = state;
        Progress::Moved
    }
}

/// Says what a string that is too long was to be.
fn too_long(error: WireError, kind: DecodeErrorKind) -> DecodeError {
    let kind = match error.kind {
        WireErrorKind::StringTooLong { .. } => kind,
        other => DecodeErrorKind::Wire(other),
    };
    let position = error.position;
    DecodeError { kind, position }
}
