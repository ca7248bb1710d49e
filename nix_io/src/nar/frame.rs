//! The words of an archive around names, targets and contents.

use super::decode::MAGIC;
use crate::wire;

/// Appends what precedes the root.
pub(super) fn magic(bytes: &mut Vec<u8>) {
    wire::Encoder::new(bytes).string(MAGIC);
}

/// Appends what precedes the node of an entry.
pub(super) fn entry(name: &[u8], bytes: &mut Vec<u8>) {
    words(&[b"entry", b"(", b"name", name, b"node"], bytes);
}

/// Appends a file up to its contents.
pub(super) fn regular(executable: bool, size: u64, bytes: &mut Vec<u8>) {
    words(&[b"(", b"type", b"regular"], bytes);
    if executable {
        words(&[b"executable", b""], bytes);
    }
    words(&[b"contents"], bytes);
    wire::Encoder::new(bytes).u64(size);
}

/// Appends what follows the contents of a file.
pub(super) fn regular_end(size: u64, is_root: bool, bytes: &mut Vec<u8>) {
    wire::Encoder::new(bytes).padding(size);
    close(is_root, bytes);
}

/// Appends a symlink.
pub(super) fn symlink(target: &[u8], is_root: bool, bytes: &mut Vec<u8>) {
    words(&[b"(", b"type", b"symlink", b"target", target], bytes);
    close(is_root, bytes);
}

/// Appends a directory up to its first entry.
pub(super) fn directory(bytes: &mut Vec<u8>) {
    words(&[b"(", b"type", b"directory"], bytes);
}

/// Appends the end of a node, and of the entry whose node it is.
pub(super) fn close(is_root: bool, bytes: &mut Vec<u8>) {
    words(&[b")"], bytes);
    if !is_root {
        words(&[b")"], bytes);
    }
}

fn words(words: &[&[u8]], bytes: &mut Vec<u8>) {
    let mut encoder = wire::Encoder::new(bytes);
    for word in words {
        encoder.string(word);
    }
}
