use netabase_store::netabase_definition_module;

#[netabase_definition_module(Shop, ShopKeys)]
mod shop {
    use netabase_store::NetabaseModel;

    type Maybe = Option<u8>;

    #[derive(NetabaseModel)]
    #[netabase(Shop)]
    pub struct Item {
        #[primary_key]
        pub id: u64,
        #[secondary_key]
        pub size: Maybe,
    }
}

fn main() {}
