//! The keys and values of a write set: most comparisons and all short values stay inside the nodes
//! of the set's own tree.

use std::{borrow::Borrow, cmp::Ordering, ops::Deref, sync::Arc};

/// How many leading bytes of a key lie beside it.
const HEAD_BYTES: usize = 16;

/// The longest value that lies in the node: as long as the checksum of an index entry needs.
const INLINE_BYTES: usize = 14;

/// A key of an edit. It derefs to its bytes, and sorts as they do.
#[derive(Debug, Clone)]
pub struct EditKey {
    head: Head,
    bytes: Box<[u8]>,
}

/// The first bytes of a key, filled up with zeros; equal heads decide nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Head(u64, u64);

impl Head {
    #[inline]
    fn of(bytes: &[u8]) -> Self {
        if let Some(head) = bytes.first_chunk() {
            return Self::from(head);
        }
        let mut head = [0; HEAD_BYTES];
        for (to, from) in head.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self::from(&head)
    }
}

impl From<&[u8; HEAD_BYTES]> for Head {
    #[inline]
    fn from(bytes: &[u8; HEAD_BYTES]) -> Self {
        let half = |bytes: Option<&[u8; HEAD_BYTES / 2]>| {
            u64::from_be_bytes(*bytes.expect("a head has two halves"))
        };
        Self(half(bytes.first_chunk()), half(bytes.last_chunk()))
    }
}

impl EditKey {
    /// Returns the key's bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Vec<u8>> for EditKey {
    #[inline]
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            head: Head::of(&bytes),
            bytes: bytes.into_boxed_slice(),
        }
    }
}

/// Compares keys by their heads, which nearly always decides: one branch after the other, so that a
/// search goes on from where it falls.
#[inline]
fn compare((head, bytes): (Head, &[u8]), (other, others): (Head, &[u8])) -> Ordering {
    if head.0 != other.0 {
        return if head.0 < other.0 {
            Ordering::Less
        } else {
            Ordering::Greater
        };
    }
    if head.1 != other.1 {
        return if head.1 < other.1 {
            Ordering::Less
        } else {
            Ordering::Greater
        };
    }
    bytes.cmp(others)
}

/// A key to look for: its head is made once, not at every comparison.
pub(crate) struct Probe<'a> {
    head: Head,
    bytes: &'a [u8],
}

impl<'a> Probe<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            head: Head::of(bytes),
            bytes,
        }
    }
}

/// What a stored key and a probe have in common.
pub(crate) trait Keyed {
    fn parts(&self) -> (Head, &[u8]);
}

impl Keyed for EditKey {
    #[inline]
    fn parts(&self) -> (Head, &[u8]) {
        (self.head, &self.bytes)
    }
}

impl Keyed for Probe<'_> {
    #[inline]
    fn parts(&self) -> (Head, &[u8]) {
        (self.head, self.bytes)
    }
}

impl<'a> Borrow<dyn Keyed + 'a> for EditKey {
    fn borrow(&self) -> &(dyn Keyed + 'a) {
        self
    }
}

impl Ord for dyn Keyed + '_ {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.parts(), other.parts())
    }
}

impl PartialOrd for dyn Keyed + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for dyn Keyed + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn Keyed + '_ {}

impl Deref for EditKey {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for EditKey {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Borrow<[u8]> for EditKey {
    fn borrow(&self) -> &[u8] {
        &self.bytes
    }
}

impl Ord for EditKey {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.parts(), other.parts())
    }
}

impl PartialOrd for EditKey {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for EditKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for EditKey {}

/// A value of an edit. It derefs to its bytes.
#[derive(Debug, Clone)]
pub struct EditValue(Stored);

#[derive(Debug, Clone)]
enum Stored {
    Inline(u8, [u8; INLINE_BYTES]),
    Heap(Box<[u8]>),
    #[cfg_attr(
        not(feature = "libp2p"),
        expect(dead_code, reason = "records alone lie together in memory")
    )]
    Within(Arc<Vec<u8>>, u32, u32),
}

impl EditValue {
    /// Makes a value of bytes that stay where they are, among those of other values.
    #[cfg(feature = "libp2p")]
    pub(crate) fn within(bytes: &Arc<Vec<u8>>, range: std::ops::Range<usize>) -> Self {
        let part = bytes.get(range.clone());
        let part = part.expect("the range lies within the bytes");
        match (u32::try_from(range.start), u32::try_from(range.end)) {
            (Ok(start), Ok(end)) => Self(Stored::Within(Arc::clone(bytes), start, end)),
            _ => Self::from(part),
        }
    }

    /// Returns the value's bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Stored::Inline(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Stored::Heap(bytes) => bytes,
            Stored::Within(bytes, start, end) => {
                let part = index(*start).zip(index(*end));
                let part = part.and_then(|(start, end)| bytes.get(start..end));
                part.expect("it was looked at when the value was made")
            }
        }
    }
}

fn index(at: u32) -> Option<usize> {
    usize::try_from(at).ok()
}

impl From<&[u8]> for EditValue {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        if bytes.len() > INLINE_BYTES {
            return Self(Stored::Heap(bytes.into()));
        }
        let mut inline = [0; INLINE_BYTES];
        match (inline.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(short), Ok(len)) => {
                short.copy_from_slice(bytes);
                Self(Stored::Inline(len, inline))
            }
            _ => Self(Stored::Heap(bytes.into())),
        }
    }
}

impl From<Vec<u8>> for EditValue {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() <= INLINE_BYTES {
            return Self::from(bytes.as_slice());
        }
        Self(Stored::Heap(bytes.into_boxed_slice()))
    }
}

impl Deref for EditValue {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for EditValue {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}
