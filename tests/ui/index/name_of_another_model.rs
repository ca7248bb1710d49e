use netabase_store::netabase_definition_module;

#[netabase_definition_module(Shop, ShopKeys)]
mod shop {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel)]
    #[netabase(Shop)]
    pub struct Item {
        #[primary_key]
        pub id: u64,
        #[secondary_key]
        pub part_size: u8,
    }

    #[derive(NetabaseModel)]
    #[netabase(Shop)]
    pub struct ItemPart {
        #[primary_key]
        pub id: u64,
        #[secondary_key]
        pub size: u8,
    }
}

fn main() {}
