//! What an archive is a sequence of.

/// A part of an archive.
///
/// A node is [`Regular`](Self::Regular) with its contents and [`RegularEnd`](Self::RegularEnd), or
/// [`Symlink`](Self::Symlink), or [`Directory`](Self::Directory) with its entries and
/// [`DirectoryEnd`](Self::DirectoryEnd); an entry is [`Entry`](Self::Entry) and a node. An archive
/// is a node and [`End`](Self::End).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A regular file begins.
    Regular {
        /// Whether its owner may execute it.
        executable: bool,
        /// The bytes of its contents.
        size: u64,
        /// Where its contents begin in the archive. An [`Encoder`](super::Encoder) knows better
        /// and ignores it.
        offset: u64,
    },
    /// Some of the contents of the file, at least one byte.
    Contents(&'a [u8]),
    /// The file was complete.
    RegularEnd,
    /// A symlink.
    Symlink {
        /// Where it leads.
        target: &'a [u8],
    },
    /// A directory begins.
    Directory,
    /// An entry of the innermost open directory; the next event begins its node.
    Entry {
        /// Its name, one component of a path.
        name: &'a [u8],
    },
    /// The innermost open directory was complete.
    DirectoryEnd,
    /// The archive was complete. What follows in the input is no part of it.
    End,
}
