use netabase_store::netabase_definition_module;

#[netabase_definition_module(Shop, ShopKeys)]
mod shop {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel)]
    #[netabase(Shop)]
    #[primary_key(id, id)]
    pub struct Item {
        pub id: u64,
    }
}

fn main() {}
