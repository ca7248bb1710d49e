//! Random use of all engines side by side, against a map.

use std::{collections::BTreeMap, path::PathBuf};

use netabase_store::{
    Backend, Durability, MemoryStore, NetabaseError, ReadTransaction, Result, Store, StoreError,
    StoreOptions, Tree, View, Writable, WriteTransaction,
    backends::{OpenBackend, memory::MemoryBackend, redb::RedbBackend, sled::SledBackend},
};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerCreditSecondaryKey, CustomerEmailSecondaryKey,
    CustomerNicknameSecondaryKey, CustomerPrimaryKey, CustomerTagsSecondaryKey, ShopDefinition,
    assert_sound, cases,
};
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest},
    test_runner::TestCaseError,
};
use tempfile::TempDir;

type Model = BTreeMap<u64, Customer>;
type Shop<B> = Store<ShopDefinition, B>;

/// How many histories are run, unless the environment asks for more.
const CASES: u64 = if cfg!(debug_assertions) { 48 } else { 192 };

/// One write.
#[derive(Debug, Clone)]
enum Write {
    Put(Customer),
    Insert(Customer),
    /// Replaces the record under the key, which the record may not have.
    Update(u64, Customer),
    Remove(u64),
    PutMany(Vec<Customer>),
    RemoveMany(Vec<u64>),
    Clear,
}

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    Write(Write),
    Transaction {
        writes: Vec<Write>,
        is_committed: bool,
    },
    /// Takes a snapshot, which is compared with its own state until it goes.
    Snapshot,
    ForgetSnapshots,
    Flush,
    Reopen,
}

/// What a write returned.
#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    Done,
    Found(Option<Customer>),
    Count(u64),
    Exists,
    Taken,
    KeyChanged,
}

fn arb_customer() -> impl Strategy<Value = Customer> {
    let credit = prop_oneof![Just(-0.0), Just(0.0), Just(f64::MIN), Just(1.5)];
    let texts = (0..10_u8, proptest::option::of(0..3_u8), vec(0..4_u8, 0..4));
    (0..12_u64, texts, 0..4_u32, credit, 0..3_usize).prop_map(|(id, texts, age, credit, note)| {
        let (email, nickname, tags) = texts;
        Customer {
            id,
            email: format!("{email}@example.org"),
            age,
            nickname: nickname.map(|name| "n\0".repeat(name.into())),
            tags: tags.into_iter().map(|tag| format!("tag{tag}")).collect(),
            credit,
            note: "note".repeat(note * 300),
        }
    })
}

fn arb_write() -> impl Strategy<Value = Write> {
    prop_oneof![
        6 => arb_customer().prop_map(Write::Put),
        3 => arb_customer().prop_map(Write::Insert),
        3 => (0..12_u64, arb_customer(), any::<bool>()).prop_map(|(id, customer, keeps)| {
            Write::Update(id, if keeps { Customer { id, ..customer } } else { customer })
        }),
        3 => (0..12_u64).prop_map(Write::Remove),
        3 => vec(arb_customer(), 0..6).prop_map(Write::PutMany),
        1 => vec(0..12_u64, 0..6).prop_map(Write::RemoveMany),
        1 => Just(Write::Clear),
    ]
}

fn arb_step() -> impl Strategy<Value = Step> {
    let transaction = (vec(arb_write(), 0..6), any::<bool>());
    prop_oneof![
        8 => arb_write().prop_map(Step::Write),
        5 => transaction.prop_map(|(writes, is_committed)| Step::Transaction { writes, is_committed }),
        2 => Just(Step::Snapshot),
        1 => Just(Step::ForgetSnapshots),
        1 => Just(Step::Flush),
        1 => Just(Step::Reopen),
    ]
}

