//! Generated items have documentation, and the lints of the strict find nothing in them.

#![deny(warnings, missing_docs, unreachable_pub, unused, private_interfaces)]
#![deny(missing_debug_implementations, single_use_lifetimes, unused_qualifications)]

use netabase_store::netabase_definition_module;

/// A definition that a crate exports.
#[netabase_definition_module(Definition, Keys)]
pub mod exported {
    use netabase_store::{NetabaseKey, NetabaseModel, NetabaseValue};

    /// A name.
    #[derive(NetabaseKey, NetabaseValue, Clone, Debug, PartialEq)]
    pub struct Name(pub String);

    /// A model.
    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(Definition)]
    #[secondary_key(name = both, fields(name, weight))]
    pub struct Documented {
        /// The key.
        #[primary_key]
        pub id: u64,
        /// The name.
        #[secondary_key(unique)]
        pub name: Name,
        /// The weight.
        #[secondary_key]
        pub weight: Option<f64>,
    }

    /// A model without indexes.
    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(Definition)]
    pub struct Bare {
        /// The key.
        #[primary_key]
        pub id: [u8; 4],
    }
}

#[netabase_definition_module(Hidden, HiddenKeys)]
mod private {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Debug)]
    #[netabase(Hidden)]
    struct Secret {
        #[primary_key]
        id: u64,
        #[secondary_key]
        word: String,
    }

    #[derive(NetabaseModel, Debug)]
    #[netabase(Hidden)]
    pub(crate) struct Shared {
        #[primary_key]
        pub(crate) id: u64,
    }

    pub(crate) fn store() {
        let store = netabase_store::MemoryStore::<Hidden>::new();
        store.open_tree::<Secret>().put(Secret { id: 1, word: "a".into() }).expect("memory");
        store.open_tree::<Shared>().put(Shared { id: 1 }).expect("memory");
    }
}

fn main() {
    let record = exported::Definition::from(exported::Bare { id: [1; 4] });
    assert_eq!(record.clone(), record);
    assert!(exported::Documented::try_from(record).is_err());
    private::store();
}
