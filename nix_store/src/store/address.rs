//! What an archive is worth: its hash, its size, and the hash of its content.

use std::io::{self, Write};

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod, MethodAlgorithm},
    hash::{Algorithm, Hash, Hasher, ModuloHasher, Sha256},
    path_info::PathInfo,
    store_path::{References, StoreDir},
};
use nix_io::nar::{DecodeError, Decoder, Event, NarLimits};

use super::{
    NewObject,
    error::{Error, Result},
};

/// Measures an archive that is written to it: hash and size, and, where asked for, the hash that
/// addresses its content.
#[derive(Debug)]
pub struct ArchiveHasher {
    nar: Hasher,
    nar_size: u64,
    content: Content,
}

/// What an archive measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The hash of the archive.
    pub nar_hash: Sha256,
    /// Its size in bytes.
    pub nar_size: u64,
    /// The hash of the content, where it was asked for and the object is one that can have it.
    pub content: Option<Hash>,
}

#[derive(Debug)]
enum Content {
    None,
    /// That of the archive.
    Same,
    /// The archive's by another algorithm.
    Archive(Hasher),
    /// The archive's without references to itself.
    Modulo(Box<ModuloHasher>),
    /// The bytes of the one file, which may be executable: Nix makes such objects.
    File {
        decoder: Box<Decoder>,
        hasher: Hasher,
        state: File,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    /// Nothing is known yet.
    Open,
    /// One file as it should be, as far as it was read.
    Plain,
    /// The same, to its end.
    Whole,
    /// Something else.
    Other,
}

impl ArchiveHasher {
    /// Measures hash and size alone.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Content::None)
    }

    /// Measures what an object to be added has to have.
    ///
    /// # Errors
    /// Fails on objects addressed as git does, and on such as refer to themselves, which cannot know
    /// their path.
    pub fn of_new(object: &NewObject) -> Result<Self> {
        if object.references.self_reference {
            let what = "adding an object that refers to itself without its path";
            return Err(Error::Unsupported { what });
        }
        Self::addressed(object.how, None)
    }

    /// Measures what an object of which everything is known has to have.
    ///
    /// # Errors
    /// Fails on objects addressed as git does.
    pub fn of_info(info: &PathInfo) -> Result<Self> {
        let Some(address) = &info.content_address else {
            return Ok(Self::new());
        };
        let own = info.references.contains(&info.path);
        let own = own.then(|| info.path.hash_part_bytes());
        Self::addressed(address.method_algorithm(), own)
    }

    fn addressed(how: MethodAlgorithm, own: Option<[u8; 32]>) -> Result<Self> {
        Ok(Self::with(match (how.method, own) {
            (ContentAddressMethod::Nar, Some(own)) => {
                Content::Modulo(Box::new(ModuloHasher::new(how.algorithm, &own)))
            }
            (ContentAddressMethod::Nar, None) if how.algorithm == Algorithm::Sha256 => {
                Content::Same
            }
            (ContentAddressMethod::Nar, None) => Content::Archive(Hasher::new(how.algorithm)),
            (ContentAddressMethod::Flat | ContentAddressMethod::Text, _) => Content::File {
                decoder: Box::new(Decoder::new(NarLimits::default())),
                hasher: Hasher::new(how.algorithm),
                state: File::Open,
            },
            (ContentAddressMethod::Git, _) => {
                let what = "the content address of git";
                return Err(Error::Unsupported { what });
            }
        }))
    }

    fn with(content: Content) -> Self {
        Self {
            nar: Hasher::new(Algorithm::Sha256),
            nar_size: 0,
            content,
        }
    }

