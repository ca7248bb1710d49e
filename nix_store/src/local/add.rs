//! Objects that come as archives.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    ffi::OsStr,
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
    canonical::sync,
    files::{FILE_FLAGS, failed, move_node},
    scan::Scanning,
};
use crate::{
    db::Registration,
    store::{Added, ArchiveHasher, DERIVATION_BYTES_MAX, Error, Measured, NewObject, Result},
};

/// The name of the object in its private directory.
const OBJECT: &str = "object";

impl LocalStore {
    pub(super) fn add_archive(&self, info: &PathInfo, nar: &mut dyn BufRead) -> Result<Added> {
        self.writable()?;
        self.check_trust(info)?;
        self.protect([&info.path])?;
        let hold = self.database().hold_to_read()?;
        let is_present = self.database().is_valid(&info.path)?;
        if !is_present {
            self.check_references(&info.path, &info.references)?;
        }
        drop(hold);
        if is_present {
            self.skip(info, nar)?;
            return self.join(info);
        }
        let hasher = ArchiveHasher::of_info(info)?;
        let mut limits = self.options().limits;
        limits.archive_bytes_max = limits.archive_bytes_max.min(info.nar_size);
        let private = self.private_dir()?;
        let unpacked = unpack(self, &private, info.path.base_name(), hasher, limits, nar);
        let measured = unpacked.map_err(|error| self.too_long(error, info))?;
        measured.check(&self.layout().store_dir, info)?;
        self.publish(&private, info.clone())
    }

    pub(super) fn add_new(&self, object: &NewObject, nar: &mut dyn BufRead) -> Result<PathInfo> {
        self.add_scanned(object, &BTreeSet::new(), nar)
    }

    /// Adds an object that refers also to those of `candidates` that occur in its archive.
    pub(super) fn add_scanned(
        &self,
        object: &NewObject,
        candidates: &BTreeSet<StorePath>,
        nar: &mut dyn BufRead,
    ) -> Result<PathInfo> {
        self.writable()?;
        let hasher = ArchiveHasher::of_new(object)?;
        let private = self.private_dir()?;
        let name = object.name.as_str();
        let limits = self.options().limits;
        let mut nar = TeeReader::new(nar, Scanning::new(candidates));
        let measured = unpack(self, &private, name, hasher, limits, &mut nar)?;
        let (_, scanned) = nar.finish().map_err(|source| Error::Io {
            action: "scan",
            path: private.join(OBJECT),
            source,
        })?;
        let mut object = object.clone();
        object.references.others.extend(scanned.finish());
        let info = measured.describe(&self.layout().store_dir, &object)?;
        self.protect([&info.path])?;
        match self.publish_and_describe(&private, info) {
            Err(Error::Conflict { path, .. }) if object.is_one_file() => {
                let known = self.database().path_info(&path)?;
                known.ok_or(Error::NotValid { path })
            }
            published => Ok(published?.1),
        }
    }

    /// Adds an archive of which only the hash is still to be found out.
    pub(super) fn unpack_unknown(&self, nar: &mut dyn BufRead) -> Result<(PrivateDir, Measured)> {
        let private = self.private_dir()?;
        let limits = self.options().limits;
        let hasher = ArchiveHasher::new();
        let measured = unpack(self, &private, "an exported object", hasher, limits, nar)?;
        Ok((private, measured))
    }

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

    /// Leaves the reader behind the archive of an object that is valid already.
    fn skip(&self, info: &PathInfo, nar: &mut dyn BufRead) -> Result<()> {
        let mut limits = self.options().limits;
        limits.archive_bytes_max = limits.archive_bytes_max.min(info.nar_size);
        let skipped = nar::Reader::new(nar, limits).finish();
        skipped.map(drop).map_err(|source| Error::Nar {
            path: info.path.base_name().to_owned(),
            source,
        })
    }

