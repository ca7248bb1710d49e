//! A crate that has the store under another name says so once a module.

#![deny(warnings)]

extern crate netabase_store as renamed;

mod nested {
    pub use netabase_store as store;
}

#[renamed::netabase_definition_module(Shop, ShopKeys, crate = "renamed")]
pub mod shop {
    use renamed::{NetabaseKey, NetabaseModel, NetabaseValue};

    #[derive(NetabaseKey, NetabaseValue, Clone, Debug)]
    pub struct Sku(pub u32);

    #[derive(NetabaseModel, Clone)]
    #[netabase(Shop)]
    pub struct Item {
        #[primary_key]
        pub sku: Sku,
    }
}

#[nested::store::netabase_definition_module(Other, OtherKeys)]
mod other {
    use renamed::NetabaseModel;

    #[derive(NetabaseModel)]
    #[netabase(Other, crate = "crate::nested::store")]
    pub struct Thing {
        #[primary_key]
        pub id: u8,
    }
}

fn main() {
    let store = renamed::MemoryStore::<shop::Shop>::new();
    store.open_tree::<shop::Item>().put(shop::Item { sku: shop::Sku(1) }).unwrap();
    let store = renamed::MemoryStore::<other::Other>::new();
    store.open_tree::<other::Thing>().put(other::Thing { id: 1 }).unwrap();
}
