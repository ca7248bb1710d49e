//! Stores without their types: what shows, what can be written, and what is refused.

use std::{error::Error, ffi::OsString, fs, path::Path};

use netabase_store::{
    DefinitionSchema, FORMAT_VERSION, NetabaseDefinitionTrait, NetabaseError, RawRecord, RawStore,
    Result, Store, StoreError, StoreOptions, Value,
    backends::{Engine, OpenBackend, redb::RedbBackend, sled::SledBackend},
    detect_engine, encode_key,
};
use netabase_tests::{
    Customer, CustomerTagsSecondaryKey, Order, OrderByTotalSecondaryKey, Setting, ShopDefinition,
    assert_sound, customer, order, refusal, setting,
};

use super::damage::write;

type Shop<B> = Store<ShopDefinition, B>;

on_every_file_engine! {
    a_store_shows_without_its_types,
    a_store_of_raw_records_is_the_same_store,
    indexes_that_do_not_fit_in_memory_are_loaded_too,
    computed_values_that_are_left_out_are_rebuilt,
    a_loader_refuses_what_is_no_record,
    a_schema_that_no_store_can_have_is_refused,
    indexes_are_rebuilt_from_the_records,
    what_is_wrong_with_a_computed_index_is_told,
    a_compacted_store_is_the_same_store,
    a_raw_copy_is_the_same_store_on_another_engine,
    what_holds_no_store_is_none,
}

fn filled<B: OpenBackend>(path: &Path) -> Result<Shop<B>> {
    let store = Shop::<B>::new(path)?;
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..30).map(customer))?;
    let orders = store.open_tree::<Order>();
    orders.put_many((0..20).map(|number| order(1, number)))?;
    store.open_tree::<Setting>().put(setting("kept"))?;
    Ok(store)
}

fn raw<B: OpenBackend>(path: &Path) -> Result<RawStore<B>> {
    RawStore::open(path, &StoreOptions::new())
}

/// Fails unless the store at the path is sound and has what [`filled`] puts in.
fn assert_filled<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = Shop::<B>::open(path)?;
    assert_sound(&store);
    let customers: Vec<_> = store
        .open_tree::<Customer>()
        .iter()
        .values()
        .collect::<Result<_>>()?;
    assert!(customers == (0..30).map(customer).collect::<Vec<_>>());
    let orders = store.open_tree::<Order>();
    let by_total = orders.index::<OrderByTotalSecondaryKey>();
    let found: Vec<_> = by_total.get(8).values().collect::<Result<_>>()?;
    assert_eq!(found, [order(1, 7)]);
    assert_eq!(orders.len()?, 20);
    assert_eq!(
        store.open_tree::<Setting>().get("kept")?,
        Some(setting("kept"))
    );
    Ok(())
}

/// The records of a raw store, each with its model's name.
fn records<B: OpenBackend>(store: &RawStore<B>) -> Result<Vec<(String, RawRecord<'_>)>> {
    let mut found = Vec::new();
    for model in store.models() {
        for record in model.records()? {
            found.push((model.schema().discriminant.clone(), record?));
        }
    }
    Ok(found)
}

fn create<B: OpenBackend>(
    path: &Path,
    schema: &DefinitionSchema,
    records: &[(String, RawRecord<'_>)],
) -> Result<()> {
    RawStore::<B>::create(path, schema, |loader| {
        assert!(format!("{loader:?}").contains("ShopDefinition"));
        let mut records = records.iter();
        records.try_for_each(|(model, record)| loader.add(model, record))
    })
}

/// The error and its sources as one text.
fn told(error: &NetabaseError) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        told.push_str(&format!(": {error}"));
        source = error.source();
    }
    told
}

fn text(text: &str) -> Value<'static> {
    Value::Text(text.to_owned())
}

