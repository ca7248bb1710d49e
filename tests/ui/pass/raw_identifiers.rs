//! Raw identifiers lose their `r#` in every name that is generated or stored.

#![deny(warnings)]

use netabase_store::{MemoryStore, NetabaseDefinitionTrait, netabase_definition_module};

#[netabase_definition_module(r#Dyn, r#Keys)]
mod r#loop {
    use netabase_store::{NetabaseModel, NetabaseValue};

    #[derive(NetabaseValue, Clone)]
    pub enum r#Where {
        r#In { r#mod: u8 },
    }

    #[derive(NetabaseModel, Clone)]
    #[netabase(Dyn)]
    #[secondary_key(name = r#fn, fields(r#type, r#match))]
    pub struct r#Struct {
        #[primary_key]
        pub r#type: u32,
        #[secondary_key]
        pub r#match: String,
        pub r#where: r#Where,
    }
}

use r#loop::*;

fn main() {
    let store = MemoryStore::<Dyn>::new();
    let structs = store.open_tree::<Struct>();
    let r#where = Where::In { r#mod: 1 };
    structs.put(Struct { r#type: 1, r#match: "a".into(), r#where }).unwrap();
    assert_eq!(structs.index::<MatchSecondaryKey>().get("a").count().unwrap(), 1);
    assert_eq!(structs.index::<StructFnSecondaryKey>().get((1, "a".to_owned())).count().unwrap(), 1);
    let schema = Dyn::schema();
    let fields = schema.models[0].fields.iter().map(|(name, _)| name.as_str());
    assert_eq!(fields.collect::<Vec<_>>(), ["type", "match", "where"]);
    assert_eq!(schema.models[0].indexes[1].name, "fn");
    assert_eq!(schema.types[0].name, "Where");
    assert_eq!(schema.name, "Dyn");
}