    /// Says of an archive beyond the size that it should have, that it has another.
    fn too_long(&self, error: Error, info: &PathInfo) -> Error {
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

    /// Adds to what is known of a path that is valid.
    fn join(&self, info: &PathInfo) -> Result<Added> {
        let _locks = self.lock([&info.path])?;
        let _hold = self.database().hold()?;
        if !self.database().is_valid(&info.path)? {
            // Its deletion, while the archive was read, came after this.
            return Ok(Added::Present);
        }
        let registration =
            self.registration(self.directory(), info.path.base_name(), info.clone())?;
        self.register_checked(&[registration])?;
        Ok(Added::Present)
    }

    /// Gives an object that was unpacked and checked its name, and registers it. It is a temporary
    /// root already, and the only entry, `object`, of its private directory.
    pub(crate) fn publish(&self, private: &PrivateDir, info: PathInfo) -> Result<Added> {
        Ok(self.publish_and_describe(private, info)?.0)
    }

    /// Does the same, and returns what is known of the object then.
    fn publish_and_describe(
        &self,
        private: &PrivateDir,
        info: PathInfo,
    ) -> Result<(Added, PathInfo)> {
        let (added, info) = self.publish_locked(private, info)?;
        if added == Added::New {
            self.optimise_new([&info.path]);
        }
        Ok((added, info))
    }

    fn publish_locked(&self, private: &PrivateDir, info: PathInfo) -> Result<(Added, PathInfo)> {
        let path = info.path.clone();
        let registration = self.registration(private.fd(), OBJECT, info)?;
        // Invariant: no process holds the database while it waits for the lock of a path.
        let _locks = self.lock([&path])?;
        let _hold = self.database().hold()?;
        let is_present = self.database().is_valid(&path)?;
        if !is_present {
            self.check_references(&path, &registration.info.references)?;
            self.put_in_place(private, &path)?;
        }
        let said = registration.info.clone();
        let registered = self.register_checked(&[registration]);
        if let Err(error) = registered {
            // A commit that failed may have happened nevertheless.
            if !is_present && matches!(self.database().is_valid(&path), Ok(false)) {
                // Where this fails too, what remains is not valid.
                let _ = self.move_aside(private, &path);
            }
            return Err(error);
        }
        let added = if is_present {
            Added::Present
        } else {
            Added::New
        };
        // Its deletion, by who does not wait for the lock, came after this.
        let info = self.database().path_info(&path)?.unwrap_or(said);
        Ok((added, info))
    }

    /// Moves an object from its private directory to its place; what lies there is not valid and
    /// moves the other way.
    fn put_in_place(&self, private: &PrivateDir, path: &StorePath) -> Result<()> {
        let (from, name) = (OsStr::new(OBJECT), OsStr::new(path.base_name()));
        let place = self.real_path(path);
        let fsync = self.options().fsync;
        let mut moved = move_node(private.fd(), from, self.directory(), name, fsync);
        if matches!(moved, Err(Errno::EXIST | Errno::NOTEMPTY)) {
            self.move_aside(private, path)?;
            moved = move_node(private.fd(), from, self.directory(), name, fsync);
        }
        moved.map_err(failed("move the object to", &place))?;
        if fsync {
            sync(self.directory(), &self.layout().real_store_dir)?;
        }
        Ok(())
    }

    /// Moves what lies in the place of a path that is not valid to a private directory. The lock of
    /// the path is held.
    pub(super) fn move_aside(&self, private: &PrivateDir, path: &StorePath) -> Result<()> {
        let name = OsStr::new(path.base_name());
        let moved = move_node(self.directory(), name, private.fd(), name, false);
        match moved {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(failed("move aside", &self.real_path(path))(errno)),
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

/// Unpacks an archive into a private directory and measures it.
fn unpack(
    store: &LocalStore,
    private: &PrivateDir,
    name: &str,
    hasher: ArchiveHasher,
    limits: NarLimits,
    nar: &mut dyn BufRead,
) -> Result<Measured> {
    let options = UnpackOptions {
        limits,
        fsync: store.options().fsync,
        ..UnpackOptions::default()
    };
    let mut tee = TeeReader::new(nar, hasher);
    let unpacked = nar::unpack(&mut tee, private.join(OBJECT), &options);
    unpacked.map_err(|source| Error::Unpack {
        path: name.to_owned(),
        source,
    })?;
    let (_, hasher) = tee.finish().map_err(|source| Error::Io {
        action: "measure",
        path: private.join(OBJECT),
        source,
    })?;
    Ok(hasher.finish())
}
