use netabase_store::NetabaseKey;

#[derive(NetabaseKey, Clone, Debug)]
enum Kind {
    Small = 2,
    Large = 1,
}

fn main() {}
