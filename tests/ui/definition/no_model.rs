use netabase_store::netabase_definition_module;

#[netabase_definition_module(Shop, ShopKeys)]
mod shop {
    pub struct Item;
}

fn main() {}
