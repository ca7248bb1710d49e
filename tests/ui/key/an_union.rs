use netabase_store::NetabaseKey;

#[derive(NetabaseKey, Clone, Copy)]
union Either {
    left: u8,
    right: i8,
}

impl std::fmt::Debug for Either {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("either")
    }
}

fn main() {}
