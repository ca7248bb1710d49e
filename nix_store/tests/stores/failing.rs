//! What failures leave behind: nothing.

use std::io::{self, BufRead, Read};

use nix_core::store_path::StoreDir;
use nix_store::store::WriteStore;

use crate::{
    Subject,
    fixture::{contents_of, file, info, new_object, observe, put, secret_key, tree},
};

/// What an archive that is said to be small holds at the least.
const CONTENTS_BYTES: u64 = 64 << 20;

/// Returns bytes, then an error.
struct Failing<'a>(&'a [u8]);

impl BufRead for Failing<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.0 {
            [] => Err(io::Error::other("the line is cut")),
            bytes => Ok(bytes.get(..7).unwrap_or(bytes)),
        }
    }

    fn consume(&mut self, bytes: usize) {
        self.0 = &self.0[bytes..];
    }
}

impl Read for Failing<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(target)?;
        self.consume(count);
        Ok(count)
    }
}

/// Tries both ways to add an object, and checks that nothing comes of it.
fn fails<T: Subject>(store: &T::Store, what: &str, mut reader: impl FnMut() -> Box<dyn BufRead>) {
    let nar = tree(b"run");
    let before = observe(store);
    let said = info("a", &nar, &[]);
    let error = store.add_nar(&said, &mut *reader()).unwrap_err();
    assert_eq!(observe(store), before, "{what}: {error:?}");
    for how in ["fixed:r:sha256", "fixed:sha1"] {
        let object = new_object("a", how, &[]);
        if let Err(error) = store.add(&object, &mut *reader()) {
            assert_eq!(observe(store), before, "{what}: {error:?}");
        } else {
            panic!("{what} was added by {how}");
        }
    }
}

pub(crate) fn a_reader_that_fails_anywhere_leaves_the_store_as_it_was<T: Subject>() {
    let subject = T::new();
    put(subject.store(), "other", &[]);
    let nar: &'static [u8] = tree(b"run").leak();
    for end in 0..nar.len() {
        let reader = || -> Box<dyn BufRead> { Box::new(Failing(&nar[..end])) };
        fails::<T>(subject.store(), &format!("failure at {end}"), reader);
    }
}

pub(crate) fn an_archive_cut_anywhere_leaves_the_store_as_it_was<T: Subject>() {
    let subject = T::new();
    put(subject.store(), "other", &[]);
    let nar: &'static [u8] = tree(b"run").leak();
    for end in 0..nar.len() {
        let reader = || -> Box<dyn BufRead> { Box::new(&nar[..end]) };
        fails::<T>(subject.store(), &format!("cut at {end}"), reader);
    }
}

pub(crate) fn a_changed_byte_anywhere_leaves_the_store_as_it_was<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    put(store, "other", &[]);
    let before = observe(store);
    let nar = tree(b"run");
    let said = info("a", &nar, &[]);
    for at in 0..nar.len() {
        let mut changed = nar.clone();
        changed[at] ^= 0x20;
        let error = store.add_nar(&said, &mut &changed[..]).unwrap_err();
        assert_eq!(observe(store), before, "{at}: {error:?}");
    }
    store.add_nar(&said, &mut &nar[..]).unwrap();
}

pub(crate) fn an_endless_archive_is_refused_when_its_size_is_known<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    // A file of 2^62 bytes, of which more come than anyone should ask for.
    let mut head = file(b"12345678", false);
    head.truncate(96);
    head[88..96].copy_from_slice(&(1_u64 << 62).to_le_bytes());
    let contents = io::repeat(b'x').take(CONTENTS_BYTES);
    let mut endless = io::BufReader::new(head.chain(contents));
    let said = info("a", &tree(b"run"), &[]);
    store.add_nar(&said, &mut endless).unwrap_err();
    assert!(observe(store).is_empty());
    let (_, contents) = endless.into_inner().into_inner();
    assert!(contents.limit() > CONTENTS_BYTES / 2);
}

pub(crate) fn a_cut_archive_of_a_valid_path_joins_nothing<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let mut said = put(store, "a", &[]);
    let nar = contents_of("a");
    said.sign(&StoreDir::default(), &secret_key("a-1")).unwrap();
    let before = observe(store);
    for end in 0..nar.len() {
        store.add_nar(&said, &mut &nar[..end]).unwrap_err();
        assert_eq!(observe(store), before, "{end}");
    }
    store.add_nar(&said, &mut &nar[..]).unwrap();
    assert_ne!(observe(store), before);
}
