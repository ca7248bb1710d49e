use netabase_store::NetabaseKey;

#[derive(NetabaseKey, Clone, Debug)]
enum Kind {
    Small,
    Large(u8),
}

fn main() {}