/// Makes a write in the map, all or nothing.
fn write_model(model: &mut Model, write: &Write) -> Outcome {
    let put = |model: &mut Model, customer: &Customer| {
        let mut others = model.values().filter(|other| other.id != customer.id);
        if others.any(|other| other.email == customer.email) {
            return Outcome::Taken;
        }
        model.insert(customer.id, customer.clone());
        Outcome::Done
    };
    match write {
        Write::Put(customer) => put(model, customer),
        Write::Insert(customer) if model.contains_key(&customer.id) => Outcome::Exists,
        Write::Insert(customer) => put(model, customer),
        Write::Update(id, _) if !model.contains_key(id) => Outcome::Found(None),
        Write::Update(id, customer) if *id != customer.id => Outcome::KeyChanged,
        Write::Update(_, customer) => match put(model, customer) {
            Outcome::Done => Outcome::Found(Some(customer.clone())),
            refused => refused,
        },
        Write::Remove(id) => Outcome::Found(model.remove(id)),
        Write::PutMany(customers) => {
            let mut changed = model.clone();
            for customer in customers {
                let outcome = put(&mut changed, customer);
                if outcome != Outcome::Done {
                    return outcome;
                }
            }
            *model = changed;
            Outcome::Done
        }
        Write::RemoveMany(ids) => {
            let removed = ids.iter().filter(|id| model.remove(id).is_some()).count();
            Outcome::Count(u64::try_from(removed).expect("there are few"))
        }
        Write::Clear => {
            model.clear();
            Outcome::Done
        }
    }
}

/// Makes a write in a tree.
fn write_tree<V: Writable>(
    tree: &Tree<ShopDefinition, Customer, V>,
    write: &Write,
) -> Result<Outcome> {
    let done = match write.clone() {
        Write::Put(customer) => tree.put(customer).map(|()| Outcome::Done),
        Write::Insert(customer) => tree.insert(customer).map(|()| Outcome::Done),
        Write::Update(id, customer) => tree.update(id, |old| *old = customer).map(Outcome::Found),
        Write::Remove(id) => tree.remove(id).map(Outcome::Found),
        Write::PutMany(customers) => tree.put_many(customers).map(|()| Outcome::Done),
        Write::RemoveMany(ids) => tree.remove_many(ids).map(Outcome::Count),
        Write::Clear => tree.clear().map(|()| Outcome::Done),
    };
    match done {
        Err(NetabaseError::StoreError(StoreError::Exists { .. })) => Ok(Outcome::Exists),
        Err(NetabaseError::StoreError(StoreError::UniqueViolated { .. })) => Ok(Outcome::Taken),
        Err(NetabaseError::StoreError(StoreError::KeyChanged { .. })) => Ok(Outcome::KeyChanged),
        done => done,
    }
}

/// Returns what an index should hold: its values with their records, in order.
fn recomputed<K: Ord>(model: &Model, values: impl Fn(&Customer) -> Vec<K>) -> Vec<u64> {
    let entries = model.values().flat_map(|customer| {
        let mut values = values(customer);
        values.sort();
        values.dedup();
        values.into_iter().map(|value| (value, customer.id))
    });
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    entries.into_iter().map(|(_, id)| id).collect()
}

/// Fails unless a tree holds what the map does, in every index too.
fn assert_agrees<V: View>(tree: &Tree<ShopDefinition, Customer, V>, model: &Model) -> Result<()> {
    let found = tree.iter().collect::<Result<Vec<_>>>()?;
    let expected = model
        .iter()
        .map(|(id, customer)| (CustomerPrimaryKey(*id), customer.clone()));
    // As text, where -0.0 and 0.0 differ.
    assert_eq!(
        format!("{found:?}"),
        format!("{:?}", expected.collect::<Vec<_>>())
    );
    assert_eq!(
        tree.len()?,
        u64::try_from(model.len()).expect("there are few")
    );
    let ids = |keys: Vec<CustomerPrimaryKey>| keys.into_iter().map(|key| key.0).collect::<Vec<_>>();
    macro_rules! agrees {
        ($index:ty, $values:expr) => {
            let keys = tree
                .index::<$index>()
                .iter()
                .keys()
                .collect::<Result<_>>()?;
            assert_eq!(
                ids(keys),
                recomputed(model, $values),
                "{}",
                stringify!($index)
            );
        };
    }
    agrees!(CustomerEmailSecondaryKey, |customer| vec![
        customer.email.clone()
    ]);
    agrees!(CustomerAgeSecondaryKey, |customer| vec![customer.age]);
    agrees!(CustomerNicknameSecondaryKey, |customer| customer
        .nickname
        .iter()
        .cloned()
        .collect());
    agrees!(CustomerTagsSecondaryKey, |customer| customer.tags.clone());
    agrees!(CustomerCreditSecondaryKey, |customer| {
        vec![CustomerCreditSecondaryKey(customer.credit)]
    });
    Ok(())
}

