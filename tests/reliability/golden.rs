//! Stores that format version 1 wrote: every later version opens them.
//!
//! `tests/fixtures/v1` has each file as text: a line is a number and the hexadecimal bytes that are
//! repeated so often. With `NETABASE_WRITE_FIXTURES` set, the test writes them again: only before
//! the format is released.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use netabase_store::{
    Result, Store, ToIVec,
    backends::{OpenBackend, redb::RedbBackend, sled::SledBackend},
    encode_key, netabase_definition_module,
};
use netabase_tests::{assert_sound, hex, unhex};

use self::mail::{
    Body, Golden, Letter, LetterByLengthSecondaryKey, LetterByYearSecondaryKey,
    LetterNumberSecondaryKey, LetterPrimaryKey, LetterReplySecondaryKey, LetterSealSecondaryKey,
    LetterTopicsSecondaryKey, Stamp,
};

/// Every kind of key, index and field.
#[netabase_definition_module(Golden, GoldenKeys)]
mod mail {
    use std::collections::BTreeMap;

    use netabase_store::{NetabaseModel, NetabaseValue};
    use uuid::Uuid;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(Golden)]
    #[primary_key(sender, sequence)]
    #[secondary_key(name = by_year, fields(year, sender))]
    #[secondary_key(name = by_length, with = Letter::length, key = u64)]
    pub(super) struct Letter {
        pub(super) sender: String,
        pub(super) sequence: u32,
        pub(super) year: i16,
        #[secondary_key(unique)]
        pub(super) number: u128,
        #[secondary_key]
        pub(super) reply: Option<u64>,
        #[secondary_key(each)]
        pub(super) topics: Vec<String>,
        #[secondary_key]
        pub(super) weight: f64,
        #[secondary_key]
        pub(super) seal: Uuid,
        pub(super) body: Body,
        #[netabase(serde)]
        pub(super) extra: BTreeMap<String, i32>,
    }

    impl Letter {
        fn length(&self) -> u64 {
            self.topics
                .iter()
                .map(|topic| u64::from(topic.len() > 3))
                .sum()
        }
    }

    #[derive(NetabaseValue, Clone, Debug, PartialEq)]
    pub(super) enum Body {
        Lost,
        Text(String),
        Pages {
            pages: Vec<Vec<u8>>,
            last: Option<Box<Body>>,
        },
    }

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(Golden)]
    pub(super) struct Stamp {
        #[primary_key]
        pub(super) id: i64,
        pub(super) picture: [u8; 4],
    }
}

fn letters() -> Vec<Letter> {
    let letter = |sender: &str, sequence| Letter {
        sender: sender.into(),
        sequence,
        year: -44,
        number: u128::from(sequence) << 70,
        reply: (sequence % 2 == 0).then_some(u64::MAX - u64::from(sequence)),
        topics: vec!["war".into(), "peace".into(), "war".into()],
        weight: -0.25 * f64::from(sequence),
        seal: uuid::Uuid::from_u128(u128::from(sequence)),
        body: Body::Text("salve".into()),
        extra: BTreeMap::from([("a".into(), -1), ("b".into(), 300)]),
    };
    let pages = Body::Pages {
        pages: vec![vec![], vec![0xFF; 20]],
        last: Some(Box::new(Body::Lost)),
    };
    vec![
        letter("", 1),
        letter("a\0b", 2),
        Letter {
            body: pages,
            topics: vec![],
            ..letter("caesar", 3)
        },
        Letter {
            body: Body::Lost,
            year: 2024,
            extra: BTreeMap::new(),
            ..letter("caesar", 400)
        },
    ]
}

fn stamps() -> Vec<Stamp> {
    [i64::MIN, -1, 0, 70_000]
        .map(|id| Stamp {
            id,
            picture: [1, 2, 0, 0xFF],
        })
        .into()
}

/// How many bytes a line of a fixture has.
const ROW_BYTES: usize = 32;

fn to_text(bytes: &[u8]) -> String {
    let (mut text, mut rows) = (String::new(), bytes.chunks(ROW_BYTES).peekable());
    while let Some(row) = rows.next() {
        let mut times = 1;
        while rows.next_if_eq(&row).is_some() {
            times += 1;
        }
        text += &format!("{times} {}\n", hex(row));
    }
    text
}

fn from_text(text: &str) -> Vec<u8> {
    let line = |line: &str| {
        let (times, row) = line.split_once(' ').expect("a number and bytes");
        unhex(row).repeat(times.parse().expect("a number"))
    };
    text.lines().flat_map(line).collect()
}

/// A store's fixture: its name, and the files of the engine, a nameless one where it is the store.
struct Fixture {
    name: &'static str,
    files: &'static [&'static str],
}

