//! Stores that can be changed.

use std::{collections::BTreeSet, io::BufRead};

use nix_core::{
    content_address::MethodAlgorithm,
    path_info::PathInfo,
    signature::Signature,
    store_path::{References, StorePath, StorePathName},
};

use super::{AnyRealisation, ReadStore, error::Result};

/// An object to be added whose path follows from its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewObject {
    /// Its name.
    pub name: StorePathName,
    /// How its content is addressed. By [`Flat`](nix_core::content_address::ContentAddressMethod)
    /// and by `Text` it has to be one file, of which the path does not say whether it is executable: what
    /// lies there already stays as it is.
    pub how: MethodAlgorithm,
    /// What it refers to.
    pub references: References,
}

impl NewObject {
    /// Returns whether its path follows from the contents of a file, so that it may lie there already
    /// with another archive: executable, or not.
    pub(crate) const fn is_one_file(&self) -> bool {
        use nix_core::content_address::ContentAddressMethod::{Flat, Text};
        matches!(self.how.method, Flat | Text)
    }
}

/// Whether a change was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The object is new.
    New,
    /// It was valid before; what was known of it has been joined with what is said now.
    Present,
}

/// What a deletion removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The paths that are no longer valid.
    pub paths: BTreeSet<StorePath>,
    /// The bytes that were given back, as far as the store knows.
    pub bytes: u64,
}

/// A store whose objects can be added and deleted.
///
/// A derivation (`.drv`) becomes valid where its text and references lead to its path, and its
/// outputs and the variables named after them are those that follow from it and from the derivations
/// that it uses, which are valid or become so with it. So no other can pass for the deriver of a
/// path. What cannot be known before a build is not stated.
///
/// Every method is all or nothing: after an error the store is as it was before. Handles may be
/// shared between threads, and concurrent changes are applied one after the other.
pub trait WriteStore: ReadStore {
    /// Adds an object of which everything is known, and checks the archive against it.
    ///
    /// The object becomes valid after its archive has the size and the hash that `info` says, all
    /// its references are valid (its own path apart), a content address leads to its path, and, where
    /// the store demands signatures, one of them is of a trusted key. No more is taken from `nar` than
    /// that size, as far as the reader's buffer allows. Where the path is valid already, `nar` is
    /// only passed over, and signatures are joined; references and content address stay.
    ///
    /// # Errors
    /// Fails when one of these does not hold, when `nar` fails or is no archive, and when the store
    /// cannot be written.
    fn add_nar(&self, info: &PathInfo, nar: &mut dyn BufRead) -> Result<Added>;

    /// Adds an object by its content, given as an archive, and returns what is known of it then.
    ///
    /// # Errors
    /// Fails when the content cannot be addressed as asked, when a reference is not valid, when
    /// `nar` fails or is no archive, and when the store cannot be written.
    fn add(&self, object: &NewObject, nar: &mut dyn BufRead) -> Result<PathInfo>;

    /// Makes objects valid that lie in their places already: all of them, or none. They may refer to
    /// each other, but not in a circle.
    ///
    /// # Errors
    /// Fails when an object does not lie there or has another hash or size, when a reference is
    /// neither valid nor among them, on a circle, and when the store cannot be written.
    fn register(&self, infos: &[PathInfo]) -> Result<()>;

    /// Says where an output of a content-addressed derivation lies; signatures are joined.
    ///
    /// # Errors
    /// Fails when the output is known to lie elsewhere, when the path is not valid, and when the
    /// store cannot be written.
    fn register_realisation(&self, realisation: &AnyRealisation) -> Result<()>;

    /// Joins signatures with those of a path.
    ///
    /// # Errors
    /// Fails when the path is not valid, and when the store cannot be written.
    fn add_signatures(&self, path: &StorePath, signatures: &BTreeSet<Signature>) -> Result<()>;

    /// Deletes objects: all of them, or none. Paths that are not valid are passed over.
    ///
    /// # Errors
    /// Fails when another object refers to one of them, and when the store cannot be written. Roots
    /// are not asked: that is what garbage collection does.
    fn delete(&self, paths: &BTreeSet<StorePath>) -> Result<Deleted>;
}