/// A store under test, and what it should hold.
struct World<B: Backend> {
    store: Option<Shop<B>>,
    reopen: Box<dyn Fn() -> Result<Shop<B>>>,
    /// Whether a store that is closed can be opened again.
    persists: bool,
    model: Model,
    snapshots: Vec<(ReadTransaction<ShopDefinition, B>, Model)>,
    _folder: Option<TempDir>,
}

impl<B: OpenBackend> World<B> {
    fn on_disk() -> Result<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path: PathBuf = folder.path().join("store");
        let options = StoreOptions::new().durability(Durability::None);
        let reopen = Box::new(move || Shop::<B>::new_with(&path, &options));
        Ok(Self {
            persists: true,
            ..Self::new(reopen, Some(folder))?
        })
    }
}

impl World<MemoryBackend> {
    fn in_memory() -> Result<Self> {
        Self::new(Box::new(|| Ok(MemoryStore::new())), None)
    }
}

impl<B: Backend> World<B> {
    fn new(reopen: Box<dyn Fn() -> Result<Shop<B>>>, folder: Option<TempDir>) -> Result<Self> {
        Ok(Self {
            store: Some(reopen()?),
            reopen,
            persists: false,
            model: Model::new(),
            snapshots: Vec::new(),
            _folder: folder,
        })
    }

    fn store(&self) -> &Shop<B> {
        self.store
            .as_ref()
            .expect("the store is open between steps")
    }

    fn step(&mut self, step: &Step) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        match step {
            Step::Write(write) => {
                let outcome = write_tree(&self.store().open_tree(), write)?;
                assert_eq!(outcome, write_model(&mut self.model, write), "{write:?}");
                outcomes.push(outcome);
            }
            Step::Transaction {
                writes,
                is_committed,
            } => {
                let txn = self.store().begin_write()?;
                let mut model = self.model.clone();
                outcomes = write_transaction(&txn, &mut model, writes)?;
                assert_agrees(&self.store().open_tree::<Customer>(), &self.model)?;
                if *is_committed {
                    txn.commit()?;
                    self.model = model;
                }
            }
            Step::Snapshot => {
                let snapshot = (self.store().begin_read()?, self.model.clone());
                self.snapshots.push(snapshot);
            }
            Step::ForgetSnapshots => self.snapshots.clear(),
            Step::Flush => self.store().flush()?,
            Step::Reopen if self.persists => {
                self.snapshots.clear();
                self.store = None;
                self.store = Some((self.reopen)()?);
            }
            Step::Reopen => {}
        }
        self.check()?;
        Ok(outcomes)
    }

    fn check(&self) -> Result<()> {
        assert_agrees(&self.store().open_tree::<Customer>(), &self.model)?;
        assert_sound(self.store());
        for (snapshot, model) in &self.snapshots {
            assert_agrees(&snapshot.open_tree::<Customer>(), model)?;
        }
        Ok(())
    }
}

fn write_transaction<B: Backend>(
    txn: &WriteTransaction<ShopDefinition, B>,
    model: &mut Model,
    writes: &[Write],
) -> Result<Vec<Outcome>> {
    let tree = txn.open_tree::<Customer>();
    let mut outcomes = Vec::new();
    for write in writes {
        let before = (tree.iter(), model.len());
        let outcome = write_tree(&tree, write)?;
        assert_eq!(outcome, write_model(model, write), "{write:?}");
        outcomes.push(outcome);
        assert_agrees(&tree, model)?;
        // The query keeps the state that it was made in.
        assert_eq!(before.0.collect::<Result<Vec<_>>>()?.len(), before.1);
    }
    Ok(outcomes)
}

fn run(steps: &[Step]) -> Result<()> {
    let mut memory = World::in_memory()?;
    let mut redb = World::<RedbBackend>::on_disk()?;
    let mut sled = World::<SledBackend>::on_disk()?;
    for step in steps {
        let outcomes = memory.step(step)?;
        assert_eq!(redb.step(step)?, outcomes);
        assert_eq!(sled.step(step)?, outcomes);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: u32::try_from(cases(CASES)).unwrap_or(u32::MAX),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn store_agrees_with_btreemap(steps in vec(arb_step(), 1..40)) {
        run(&steps).map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
    }
}
