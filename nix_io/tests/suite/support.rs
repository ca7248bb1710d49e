//! What several tests share.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use nix_io::{
    nar::{DecodeError, Decoder, Encoder, Event, NarLimits},
    wire,
};
use proptest::prelude::*;
pub(crate) use test_data::{missing, shared};

/// Returns the files of a folder with their names, sorted.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), std::fs::read(&path).expect("a file"))
        })
        .collect();
    files.sort();
    files
}

/// Returns wire strings one after the other.
pub(crate) fn words(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = wire::Encoder::new(&mut bytes);
    for word in words {
        encoder.string(word);
    }
    bytes
}

/// Returns the archive of a directory whose entries are empty files of these names, whatever they
/// are.
pub(crate) fn archive_of_names(names: &[&[u8]]) -> Vec<u8> {
    let file: &[&[u8]] = &[b"(", b"type", b"regular", b"contents", b"", b")"];
    let mut all: Vec<&[u8]> = vec![b"nix-archive-1", b"(", b"type", b"directory"];
    for name in names {
        all.extend([&b"entry"[..], b"(", b"name", name, b"node"]);
        all.extend(file);
        all.push(b")");
    }
    all.push(b")");
    words(&all)
}

/// A tree of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    File { executable: bool, contents: Vec<u8> },
    Link(Vec<u8>),
    Directory(BTreeMap<Vec<u8>, Tree>),
}

impl Tree {
    pub(crate) fn file(contents: &[u8]) -> Self {
        let (executable, contents) = (false, contents.to_vec());
        Self::File {
            executable,
            contents,
        }
    }

    pub(crate) fn directory<const N: usize>(entries: [(&[u8], Self); N]) -> Self {
        let entries = entries.map(|(name, tree)| (name.to_vec(), tree));
        Self::Directory(entries.into())
    }

    /// Returns the archive, made by the encoder.
    pub(crate) fn archive(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(NarLimits::default());
        let mut bytes = Vec::new();
        self.encode(&mut encoder, &mut bytes);
        let size = encoder.finish().expect("the tree is complete");
        assert_eq!(size, bytes.len() as u64);
        bytes
    }

    fn encode(&self, encoder: &mut Encoder, bytes: &mut Vec<u8>) {
        let mut encode = |event| encoder.encode(event, bytes).expect("a sequence of events");
        match self {
            Self::File {
                executable,
                contents,
            } => {
                encode(Event::Regular {
                    executable: *executable,
                    size: contents.len() as u64,
                    offset: 0,
                });
                encode(Event::Contents(contents));
                encode(Event::RegularEnd);
            }
            Self::Link(target) => encode(Event::Symlink { target }),
            Self::Directory(entries) => {
                encode(Event::Directory);
                for (name, tree) in entries {
                    encoder
                        .encode(Event::Entry { name }, bytes)
                        .expect("a sequence of events");
                    tree.encode(encoder, bytes);
                }
                encoder
                    .encode(Event::DirectoryEnd, bytes)
                    .expect("a sequence of events");
            }
        }
    }

    /// Makes the tree at a path.
    #[cfg(unix)]
    pub(crate) fn make(&self, path: &Path) {
        use std::{
            ffi::OsStr,
            fs,
            os::unix::{ffi::OsStrExt, fs::PermissionsExt},
        };
        match self {
            Self::File {
                executable,
                contents,
            } => {
                fs::write(path, contents).expect("a file");
                let mode = if *executable { 0o700 } else { 0o600 };
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
            }
            Self::Link(target) => {
                std::os::unix::fs::symlink(OsStr::from_bytes(target), path).expect("a symlink");
            }
            Self::Directory(entries) => {
                fs::create_dir(path).expect("a directory");
                for (name, tree) in entries {
                    tree.make(&path.join(OsStr::from_bytes(name)));
                }
            }
        }
    }
}

pub(crate) fn arb_name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        Just(b'a'),
        Just(b'A'),
        Just(b'.'),
        Just(b'-'),
        Just(b'~'),
        any::<u8>()
    ];
    let name = prop::collection::vec(byte, 1..12);
    let is_name = |name: &Vec<u8>| {
        !name.contains(&b'/') && !name.contains(&0) && !matches!(&name[..], b"." | b"..")
    };
    name.prop_filter("a name", is_name)
}

