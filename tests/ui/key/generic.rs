use netabase_store::NetabaseKey;

#[derive(NetabaseKey, Clone, Debug)]
struct Pair<T>(T, T);

fn main() {}