fn a_store_shows_without_its_types<B: OpenBackend>(path: &Path) -> Result<()> {
    drop(filled::<B>(path)?);
    let store = raw::<B>(path)?;
    assert_eq!(store.format_version(), FORMAT_VERSION);
    assert_eq!(store.schema(), &ShopDefinition::schema());
    assert!(store.pending_rebuilds().is_empty());
    let mut shown = Vec::new();
    for model in store.models() {
        let name = model.schema().discriminant.as_str();
        shown.push((name, model.len()?, model.is_empty()?, model.index_lens()?));
        assert!(format!("{model:?}").contains(name));
        assert!(format!("{:?}", model.records()?).contains(name));
    }
    assert_eq!(
        shown,
        [
            ("Customer", 30, false, vec![30, 30, 10, 43, 30]),
            ("Order", 20, false, vec![20, 20, 20]),
            ("Setting", 1, false, vec![]),
            ("Picture", 0, true, vec![0]),
        ]
    );
    let records = records(&store)?;
    let (name, first) = &records[30];
    assert_eq!(
        (name.as_str(), first.key.to_string().as_str()),
        ("Order", "(1, 0)")
    );
    let computed = [
        ("by_initial", vec![text("1")]),
        ("by_total", vec![Value::Unsigned(1)]),
    ];
    assert_eq!(first.computed, computed);
    let (_, last) = records.last().expect("a setting");
    let fields = vec![
        ("name", text("kept")),
        ("value", Value::Bytes(b"kept".to_vec())),
    ];
    let (key, computed) = (text("kept"), Vec::new());
    assert_eq!(
        last,
        &RawRecord {
            key,
            fields,
            computed
        }
    );
    let shown = format!("{store:?}");
    assert!(
        shown.contains("ShopDefinition") && shown.contains("store"),
        "{shown}"
    );
    Ok(())
}

fn a_store_of_raw_records_is_the_same_store<B: OpenBackend>(path: &Path) -> Result<()> {
    drop(filled::<B>(path)?);
    let store = raw::<B>(path)?;
    let loaded = path.with_extension("loaded");
    create::<B>(&loaded, store.schema(), &records(&store)?)?;
    assert!(raw::<B>(&loaded)?.verify()?.is_sound());
    assert_eq!(records(&raw::<B>(&loaded)?)?, records(&store)?);
    assert_filled::<B>(&loaded)?;
    // What is there is not written over.
    assert!(create::<B>(&loaded, store.schema(), &[]).is_err());
    assert_filled::<B>(&loaded)
}

/// 50 tags of 100 customers have 19 MiB; 16 MiB of entries wait in memory.
fn indexes_that_do_not_fit_in_memory_are_loaded_too<B: OpenBackend>(path: &Path) -> Result<()> {
    let tag =
        |id: u64, tag: u64| format!("{:03}-{id:03}-{}", (id + 7 * tag) % 200, "t".repeat(400));
    let tagged = |id| Customer {
        tags: (0..50).map(|number| tag(id, number)).collect(),
        ..customer(id)
    };
    let store = filled::<B>(path)?;
    store
        .open_tree::<Customer>()
        .put_many((0..100).map(tagged))?;
    drop(store);
    let store = raw::<B>(path)?;
    let copy = path.with_extension("copy");
    create::<B>(&copy, store.schema(), &records(&store)?)?;
    drop(store);
    let files = fs::read_dir(path.parent().expect("a folder")).expect("a folder");
    let names = files.map(|file| file.expect("a file").file_name());
    let is_copy = |name: &OsString| name.to_string_lossy().contains("copy");
    assert_eq!(names.filter(is_copy).count(), 1);

    let store = Shop::<B>::open(&copy)?;
    assert_sound(&store);
    let customers = store.open_tree::<Customer>();
    assert_eq!(customers.len()?, 100);
    let by_tag = customers.index::<CustomerTagsSecondaryKey>();
    assert_eq!(by_tag.iter().count()?, 100 * 50);
    let found: Vec<_> = by_tag.get(tag(3, 5)).values().collect::<Result<_>>()?;
    assert!(found == [tagged(3)]);
    Ok(())
}

fn computed_values_that_are_left_out_are_rebuilt<B: OpenBackend>(path: &Path) -> Result<()> {
    drop(filled::<B>(path)?);
    let store = raw::<B>(path)?;
    let mut records = records(&store)?;
    records
        .iter_mut()
        .for_each(|(_, record)| record.computed.clear());
    let loaded = path.with_extension("loaded");
    create::<B>(&loaded, store.schema(), &records)?;
    let raw = raw::<B>(&loaded)?;
    assert_eq!(
        raw.pending_rebuilds(),
        ["Order/by_initial", "Order/by_total"]
    );
    assert!(
        self::records(&raw)?
            .iter()
            .all(|(_, record)| record.computed.is_empty())
    );
    assert!(raw.verify()?.is_sound());
    drop(raw);
    assert_filled::<B>(&loaded)?;
    assert!(self::raw::<B>(&loaded)?.pending_rebuilds().is_empty());
    Ok(())
}

