//! Bytes as a damaged redb file, and damage to a sound one: recovered or refused, and never more
//! records than the file has room for.

#![no_main]

use std::{fs, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use netabase_store::{
    NetabaseDefinitionTrait, RawStore, RedbStore, StoreOptions, backends::redb::RedbBackend,
    netabase_definition_module,
};
use tempfile::TempDir;

#[netabase_definition_module(NotesDefinition, NotesKeys)]
mod notes {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(NotesDefinition)]
    pub struct Note {
        #[primary_key]
        pub id: u64,
        #[secondary_key(unique)]
        pub title: String,
        #[secondary_key]
        pub pages: Option<u16>,
    }
}
use notes::{Note, NotesDefinition};

const PAGE: usize = 4096;

/// A folder, and a sound file with some records.
fn sound() -> &'static (TempDir, Vec<u8>) {
    static SOUND: OnceLock<(TempDir, Vec<u8>)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("sound");
        let store = RedbStore::<NotesDefinition>::new(&path).expect("a new store");
        let note = |id: u16| Note {
            id: id.into(),
            title: format!("note {id}"),
            pages: Some(id % 7),
        };
        let notes = store.open_tree::<Note>();
        notes
            .put_many((0..200).map(note))
            .expect("room for records");
        notes.remove_many(50..60).expect("records that are there");
        drop(notes);
        drop(store);
        let bytes = fs::read(&path).expect("the file can be read");
        (folder, bytes)
    })
}

/// Returns the file that an input stands for: its pages, each begun by a piece of the input, or the
/// sound file with pieces of the input written over it.
fn file(sound: &[u8], input: &[u8]) -> Vec<u8> {
    let Some((kind, input)) = input.split_first() else {
        return Vec::new();
    };
    match kind % 3 {
        0 => input.to_vec(),
        1 => {
            let pages = input.chunks(256).map(|piece| {
                let mut page = piece.to_vec();
                page.resize(PAGE, 0);
                page
            });
            pages.flatten().collect()
        }
        _ => {
            let mut bytes = sound.to_vec();
            for piece in input.chunks(8) {
                let [a, b, c, rest @ ..] = piece else { break };
                let at = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
                let at = at % bytes.len();
                let len = rest.len().min(bytes.len() - at);
                bytes[at..at + len].copy_from_slice(&rest[..len]);
            }
            bytes
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let (folder, sound) = sound();
    let (from, to) = (
        folder.path().join("damaged"),
        folder.path().join("recovered"),
    );
    let bytes = file(sound, input);
    fs::write(&from, &bytes).expect("room for a file");
    let like = NotesDefinition::schema();
    let recovered = RawStore::<RedbBackend>::recover(&from, &to, Some(&like));
    assert!(fs::read(&from).expect("it is there") == bytes);
    let Ok(recovery) = recovered else {
        assert!(!to.exists());
        return;
    };
    assert!(recovery.records() <= bytes.len() as u64);
    let store = RawStore::<RedbBackend>::open(&to, &StoreOptions::new()).expect("a new store");
    let report = store.verify().expect("the store can be read");
    assert!(report.is_sound(), "{report:?}");
    drop(store);
    fs::remove_file(&to).expect("it was there");
});
