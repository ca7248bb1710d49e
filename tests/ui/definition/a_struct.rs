use netabase_store::netabase_definition_module;

#[netabase_definition_module(Shop, ShopKeys)]
struct Shop;

fn main() {}
