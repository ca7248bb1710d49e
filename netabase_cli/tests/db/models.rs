//! A definition with every kind of field, key and index, and records with every extreme value.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, SystemTime},
};

use netabase_store::{Result, Store, backends::Backend, netabase_definition_module};

#[netabase_definition_module(EverythingDefinition, EverythingKeys)]
pub(crate) mod everything {
    use std::{
        cmp::Reverse,
        collections::{BTreeMap, BTreeSet, HashMap},
        net::{IpAddr, SocketAddr},
        time::{Duration, SystemTime},
    };

    use netabase_store::{NetabaseKey, NetabaseModel, NetabaseValue};
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, NetabaseKey, NetabaseValue)]
    pub(crate) struct Email(pub(crate) String);

    #[derive(Debug, Clone, PartialEq, NetabaseValue)]
    pub(crate) struct Marker;

    #[derive(
        Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, NetabaseKey, NetabaseValue,
    )]
    pub(crate) enum Colour {
        Red,
        Green,
    }

    #[derive(Debug, Clone, PartialEq, NetabaseValue)]
    pub(crate) enum Outline {
        Empty,
        Circle(u16),
        Box(u16, u16),
        Path {
            points: Vec<(i8, i8)>,
            inner: Option<Box<Outline>>,
        },
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(crate) struct Foreign {
        pub(crate) anything: Vec<Option<u8>>,
    }

    #[derive(NetabaseModel, Debug, Clone, PartialEq)]
    #[netabase(EverythingDefinition)]
    #[primary_key(group, id)]
    #[secondary_key(name = by_colour_limit, fields(colour, limit))]
    #[secondary_key(name = by_length, with = Thing::length, key = usize)]
    #[secondary_key(name = by_word, each, with = Thing::words)]
    #[secondary_key(name = by_first, unique, with = Thing::first, key = Option<String>)]
    pub(crate) struct Thing {
        pub(crate) group: String,
        pub(crate) id: u64,
        pub(crate) unit: (),
        pub(crate) flag: bool,
        pub(crate) letter: char,
        pub(crate) unsigned: (u8, u16, u32, u64, u128),
        pub(crate) signed: (i8, i16, i32, i64, i128),
        pub(crate) floats: Vec<(f32, f64)>,
        #[secondary_key]
        pub(crate) text: String,
        pub(crate) bytes: Vec<u8>,
        #[secondary_key]
        pub(crate) digest: [u8; 4],
        pub(crate) array: [u16; 2],
        #[secondary_key(each)]
        pub(crate) tags: Vec<String>,
        #[secondary_key(each)]
        pub(crate) numbers: BTreeSet<u32>,
        pub(crate) named: BTreeMap<String, Marker>,
        pub(crate) hashed: HashMap<u16, Option<String>>,
        #[secondary_key]
        pub(crate) limit: Option<u32>,
        pub(crate) nested: Option<Option<bool>>,
        pub(crate) nothing: Option<()>,
        pub(crate) outline: Outline,
        pub(crate) colour: Colour,
        #[secondary_key(unique)]
        pub(crate) email: Email,
        #[secondary_key]
        pub(crate) latest: Reverse<i64>,
        #[secondary_key]
        pub(crate) took: Duration,
        pub(crate) at: SystemTime,
        pub(crate) address: IpAddr,
        pub(crate) socket: SocketAddr,
        #[netabase(serde)]
        pub(crate) foreign: Foreign,
    }

    impl Thing {
        fn length(&self) -> usize {
            self.text.len()
        }

        fn words(&self) -> Vec<String> {
            self.text.split_whitespace().map(str::to_owned).collect()
        }

        fn first(&self) -> Option<String> {
            self.text.split_whitespace().next().map(str::to_owned)
        }
    }

    #[derive(NetabaseModel, Debug, Clone, PartialEq)]
    #[netabase(EverythingDefinition)]
    pub(crate) struct Also {
        #[primary_key]
        pub(crate) id: i128,
    }
}

pub(crate) use everything::*;

/// Puts the records into a store.
pub(crate) fn fill<B: Backend>(store: &Store<EverythingDefinition, B>) -> Result<()> {
    store.open_tree::<Thing>().put_many(things())?;
    store
        .open_tree::<Also>()
        .put_many([i128::MIN, -1, 0, i128::MAX].map(|id| Also { id }))
}

/// Returns records that differ in everything.
pub(crate) fn things() -> Vec<Thing> {
    let plain = plain();
    let extreme = Thing {
        group: "a\0\u{1}\u{FFFF}".to_owned(),
        id: u64::MAX,
        flag: false,
        letter: '\u{10FFFF}',
        unsigned: (u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX),
        signed: (i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN),
        floats: vec![
            (f32::INFINITY, f64::NEG_INFINITY),
            (f32::MIN_POSITIVE, f64::MAX),
        ],
        text: "  \u{2028}\u{1F600} \"\\".to_owned(),
        bytes: Vec::new(),
        tags: Vec::new(),
        numbers: BTreeSet::new(),
        named: BTreeMap::new(),
        hashed: HashMap::new(),
        limit: None,
        nested: Some(None),
        nothing: None,
        outline: Outline::Circle(9),
        colour: Colour::Red,
        email: Email(String::new()),
        latest: std::cmp::Reverse(i64::MIN),
        took: Duration::ZERO,
        at: SystemTime::UNIX_EPOCH,
        address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ..plain.clone()
    };
    let empty = Thing {
        group: String::new(),
        id: 0,
        text: String::new(),
        nested: None,
        outline: Outline::Empty,
        email: Email("b@example.org".to_owned()),
        ..plain.clone()
    };
    vec![plain, extreme, empty]
}

fn plain() -> Thing {
    Thing {
        group: "plain".to_owned(),
        id: 1,
        unit: (),
        flag: true,
        letter: 'x',
        unsigned: (0, 1, 2, 3, 4),
        signed: (0, -1, -2, -3, -4),
        floats: vec![(0.1, 0.1), (-0.0, 1e300), (16_777_216.0, 5e-324)],
        text: "one two one".to_owned(),
        bytes: vec![0, 1, 255],
        digest: [0, 1, 0, 255],
        array: [1, 65_535],
        tags: ["b", "a", "b"].map(str::to_owned).into(),
        numbers: BTreeSet::from([3, 70_000]),
        named: BTreeMap::from([("z".to_owned(), Marker), ("a\"\n".to_owned(), Marker)]),
        hashed: HashMap::from([(256, None), (1, Some("one".to_owned())), (0, None)]),
        limit: Some(7),
        nested: Some(Some(true)),
        nothing: Some(()),
        outline: Outline::Path {
            points: vec![(1, -1), (0, 0)],
            inner: Some(Box::new(Outline::Box(1, 2))),
        },
        colour: Colour::Green,
        email: Email("a@example.org".to_owned()),
        latest: std::cmp::Reverse(-5),
        took: Duration::new(u64::MAX, 999_999_999),
        at: SystemTime::UNIX_EPOCH + Duration::new(1_709_208_000, 500),
        address: Ipv4Addr::LOCALHOST.into(),
        socket: SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 80),
        foreign: Foreign {
            anything: vec![Some(1), None],
        },
    }
}
