//! What a store recorded of its builds: listed, printed, and compared.

use std::{ffi::OsString, fmt::Write as _, io::Write};

use clap::Args;
use nix_core::{
    derivation::{Derivation, JsonLayout, read_derivations},
    hash::{Hash, HashFormat},
    nix32,
    store_path::StoreDir,
};
use nix_store::{
    drv_files::{BuildHash, BuildOutputs, DrvDiff, DrvFile, DrvFileError, DrvFiles},
    store,
};
use serde_json::Value;

use crate::{
    drv::{Error, StoreArgs, error::Failure, target::Target},
    error::{Error as CommandError, Result as CommandResult},
};

/// The least characters by which a build hash is found.
const BUILD_HASH_PREFIX_MIN: usize = 6;

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Args)]
pub(super) struct OutputsArgs {
    /// The build hash, or its first 6 characters or more
    build_hash: String,
    #[command(flatten)]
    store: StoreArgs,
    /// Print JSON, as the store has it
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// A derivation: a file that ends in .drv, a file of JSON, a store path, or a build hash or its
    /// first 6 characters or more
    #[arg(value_name = "A")]
    from: OsString,
    /// Another one
    #[arg(value_name = "B")]
    to: OsString,
    #[command(flatten)]
    store: StoreArgs,
    /// Print an array of {"part": .., "key": .., "from": .., "to": ..}
    #[arg(long)]
    json: bool,
}

/// Prints the good ones, then fails at the first that is damaged or foreign.
pub(super) fn list(args: &ListArgs, out: &mut dyn Write) -> CommandResult<()> {
    let files = args.store.files(&args.store.store_dir()?)?;
    let listing = files.list().map_err(Error::Files)?;
    let mut damaged = None;
    for build_hash in &listing.build_hashes {
        match get(&files, build_hash) {
            Ok(found) => {
                let line = writeln!(out, "{build_hash} {}", found.derivation.name);
                line.map_err(CommandError::Output)?;
            }
            Err(error) => damaged = damaged.or(Some(error)),
        }
    }
    if let Some(error) = damaged {
        return Err(error.into());
    }
    if let [file, others @ ..] = &*listing.foreign {
        let (file, more) = (file.clone(), others.len());
        return Err(Error::Foreign { file, more }.into());
    }
    Ok(())
}

pub(super) fn outputs(args: &OutputsArgs) -> Result<Vec<u8>, Error> {
    let store_dir = args.store.store_dir()?;
    let files = args.store.files(&store_dir)?;
    let build_hash = find_build_hash(&args.build_hash, &files)?;
    let outputs = files.outputs(&build_hash)?;
    let outputs = outputs.ok_or(Error::NoOutputs(build_hash))?;
    if args.json {
        return Ok(JsonLayout::PRETTY.print(&outputs.to_json()).into_bytes());
    }
    let mut text = String::new();
    for (number, result) in (1_u64..).zip(outputs.results()) {
        let number = if outputs.is_not_reproducible() {
            format!("{number} ")
        } else {
            String::new()
        };
        print_result(&mut text, &number, result, &store_dir);
    }
    Ok(text.into_bytes())
}

fn print_result(text: &mut String, number: &str, result: &BuildOutputs, store_dir: &StoreDir) {
    for (name, built) in result {
        let path = store_dir.display(&built.path);
        let hash = Hash::from(built.nar_hash).to_text(HashFormat::Sri);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{number}{name} {path} {hash} {}", built.nar_size);
    }
}

pub(super) fn diff(args: &DiffArgs) -> Result<Vec<u8>, Error> {
    let store_dir = args.store.store_dir()?;
    let load =
        |text: &OsString| Target::of_any(text, &store_dir, &args.store)?.derivation(&store_dir);
    let diff = DrvDiff::between(&load(&args.from)?, &load(&args.to)?);
    let text = if args.json {
        JsonLayout::PRETTY.print(&diff.to_json())
    } else {
        diff.to_string()
    };
    Ok(text.into_bytes())
}

/// Returns the one build hash that begins with a text.
pub(super) fn find_build_hash(text: &str, files: &DrvFiles) -> Result<BuildHash, Error> {
    if let Ok(build_hash) = text.parse() {
        return Ok(build_hash);
    }
    let found = match is_build_hash(text) {
        true => files.find_by_prefix(text)?,
        false => Vec::new(),
    };
    match *found {
        [build_hash] => Ok(build_hash),
        [one, other, ..] => Err(Error::SeveralBuildHashes { one, other }),
        [] => Err(Error::NoBuildHash {
            folder: files.dir().to_owned(),
            text: text.to_owned(),
        }),
    }
}

/// Returns whether a text may be the beginning of a build hash, with enough characters to be meant
/// as one.
pub(super) fn is_build_hash(text: &str) -> bool {
    let length = BUILD_HASH_PREFIX_MIN..=BuildHash::LEN;
    length.contains(&text.len()) && text.bytes().all(nix32::is_digit)
}

/// Reads the derivation file of a build hash, which must be there.
pub(super) fn get(files: &DrvFiles, build_hash: &BuildHash) -> Result<DrvFile, Error> {
    let absent = || store::Error::DrvFile {
        path: files.file(build_hash),
        source: Box::new(DrvFileError::Absent),
    };
    Ok(files.get(build_hash)?.ok_or_else(absent)?)
}

/// Returns whether the contents of a file are those of JSON and not of an ATerm.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

/// Reads one derivation: alone, or in a map from its path.
pub(super) fn derivation_of(value: &Value, store_dir: &StoreDir) -> Result<Derivation, Failure> {
    if value.get("builder").is_some() {
        return Ok(Derivation::from_json(store_dir, None, value)?);
    }
    let mut derivations = read_derivations(store_dir, value)?.into_values();
    match (derivations.next(), derivations.len()) {
        (Some(derivation), 0) => Ok(derivation),
        (first, more) => Err(Failure::Several(more + usize::from(first.is_some()))),
    }
}