fn a_loader_refuses_what_is_no_record<B: OpenBackend>(path: &Path) -> Result<()> {
    drop(filled::<B>(path)?);
    let store = raw::<B>(path)?;
    let (records, loaded) = (records(&store)?, path.with_extension("loaded"));
    let check = |change: &dyn Fn(&mut (String, RawRecord<'_>)), expected: &str| {
        // The customer 0, the order 0, and that order once more with a change.
        let mut records = vec![records[0].clone(), records[30].clone(), records[30].clone()];
        change(&mut records[2]);
        let error = create::<B>(&loaded, store.schema(), &records).expect_err(expected);
        assert_eq!(told(&error), expected);
        assert!(!loaded.exists());
    };
    check(&|_| (), "Order (1, 0) exists already");
    check(
        &|(model, _)| *model = "Nobody".to_owned(),
        "encode a record of Nobody: byte 0: the definition has no such model",
    );
    check(
        &|(_, record)| record.key = Value::Tuple(vec![Value::Unsigned(1), Value::Unsigned(9)]),
        "encode a record of Order: byte 0: its key is not that of its fields",
    );
    // Another order, which is free.
    let other = |record: &mut RawRecord<'_>| {
        record.key = Value::Tuple(vec![Value::Unsigned(1), Value::Unsigned(9)]);
        record.fields[1].1 = Value::Unsigned(9);
    };
    check(
        &|(_, record)| {
            other(record);
            record.computed[1].1.push(Value::Unsigned(2));
        },
        "encode a record of Order: byte 0: 2 values in the computed index `by_total`",
    );
    check(
        &|(_, record)| {
            other(record);
            record.computed[0].1 = vec![text("a"), text("b")];
        },
        "encode a record of Order: byte 0: 2 values in the computed index `by_initial`",
    );
    let repeated = |store: &RawStore<B>| {
        let mut records = vec![records[0].clone(), records[0].clone()];
        records[1].1.key = Value::Unsigned(99);
        records[1].1.fields[0].1 = Value::Unsigned(99);
        create::<B>(&loaded, store.schema(), &records)
    };
    let refused = refusal(repeated(&store));
    assert!(
        matches!(refused, StoreError::UniqueViolated { .. }),
        "{refused}"
    );
    assert!(!loaded.exists());
    Ok(())
}

fn a_schema_that_no_store_can_have_is_refused<B: OpenBackend>(path: &Path) -> Result<()> {
    let check = |change: &dyn Fn(&mut DefinitionSchema), expected: &str| {
        let mut schema = ShopDefinition::schema();
        change(&mut schema);
        let error = create::<B>(path, &schema, &[]).expect_err(expected);
        let wanted = format!("encode a record of ShopDefinition: byte 0: {expected}");
        assert_eq!(told(&error), wanted);
        assert!(!path.exists());
    };
    for name in ["", "a/b", "Order", "__netabase_meta__"] {
        check(
            &|schema| schema.models[0].discriminant = name.to_owned(),
            &format!("a model cannot have the name `{}`", name),
        );
    }
    check(
        &|schema| schema.models[0].fields[1].0 = "id".to_owned(),
        "`Customer` has a field twice",
    );
    check(
        &|schema| schema.models[0].primary_fields = vec!["number".to_owned()],
        "`Customer` has no field `number`, which a key reads",
    );
    check(
        &|schema| schema.models[0].primary_fields.clear(),
        "`Customer` has no primary key",
    );
    check(
        &|schema| schema.models[0].indexes[1].name = "email".to_owned(),
        "`Customer` has the index `email` twice",
    );
    check(
        &|schema| schema.models[0].indexes[1].fields.clear(),
        "the index `Customer/age` reads another number of fields",
    );
    check(
        &|schema| schema.models[0].indexes[2].each = true,
        "the index `Customer/nickname` reads another number of fields",
    );
    let index = |schema: &mut DefinitionSchema| {
        let model = &mut schema.models[3];
        let one = model.indexes[0].clone();
        model.indexes.resize(usize::from(u16::MAX), one);
    };
    check(&index, "65548 tables, at most 65535 are possible");
    Ok(())
}

