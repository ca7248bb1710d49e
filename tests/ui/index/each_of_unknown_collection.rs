use netabase_store::netabase_definition_module;

#[netabase_definition_module(Shop, ShopKeys)]
mod shop {
    use netabase_store::NetabaseModel;

    use std::collections::BTreeMap;

    #[derive(NetabaseModel)]
    #[netabase(Shop)]
    pub struct Item {
        #[primary_key]
        pub id: u64,
        #[secondary_key(each)]
        pub tags: BTreeMap<String, String>,
    }
}

fn main() {}
