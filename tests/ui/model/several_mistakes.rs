use netabase_store::netabase_definition_module;

#[netabase_definition_module(Shop, ShopKeys)]
mod shop {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel)]
    #[netabase(Shop)]
    #[primary_key(identity)]
    pub struct Item {
        pub id: u64,
        #[secondary_key(uniqe)]
        pub name: String,
        #[secondary_key(each)]
        pub tags: String,
    }
}

fn main() {}
