//! A crate has several definitions; a definition has models from several files.

use netabase_store::{
    MemoryStore, NetabaseDefinitionTrait, NetabaseModelTrait, netabase_definition_module,
};

#[netabase_definition_module(First, FirstKeys)]
mod first {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(First)]
    pub struct User {
        #[primary_key]
        pub id: u64,
        #[secondary_key]
        pub email: String,
        #[secondary_key]
        pub post_title: String,
        #[secondary_key]
        pub e: u8,
    }

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(self::First)]
    pub struct Post {
        #[primary_key]
        pub id: u64,
        #[secondary_key]
        pub email: String,
        #[secondary_key]
        pub title: String,
        // The short name would be `UserESecondaryKey`, which is the long one of `User`'s `e`.
        #[secondary_key]
        pub user_e: u8,
    }

    // Not a model, although it takes the short name of `title`.
    pub struct TitleSecondaryKey;
}

mod elsewhere {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(crate::second::Second)]
    pub struct User {
        #[primary_key]
        pub id: String,
    }
}

#[netabase_definition_module(Second, SecondKeys, models(crate::elsewhere::User))]
mod second {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(Second)]
    pub struct Post {
        #[primary_key]
        pub id: u64,
    }

    #[cfg(any())]
    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(Second)]
    pub struct Absent {
        #[primary_key]
        pub id: u64,
        #[secondary_key]
        pub size: u64,
    }
}

fn main() {
    assert_eq!(First::DISCRIMINANTS, ["User", "Post"]);
    assert_eq!(Second::DISCRIMINANTS, ["Post", "User"]);
    assert_eq!(<elsewhere::User as NetabaseModelTrait<Second>>::DISCRIMINANT, "User");
    assert_eq!((First::NAME, Second::NAME), ("First", "Second"));

    let post = second::Post { id: 7 };
    let record = Second::from(post.clone());
    assert!(matches!(record.primary_key(), second::SecondKeys::Post(_)));
    assert_eq!(record.discriminant(), "Post");
    assert_eq!(second::Post::try_from(record).ok(), Some(post));

    let _ = first::PostTitleSecondaryKey(String::new());
    let _ = first::UserPostTitleSecondaryKey(String::new());
    let _: first::UserESecondaryKey = first::ESecondaryKey(1);
    let _ = first::PostUserESecondaryKey(1);
    let _ = (first::UserEmailSecondaryKey("a".into()), first::PostEmailSecondaryKey("a".into()));
    let _ = first::TitleSecondaryKey;

    let store = MemoryStore::<Second>::new();
    store.open_tree::<elsewhere::User>().put(elsewhere::User { id: "a".into() }).unwrap();
    assert_eq!(store.tree_names(), ["Post", "User"]);
}

use first::First;
use second::Second;
