use netabase_store::NetabaseValue;

#[derive(NetabaseValue)]
struct Text<'a> {
    text: &'a str,
}

fn main() {}
