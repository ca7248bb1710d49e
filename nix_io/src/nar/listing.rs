//! What is in an archive, and where.

use std::io::{BufRead, Read};

use super::{NarLimits, error::ReadError, event::Event, reader::Reader};
use crate::read::BoundedReader;

mod error;
mod parse;
mod print;

pub use self::error::{ListingError, ListingErrorKind};

/// The number of the root.
const ROOT: usize = 0;

/// The tree of an archive without the contents of files, but with where they lie.
///
/// A cache keeps it beside the archive, as JSON in a file that ends in `.ls`, to read one file out
/// of an archive without reading all of it. Its memory is in proportion to the names.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use nix_io::nar::{Encoder, Event, Listed, Listing, NarLimits};
///
/// let mut archive = Vec::new();
/// let mut encoder = Encoder::new(NarLimits::default());
/// encoder.encode(Event::Directory, &mut archive)?;
/// encoder.encode(Event::Entry { name: b"hello" }, &mut archive)?;
/// encoder.encode(Event::Regular { executable: true, size: 2, offset: 0 }, &mut archive)?;
/// encoder.encode(Event::Contents(b"hi"), &mut archive)?;
/// encoder.encode(Event::RegularEnd, &mut archive)?;
/// encoder.encode(Event::DirectoryEnd, &mut archive)?;
///
/// let listing = Listing::read(&archive[..], NarLimits::default())?;
/// let hello = listing.find(b"/hello").ok_or("no such file")?;
/// let Listed::Regular { nar_offset: Some(offset), .. } = hello.what() else {
///     return Err("no file".into());
/// };
/// assert_eq!(&archive[usize::try_from(offset)?..][..2], b"hi");
///
/// let json = listing.to_json()?;
/// assert_eq!(Listing::from_json(json.as_bytes(), NarLimits::default())?, listing);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    // Invariant: in the order of an archive, the root first. Entries are sorted by name, and each
    // but the root is the entry of one directory.
    nodes: Vec<Node>,
}

/// A node as it is kept, which refers to others by number: dropping a deep tree recurses nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Regular {
        executable: bool,
        size: Option<u64>,
        nar_offset: Option<u64>,
    },
    Symlink(Vec<u8>),
    Directory(Vec<(Vec<u8>, usize)>),
    Unlisted,
}

/// A node of a [`Listing`].
#[derive(Clone, Copy, Debug)]
pub struct ListingNode<'a> {
    listing: &'a Listing,
    node: &'a Node,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed<'a> {
    /// A regular file.
    Regular {
        /// Whether its owner may execute it.
        executable: bool,
        /// The bytes of its contents; JSON may leave it out.
        size: Option<u64>,
        /// Where its contents begin in the archive; JSON may leave it out.
        nar_offset: Option<u64>,
    },
    /// A symlink.
    Symlink {
        /// Where it leads.
        target: &'a [u8],
    },
    /// A directory, whose [`entries`](ListingNode::entries) are known.
    Directory,
    /// Something in a directory of which JSON says no more than the name.
    Unlisted,
}

impl Listing {
    /// Reads the listing of an archive that is the whole input.
    ///
    /// # Errors
    /// Fails when the reader does, and when the input is no archive, ends before it or holds more.
    pub fn read<R: Read>(reader: R, limits: NarLimits) -> Result<Self, ReadError> {
        let mut reader = Reader::new(BoundedReader::new(reader), limits);
        let listing = Self::read_from(&mut reader)?;
        reader.expect_end_of_input()?;
        Ok(listing)
    }

