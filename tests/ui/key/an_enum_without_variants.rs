use netabase_store::NetabaseKey;

#[derive(NetabaseKey, Clone, Debug)]
enum Kind {}

fn main() {}
