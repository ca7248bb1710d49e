//! Opening and closing: what is created, refused and kept.

use std::{fs, path::Path, sync::Arc};

use netabase_store::{
    Durability, RedbStore, Result, SledStore, Store, StoreError, StoreOptions, Verify,
    backends::{
        EngineOptions, OpenBackend, TableEdits, TableId, TableSet, WriteSet, redb::RedbBackend,
    },
};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, Order, Setting, ShopDefinition, assert_sound, customer,
    order, refusal, setting,
};

type Shop<B> = Store<ShopDefinition, B>;

on_every_file_engine! {
    open_refuses_to_create,
    a_reopened_store_has_everything,
    new_opens_what_is_there,
    a_second_handle_is_refused_until_the_first_is_gone,
    a_clone_keeps_the_store_open,
    commits_of_every_durability_outlive_a_close,
    a_text_file_is_not_a_store,
    a_folder_of_something_else_is_not_a_store,
    a_missing_parent_folder_is_named,
    a_newer_format_is_refused_and_kept,
    a_store_of_the_raw_engine_is_not_a_store,
    options_of_the_cache_and_check_are_accepted,
}

fn open_refuses_to_create<B: OpenBackend>(path: &Path) -> Result<()> {
    let refused = Shop::<B>::open(path);
    assert!(refused.as_ref().is_err_and(|error| error.is_not_found()));
    let text = refusal(refused).to_string();
    assert!(
        text.contains(&*path.to_string_lossy()) && text.contains("`new`"),
        "{text}"
    );
    assert!(!path.exists());
    Ok(())
}

fn a_reopened_store_has_everything<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = Shop::<B>::new(path)?;
    store
        .open_tree::<Customer>()
        .put_many((0..200).map(customer))?;
    store.open_tree::<Customer>().remove_many(50..60_u64)?;
    store
        .open_tree::<Order>()
        .put_many((0..20).map(|number| order(3, number)))?;
    store.open_tree::<Setting>().put(setting("kept"))?;
    drop(store);
    let store = Shop::<B>::open(path)?;
    let customers = store.open_tree::<Customer>();
    assert_eq!(customers.len()?, 190);
    assert_eq!(customers.get(7)?, Some(customer(7)));
    assert_eq!(
        customers
            .index::<CustomerAgeSecondaryKey>()
            .get(20)
            .count()?,
        3
    );
    assert_eq!(store.open_tree::<Order>().leading((3,)).count()?, 20);
    assert_eq!(
        store.open_tree::<Setting>().get("kept")?,
        Some(setting("kept"))
    );
    assert_sound(&store);
    Ok(())
}

/// Defect 13 of the earlier store: its options were ignored, and its `truncate` removed files.
fn new_opens_what_is_there<B: OpenBackend>(path: &Path) -> Result<()> {
    Shop::<B>::new(path)?
        .open_tree::<Customer>()
        .put(customer(1))?;
    let store = Shop::<B>::new_with(path, &StoreOptions::new())?;
    assert_eq!(store.open_tree::<Customer>().get(1)?, Some(customer(1)));
    Ok(())
}

fn a_second_handle_is_refused_until_the_first_is_gone<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = Shop::<B>::new(path)?;
    for refused in [Shop::<B>::new(path), Shop::<B>::open(path)] {
        assert!(
            refused.as_ref().is_err_and(|error| error.is_locked()),
            "{refused:?}"
        );
        assert!(refusal(refused).to_string().contains("open elsewhere"));
    }
    store.open_tree::<Customer>().put(customer(1))?;
    drop(store);
    let store = Shop::<B>::open(path)?;
    assert_eq!(store.open_tree::<Customer>().len()?, 1);
    Ok(())
}

fn a_clone_keeps_the_store_open<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = Shop::<B>::new(path)?;
    let tree = store.clone().open_tree::<Customer>();
    drop(store);
    assert!(Shop::<B>::open(path).is_err_and(|error| error.is_locked()));
    tree.put(customer(1))?;
    drop(tree);
    assert_eq!(Shop::<B>::open(path)?.open_tree::<Customer>().len()?, 1);
    Ok(())
}

fn commits_of_every_durability_outlive_a_close<B: OpenBackend>(path: &Path) -> Result<()> {
    let levels = [
        Durability::Immediate,
        Durability::Eventual,
        Durability::None,
    ];
    for (id, durability) in (0..).zip(levels) {
        let store = Shop::<B>::new_with(path, &StoreOptions::new().durability(durability))?;
        store.open_tree::<Customer>().put(customer(id))?;
        // At once: a commit that still waits for its sync gets it on close, and no lock is left.
        drop(store);
        let store = Shop::<B>::open(path)?;
        assert_eq!(store.open_tree::<Customer>().get(id)?, Some(customer(id)));
    }
    Ok(())
}

