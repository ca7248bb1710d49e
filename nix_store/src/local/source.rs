//! Objects made of what lies on the user's disk or in memory.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufRead, BufReader, Cursor, ErrorKind, Read, Write},
    os::unix::fs::MetadataExt,
    path::Path,
    thread,
};

use nix_core::{
    content_address::{ContentAddressMethod, MethodAlgorithm},
    hash::Algorithm,
    path_info::PathInfo,
    store_path::{References, StorePath, StorePathName},
};
use nix_io::nar::{self, EncodeError, Encoder, Event, NarLimits, PackError, PackOptions};
use rustix::{
    fs::{CWD, Mode},
    io::Errno,
};

use super::{
    Batch, LocalStore,
    files::{FILE_FLAGS, failed},
};
use crate::store::{Error, NewObject, Result};

/// What passes between packing and unpacking at once.
const BUFFER_BYTES: usize = 64 << 10;

/// Archives up to this size are packed before they are unpacked: a thread would cost more than that.
const SMALL_BYTES: usize = 256 << 10;

impl LocalStore {
    /// Adds a file, a symlink or a directory of the user's, and returns what is known of the object.
    ///
    /// With [`Nar`](ContentAddressMethod::Nar) it is added as it is, and no symlink is followed,
    /// `source` included. With [`Flat`](ContentAddressMethod::Flat) and
    /// [`Text`](ContentAddressMethod::Text) it has to be a file. It is executable where its owner may
    /// execute it, as Nix has it, although the path follows from its contents alone: of two files that
    /// differ in this the first one added stays. Memory does not depend on the size.
    ///
    /// # Errors
    /// Fails when `source` cannot be read, holds what no archive can, or changes meanwhile, when it
    /// cannot be addressed as asked, and when the store cannot be written.
    pub fn add_path(
        &self,
        source: &Path,
        name: &StorePathName,
        how: MethodAlgorithm,
    ) -> Result<PathInfo> {
        self.add_path_scanned(source, name, how, &BTreeSet::new())
    }

    /// Adds a file, a symlink or a directory as [`add_path`](Self::add_path) does, with a reference
    /// to each of `candidates` whose hash part occurs in its contents, the names in it or the targets
    /// of symlinks.
    ///
    /// The path follows from the references too. It is not known before the files are read, so that
    /// they cannot mention it, and nothing that is added so refers to itself.
    ///
    /// # Errors
    /// Fails as `add_path` does, when a candidate that occurs is not valid, and when one occurs that
    /// the address cannot have: [`Nar`](ContentAddressMethod::Nar) with SHA-256 and
    /// [`Text`](ContentAddressMethod::Text) have references, others do not.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use nix_store::{
    ///     StoreDir,
    ///     local::{LocalOptions, LocalStore, StoreLayout},
    ///     store::ReadStore,
    /// };
    ///
    /// let folder = tempfile::tempdir()?;
    /// let layout = StoreLayout::below(folder.path(), StoreDir::default());
    /// let store = LocalStore::open(layout, &LocalOptions::default())?;
    /// let needed = store.add_text(&"needed".parse()?, b"hello", &Default::default())?.path;
    ///
    /// let script = folder.path().join("script");
    /// std::fs::write(&script, format!("cat {}\n", store.store_dir().print(&needed)))?;
    /// let valid = store.valid_paths()?;
    /// let how = "fixed:r:sha256".parse()?;
    /// let info = store.add_path_scanned(&script, &"script".parse()?, how, &valid)?;
    /// assert_eq!(info.references, [needed].into());
    /// # Ok(())
    /// # }
    /// ```
    pub fn add_path_scanned(
        &self,
        source: &Path,
        name: &StorePathName,
        how: MethodAlgorithm,
        candidates: &BTreeSet<StorePath>,
    ) -> Result<PathInfo> {
        let added = self.add_alone(|batch| batch.add_path_scanned(source, name, how, candidates));
        Ok(added?.1)
    }

    /// Adds a text, as `builtins.toFile` does, and returns what is known of the object.
    ///
    /// # Errors
    /// Fails when a reference is not valid, when the text is above the limits, and when the store
    /// cannot be written.
    pub fn add_text(
        &self,
        name: &StorePathName,
        contents: &[u8],
        references: &BTreeSet<StorePath>,
    ) -> Result<PathInfo> {
        let how = MethodAlgorithm {
            method: ContentAddressMethod::Text,
            algorithm: Algorithm::Sha256,
        };
        let references = References {
            others: references.clone(),
            self_reference: false,
        };
        let object = NewObject {
            name: name.clone(),
            how,
            references,
        };
        let (size, limits) = (contents.len() as u64, self.options().limits);
        let mut nar = file_archive(&object, contents, size, false, limits)?;
        Ok(self.add_alone(|batch| batch.add(&object, &mut nar))?.1)
    }
}

