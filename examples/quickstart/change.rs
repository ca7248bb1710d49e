//! Writes: an update that keeps the indexes, one that is given up, and some that are refused.

use netabase_store::{Store, backends::Backend};
use nix_store::db::models::{StoreDefinition, StorePath, StorePathDeriverSecondaryKey};

use crate::{
    Result,
    ask::{named, row, section},
};

/// Changes an indexed field, then changes it again and thinks better of it.
pub(crate) fn update_and_abort<B: Backend>(store: &Store<StoreDefinition, B>) -> Result {
    section("Updates");
    let paths = store.open_tree::<StorePath>();
    let hello = named(store, "hello-2.12.1")?;
    let deriver = hello.deriver.clone().ok_or("it was built")?;
    let built = |deriver: &str| {
        paths
            .index::<StorePathDeriverSecondaryKey>()
            .get(deriver)
            .count()
    };
    assert_eq!(built(&deriver)?, 1);

    let before = store.begin_read()?;
    let changed = paths.update(hello.path.as_str(), |path| path.deriver = None)?;
    assert!(changed.is_some_and(|path| path.deriver.is_none()));
    assert_eq!(built(&deriver)?, 0);
    row(
        "update(hello, no deriver)",
        "its entry in the index is gone",
    );
    let seen = before.open_tree::<StorePath>().get(hello.path.as_str())?;
    assert_eq!(seen.as_ref(), Some(&hello));
    row("a read transaction from before", "sees the deriver still");

    let txn = store.begin_write()?;
    let removed = txn.open_tree::<StorePath>().remove(hello.path.as_str())?;
    assert!(removed.is_some());
    assert!(!txn.open_tree::<StorePath>().contains(hello.path.as_str())?);
    txn.abort();
    assert!(paths.contains(hello.path.as_str())?);
    row("remove(hello), then abort()", "hello is there");

    paths.put(hello)?;
    assert_eq!(built(&deriver)?, 1);
    row("put(hello)", "as it was, in every index");
    Ok(())
}

/// A write that is refused changes nothing and says why.
pub(crate) fn refused<B: Backend>(store: &Store<StoreDefinition, B>) -> Result {
    section("Refusals");
    let paths = store.open_tree::<StorePath>();
    let hello = named(store, "hello-2.12.1")?;
    let error = paths.insert(hello.clone()).err().ok_or("hello exists")?;
    assert!(error.is_conflict());
    row("insert(hello)", "refused: it exists already");

    let other = StorePath {
        path: format!("{}-again", hello.path),
        ..hello
    };
    let error = paths.put(other).err().ok_or("the hash part is taken")?;
    assert!(error.is_conflict());
    row(
        "put(a path of the same hash part)",
        "refused: by_hash_part is unique",
    );
    Ok(())
}
