use netabase_store::NetabaseValue;

#[derive(NetabaseValue)]
#[netabase(serde)]
struct Text(String);

fn main() {}
