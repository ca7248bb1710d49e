//! The documented surface, word for word.

use netabase_store::{NetabaseError, RedbStore, netabase_definition_module};

#[netabase_definition_module(BlogDefinition, BlogKeys)]
pub mod blog {
    use netabase_store::NetabaseModel; // `netabase`, `primary_key`, `secondary_key` are its helper attributes
    use serde::{Deserialize, Serialize};

    #[derive(NetabaseModel, Serialize, Deserialize, Clone, Debug, PartialEq)]
    #[netabase(BlogDefinition)]
    pub struct User {
        #[primary_key]
        pub id: u64,
        #[secondary_key]
        pub email: String,
        #[secondary_key]
        pub age: u32,
    }
}
use blog::*;

fn main() -> Result<(), NetabaseError> {
    let folder = std::env::temp_dir().join(format!("netabase-blog-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
    std::env::set_current_dir(&folder).expect("the folder is there");
    let result = surface();
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
    result
}

fn surface() -> Result<(), NetabaseError> {
    let store = RedbStore::<BlogDefinition>::new("blog.redb")?;
    let users = store.open_tree::<User>();
    users.put(User { id: 1, email: "a@example.org".into(), age: 30 })?;
    let found: Option<User> = users.get(UserPrimaryKey(1))?;
    assert_eq!(found.map(|user| user.age), Some(30));
    let same_age: Vec<User> =
        users.get_by_secondary_key(UserSecondaryKeys::Age(AgeSecondaryKey(30)))?;
    assert_eq!(same_age.len(), 1);
    for entry in users.iter() {
        let (key, user) = entry?;
        assert_eq!((key, user.id), (UserPrimaryKey(1), 1));
    }
    let removed: Option<User> = users.remove(UserPrimaryKey(1))?;
    assert_eq!(removed.map(BlogDefinition::from).as_ref().map(name), Some("User"));
    assert_eq!(users.len()?, 0);
    assert!(users.is_empty()?);
    users.clear()?;
    assert_eq!(store.tree_names(), ["User"]);
    store.flush()?;
    Ok(())
}

fn name(record: &BlogDefinition) -> &'static str {
    netabase_store::NetabaseDefinitionTrait::discriminant(record)
}