    /// Returns what all that was written measures. Whether it is one whole archive is for whoever
    /// unpacks it to find out; of a file that was cut there is no hash of the content.
    #[must_use]
    pub fn finish(self) -> Measured {
        let nar_hash = self.nar.finish();
        let content = match self.content {
            Content::None => None,
            Content::Same => Some(nar_hash),
            Content::Archive(hasher) => Some(hasher.finish()),
            Content::Modulo(hasher) => Some(hasher.finish().hash),
            Content::File { hasher, state, .. } => (state == File::Whole).then(|| hasher.finish()),
        };
        Measured {
            nar_hash: Sha256::try_from(nar_hash).expect("the hasher is of SHA-256"),
            nar_size: self.nar_size,
            content,
        }
    }
}

impl Default for ArchiveHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for ArchiveHasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.nar.update(bytes);
        self.nar_size += bytes.len() as u64;
        match &mut self.content {
            Content::None | Content::Same => {}
            Content::Archive(hasher) => hasher.update(bytes),
            Content::Modulo(hasher) => hasher.update(bytes),
            Content::File {
                decoder,
                hasher,
                state,
            } => {
                read_file(decoder, hasher, state, bytes)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn read_file(
    decoder: &mut Decoder,
    hasher: &mut Hasher,
    state: &mut File,
    mut bytes: &[u8],
) -> Result<(), DecodeError> {
    while !matches!(state, File::Whole | File::Other) {
        let Some(event) = decoder.next(&mut bytes)? else {
            break;
        };
        match event {
            Event::Regular { .. } => *state = File::Plain,
            Event::Contents(contents) => hasher.update(contents),
            Event::RegularEnd => {}
            Event::End => *state = File::Whole,
            _ => *state = File::Other,
        }
    }
    Ok(())
}

impl Measured {
    /// Returns what is known of an object that measures so: its path follows from its content.
    ///
    /// # Errors
    /// Fails when the object is not one that can be addressed as asked.
    pub fn describe(&self, store_dir: &StoreDir, object: &NewObject) -> Result<PathInfo> {
        let name = || object.name.to_string();
        let Some(hash) = self.content else {
            return Err(Error::NotAFile { name: name() });
        };
        let method = object.how.method;
        let address = ContentAddress { method, hash };
        let path = store_dir.fixed_path(&object.name, &address, &object.references);
        let path = path.map_err(|source| Error::Compute {
            name: name(),
            source,
        })?;
        let mut info = PathInfo::new(path, self.nar_hash, self.nar_size);
        info.references = object.references.others.clone();
        info.content_address = Some(address);
        Ok(info)
    }

    /// Checks that an object that measures so is the one that `info` speaks of.
    ///
    /// # Errors
    /// Fails when hash, size or content are others, and when the content address leads to another
    /// path.
    pub fn check(&self, store_dir: &StoreDir, info: &PathInfo) -> Result<()> {
        let path = || info.path.clone();
        if self.nar_size != info.nar_size {
            let (expected, found) = (info.nar_size, self.nar_size);
            return Err(Error::SizeMismatch {
                path: path(),
                expected,
                found,
            });
        }
        if self.nar_hash != info.nar_hash {
            let (expected, found) = (info.nar_hash, self.nar_hash);
            return Err(Error::HashMismatch {
                path: path(),
                expected,
                found,
            });
        }
        self.check_content(store_dir, info)
    }

    fn check_content(&self, store_dir: &StoreDir, info: &PathInfo) -> Result<()> {
        let Some(address) = &info.content_address else {
            return Ok(());
        };
        let name = info.path.name().to_owned();
        let Some(found) = self.content else {
            return Err(Error::NotAFile { name });
        };
        if found != address.hash {
            return Err(Error::ContentMismatch {
                path: info.path.clone(),
                expected: address.hash.to_string(),
                found: found.to_string(),
            });
        }
        let mut others = info.references.clone();
        let self_reference = others.remove(&info.path);
        let references = References {
            others,
            self_reference,
        };
        let computed = store_dir.fixed_path(&info.path.to_name(), address, &references);
        let computed = computed.map_err(|source| Error::Compute { name, source })?;
        if computed != info.path {
            let path = info.path.clone();
            return Err(Error::OtherPath { path, computed });
        }
        Ok(())
    }
}
