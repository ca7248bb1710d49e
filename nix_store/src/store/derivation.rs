//! Derivations as objects of a store.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, BufRead, Write},
};

use nix_core::{
    derivation::{Derivation, DerivationLookup, DerivationModulo, ModuloError},
    realisation::{DrvOutput, LegacyDrvOutput},
    store_path::{OutputName, StoreDir, StorePath},
};
use nix_io::nar::{Event, NarLimits, Reader};

use super::{
    ReadStore, RealisationId,
    error::{Error, Result},
};

/// The largest derivation that is read: 64 MiB.
pub const DERIVATION_BYTES_MAX: u64 = 64 << 20;

/// What its archive has beside its text.
const FRAME_BYTES_MAX: u64 = 4096;

/// Reads the derivation that lies at a path from its archive.
///
/// # Errors
/// Fails when the path is none of a derivation, when `nar` fails, is no archive or one of more than
/// [`DERIVATION_BYTES_MAX`], when it is not one file that is not executable, and when the file is no
/// derivation.
pub fn parse_derivation(
    store_dir: &StoreDir,
    path: &StorePath,
    nar: &mut dyn BufRead,
) -> Result<Derivation> {
    let Some(name) = path.to_name().without_derivation_suffix() else {
        return Err(Error::NotADerivation { path: path.clone() });
    };
    let text = file_contents(path, nar)?;
    let parsed = Derivation::parse_aterm(store_dir, name, &text);
    parsed.map_err(|source| Error::Derivation {
        path: path.clone(),
        source,
    })
}

/// Reads a valid derivation of a store.
///
/// # Errors
/// Fails when the store cannot be read, with [`Error::NotValid`] and [`Error::NotADerivation`], and
/// as [`parse_derivation`] does.
pub fn read_derivation<S: ReadStore + ?Sized>(store: &S, path: &StorePath) -> Result<Derivation> {
    let Some(info) = store.path_info(path)? else {
        return Err(Error::NotValid { path: path.clone() });
    };
    if !path.is_derivation() {
        return Err(Error::NotADerivation { path: path.clone() });
    }
    let max = DERIVATION_BYTES_MAX + FRAME_BYTES_MAX;
    if info.nar_size > max {
        return Err(too_long());
    }
    let mut archive = Capped {
        bytes: Vec::new(),
        max: usize::try_from(max).unwrap_or(usize::MAX),
    };
    store.write_nar(path, &mut archive)?;
    parse_derivation(store.store_dir(), path, &mut &archive.bytes[..])
}

/// Answers [`ReadStore::derivation_outputs`] by the store's other answers.
pub(crate) fn derivation_outputs<S: ReadStore + ?Sized>(
    store: &S,
    path: &StorePath,
) -> Result<BTreeMap<OutputName, Option<StorePath>>> {
    let derivation = read_derivation(store, path)?;
    let mut outputs = BTreeMap::new();
    for (name, output) in &derivation.outputs {
        let known = output.path(store.store_dir(), &derivation.name, name);
        let known = known.map_err(|source| Error::Compute {
            name: derivation.name.to_string(),
            source,
        })?;
        let known = match known {
            Some(known) => Some(known),
            None => realised(store, &Lookup(store), path, &derivation, name)?,
        };
        outputs.insert(name.clone(), known);
    }
    Ok(outputs)
}

/// Looks an output that is not known before the build up by the derivation's path, then by its hash
/// modulo, for which `lookup` finds its inputs.
pub(crate) fn realised<S: ReadStore + ?Sized, L: DerivationLookup<Error = Error>>(
    store: &S,
    lookup: &L,
    path: &StorePath,
    derivation: &Derivation,
    output: &OutputName,
) -> Result<Option<StorePath>> {
    let by_path = RealisationId::Path(DrvOutput {
        drv_path: path.clone(),
        output_name: output.clone(),
    });
    if let Some(found) = store.realisation(&by_path)? {
        return Ok(Some(found.out_path().clone()));
    }
    let mut modulo = DerivationModulo::new(store.store_dir(), lookup);
    let drv_hash = match modulo.realisation_hash(derivation) {
        Ok(hash) => hash,
        Err(ModuloError::Lookup { source, .. }) => return Err(source),
        // A derivation without a hash has no realisation that is named by it.
        Err(_) => return Ok(None),
    };
    let by_hash = RealisationId::Hash(LegacyDrvOutput {
        drv_hash,
        output_name: output.clone(),
    });
    let found = store.realisation(&by_hash)?;
    Ok(found.map(|found| found.out_path().clone()))
}

/// The derivations of a store.
struct Lookup<'s, S: ?Sized>(&'s S);

impl<S: ReadStore + ?Sized> DerivationLookup for Lookup<'_, S> {
    type Error = Error;

    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>> {
        match read_derivation(self.0, path) {
            Ok(derivation) => Ok(Some(Cow::Owned(derivation))),
            Err(Error::NotValid { .. } | Error::NotADerivation { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn file_contents(path: &StorePath, nar: &mut dyn BufRead) -> Result<Vec<u8>> {
    let limits = NarLimits {
        archive_bytes_max: DERIVATION_BYTES_MAX + FRAME_BYTES_MAX,
        ..NarLimits::default()
    };
    let mut reader = Reader::new(nar, limits);
    let mut text = Vec::new();
    loop {
        let event = reader.next().map_err(|source| Error::Nar {
            path: path.to_string(),
            source,
        })?;
        match event {
            Event::Contents(bytes) => text.extend_from_slice(bytes),
            Event::Regular {
                executable: false, ..
            }
            | Event::RegularEnd => {}
            Event::End => return Ok(text),
            _ => {
                let name = path.name().to_owned();
                return Err(Error::NotAFile { name });
            }
        }
    }
}

fn too_long() -> Error {
    let what = "a derivation of more than 64 MiB";
    Error::Unsupported { what }
}

/// Bytes up to a maximum, whatever was said of their number.
struct Capped {
    bytes: Vec<u8>,
    max: usize,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.max - self.bytes.len() {
            return Err(io::Error::other(too_long()));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_the_maximum() {
        let (bytes, max) = (Vec::new(), 4);
        let mut capped = Capped { bytes, max };
        capped.write_all(b"abc").unwrap();
        capped.write_all(b"de").unwrap_err();
        capped.write_all(b"d").unwrap();
        capped.write_all(b"e").unwrap_err();
        assert_eq!(capped.bytes, b"abcd");
    }
}
