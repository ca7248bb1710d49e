use netabase_store::NetabaseValue;

struct Opaque;

#[derive(NetabaseValue)]
enum Part {
    None,
    Some(Opaque),
}

fn main() {}
