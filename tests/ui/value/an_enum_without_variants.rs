use netabase_store::NetabaseValue;

#[derive(NetabaseValue)]
enum Never {}

fn main() {}
