use netabase_store::NetabaseKey;

#[derive(NetabaseKey, Clone, Debug)]
struct Only;

fn main() {}
