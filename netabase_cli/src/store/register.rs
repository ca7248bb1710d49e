//! `netabase store register`

use std::{
    collections::BTreeSet,
    io::{self, BufRead, BufReader},
};

use clap::Args;
use nix_core::{
    hash::{Algorithm, Hash, Sha256},
    path_info::PathInfo,
    store_path::{StoreDir, StorePath},
};
use nix_store::{
    local::LocalStore,
    store::{ReadStore, WriteStore},
};

use crate::{
    error::{Error, Result},
    hash,
    store::place::TargetPlace,
};

/// What stands below the help.
pub(super) const EXAMPLE: &str = "Input, lines for each object: its path; with --hash-given the \
    hash of its archive in base 16 and its size; its deriver, or an empty line; the number of its \
    references; a reference a line.\n\nExample:\n  nix-store --dump-db | netabase store register \
    --hash-given --store local";

/// The most references that one object may have.
const REFERENCES_MAX: u64 = 1 << 20;

/// The longest line.
const LINE_BYTES_MAX: u64 = 4096;

/// The arguments of `store register`.
#[derive(Debug, Args)]
pub(super) struct RegisterArgs {
    /// Whether the input says hashes and sizes, which are then compared with the files
    #[arg(long)]
    hash_given: bool,
    #[command(flatten)]
    place: TargetPlace,
}

/// Registers the objects that standard input names: all of them, or none.
pub(super) fn run(args: &RegisterArgs) -> Result<()> {
    args.place.add(|store| {
        let mut lines = Lines {
            input: BufReader::new(io::stdin().lock()),
            number: 0,
        };
        let mut infos = Vec::new();
        while let Some(path) = lines.next()? {
            let path = lines.path(store.store_dir(), &path)?;
            infos.push(object(&mut lines, store, path, args.hash_given)?);
        }
        Ok(store.register(&infos)?)
    })
}

fn object<R: BufRead>(
    lines: &mut Lines<R>,
    store: &LocalStore,
    path: StorePath,
    hash_given: bool,
) -> Result<PathInfo> {
    let given = if hash_given {
        let hash = lines.expect("a hash")?;
        let hash = Hash::parse_bare(&hash, Algorithm::Sha256);
        let hash = hash.map_err(|error| lines.misfit(error))?;
        let hash = Sha256::try_from(hash).map_err(|error| lines.misfit(error))?;
        Some((hash, lines.number("a size")?))
    } else {
        None
    };
    let deriver = lines.expect("a deriver, or an empty line")?;
    let dir = store.store_dir();
    let deriver = match deriver.as_str() {
        "" => None,
        text => Some(lines.path(dir, text)?),
    };
    let count = lines.number("the number of references")?;
    if count > REFERENCES_MAX {
        return Err(lines.misfit(format!("more than {REFERENCES_MAX} references")));
    }
    let mut references = BTreeSet::new();
    for _ in 0..count {
        let reference = lines.expect("a reference")?;
        references.insert(lines.path(dir, &reference)?);
    }
    let (nar_hash, nar_size) = match given {
        Some(given) => given,
        None => {
            let (hash, size) = hash::of_path(&store.real_path(&path), Algorithm::Sha256)?;
            let hash = Sha256::try_from(hash).map_err(|error| lines.misfit(error))?;
            (hash, size)
        }
    };
    let mut info = PathInfo::new(path, nar_hash, nar_size);
    info.deriver = deriver;
    info.references = references;
    Ok(info)
}

/// The lines of the input.
struct Lines<R> {
    input: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<String>> {
        let mut line = String::new();
        let mut limited = io::Read::take(&mut self.input, LINE_BYTES_MAX);
        let read = limited.read_line(&mut line).map_err(Error::ReadLine)?;
        self.number += 1;
        if read == 0 {
            return Ok(None);
        }
        match line.strip_suffix('\n') {
            Some(line) => Ok(Some(line.to_owned())),
            None if u64::try_from(read).is_ok_and(|read| read >= LINE_BYTES_MAX) => Err(self
                .misfit(Error::LineTooLong {
                    max: LINE_BYTES_MAX,
                })),
            None => Ok(Some(line)),
        }
    }

    fn expect(&mut self, what: &'static str) -> Result<String> {
        match self.next()? {
            Some(line) => Ok(line),
            None => Err(self.misfit(format!("the input ends where {what} should be"))),
        }
    }

    fn number(&mut self, what: &'static str) -> Result<u64> {
        let line = self.expect(what)?;
        line.parse()
            .map_err(|_| self.misfit(format!("{line:?} is not {what}")))
    }

    fn path(&self, dir: &StoreDir, text: &str) -> Result<StorePath> {
        dir.parse_canonical(text).map_err(|source| {
            let path = text.to_owned();
            self.at(Error::StorePath { path, source })
        })
    }

    fn misfit(&self, what: impl ToString) -> Error {
        let (path, what) = (String::new(), what.to_string());
        self.at(Error::Misfit { path, what })
    }

    fn at(&self, source: Error) -> Error {
        Error::Line {
            input: "standard input".into(),
            line: self.number,
            source: Box::new(source),
        }
    }
}
