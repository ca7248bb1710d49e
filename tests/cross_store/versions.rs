//! One program at several times: definitions that differ in one thing each.

use netabase_store::netabase_definition_module;

/// The first version.
#[netabase_definition_module(People, PeopleKeys)]
pub(super) mod first {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(People)]
    pub(crate) struct Person {
        #[primary_key]
        pub(crate) id: u64,
        #[secondary_key]
        pub(crate) name: String,
        pub(crate) age: u32,
    }
}

/// The first version, moved.
#[netabase_definition_module(People, PeopleKeys)]
pub(super) mod again {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(People)]
    pub(crate) struct Person {
        #[primary_key]
        pub(crate) id: u64,
        #[secondary_key]
        pub(crate) name: String,
        pub(crate) age: u32,
    }
}

/// Two more indexes, one more model.
#[netabase_definition_module(People, PeopleKeys)]
pub(super) mod larger {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(People)]
    #[secondary_key(name = by_name_age, fields(name, age))]
    pub(crate) struct Person {
        #[primary_key]
        pub(crate) id: u64,
        #[secondary_key]
        pub(crate) name: String,
        #[secondary_key]
        pub(crate) age: u32,
    }

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(People)]
    pub(crate) struct Pet {
        #[primary_key]
        pub(crate) name: String,
        #[secondary_key]
        pub(crate) owner: u64,
    }
}

/// A unique index over values that many share.
#[netabase_definition_module(People, PeopleKeys)]
pub(super) mod names_unique {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(People)]
    #[secondary_key(name = unique_name, with = Person::again, unique)]
    pub(crate) struct Person {
        #[primary_key]
        pub(crate) id: u64,
        #[secondary_key]
        pub(crate) name: String,
        pub(crate) age: u32,
    }

    impl Person {
        fn again(&self) -> &str {
            &self.name
        }
    }
}

/// A unique index over values that are distinct.
#[netabase_definition_module(People, PeopleKeys)]
pub(super) mod age_unique {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(People)]
    pub(crate) struct Person {
        #[primary_key]
        pub(crate) id: u64,
        #[secondary_key]
        pub(crate) name: String,
        #[secondary_key(unique)]
        pub(crate) age: u32,
    }
}

/// A field has another name.
#[netabase_definition_module(People, PeopleKeys)]
pub(super) mod renamed {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(People)]
    pub(crate) struct Person {
        #[primary_key]
        pub(crate) id: u64,
        #[secondary_key]
        pub(crate) name: String,
        pub(crate) years: u32,
    }
}

/// A field has another type.
#[netabase_definition_module(People, PeopleKeys)]
pub(super) mod other_type {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(People)]
    pub(crate) struct Person {
        #[primary_key]
        pub(crate) id: u64,
        #[secondary_key]
        pub(crate) name: String,
        pub(crate) age: u64,
    }
}

/// Fields have changed places.
#[netabase_definition_module(People, PeopleKeys)]
pub(super) mod other_order {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(People)]
    pub(crate) struct Person {
        #[primary_key]
        pub(crate) id: u64,
        pub(crate) age: u32,
        #[secondary_key]
        pub(crate) name: String,
    }
}

/// The key has another type.
#[netabase_definition_module(People, PeopleKeys)]
pub(super) mod key_of_text {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(People)]
    pub(crate) struct Person {
        #[primary_key]
        pub(crate) id: String,
        #[secondary_key]
        pub(crate) name: String,
        pub(crate) age: u32,
    }
}

/// An index is gone.
#[netabase_definition_module(People, PeopleKeys)]
pub(super) mod fewer {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(People)]
    pub(crate) struct Person {
        #[primary_key]
        pub(crate) id: u64,
        pub(crate) name: String,
        pub(crate) age: u32,
    }
}

/// The definition has another name.
#[netabase_definition_module(Persons, PersonsKeys)]
pub(super) mod other_name {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(Persons)]
    pub(crate) struct Person {
        #[primary_key]
        pub(crate) id: u64,
        #[secondary_key]
        pub(crate) name: String,
        pub(crate) age: u32,
    }
}
