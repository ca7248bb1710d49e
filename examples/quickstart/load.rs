//! Reads the sample and stores it.

use std::{fs::File, io::BufReader, path::Path};

use netabase_store::{Store, backends::Backend};
use nix_store::{
    StoreDir,
    db::models::{Derivation, Realisation, StoreDefinition, StorePath},
    derivation_show, path_info, realisation_info,
};

use crate::Result;

/// Stores what `nix path-info`, `nix show-derivation` and `nix realisation info` printed, in one
/// transaction over the three models: a reader sees all of it or nothing.
pub(crate) fn sample<B: Backend>(store: &Store<StoreDefinition, B>) -> Result {
    let dir = StoreDir::default();
    let paths = path_info::Reader::new(open("path-info.json")?).collect::<Result<Vec<_>, _>>()?;
    let derivations = derivation_show::read(open("derivations.json")?, &dir)?;
    let realisations = realisation_info::read(open("realisations.json")?, &dir)?;
    let expected = (paths.len(), derivations.len(), realisations.len());

    let txn = store.begin_write()?;
    txn.open_tree::<StorePath>().put_many(paths)?;
    txn.open_tree::<Derivation>().put_many(derivations)?;
    txn.open_tree::<Realisation>().put_many(realisations)?;
    txn.commit()?;

    let found = (
        usize::try_from(store.open_tree::<StorePath>().len()?)?,
        usize::try_from(store.open_tree::<Derivation>().len()?)?,
        usize::try_from(store.open_tree::<Realisation>().len()?)?,
    );
    assert_eq!(found, expected);
    let (paths, derivations, realisations) = found;
    println!("{paths} store paths, {derivations} derivations, {realisations} realisations");
    Ok(())
}

fn open(name: &str) -> Result<BufReader<File>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/sample")
        .join(name);
    File::open(&file)
        .map(BufReader::new)
        .map_err(|error| format!("open {}: {error}", file.display()).into())
}
