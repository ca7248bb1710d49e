use netabase_store::NetabaseKey;

#[derive(NetabaseKey, Clone, Debug)]
struct Tags(u8, std::collections::HashMap<u8, u8>);

fn main() {}
