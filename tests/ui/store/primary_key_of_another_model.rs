use netabase_store::{MemoryStore, netabase_definition_module};

#[netabase_definition_module(Shop, ShopKeys)]
mod shop {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel)]
    #[netabase(Shop)]
    pub struct Item {
        #[primary_key]
        pub id: u64,
        #[secondary_key]
        pub size: u32,
    }

    #[derive(NetabaseModel)]
    #[netabase(Shop)]
    pub struct Buyer {
        #[primary_key]
        pub id: u64,
        #[secondary_key]
        pub name: String,
    }
}

#[netabase_definition_module(Blog, BlogKeys)]
mod blog {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel)]
    #[netabase(Blog)]
    pub struct Post {
        #[primary_key]
        pub id: u64,
    }
}

fn main() {
    let store = MemoryStore::<shop::Shop>::new();
    let items = store.open_tree::<shop::Item>();
    let _ = items.get(shop::BuyerPrimaryKey(1));
}
