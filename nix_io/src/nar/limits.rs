//! How large an archive may be.

/// The largest archives that are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NarLimits {
    /// The most nodes on a path, the root among them. An open directory costs memory, and packing
    /// and unpacking hold a file descriptor for each.
    pub depth_max: usize,
    /// The most bytes of an entry's name.
    pub name_bytes_max: usize,
    /// The most bytes of a symlink's target.
    pub target_bytes_max: usize,
    /// The most bytes of the archive; a file whose announced size goes beyond is refused before its
    /// contents.
    pub archive_bytes_max: u64,
}

impl Default for NarLimits {
    /// Returns the limits of Nix 2.34: 64 nodes on a path, names of 255 bytes, targets of 4095
    /// bytes, and archives of any size.
    fn default() -> Self {
        Self {
            depth_max: 64,
            name_bytes_max: 255,
            target_bytes_max: 4095,
            archive_bytes_max: u64::MAX,
        }
    }
}
