use netabase_store::netabase_definition_module;

#[netabase_definition_module(Shop, ShopKeys)]
mod shop {
    use netabase_store::NetabaseModel;

    use serde::{Deserialize, Serialize};

    #[derive(NetabaseModel, Serialize, Deserialize, Clone)]
    #[netabase(Shop)]
    #[serde(from = "u64", into = "u64")]
    pub struct Item {
        #[primary_key]
        pub id: u64,
    }

    impl From<u64> for Item {
        fn from(id: u64) -> Self {
            Self { id }
        }
    }

    impl From<Item> for u64 {
        fn from(item: Item) -> Self {
            item.id
        }
    }
}

fn main() {}
