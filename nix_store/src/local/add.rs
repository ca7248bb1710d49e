//! Objects that come as archives.

use std::{
    borrow::Cow,
    fs::File,
    io::{BufRead, Read},
    os::{fd::BorrowedFd, unix::fs::MetadataExt},
    time::{SystemTime, UNIX_EPOCH},
};

use nix_core::{
    derivation::{Derivation, DerivationLookup},
    path_info::PathInfo,
    store_path::StorePath,
};
use nix_io::{
    nar::{self, DecodeErrorKind, NarLimits, UnpackError, UnpackOptions},
    read::TeeReader,
};
use rustix::{fs::Mode, io::Errno};

use super::{
    LocalStore, PrivateDir,
    files::{FILE_FLAGS, failed},
};
use crate::{
    db::Registration,
    store::{ArchiveHasher, DERIVATION_BYTES_MAX, Error, Measured, Result},
};

impl LocalStore {
    /// Fails where signatures are demanded and the path has none of a trusted key.
    pub(crate) fn check_trust(&self, info: &PathInfo) -> Result<()> {
        let Some(keys) = &self.options().trusted_keys else {
            return Ok(());
        };
        let check = info.check_signatures(&self.layout().store_dir, keys);
        if check.is_trusted(1) {
            return Ok(());
        }
        let path = info.path.clone();
        Err(Error::Untrusted { path })
    }

    /// Unpacks an archive into a private directory and measures it.
    pub(super) fn unpack(
        &self,
        private: &PrivateDir,
        entry: &str,
        name: &str,
        hasher: ArchiveHasher,
        limits: NarLimits,
        nar: &mut dyn BufRead,
    ) -> Result<Measured> {
        let options = UnpackOptions {
            limits,
            fsync: self.options().fsync,
            ..UnpackOptions::default()
        };
        let mut tee = TeeReader::new(nar, hasher);
        let unpacked = nar::unpack(&mut tee, private.join(entry), &options);
        unpacked.map_err(|source| Error::Unpack {
            path: name.to_owned(),
            source,
        })?;
        let (_, hasher) = tee.finish().map_err(|source| Error::Io {
            action: "measure",
            path: private.join(entry),
            source,
        })?;
        Ok(hasher.finish())
    }

    /// Leaves the reader behind the archive of an object that is valid already.
    pub(super) fn skip(&self, info: &PathInfo, nar: &mut dyn BufRead) -> Result<()> {
        let mut limits = self.options().limits;
        limits.archive_bytes_max = limits.archive_bytes_max.min(info.nar_size);
        let skipped = nar::Reader::new(nar, limits).finish();
        skipped.map(drop).map_err(|source| Error::Nar {
            path: info.path.base_name().to_owned(),
            source,
        })
    }

    /// Says of an archive beyond the size that it should have, that it has another.
    pub(super) fn too_long(&self, error: Error, info: &PathInfo) -> Error {
        let is_longer = match &error {
            Error::Unpack {
                source: UnpackError::Read { source, .. },
                ..
            } => {
                let kind = source.decode().map(|error| error.kind);
                kind == Some(DecodeErrorKind::TooLong { max: info.nar_size })
            }
            _ => false,
        };
        if !is_longer || info.nar_size >= self.options().limits.archive_bytes_max {
            return error;
        }
        Error::SizeMismatch {
            path: info.path.clone(),
            expected: info.nar_size,
            found: info.nar_size + 1,
        }
    }

    /// Makes what the database is told of an object, whose files have a name in a directory.
    pub(super) fn registration(
        &self,
        directory: BorrowedFd<'_>,
        name: &str,
        mut info: PathInfo,
    ) -> Result<Registration> {
        if info.registration_time == 0 {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            info.registration_time = now.map_or(1, |now| now.as_secs());
        }
        let derivation = if info.path.is_derivation() {
            Some(self.read_derivation(directory, name, &info.path)?)
        } else {
            None
        };
        Ok(Registration { info, derivation })
    }

    /// Makes objects valid; the derivations among them are checked.
    pub(super) fn register_checked(&self, objects: &[Registration]) -> Result<()> {
        self.database().register_beside(objects, Some(&Files(self)))
    }

    fn read_derivation(
        &self,
        directory: BorrowedFd<'_>,
        name: &str,
        path: &StorePath,
    ) -> Result<Derivation> {
        let drv_name = path.to_name().without_derivation_suffix();
        let drv_name = drv_name.ok_or_else(|| Error::NotADerivation { path: path.clone() })?;
        let text = self.read_small(directory, name, path)?;
        let text = text.ok_or_else(|| Error::NotAFile {
            name: path.name().to_owned(),
        })?;
        let parsed = Derivation::parse_aterm(&self.layout().store_dir, drv_name, &text);
        parsed.map_err(|source| Error::Derivation {
            path: path.clone(),
            source,
        })
    }

    /// Reads a file, or nothing where it is none, executable, or too large for a derivation.
    fn read_small(
        &self,
        directory: BorrowedFd<'_>,
        name: &str,
        path: &StorePath,
    ) -> Result<Option<Vec<u8>>> {
        let place = self.real_path(path);
        let opened = match rustix::fs::openat(directory, name, FILE_FLAGS, Mode::empty()) {
            Err(Errno::LOOP) => return Ok(None),
            opened => opened.map_err(failed("open", &place))?,
        };
        let io = |source| Error::Io {
            action: "read",
            path: place.clone(),
            source,
        };
        let file = File::from(opened);
        let metadata = file.metadata().map_err(io)?;
        let is_plain = metadata.is_file() && metadata.mode() & 0o100 == 0;
        if !is_plain || metadata.len() > DERIVATION_BYTES_MAX {
            return Ok(None);
        }
        let mut text = Vec::new();
        let read = file.take(DERIVATION_BYTES_MAX).read_to_end(&mut text);
        read.map_err(io)?;
        Ok(Some(text))
    }
}

/// The derivations that lie in their places, of paths that are valid.
struct Files<'s>(&'s LocalStore);

impl DerivationLookup for Files<'_> {
    type Error = Error;

    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>> {
        if !path.is_derivation() {
            return Ok(None);
        }
        let Self(store) = self;
        let derivation = store.read_derivation(store.directory(), path.base_name(), path)?;
        Ok(Some(Cow::Owned(derivation)))
    }
}
