use netabase_store::netabase_definition_module;

#[netabase_definition_module(Shop, ShopKeys)]
mod shop {
    use netabase_store::NetabaseModel;

    use serde::{Deserialize, Serialize};

    #[derive(NetabaseModel, Serialize, Deserialize)]
    #[netabase(Shop)]
    pub struct Item {
        #[primary_key]
        #[serde(rename = "ID")]
        pub id: u64,
        #[serde(default, skip)]
        pub name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub note: Option<String>,
    }
}

fn main() {}
