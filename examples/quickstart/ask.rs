//! Questions: by primary key, by every kind of index, in order, across models.

use netabase_store::{Cursor, Store, backends::Backend};
use nix_store::db::models::{
    Derivation, DerivationByOutputPathSecondaryKey, DerivationBySystemNameSecondaryKey,
    Realisation, RealisationOutPathSecondaryKey, RealisationPrimaryKey, StoreDefinition, StorePath,
    StorePathByHashPartSecondaryKey, StorePathByNameSecondaryKey, StorePathDeriverSecondaryKey,
    StorePathNarHashSecondaryKey, StorePathPrimaryKey, StorePathReferencesSecondaryKey,
    StorePathRegistrationTimeSecondaryKey, StorePathSecondaryKeys,
};

use crate::Result;

const SYSTEM: &str = "nixos-system-sample-24.05";

/// A record by its key, of one field or of two.
pub(crate) fn by_key<B: Backend>(store: &Store<StoreDefinition, B>) -> Result {
    section("By primary key");
    let paths = store.open_tree::<StorePath>();
    let system = named(store, SYSTEM)?;
    let found = paths.get(StorePathPrimaryKey(system.path.clone()))?;
    assert_eq!(found.as_ref(), Some(&system));
    row(
        "get(the system)",
        format!(
            "{} bytes, {} references",
            system.nar_size,
            system.references.len()
        ),
    );

    let realisations = store.open_tree::<Realisation>();
    let all = realisations.iter().next().transpose()?;
    let (RealisationPrimaryKey(derivation, output), first) = all.ok_or("the sample has some")?;
    let found = realisations.get((derivation.clone(), output.clone()))?;
    assert_eq!(found.as_ref(), Some(&first));
    row(format!("get((derivation, {output:?}))"), &first.out_path);
    let outputs = realisations.leading((derivation.as_str(),)).count()?;
    row("leading((derivation,)).count()", outputs);
    Ok(())
}

/// Records by every kind of secondary index.
pub(crate) fn by_index<B: Backend>(store: &Store<StoreDefinition, B>) -> Result {
    section("By secondary index");
    let paths = store.open_tree::<StorePath>();
    let system = named(store, SYSTEM)?;

    // Over a field; the newtype says which one.
    let found = paths
        .index::<StorePathNarHashSecondaryKey>()
        .first(system.nar_hash.as_str())?;
    assert_eq!(found.as_ref(), Some(&system));
    row(
        "plain: nar_hash",
        found.map_or_else(String::new, |path| path.name()),
    );
    // The same by the enum of all the model's indexes.
    let key = StorePathNarHashSecondaryKey(system.nar_hash.clone());
    assert_eq!(
        paths
            .get_by_secondary_key(StorePathSecondaryKeys::NarHash(key))?
            .len(),
        1
    );

    // Over what a function computes, here twice; the second is unique.
    let hellos = paths
        .index::<StorePathByNameSecondaryKey>()
        .prefix("hello-2.12");
    let names: Vec<String> = hellos
        .map(|found| Ok(found?.1.name()))
        .collect::<Result<_>>()?;
    assert_eq!(
        names,
        [
            "hello-2.12.1",
            "hello-2.12.1.drv",
            "hello-2.12.1.tar.gz",
            "hello-2.12.1.tar.gz.drv"
        ]
    );
    row("computed: by_name, prefix(\"hello-2.12\")", names.join(" "));
    let found = paths
        .index::<StorePathByHashPartSecondaryKey>()
        .first(system.hash_part())?;
    assert_eq!(found.as_ref(), Some(&system));
    row(
        format!("unique: by_hash_part {}", system.hash_part()),
        system.name(),
    );

    // An entry for each element of a collection: who refers to this path?
    let glibc = named(store, "glibc-2.38-44")?;
    let referrers = paths
        .index::<StorePathReferencesSecondaryKey>()
        .get(glibc.path.as_str());
    let count = referrers.count()?;
    assert!(count > 50);
    row("each: references to glibc, count()", count);

    // An `Option`: records without a value have no entry.
    let (built, all) = (
        paths
            .index::<StorePathDeriverSecondaryKey>()
            .iter()
            .count()?,
        paths.len()?,
    );
    assert!(built < all);
    row(
        "sparse: deriver, iter().count()",
        format!("{built} of {all} paths were built"),
    );

    // Over several fields, by the whole value or its leading parts.
    let derivations = store.open_tree::<Derivation>();
    let by_system_name = derivations.index::<DerivationBySystemNameSecondaryKey>();
    let count = by_system_name.leading(("aarch64-linux",)).count()?;
    row("composite: leading((\"aarch64-linux\",)).count()", count);
    let sqlite = ("aarch64-linux".to_owned(), "sqlite-3.45.3".to_owned());
    assert_eq!(by_system_name.get(sqlite).count()?, 1);
    Ok(())
}