fn a_text_file_is_not_a_store<B: OpenBackend>(path: &Path) -> Result<()> {
    let text = "a text that is long enough to look like a header of some database ".repeat(100);
    for contents in [&*text, "x", "redb", "netabase"] {
        fs::write(path, contents).expect("a new file");
        for refused in [Shop::<B>::new(path), Shop::<B>::open(path)] {
            let refused = refusal(refused);
            assert!(matches!(refused, StoreError::NotAStore { .. }), "{refused}");
        }
        assert_eq!(
            fs::read(path).expect("it is still there"),
            contents.as_bytes()
        );
    }
    Ok(())
}

fn a_folder_of_something_else_is_not_a_store<B: OpenBackend>(path: &Path) -> Result<()> {
    fs::create_dir(path).expect("a new folder");
    fs::write(path.join("notes.txt"), "mine").expect("a new file");
    for refused in [Shop::<B>::new(path), Shop::<B>::open(path)] {
        let refused = refusal(refused);
        assert!(matches!(refused, StoreError::NotAStore { .. }), "{refused}");
    }
    let left: Vec<_> = fs::read_dir(path).expect("it is still there").collect();
    assert_eq!(left.len(), 1);
    Ok(())
}

fn a_missing_parent_folder_is_named<B: OpenBackend>(path: &Path) -> Result<()> {
    let below = path.join("missing").join("store");
    let refused = Shop::<B>::open(&below);
    assert!(refused.is_err_and(|error| error.is_not_found()));
    assert!(!path.exists());
    Ok(())
}

/// Writes one row into an engine that is open nowhere else.
fn write_row<B: OpenBackend>(path: &Path, table: &str, row: (&[u8], Option<&[u8]>)) -> Result<()> {
    let backend = B::open(path, &EngineOptions::default())?;
    let edits = TableEdits::from([(row.0.to_vec().into(), row.1.map(Into::into))]);
    let set = WriteSet {
        tables: [(TableId(0), Arc::new(edits))].into(),
    };
    backend.apply(&TableSet::new(vec![table.to_owned()]), set, true)
}

fn a_newer_format_is_refused_and_kept<B: OpenBackend>(path: &Path) -> Result<()> {
    Shop::<B>::new(path)?
        .open_tree::<Customer>()
        .put(customer(1))?;
    let write = |format| write_row::<B>(path, "__netabase_meta__", (b"format", format));
    write(Some(b"netabase\x00\x00\x00\x02"))?;
    for refused in [Shop::<B>::new(path), Shop::<B>::open(path)] {
        assert!(refused.as_ref().is_err_and(|error| error.is_newer_format()));
        let refused = refusal(refused);
        assert!(
            matches!(
                refused,
                StoreError::NewerFormat {
                    found: 2,
                    supported: 1
                }
            ),
            "{refused}"
        );
    }
    // A description that is none, or none at all, is no store either.
    for format in [
        Some(&b"netabase"[..]),
        Some(b"elsewise\x00\x00\x00\x01"),
        None,
    ] {
        write(format)?;
        let refused = refusal(Shop::<B>::open(path));
        assert!(matches!(refused, StoreError::NotAStore { .. }), "{refused}");
    }
    write(Some(b"netabase\x00\x00\x00\x01"))?;
    assert_eq!(
        Shop::<B>::open(path)?.open_tree::<Customer>().get(1)?,
        Some(customer(1))
    );
    Ok(())
}

fn a_store_of_the_raw_engine_is_not_a_store<B: OpenBackend>(path: &Path) -> Result<()> {
    write_row::<B>(path, "foreign", (b"key", Some(b"value")))?;
    for refused in [Shop::<B>::new(path), Shop::<B>::open(path)] {
        let refused = refusal(refused);
        assert!(matches!(&refused, StoreError::NotAStore { what, .. } if what.contains("foreign")));
    }
    Ok(())
}

fn options_of_the_cache_and_check_are_accepted<B: OpenBackend>(path: &Path) -> Result<()> {
    let options = StoreOptions::new()
        .cache_bytes(1 << 20)
        .verify(Verify::Always);
    Shop::<B>::new_with(path, &options)?
        .open_tree::<Customer>()
        .put_many((0..100).map(customer))?;
    let store = Shop::<B>::open_with(path, &options)?;
    assert_eq!(store.open_tree::<Customer>().len()?, 100);
    Ok(())
}