    /// Reads the listing of an archive, and nothing after it.
    ///
    /// # Errors
    /// Fails when the reader does, and when the input is no archive or ends before it.
    pub fn read_from<R: BufRead>(reader: &mut Reader<R>) -> Result<Self, ReadError> {
        let mut nodes = Vec::new();
        // The directories on the current path.
        let mut open = Vec::new();
        loop {
            let node = match reader.next()? {
                Event::Regular {
                    executable,
                    size,
                    offset,
                } => Node::Regular {
                    executable,
                    size: Some(size),
                    nar_offset: Some(offset),
                },
                Event::Symlink { target } => Node::Symlink(target.to_vec()),
                Event::Directory => {
                    open.push(nodes.len());
                    Node::Directory(Vec::new())
                }
                Event::Entry { name } => {
                    let number = nodes.len();
                    let directory = open.last().and_then(|&number| nodes.get_mut(number));
                    if let Some(Node::Directory(entries)) = directory {
                        entries.push((name.to_vec(), number));
                    }
                    continue;
                }
                Event::DirectoryEnd => {
                    open.pop();
                    continue;
                }
                Event::Contents(_) | Event::RegularEnd => continue,
                Event::End => return Ok(Self { nodes }),
            };
            nodes.push(node);
        }
    }

    /// Returns the root.
    #[must_use]
    pub fn root(&self) -> ListingNode<'_> {
        self.node(ROOT)
    }

    /// Returns what lies at a path below the root, whose components are separated by slashes.
    ///
    /// A slash at the begin or end, or several of them, mean nothing; symlinks are not followed. A
    /// component costs a binary search.
    #[must_use]
    pub fn find(&self, path: &[u8]) -> Option<ListingNode<'_>> {
        let names = path.split(|&byte| byte == b'/');
        let mut names = names.filter(|name| !name.is_empty());
        names.try_fold(self.root(), |node, name| node.entry(name))
    }

    /// Returns every node and the path that leads to it from the root, whose own path is empty, in
    /// the order of the archive. Keeps one path, whatever the number of nodes.
    pub fn walk(&self) -> impl Iterator<Item = (Vec<u8>, ListingNode<'_>)> {
        let mut root = Some(self.root());
        let mut path = Vec::new();
        // Of each directory on the way the length of its path, and which entries are left.
        let mut open = Vec::new();
        std::iter::from_fn(move || {
            if let Some(root) = root.take() {
                open.push((0, root.entries()));
                return Some((Vec::new(), root));
            }
            loop {
                let (length, entries) = open.last_mut()?;
                path.truncate(*length);
                let Some((name, node)) = entries.next() else {
                    open.pop();
                    continue;
                };
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(name);
                open.push((path.len(), node.entries()));
                return Some((path.clone(), node));
            }
        })
    }

    fn node(&self, number: usize) -> ListingNode<'_> {
        ListingNode {
            listing: self,
            node: self.nodes.get(number).unwrap_or(&Node::Unlisted),
        }
    }
}

impl<'a> ListingNode<'a> {
    /// Returns what it is.
    #[must_use]
    pub fn what(&self) -> Listed<'a> {
        match self.node {
            &Node::Regular {
                executable,
                size,
                nar_offset,
            } => Listed::Regular {
                executable,
                size,
                nar_offset,
            },
            Node::Symlink(target) => Listed::Symlink { target },
            Node::Directory(_) => Listed::Directory,
            Node::Unlisted => Listed::Unlisted,
        }
    }

    /// Returns the names and nodes of a directory, sorted by name; anything else has none.
    pub fn entries(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&'a [u8], ListingNode<'a>)> + use<'a> {
        let listing = self.listing;
        let entries = self.raw_entries().iter();
        entries.map(move |(name, number)| (&name[..], listing.node(*number)))
    }

    /// Returns the entry of a directory that has this name.
    #[must_use]
    pub fn entry(&self, name: &[u8]) -> Option<ListingNode<'a>> {
        let entries = self.raw_entries();
        let at = entries.binary_search_by(|(other, _)| other.as_slice().cmp(name));
        let (_, number) = entries.get(at.ok()?)?;
        Some(self.listing.node(*number))
    }

    fn raw_entries(&self) -> &'a [(Vec<u8>, usize)] {
        match self.node {
            Node::Directory(entries) => entries,
            _ => &[],
        }
    }
}