pub(crate) fn arb_tree() -> impl Strategy<Value = Tree> {
    let size = prop_oneof![0..18_usize, 4090..4100_usize];
    let contents = size.prop_flat_map(|size| prop::collection::vec(any::<u8>(), size));
    let leaf = prop_oneof![
        (any::<bool>(), contents).prop_map(|(executable, contents)| Tree::File {
            executable,
            contents
        }),
        prop::collection::vec(1..=255_u8, 1..20).prop_map(Tree::Link),
    ];
    leaf.prop_recursive(5, 40, 8, |inner| {
        prop::collection::btree_map(arb_name(), inner, 0..8).prop_map(Tree::Directory)
    })
}

/// An event that owns what it holds; contents of a file are put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Regular(bool, u64, u64),
    Contents(Vec<u8>),
    RegularEnd,
    Symlink(Vec<u8>),
    Directory,
    Entry(Vec<u8>),
    DirectoryEnd,
    End,
}

impl Seen {
    pub(crate) fn push(seen: &mut Vec<Self>, event: Event<'_>) {
        let next = match event {
            Event::Regular {
                executable,
                size,
                offset,
            } => Self::Regular(executable, size, offset),
            Event::Contents(contents) => {
                assert!(!contents.is_empty());
                if let Some(Self::Contents(before)) = seen.last_mut() {
                    before.extend_from_slice(contents);
                    return;
                }
                Self::Contents(contents.to_vec())
            }
            Event::RegularEnd => Self::RegularEnd,
            Event::Symlink { target } => Self::Symlink(target.to_vec()),
            Event::Directory => Self::Directory,
            Event::Entry { name } => Self::Entry(name.to_vec()),
            Event::DirectoryEnd => Self::DirectoryEnd,
            Event::End => Self::End,
        };
        seen.push(next);
    }

    fn event(&self) -> Event<'_> {
        match self {
            &Self::Regular(executable, size, offset) => Event::Regular {
                executable,
                size,
                offset,
            },
            Self::Contents(contents) => Event::Contents(contents),
            Self::RegularEnd => Event::RegularEnd,
            Self::Symlink(target) => Event::Symlink { target },
            Self::Directory => Event::Directory,
            Self::Entry(name) => Event::Entry { name },
            Self::DirectoryEnd => Event::DirectoryEnd,
            Self::End => Event::End,
        }
    }
}

/// Returns the events of an archive that comes in these chunks, and how many bytes it has.
pub(crate) fn decode<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
    limits: NarLimits,
) -> Result<(Vec<Seen>, u64), DecodeError> {
    let mut decoder = Decoder::new(limits);
    let mut seen = Vec::new();
    'chunks: for chunk in chunks {
        let mut input = chunk;
        while let Some(event) = decoder.next(&mut input)? {
            Seen::push(&mut seen, event);
            if event == Event::End {
                break 'chunks;
            }
        }
        assert!(input.is_empty());
    }
    if decoder.is_complete() && seen.last() != Some(&Seen::End) {
        seen.push(Seen::End);
    }
    decoder.finish()?;
    Ok((seen, decoder.position()))
}

/// Returns the events of an archive in memory.
pub(crate) fn decode_whole(bytes: &[u8]) -> Result<Vec<Seen>, DecodeError> {
    let (seen, size) = decode([bytes], NarLimits::default())?;
    assert!(size <= bytes.len() as u64);
    Ok(seen)
}

/// Returns the archive of events.
pub(crate) fn encode(seen: &[Seen]) -> Vec<u8> {
    let mut encoder = Encoder::new(NarLimits::default());
    let mut bytes = Vec::new();
    for seen in seen {
        let encoded = encoder.encode(seen.event(), &mut bytes);
        encoded.expect("what was decoded can be encoded");
    }
    encoder.finish().expect("the archive is complete");
    bytes
}

/// A folder that is removed with all that was unpacked into it.
#[cfg(unix)]
pub(crate) struct Scratch(tempfile::TempDir);

#[cfg(unix)]
impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

#[cfg(unix)]
impl Drop for Scratch {
    fn drop(&mut self) {
        use std::{fs, os::unix::fs::PermissionsExt};
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            // What cannot be opened up stays behind, and fails no test.
            let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o700));
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            folders.extend(below.map(|entry| entry.path()));
        }
    }
}
