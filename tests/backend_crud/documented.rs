//! The surface that the documents fix, word for word, on every engine.

use netabase_store::{Backend, Result, Store, netabase_definition_module};

#[netabase_definition_module(BlogDefinition, BlogKeys)]
mod blog {
    use netabase_store::NetabaseModel;
    use serde::{Deserialize, Serialize};

    #[derive(NetabaseModel, Serialize, Deserialize, Clone, Debug, PartialEq)]
    #[netabase(BlogDefinition)]
    pub(super) struct User {
        #[primary_key]
        pub(super) id: u64,
        #[secondary_key]
        pub(super) email: String,
        #[secondary_key]
        pub(super) age: u32,
    }
}
use blog::{
    AgeSecondaryKey, BlogDefinition, EmailSecondaryKey, User, UserAgeSecondaryKey, UserPrimaryKey,
    UserSecondaryKeys,
};

on_every_engine! { super::BlogDefinition:
    the_documented_code_does_what_it_says,
    short_and_long_names_are_one_type,
}

fn the_documented_code_does_what_it_says<B: Backend>(
    store: Store<BlogDefinition, B>,
) -> Result<()> {
    let user = User {
        id: 1,
        email: "a@example.org".into(),
        age: 30,
    };
    let users = store.open_tree::<User>();
    users.put(User {
        id: 1,
        email: "a@example.org".into(),
        age: 30,
    })?;
    assert_eq!(users.get(UserPrimaryKey(1))?, Some(user.clone()));
    let aged = users.get_by_secondary_key(UserSecondaryKeys::Age(AgeSecondaryKey(30)))?;
    assert_eq!(aged, std::slice::from_ref(&user));
    for entry in users.iter() {
        let (key, found) = entry?;
        assert_eq!((key, found), (UserPrimaryKey(1), user.clone()));
    }
    assert_eq!(users.range(1..10).count()?, 1);
    let ages = users.index::<UserAgeSecondaryKey>();
    assert_eq!((ages.range(18..30).count()?, ages.get(30).count()?), (0, 1));
    assert_eq!(users.remove(UserPrimaryKey(1))?, Some(user));
    assert_eq!((users.len()?, users.is_empty()?), (0, true));
    users.clear()?;
    assert_eq!(store.tree_names(), ["User"]);
    store.flush()
}

fn short_and_long_names_are_one_type<B: Backend>(store: Store<BlogDefinition, B>) -> Result<()> {
    let users = store.open_tree::<User>();
    users.put(User {
        id: 1,
        email: "a@example.org".into(),
        age: 30,
    })?;
    assert_eq!(UserAgeSecondaryKey(30), AgeSecondaryKey(30));
    assert!(
        users
            .index::<EmailSecondaryKey>()
            .first("a@example.org")?
            .is_some()
    );
    Ok(())
}
