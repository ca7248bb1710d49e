//! What is asked of deduplication, and what it reports.

use nix_core::store_path::StorePath;

/// How the directory of links is laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LinksLayout {
    /// One directory, as Nix has it: both can go on with each other's links.
    #[default]
    Flat,
    /// A directory for each two first characters of a hash, for stores whose file system has a limit
    /// on the entries of a directory. A Nix that uses the same store finds none of these links, and
    /// its collector may stop at the directories: it is for stores that Nix does not collect. Files
    /// that have a flat link keep it, but no others are linked to it.
    Sharded,
}

/// How files are deduplicated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OptimiseOptions {
    /// The smallest files that are linked. Nix links all of them, as does 0.
    pub bytes_min: u64,
    /// Where the links lie.
    pub layout: LinksLayout,
}

/// What deduplication did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptimiseReport {
    /// The objects that were looked at.
    pub objects: u64,
    /// The files and symlinks in them.
    pub files: u64,
    /// Those that were replaced by a link to another.
    pub linked: u64,
    /// Those that were linked before.
    pub linked_before: u64,
    /// Those that are the first of their content, which later ones are linked to.
    pub first: u64,
    /// Of the first, those that took the place of a link whose content was not what its name says.
    pub links_repaired: u64,
    /// Those that were left alone because they are small.
    pub small: u64,
    /// Those that were left alone because their permissions or times are not those of an object, or
    /// they changed meanwhile, or the file system links them no more often.
    pub skipped: u64,
    /// The bytes that the disk got back: those of files of which no name is left.
    pub bytes_saved: u64,
}

/// Where deduplication is.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct OptimiseProgress<'a> {
    /// The object that was looked at last.
    pub path: &'a StorePath,
    /// How many objects there are.
    pub objects_total: u64,
    /// What was done so far.
    pub report: &'a OptimiseReport,
}
