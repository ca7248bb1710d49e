use netabase_store::netabase_definition_module;

#[netabase_definition_module(Shop, ShopKeys)]
mod shop {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel)]
    #[netabase(Shop)]
    pub struct Item {
        #[primary_key]
        pub id: u64,
    }

    #[derive(NetabaseModel)]
    #[netabase(Blog)]
    pub struct Other {
        #[primary_key]
        pub id: u64,
    }
}

fn main() {}
