//! Reading streams of `nix-store --export`.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, ErrorKind},
};

use nix_core::{
    path_info::PathInfo,
    store_path::{StorePath, StorePathError},
};
use nix_io::wire::{Decoder, WireError, WireLimits};

use super::{
    Batch, LocalStore, Unpacked,
    export::{END, MAGIC, OBJECT},
};
use crate::store::{Error, Result};

/// The longest string of a stream: a path, or a signature, which old Nix wrote.
const STRING_BYTES_MAX: usize = 4096;

/// The most references of an object.
const REFERENCES_MAX: usize = 1 << 20;

/// The most bytes of an object's references.
const REFERENCES_BYTES_MAX: usize = 128 << 20;

const LIMITS: WireLimits = WireLimits {
    string_bytes_max: STRING_BYTES_MAX,
    list_len_max: REFERENCES_MAX,
    list_bytes_max: REFERENCES_BYTES_MAX,
    framed_bytes_max: 0,
};

/// A stream that is none of `nix-store --export`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The reader failed or ended.
    #[error("read the stream")]
    Io(#[source] io::Error),
    /// A value that is none.
    #[error("decode what follows an archive")]
    Wire(#[source] WireError),
    /// An integer that stands for something else.
    #[error("expected {expected}, found the integer {found}")]
    Unexpected {
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: u64,
    },
    /// A text that is no path of this store.
    #[error("read the path {text:?}")]
    Path {
        /// The text.
        text: String,
        /// Why it is none.
        #[source]
        source: StorePathError,
    },
}

impl LocalStore {
    /// Adds the objects of a stream of `nix-store --export` and returns their paths.
    ///
    /// Such a stream holds no signatures: where the store demands them, it is refused;
    /// [`import_trusted`](Self::import_trusted) is for whoever trusts its origin. Objects that were
    /// read before an error stay. The reader is left behind the stream.
    ///
    /// # Errors
    /// Fails when the reader does, when what it reads is no such stream, when an object refers to
    /// what is neither valid nor before it, when signatures are demanded, and when the store cannot
    /// be written.
    pub fn import(&self, reader: &mut dyn BufRead) -> Result<Vec<StorePath>> {
        self.import_stream(reader, true)
    }

    /// Adds the objects of a stream whose origin is trusted, as `nix-store --import` does for who
    /// may change everything, whatever keys the store demands.
    ///
    /// # Errors
    /// Fails as [`import`](Self::import) does, but for signatures.
    pub fn import_trusted(&self, reader: &mut dyn BufRead) -> Result<Vec<StorePath>> {
        self.import_stream(reader, false)
    }

    fn import_stream(&self, reader: &mut dyn BufRead, is_checked: bool) -> Result<Vec<StorePath>> {
        self.writable()?;
        let mut imported = Vec::new();
        let mut note = |_, info: PathInfo| imported.push(info.path);
        let mut batch = self.batch();
        let read = loop {
            match self.import_object(&mut batch, reader, is_checked) {
                Ok(true) => batch.commit_when_due(&mut note)?,
                end => break end,
            }
        };
        batch.commit(&mut note)?;
        read?;
        Ok(imported)
    }

    /// Reads an object and returns true, or false at the end of the stream.
    fn import_object(
        &self,
        batch: &mut Batch<'_>,
        reader: &mut dyn BufRead,
        is_checked: bool,
    ) -> Result<bool> {
        match integer(reader)? {
            END => return Ok(false),
            OBJECT => {}
            found => return Err(unexpected("an object or the end of the stream", found)),
        }
        let (entry, measured) = batch.unpack_unknown(reader)?;
        match integer(reader)? {
            MAGIC => {}
            found => return Err(unexpected("what is known of the object", found)),
        }
        let path = self.path(&string(reader)?)?;
        let mut info = PathInfo::new(path, measured.nar_hash, measured.nar_size);
        info.references = self.paths(reader)?;
        let deriver = string(reader)?;
        if !deriver.is_empty() {
            info.deriver = Some(self.path(&deriver)?);
        }
        match integer(reader)? {
            0 => {}
            // What old Nix wrote here vouches for nothing.
            1 => drop(string(reader)?),
            found => return Err(unexpected("a signature or none", found)),
        }
        if is_checked {
            self.check_trust(&info)?;
        }
        batch.push(Unpacked::of(&info, Some(entry)));
        Ok(true)
    }

    fn paths(&self, reader: &mut dyn BufRead) -> Result<BTreeSet<StorePath>> {
        let mut decoder = Decoder::new(LIMITS);
        let texts = decode(reader, |input| decoder.strings(input))?;
        texts.iter().map(|text| self.path(text)).collect()
    }

    fn path(&self, text: &[u8]) -> Result<StorePath> {
        let parsed = self.layout().store_dir.parse_bytes(text);
        parsed.map_err(|source| {
            Error::Import(Box::new(ImportError::Path {
                text: String::from_utf8_lossy(text).into_owned(),
                source,
            }))
        })
    }
}

fn unexpected(expected: &'static str, found: u64) -> Error {
    Error::Import(Box::new(ImportError::Unexpected { expected, found }))
}

fn integer(reader: &mut dyn BufRead) -> Result<u64> {
    let mut decoder = Decoder::new(LIMITS);
    decode(reader, |input| Ok(decoder.u64(input)))
}

fn string(reader: &mut dyn BufRead) -> Result<Vec<u8>> {
    let mut decoder = Decoder::new(LIMITS);
    decode(reader, |input| {
        let string = decoder.string(input)?;
        Ok(string.map(<[u8]>::to_vec))
    })
}

/// Takes a value, and no byte more, from a reader.
fn decode<T>(
    reader: &mut dyn BufRead,
    mut next: impl FnMut(&mut &[u8]) -> Result<Option<T>, WireError>,
) -> Result<T> {
    let io = |error| Error::Import(Box::new(ImportError::Io(error)));
    loop {
        let mut input = match reader.fill_buf() {
            Ok([]) => return Err(io(ErrorKind::UnexpectedEof.into())),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            filled => filled.map_err(io)?,
        };
        let filled = input.len();
        let value = next(&mut input);
        let taken = filled - input.len();
        reader.consume(taken);
        let value = value.map_err(|error| Error::Import(Box::new(ImportError::Wire(error))))?;
        if let Some(value) = value {
            return Ok(value);
        }
    }
}
