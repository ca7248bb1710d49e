//! Every kind of index, through a store.

use std::collections::{BTreeSet, HashSet, VecDeque};

use netabase_store::{MemoryStore, NetabaseDefinitionTrait, NetabaseModelTrait, Shape};

#[netabase_store::netabase_definition_module(Library, LibraryKeys)]
mod library {
    use std::collections::{BTreeSet, HashSet, VecDeque};

    use netabase_store::{NetabaseKey, NetabaseModel, NetabaseValue};
    use serde::{Deserialize, Serialize};

    #[derive(NetabaseKey, NetabaseValue, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Genre {
        Poem = -1,
        Novel,
        Essay = 10,
    }

    #[derive(NetabaseKey, NetabaseValue, Clone, Debug, PartialEq)]
    pub struct Shelf {
        pub room: u8,
        pub board: String,
    }

    #[derive(NetabaseValue, Clone, Debug, PartialEq)]
    pub struct Labels(pub Vec<String>);

    impl<'a> IntoIterator for &'a Labels {
        type Item = &'a String;
        type IntoIter = std::slice::Iter<'a, String>;

        fn into_iter(self) -> Self::IntoIter {
            self.0.iter()
        }
    }

    #[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
    pub struct Foreign {
        pub note: Option<u8>,
    }

    #[derive(NetabaseValue, Clone, Debug, PartialEq)]
    pub enum Tree<T> {
        Leaf,
        Node(Box<Tree<T>>, T, #[netabase(serde)] Foreign),
    }

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(Library)]
    #[primary_key(author, slug)]
    #[secondary_key(name = by_genre_year, fields(genre, year), unique)]
    #[secondary_key(name = by_title, with = Book::lower)]
    #[secondary_key(name = by_century, with = century, key = Option<u32>)]
    #[secondary_key(name = by_word, with = Book::words, each)]
    #[secondary_key(name = by_first, with = first_word)]
    pub struct Book {
        pub author: String,
        pub slug: String,
        pub title: String,
        #[secondary_key]
        pub year: Option<u32>,
        #[secondary_key]
        pub genre: Genre,
        #[secondary_key]
        pub shelf: Shelf,
        #[secondary_key(unique, name = number)]
        pub isbn: u64,
        #[secondary_key]
        pub rating: f32,
        #[secondary_key(each)]
        pub readers: Vec<u32>,
        #[secondary_key(each, unique)]
        pub copies: BTreeSet<u64>,
        #[secondary_key(each)]
        pub places: HashSet<String>,
        #[secondary_key(each)]
        pub queue: VecDeque<i8>,
        #[secondary_key(each)]
        pub parts: [u16; 2],
        #[secondary_key(each)]
        #[netabase(serde)]
        pub pages: Box<[u8]>,
        #[secondary_key(each, element = String)]
        pub labels: Labels,
        #[netabase(serde)]
        pub foreign: Foreign,
        pub tree: Tree<u8>,
    }

    impl Book {
        fn lower(&self) -> String {
            self.title.to_lowercase()
        }

        fn words(&self) -> impl Iterator<Item = &str> {
            self.title.split(' ')
        }
    }

    fn century(book: &Book) -> Option<u32> {
        book.year.map(|year| year / 100)
    }

    fn first_word(book: &Book) -> &str {
        book.title.split(' ').next().unwrap_or_default()
    }
}

use library::*;

fn book() -> Book {
    Book {
        author: "a".into(),
        slug: "s".into(),
        title: "The The End".into(),
        year: Some(1984),
        genre: Genre::Novel,
        shelf: Shelf { room: 1, board: "b".into() },
        isbn: 5,
        rating: -0.5,
        readers: vec![3, 1, 3],
        copies: BTreeSet::from([9, 8]),
        places: HashSet::from(["x".into()]),
        queue: VecDeque::from([-1, -1]),
        parts: [7, 7],
        pages: Box::from([1, 2]),
        labels: Labels(vec!["l".into()]),
        foreign: Foreign { note: None },
        tree: Tree::Node(Box::new(Tree::Leaf), 4, Foreign::default()),
    }
}

fn main() -> netabase_store::Result<()> {
    let store = MemoryStore::<Library>::new();
    let books = store.open_tree::<Book>();
    books.put(book())?;
    books.put(Book { slug: "t".into(), year: None, isbn: 6, copies: BTreeSet::new(), ..book() })?;
    assert_eq!(books.get(("a".to_owned(), "s".to_owned()))?, Some(book()));

    assert_eq!(books.index::<BookYearSecondaryKey>().range(..).count()?, 1);
    assert_eq!(books.index::<BookByGenreYearSecondaryKey>().get((Genre::Novel, None)).count()?, 1);
    assert_eq!(books.index::<GenreSecondaryKey>().range(..=Genre::Poem).count()?, 0);
    assert_eq!(books.index::<ByTitleSecondaryKey>().prefix("the").count()?, 2);
    assert_eq!(books.index::<ByCenturySecondaryKey>().range(19..).count()?, 1);
    assert_eq!(books.index::<ByWordSecondaryKey>().get("The").count()?, 2);
    assert_eq!(books.index::<ByFirstSecondaryKey>().get("The").count()?, 2);
    assert_eq!(books.index::<NumberSecondaryKey>().range(5..6).count()?, 1);
    assert_eq!(books.index::<RatingSecondaryKey>().range(-1.0..0.0).count()?, 2);
    assert_eq!(books.index::<ReadersSecondaryKey>().range(..).count()?, 4);
    assert_eq!(books.index::<CopiesSecondaryKey>().get(9).count()?, 1);
    assert_eq!(books.index::<LabelsSecondaryKey>().get("l").count()?, 2);
    assert!(books.put(Book { slug: "u".into(), ..book() }).is_err_and(|e| e.is_conflict()));

    // Four entries of one value, two elements of a set, one each of four more collections (of
    // which `pages` has two), the composite and four computed ones, of which one has two words.
    let keys = NetabaseModelTrait::<Library>::secondary_keys(&book());
    let readers = keys.iter().filter(|key| matches!(key, BookSecondaryKeys::Readers(_)));
    assert_eq!(readers.count(), 2);
    assert_eq!(keys.len(), 5 + 2 + 2 + 1 + 1 + 1 + 2 + 1 + 1 + 1 + 1 + 2 + 1);

    let schema = Library::schema();
    let indexes = &schema.models[0].indexes;
    let named = |name: &str| indexes.iter().find(|index| index.name == name).unwrap();
    assert_eq!(schema.models[0].primary_fields, ["author", "slug"]);
    assert!(named("number").unique && named("year").sparse && named("readers").each);
    assert!(named("by_title").computed && named("by_century").sparse);
    assert_eq!(named("readers").shape, Shape::Unsigned(32));
    assert_eq!(named("number").fields, ["isbn"]);
    assert!(matches!(&named("by_genre_year").shape, Shape::Tuple(parts) if parts.len() == 2));
    let foreign = schema.models[0].fields.iter().find(|(name, _)| name == "foreign").unwrap();
    assert_eq!(foreign.1, Shape::Opaque("Foreign".to_owned()));
    Ok(())
}