impl Batch<'_> {
    /// Adds a file, a symlink or a directory of the user's, as [`LocalStore::add_path`] does, and
    /// returns its path.
    ///
    /// # Errors
    /// Fails as `add_path` does. The batch stays as it was.
    pub fn add_path(
        &mut self,
        source: &Path,
        name: &StorePathName,
        how: MethodAlgorithm,
    ) -> Result<StorePath> {
        self.add_path_scanned(source, name, how, &BTreeSet::new())
    }

    /// Adds a file, a symlink or a directory with a reference to each of `candidates` that occurs in
    /// it, as [`LocalStore::add_path_scanned`] does, and returns its path.
    ///
    /// # Errors
    /// Fails as `add_path_scanned` does, but for candidates that are not valid: those
    /// [`commit`](Self::commit) refuses. The batch stays as it was.
    pub fn add_path_scanned(
        &mut self,
        source: &Path,
        name: &StorePathName,
        how: MethodAlgorithm,
        candidates: &BTreeSet<StorePath>,
    ) -> Result<StorePath> {
        self.store.writable()?;
        let object = NewObject {
            name: name.clone(),
            how,
            references: References::default(),
        };
        match how.method {
            ContentAddressMethod::Flat | ContentAddressMethod::Text => {
                self.add_file(source, &object, candidates)
            }
            _ => self.add_tree(source, &object, candidates),
        }
    }

    fn add_tree(
        &mut self,
        source: &Path,
        object: &NewObject,
        candidates: &BTreeSet<StorePath>,
    ) -> Result<StorePath> {
        let options = PackOptions {
            limits: self.store.options().limits,
            ..PackOptions::default()
        };
        let mut small = Small(Vec::new());
        match nar::pack(source, &mut small, &options) {
            Ok(_) => self.add_scanned(object, candidates, &mut small.0.as_slice()),
            Err(PackError::Write(_)) => {
                drop(small);
                self.add_large_tree(source, object, candidates, &options)
            }
            Err(source) => Err(Error::Pack {
                path: object.name.to_string(),
                source,
            }),
        }
    }

    /// Packs in one thread what another unpacks.
    fn add_large_tree(
        &mut self,
        source: &Path,
        object: &NewObject,
        candidates: &BTreeSet<StorePath>,
        options: &PackOptions,
    ) -> Result<StorePath> {
        let pipe = std::io::pipe().map_err(|error| Error::Io {
            action: "open a pipe for",
            path: source.to_owned(),
            source: error,
        })?;
        let (reader, writer) = pipe;
        let (packed, added) = thread::scope(|scope| {
            let packing = scope.spawn(|| nar::pack(source, writer, options));
            let mut reader = BufReader::with_capacity(BUFFER_BYTES, reader);
            let added = self.add_scanned(object, candidates, &mut reader);
            drop(reader);
            (packing.join(), added)
        });
        match (packed.expect("packing does not panic"), added) {
            // Who unpacks has gone, and says why.
            (Ok(_) | Err(PackError::Write(_)), added) => added,
            (Err(error), _) => Err(Error::Pack {
                path: object.name.to_string(),
                source: error,
            }),
        }
    }

    fn add_file(
        &mut self,
        source: &Path,
        object: &NewObject,
        candidates: &BTreeSet<StorePath>,
    ) -> Result<StorePath> {
        let not_a_file = || Error::NotAFile {
            name: object.name.to_string(),
        };
        let file = match rustix::fs::openat(CWD, source, FILE_FLAGS, Mode::empty()) {
            Err(Errno::LOOP) => return Err(not_a_file()),
            opened => File::from(opened.map_err(failed("open", source))?),
        };
        let look = || -> Result<_> {
            let metadata = file.metadata().map_err(|error| Error::Io {
                action: "inspect",
                path: source.to_owned(),
                source: error,
            })?;
            Ok((
                metadata.is_file(),
                metadata.mode() & 0o100 != 0,
                metadata.len(),
                metadata.mtime(),
                metadata.mtime_nsec(),
            ))
        };
        let before = look()?;
        let (is_file, executable, size, ..) = before;
        if !is_file {
            return Err(not_a_file());
        }
        let contents = BufReader::with_capacity(BUFFER_BYTES, &file).take(size);
        let limits = self.store.options().limits;
        let mut nar = file_archive(object, contents, size, executable, limits)?;
        let unpacked = self.unpack_scanned(object, candidates, &mut nar);
        if look()? != before {
            let path = source.to_owned();
            return Err(Error::Pack {
                path: object.name.to_string(),
                source: PackError::Changed { path },
            });
        }
        Ok(self.push(unpacked?))
    }
}

/// An archive that is small, or cannot be written.
struct Small(Vec<u8>);

impl Write for Small {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self(archive) = self;
        if bytes.len() > SMALL_BYTES - archive.len() {
            return Err(ErrorKind::FileTooLarge.into());
        }
        archive.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the archive of a file of `size` bytes.
fn file_archive(
    object: &NewObject,
    contents: impl BufRead,
    size: u64,
    executable: bool,
    limits: NarLimits,
) -> Result<impl BufRead> {
    let framed = frame(size, executable, limits);
    let (head, tail) = framed.map_err(|source| Error::Pack {
        path: object.name.to_string(),
        source: PackError::Encode {
            path: object.name.as_str().into(),
            source,
        },
    })?;
    Ok(head.chain(contents).chain(Cursor::new(tail)))
}

/// Returns what stands before and after the contents in the archive of a file.
fn frame(
    size: u64,
    executable: bool,
    limits: NarLimits,
) -> Result<(Cursor<Vec<u8>>, Vec<u8>), EncodeError> {
    let mut encoder = Encoder::new(limits);
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    let file = Event::Regular {
        executable,
        size,
        offset: 0,
    };
    encoder.encode(file, &mut head)?;
    let mut missing = size;
    while missing > 0 {
        let count = usize::try_from(missing).unwrap_or(usize::MAX);
        encoder.contents(count)?;
        missing -= count as u64;
    }
    encoder.encode(Event::RegularEnd, &mut tail)?;
    Ok((Cursor::new(head), tail))
}
