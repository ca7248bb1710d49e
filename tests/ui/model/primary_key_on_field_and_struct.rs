use netabase_store::netabase_definition_module;

#[netabase_definition_module(Shop, ShopKeys)]
mod shop {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel)]
    #[netabase(Shop)]
    #[primary_key(id, other)]
    pub struct Item {
        #[primary_key]
        pub id: u64,
        pub other: u64,
    }
}

fn main() {}
