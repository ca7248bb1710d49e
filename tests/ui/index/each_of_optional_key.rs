use netabase_store::netabase_definition_module;

#[netabase_definition_module(Shop, ShopKeys)]
mod shop {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel)]
    #[netabase(Shop)]
    #[secondary_key(name = by_some, with = Item::some, key = Option<u8>, each)]
    pub struct Item {
        #[primary_key]
        pub id: u64,
    }

    impl Item {
        pub fn some(&self) -> Vec<Option<u8>> {
            Vec::new()
        }
    }
}

fn main() {}