#[test]
fn an_empty_file_is_filled_by_new_and_refused_by_open() -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("empty");
    fs::write(&path, "").expect("a new file");
    let refused = refusal(RedbStore::<ShopDefinition>::open(&path));
    assert!(matches!(refused, StoreError::NotAStore { .. }), "{refused}");
    assert_eq!(fs::metadata(&path).expect("it is still there").len(), 0);
    RedbStore::<ShopDefinition>::new(&path)?
        .open_tree::<Customer>()
        .put(customer(1))?;
    Ok(())
}

/// What redb leaves when it is cut off before it writes its magic: a length, and perhaps a header.
fn unfinished(header: u8) -> Vec<u8> {
    [vec![0; 9], vec![header; 311], vec![0; 1_060_544]].concat()
}

#[test]
fn a_file_that_redb_did_not_finish_is_made_anew_by_new_and_refused_by_open() -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store");
    for header in [0, 7] {
        fs::write(&path, unfinished(header)).expect("room for a file");
        let refused = Shop::<RedbBackend>::open(&path);
        assert!(matches!(refusal(refused), StoreError::NotAStore { .. }));
        let store = Shop::<RedbBackend>::new(&path)?;
        store.open_tree::<Customer>().put(customer(1))?;
        drop(store);
        let store = Shop::<RedbBackend>::open(&path)?;
        assert_eq!(store.open_tree::<Customer>().get(1)?, Some(customer(1)));
    }
    Ok(())
}

#[test]
fn a_file_without_magic_that_holds_anything_is_refused_and_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store");
    let mut bytes = unfinished(7);
    bytes[800_000] = 1;
    fs::write(&path, &bytes).expect("room for a file");
    let refused = refusal(Shop::<RedbBackend>::new(&path));
    assert!(matches!(refused, StoreError::NotAStore { .. }));
    assert_eq!(fs::read(&path).expect("the file is there"), bytes);
}

#[test]
fn an_unfinished_file_that_somebody_is_making_is_open_elsewhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store");
    fs::write(&path, unfinished(7)).expect("room for a file");
    let maker = fs::File::open(&path).expect("the file is there");
    maker.try_lock().expect("nobody else has it");
    let refused = Shop::<RedbBackend>::new(&path);
    assert!(refused.is_err_and(|error| error.is_locked()));
    assert_eq!(fs::read(&path).expect("the file is there"), unfinished(7));
}

#[test]
fn a_typed_table_of_redb_is_not_a_store() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("foreign.redb");
    let database = ::redb::Database::create(&path).expect("a new database");
    let txn = database.begin_write().expect("nobody else writes");
    let numbers = ::redb::TableDefinition::<u64, u64>::new("numbers");
    txn.open_table(numbers)
        .expect("a new table")
        .insert(1, 2)
        .expect("room for a row");
    txn.commit().expect("room on the disk");
    drop(database);
    let refused = refusal(RedbStore::<ShopDefinition>::new(&path));
    assert!(matches!(&refused, StoreError::NotAStore { what, .. } if what.contains("numbers")));
}

#[test]
fn one_engine_does_not_open_the_files_of_the_other() -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, sled) = (folder.path().join("file"), folder.path().join("sled"));
    drop((
        RedbStore::<ShopDefinition>::new(&file)?,
        SledStore::<ShopDefinition>::new(&sled)?,
    ));
    let refused = [
        refusal(SledStore::<ShopDefinition>::new(&file)),
        refusal(RedbStore::<ShopDefinition>::new(&sled)),
    ];
    assert!(
        refused
            .iter()
            .all(|error| matches!(error, StoreError::NotAStore { .. }))
    );
    Ok(())
}

#[test]
fn a_temporary_store_leaves_no_file() -> Result<()> {
    let store = RedbStore::<ShopDefinition>::temp()?;
    let text = format!("{store:?}");
    let start = text.find('/').expect("an absolute path");
    let path = text
        .get(start..)
        .and_then(|path| path.split('"').next())
        .expect("a quoted path");
    assert!(Path::new(path).exists(), "{text}");
    store.open_tree::<Customer>().put(customer(1))?;
    drop(store);
    assert!(!Path::new(path).parent().is_some_and(Path::exists));
    Ok(())
}
