//! The definition that the tests share, with every kind of key and index, and what they do with it.

use std::fmt::Debug;

use netabase_store::{
    Backend, NetabaseDefinitionTrait, NetabaseError, Result, Store, StoreError,
    netabase_definition_module,
};

#[netabase_definition_module(ShopDefinition, ShopKeys)]
/// Models with every kind of key and index.
pub mod shop {
    use std::collections::BTreeMap;

    use netabase_store::{NetabaseModel, NetabaseValue};
    use serde::{Deserialize, Serialize};

    /// Plain, unique, sparse, `each` and float indexes.
    #[derive(NetabaseModel, Serialize, Deserialize, Clone, Debug, PartialEq)]
    #[netabase(ShopDefinition)]
    pub struct Customer {
        /// The number.
        #[primary_key]
        pub id: u64,
        /// Unique.
        #[secondary_key(unique)]
        pub email: String,
        /// Many share one.
        #[secondary_key]
        pub age: u32,
        /// Sparse.
        #[secondary_key]
        pub nickname: Option<String>,
        /// Each.
        #[secondary_key(each)]
        pub tags: Vec<String>,
        /// In total order.
        #[secondary_key]
        pub credit: f64,
        /// In no index.
        pub note: String,
    }

    /// A composite primary key, composite and computed indexes.
    #[derive(NetabaseModel, Serialize, Deserialize, Clone, Debug, PartialEq)]
    #[netabase(ShopDefinition)]
    #[primary_key(customer, number)]
    #[secondary_key(name = by_day, fields(day, status))]
    #[secondary_key(name = by_initial, with = Order::initial, key = Option<String>)]
    #[secondary_key(name = by_total, with = Order::total, key = u64)]
    pub struct Order {
        /// Who ordered.
        pub customer: u64,
        /// The number among the customer's.
        pub number: u32,
        /// The day.
        pub day: u32,
        /// Open, paid, ..
        pub status: Option<String>,
        /// What was ordered, and how many.
        pub lines: BTreeMap<String, u64>,
        /// Where it went.
        pub address: Address,
    }

    impl Order {
        /// The first letter of the address.
        pub fn initial(&self) -> Option<&str> {
            self.address.city.get(..1)
        }

        /// How many things were ordered.
        #[must_use]
        pub fn total(&self) -> u64 {
            self.lines.values().sum()
        }
    }

    /// A part of an order.
    #[derive(NetabaseValue, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
    pub struct Address {
        /// The street.
        pub street: String,
        /// The city.
        pub city: String,
    }

    /// No index, a text key.
    #[derive(NetabaseModel, Serialize, Deserialize, Clone, Debug, PartialEq)]
    #[netabase(ShopDefinition)]
    pub struct Setting {
        /// The name.
        #[primary_key]
        pub name: String,
        /// The value.
        pub value: Vec<u8>,
    }

    /// Byte strings as keys.
    #[derive(NetabaseModel, Serialize, Deserialize, Clone, Debug, PartialEq)]
    #[netabase(ShopDefinition)]
    pub struct Picture {
        /// The hash.
        #[primary_key]
        pub hash: Vec<u8>,
        /// Unique and sparse.
        #[secondary_key(unique)]
        pub thumbnail: Option<Vec<u8>>,
    }
}

pub use shop::*;

/// Returns a customer whose indexed values follow from the number; many share an age and a tag.
#[must_use]
pub fn customer(id: u64) -> Customer {
    Customer {
        id,
        email: format!("c{id}@example.org"),
        age: u32::try_from(18 + id % 50).unwrap_or_default(),
        nickname: id.is_multiple_of(3).then(|| format!("nick{}", id % 7)),
        tags: (0..id % 4).map(|tag| format!("tag{tag}")).collect(),
        credit: f64::from(u32::try_from(id % 100).unwrap_or_default()) - 50.0,
        note: format!("note of {id}"),
    }
}

/// Returns an order of two lines.
#[must_use]
pub fn order(customer: u64, number: u32) -> Order {
    Order {
        customer,
        number,
        day: number % 10,
        status: number.is_multiple_of(2).then(|| "paid".to_owned()),
        lines: [("ink".to_owned(), u64::from(number)), ("pen".to_owned(), 1)].into(),
        address: Address {
            street: "Main Street".into(),
            city: format!("{customer}ville"),
        },
    }
}

/// Returns a setting whose value is its name.
#[must_use]
pub fn setting(name: &str) -> Setting {
    Setting {
        name: name.to_owned(),
        value: name.as_bytes().to_vec(),
    }
}

/// Fails unless every record can be read and every index is what the records say.
///
/// # Panics
/// Names the problems.
pub fn assert_sound<D: NetabaseDefinitionTrait, B: Backend>(store: &Store<D, B>) {
    let report = store.verify().expect("the engine reads its own tables");
    assert!(report.is_sound(), "{:?}", report.problems);
}

/// Returns what a store refused.
///
/// # Panics
/// Fails when it did what was asked, or failed otherwise.
pub fn refusal<T: Debug>(result: Result<T>) -> StoreError {
    match result {
        Err(NetabaseError::StoreError(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

/// Numbers that look random and are the same for the same seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts a sequence.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number (`SplitMix64`).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// Returns an index into something of that length, which is not 0.
    pub fn index(&mut self, len: usize) -> usize {
        let end = u64::try_from(len).expect("a length in memory");
        usize::try_from(self.below(end)).expect("it is below a length")
    }

    /// Returns true once in `among` times.
    pub fn one_in(&mut self, among: u64) -> bool {
        self.below(among) == 0
    }
}

/// Returns how many cases a random test runs: `cases` times the environment's `NETABASE_CASES`.
#[must_use]
pub fn cases(cases: u64) -> u64 {
    let times = std::env::var("NETABASE_CASES")
        .ok()
        .and_then(|times| times.parse().ok());
    cases.saturating_mul(times.unwrap_or(1))
}

/// Returns bytes as lowercase hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the bytes that hexadecimal text stands for.
///
/// # Panics
/// Fails when it is no such text.
#[must_use]
pub fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair| {
        std::str::from_utf8(pair)
            .ok()
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    pairs
        .map(|pair| byte(pair).expect("two hexadecimal digits"))
        .collect()
}
