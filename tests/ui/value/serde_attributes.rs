use netabase_store::NetabaseValue;
use serde::{Deserialize, Serialize};

#[derive(NetabaseValue, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Kind {
    Small,
    #[serde(skip)]
    Large {
        #[serde(with = "path")]
        size: u8,
    },
}

fn main() {}
