use netabase_store::NetabaseKey;

const ONE: isize = 1;

#[derive(NetabaseKey, Clone, Debug)]
enum Kind {
    Small = ONE,
    Large,
}

fn main() {}