/// Ranges, both directions, pages, keys alone.
pub(crate) fn in_order<B: Backend>(store: &Store<StoreDefinition, B>) -> Result {
    section("In order");
    let paths = store.open_tree::<StorePath>();
    let by_time = paths.index::<StorePathRegistrationTimeSecondaryKey>();
    let (_, first) = by_time.iter().next().ok_or("the sample has some")??;
    let (_, last) = by_time.iter().rev().next().ok_or("the sample has some")??;
    let early = by_time
        .range(first.registration_time..=first.registration_time + 1)
        .count()?;
    let late = by_time.range(first.registration_time + 2..).count()?;
    assert_eq!(early + late, paths.len()?);
    let seconds = last.registration_time - first.registration_time;
    row(
        "range(first..=first + 1).count()",
        format!("{early} of the first two seconds of {seconds}"),
    );
    row(
        "iter().rev().next()",
        format!("{}, the last one registered", last.name()),
    );

    let low = paths.range("/nix/store/0".."/nix/store/1").keys();
    let low = low.collect::<Result<Vec<StorePathPrimaryKey>, _>>()?.len();
    row(
        "range(\"/nix/store/0\"..\"/nix/store/1\").keys()",
        format!("{low} keys, no record read"),
    );

    let python = || {
        paths
            .index::<StorePathByNameSecondaryKey>()
            .prefix("python3.11-")
    };
    let (mut pages, mut items) = (0, 0);
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = python().page(5, cursor.as_ref())?;
        (pages, items) = (pages + 1, items + page.items.len());
        // A cursor is text, if need be: it can travel to a browser and back.
        cursor = page.next.map(|next| next.to_string().parse()).transpose()?;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(u64::try_from(items)?, python().count()?);
    row(
        "prefix(\"python3.11-\").page(5, cursor)",
        format!("{items} records on {pages} pages"),
    );
    Ok(())
}

/// One moment of the whole store, over several models.
pub(crate) fn across_models<B: Backend>(store: &Store<StoreDefinition, B>) -> Result {
    section("In one read transaction over three models");
    let txn = store.begin_read()?;
    let (paths, derivations) = (txn.open_tree::<StorePath>(), txn.open_tree::<Derivation>());
    let realisations = txn.open_tree::<Realisation>();

    let by_name = paths.index::<StorePathByNameSecondaryKey>();
    let certifi = by_name
        .first("python3.11-certifi-2024.02.02")?
        .ok_or("it is in the sample")?;
    let built_by = realisations
        .index::<RealisationOutPathSecondaryKey>()
        .get(certifi.path.as_str());
    let built_by = built_by.count()?;
    assert_eq!(built_by, 2);
    row(
        "realisations of python3.11-certifi",
        format!("{built_by} derivations, one content"),
    );

    let hello = by_name
        .first("hello-2.12.1")?
        .ok_or("it is in the sample")?;
    let by_output = derivations.index::<DerivationByOutputPathSecondaryKey>();
    let derivation = by_output
        .first(hello.path.as_str())?
        .ok_or("it was built")?;
    assert_eq!(hello.deriver.as_ref(), Some(&derivation.path));
    let inputs = derivation.inputs();
    let known = inputs.iter().map(|input| paths.contains(input.as_str()));
    let known = known.collect::<Result<Vec<bool>, _>>()?;
    assert!(known.iter().all(|known| *known));
    row(
        "hello: by_output_path, then its inputs",
        format!("{} inputs, all in the store", inputs.len()),
    );
    Ok(())
}

/// Returns the only path of a name.
pub(crate) fn named<B: Backend>(
    store: &Store<StoreDefinition, B>,
    name: &str,
) -> Result<StorePath> {
    let paths = store.open_tree::<StorePath>();
    let found = paths.index::<StorePathByNameSecondaryKey>().first(name)?;
    found.ok_or_else(|| format!("the sample has no {name}").into())
}

pub(crate) fn section(title: &str) {
    println!("\n{title}");
}

pub(crate) fn row(question: impl AsRef<str>, answer: impl ToString) {
    println!("  {:<48} {}", question.as_ref(), answer.to_string());
}