impl Fixture {
    /// Returns where each file's text is, and where the file belongs in a store at `path`.
    fn files(&self, path: &Path) -> Vec<(PathBuf, PathBuf)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/v1");
        let of_file = |file: &&str| match *file {
            "" => (
                folder.join(format!("{}.hex", self.name)),
                path.to_path_buf(),
            ),
            file => (
                folder.join(format!("{}.{file}.hex", self.name)),
                path.join(file),
            ),
        };
        self.files.iter().map(of_file).collect()
    }

    fn write<B: OpenBackend>(&self) -> Result<()> {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let path = temporary.path().join("store");
        let store = Store::<Golden, B>::new(&path)?;
        store.open_tree::<Letter>().put_many(letters())?;
        store.open_tree::<Stamp>().put_many(stamps())?;
        drop(store);
        for (text, file) in self.files(&path) {
            let bytes = fs::read(file).expect("a file of the store");
            fs::write(text, to_text(&bytes)).expect("room for the fixture");
        }
        Ok(())
    }

    fn restore(&self, path: &Path) {
        for (text, file) in self.files(path) {
            let text = fs::read_to_string(text).expect("a fixture");
            fs::create_dir_all(file.parent().expect("it is in a folder")).expect("a new folder");
            fs::write(file, from_text(&text)).expect("room for the store");
        }
    }
}

fn check<B: OpenBackend>(fixture: &Fixture) -> Result<()> {
    if env::var_os("NETABASE_WRITE_FIXTURES").is_some() {
        fixture.write::<B>()?;
    }
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let path = temporary.path().join("store");
    fixture.restore(&path);
    let store = Store::<Golden, B>::open(&path)?;
    check_contents(&store)?;
    // It can be written on, and opened again.
    store.open_tree::<Stamp>().put(Stamp {
        id: 5,
        picture: [5; 4],
    })?;
    drop(store);
    let store = Store::<Golden, B>::open(&path)?;
    assert_eq!(store.open_tree::<Stamp>().len()?, 5);
    assert_sound(&store);
    Ok(())
}

fn check_contents<B: OpenBackend>(store: &Store<Golden, B>) -> Result<()> {
    let tree = store.open_tree::<Letter>();
    let found = tree.iter().map(|found| found.map(|(_, letter)| letter));
    assert_eq!(found.collect::<Result<Vec<_>>>()?, letters());
    let found = store
        .open_tree::<Stamp>()
        .iter()
        .map(|found| found.map(|(_, stamp)| stamp));
    assert_eq!(found.collect::<Result<Vec<_>>>()?, stamps());
    assert_eq!(
        tree.index::<LetterByYearSecondaryKey>()
            .leading((-44,))
            .count()?,
        3
    );
    assert_eq!(
        tree.index::<LetterByLengthSecondaryKey>().get(1).count()?,
        3
    );
    assert_eq!(
        tree.index::<LetterNumberSecondaryKey>()
            .get(2_u128 << 70)
            .count()?,
        1
    );
    assert_eq!(
        tree.index::<LetterReplySecondaryKey>().range(..).count()?,
        2
    );
    assert_eq!(
        tree.index::<LetterTopicsSecondaryKey>()
            .get("war")
            .count()?,
        3
    );
    let seal = uuid::Uuid::from_u128(400);
    assert_eq!(tree.index::<LetterSealSecondaryKey>().get(seal).count()?, 1);
    assert_sound(store);
    Ok(())
}

#[test]
fn a_redb_store_of_version_1_opens() -> Result<()> {
    check::<RedbBackend>(&Fixture {
        name: "store.redb",
        files: &[""],
    })
}

#[test]
fn a_sled_store_of_version_1_opens() -> Result<()> {
    check::<SledBackend>(&Fixture {
        name: "store.sled",
        files: &["conf", "db"],
    })
}

#[test]
fn rows_have_the_bytes_of_version_1() -> Result<()> {
    let rows = [
        "010001000157fe000000000000000040000000000000000003037761720570656163650377617200\
         0000000000d0bf00000000000000000000000000000001010573616c766509020161010162fb5802\
         3379cca354704246",
        "010001036100620257fe0000000000000000800000000000000001fdfdffffffffffffff03037761\
         7205706561636503776172000000000000e0bf00000000000000000000000000000002010573616c\
         766509020161010162fb58027ce48d04869ad7f2",
        "010001066361657361720357fe0000000000000000c0000000000000000000000000000000e8bf00\
         00000000000000000000000000000302020014ffffffffffffffffffffffffffffffffffffffff01\
         0009020161010162fb58029ecbe4901b455aea",
        "01000106636165736172fb9001fbd00ffe0000000000000000006400000000000001fd6ffeffffff\
         ffffff03037761720570656163650377617200000000000059c00000000000000000000000000000\
         01900001003811e3372e3da8de",
    ];
    for (letter, row) in letters().iter().zip(rows) {
        assert_eq!(hex(&letter.to_ivec()?), row);
        assert_eq!(Letter::from_ivec(&unhex(row))?, *letter);
    }
    let stamp = Stamp {
        id: -1,
        picture: [1, 2, 0, 0xFF],
    };
    assert_eq!(hex(&stamp.to_ivec()?), "01000101010200ff5372a55686967a8b");
    let key = LetterPrimaryKey("a\0b".into(), 2);
    assert_eq!(hex(&encode_key(&key)), "610101620000000002");
    Ok(())
}
