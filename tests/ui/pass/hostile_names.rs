//! Generated code uses nothing by a name that the user can take.

#![deny(warnings)]
#![allow(dead_code, non_camel_case_types)]

mod core {}
mod std {}
mod netabase_store {}

#[::netabase_store::netabase_definition_module(Definition, Keys)]
mod hostile {
    mod core {}
    mod std {}
    mod netabase_store {}

    pub struct Result;
    pub struct Vec;
    pub struct Ok;
    pub struct Err;
    pub struct Some;
    pub struct None;
    pub struct Box;
    pub struct BTreeSet;
    pub struct Types;
    pub struct Shape;
    pub struct Entries;
    pub struct usize;
    pub struct str;
    pub trait Clone {}
    pub trait Debug {}
    pub trait From {}
    pub trait TryFrom {}
    pub trait Iterator {}
    pub trait IntoIterator {}
    pub trait NetabaseModelTrait {}
    pub trait NetabaseKey {}

    /// Methods of everything that the generated code must not call.
    pub trait Everything: Sized {
        fn clone(&self) {}
        fn into(self) {}
        fn map(self) {}
        fn encode_key(&self) {}
        fn primary_key(&self) {}
        fn nest(&self) {}
    }
    impl<T> Everything for T {}

    #[derive(::netabase_store::NetabaseValue, ::core::clone::Clone)]
    pub enum Value {
        None,
        Some(u8),
        Ok { writer: u8, reader: u8 },
        Err(::std::boxed::Box<Value>),
    }

    #[derive(::netabase_store::NetabaseKey, ::netabase_store::NetabaseValue)]
    #[derive(::core::clone::Clone, ::core::fmt::Debug)]
    pub enum Kind {
        Some,
        None,
    }

    #[derive(::netabase_store::NetabaseModel, ::core::clone::Clone)]
    #[netabase(Definition)]
    #[secondary_key(name = computed, with = Model::computed, key = u8, each)]
    #[secondary_key(name = parts, fields(id, float))]
    pub struct Model {
        #[primary_key]
        pub id: u64,
        #[secondary_key]
        pub kind: Kind,
        #[secondary_key(each)]
        pub tags: ::std::vec::Vec<i16>,
        #[secondary_key]
        pub maybe: ::core::option::Option<u8>,
        #[secondary_key]
        pub float: f64,
        pub value: Value,
        pub writer: u8,
        pub reader: u8,
        pub types: u8,
        pub out: u8,
    }

    impl Model {
        fn computed(&self) -> [u8; 2] {
            [self.writer, self.reader]
        }
    }
}

fn main() {
    use hostile::{Definition, Kind, Model, Value};
    let store = ::netabase_store::MemoryStore::<Definition>::new();
    let models = store.open_tree::<Model>();
    let model = Model {
        id: 1,
        kind: Kind::None,
        tags: ::std::vec![2, 1, 2],
        maybe: ::core::option::Option::Some(3),
        float: -0.5,
        value: Value::Err(::std::boxed::Box::new(Value::Ok { writer: 1, reader: 2 })),
        writer: 4,
        reader: 5,
        types: 6,
        out: 7,
    };
    models.put(model).unwrap();
    assert_eq!(models.index::<hostile::ModelTagsSecondaryKey>().range(..).count().unwrap(), 2);
    let found = models.get(1).unwrap().unwrap();
    assert!(matches!(found.value, Value::Err(inner) if matches!(*inner, Value::Ok { .. })));
}