fn indexes_are_rebuilt_from_the_records<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = filled::<B>(path)?;
    let entry = [encode_key(&"c7@example.org".to_owned()), Vec::new()].concat();
    write(&store, "Customer/email", &entry, None)?;
    drop(store);
    let mut store = raw::<B>(path)?;
    let report = store.verify()?;
    assert_eq!(report.problems, ["Customer 7 is not in Customer/email"]);
    let waiting = ["Order/by_initial", "Order/by_total"];
    assert_eq!(store.rebuild_indexes()?, waiting);
    assert_eq!(store.pending_rebuilds(), waiting);
    assert!(store.verify()?.is_sound());
    drop(store);
    assert_filled::<B>(path)
}

fn what_is_wrong_with_a_computed_index_is_told<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = filled::<B>(path)?;
    let entry = |number: u32| encode_key(&(u64::from(number) + 1, (1_u64, number)));
    write(&store, "Order/by_total", &entry(3), None)?;
    write(&store, "Order/by_total", &entry(4), Some(&[0; 4]))?;
    write(&store, "Order/by_total", &[7], Some(&[0; 4]))?;
    write(&store, "Order", &encode_key(&(1_u64, 5_u32)), None)?;
    drop(store);
    let store = raw::<B>(path)?;
    let mut problems = store.verify()?.problems;
    problems.sort();
    assert_eq!(
        problems,
        [
            "Order/by_day names (1, 5), which has no record",
            "Order/by_initial names (1, 5), which has no record",
            "Order/by_total names (1, 5), which has no record",
            "Order/by_total names 17 of 19 records",
            "checksum of 0000000000000005000000000000000100000004 in table Order/by_total does not match: the stored bytes have changed",
            "decode key 07 of table Order/by_total: the key ends at byte 1, inside a 64-bit integer",
        ]
    );
    let orders = store.models().nth(1).expect("the orders");
    let damaged = orders.records().map(drop).expect_err("a damaged entry");
    assert!(damaged.is_corrupt(), "{damaged}");
    Ok(())
}

fn a_compacted_store_is_the_same_store<B: OpenBackend>(path: &Path) -> Result<()> {
    drop(filled::<B>(path)?);
    RawStore::<B>::compact(path)?;
    assert_filled::<B>(path)?;
    let beside = fs::read_dir(path.parent().expect("a folder")).expect("the folder is there");
    assert_eq!(beside.count(), 1);
    // A folder that was moved away when the machine stopped is moved back.
    if B::ENGINE == Engine::Sled {
        fs::rename(path, path.with_extension("old")).expect("the folder is moved");
        RawStore::<B>::compact(path)?;
        assert_filled::<B>(path)?;
    }
    Ok(())
}

fn a_raw_copy_is_the_same_store_on_another_engine<B: OpenBackend>(path: &Path) -> Result<()> {
    drop(filled::<B>(path)?);
    let store = raw::<B>(path)?;
    let (redb, sled) = (path.with_extension("redb"), path.with_extension("sled"));
    store.copy_to_engine::<RedbBackend>(&redb)?;
    store.copy_to_engine::<SledBackend>(&sled)?;
    assert_filled::<RedbBackend>(&redb)?;
    assert_filled::<SledBackend>(&sled)?;
    assert!(store.copy_to_engine::<RedbBackend>(&redb).is_err());
    Ok(())
}

fn what_holds_no_store_is_none<B: OpenBackend>(path: &Path) -> Result<()> {
    let missing = refusal(detect_engine(path));
    assert!(matches!(missing, StoreError::NotFound { .. }), "{missing}");
    drop(filled::<B>(path)?);
    assert_eq!(detect_engine(path)?, B::ENGINE);
    let folder = path.with_extension("folder");
    fs::create_dir(&folder).expect("a folder");
    let file = path.with_extension("text");
    for bytes in [&b""[..], b"redb", b"text that is long enough"] {
        fs::write(&file, bytes).expect("a file");
        let what = refusal(detect_engine(&file)).to_string();
        assert!(
            what.ends_with("it does not begin as a redb file does"),
            "{what}"
        );
    }
    let what = refusal(detect_engine(&folder)).to_string();
    assert!(
        what.ends_with("it is a folder without the files of sled"),
        "{what}"
    );
    let empty = path.with_extension("empty");
    drop(B::open(
        &empty,
        &netabase_store::backends::EngineOptions::default(),
    )?);
    let what = refusal(raw::<B>(&empty).map(drop)).to_string();
    assert!(
        what.ends_with("is not a netabase store: it is empty"),
        "{what}"
    );
    Ok(())
}
