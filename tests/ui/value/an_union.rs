use netabase_store::NetabaseValue;

#[derive(NetabaseValue)]
union Either {
    left: u8,
    right: i8,
}

fn main() {}
