//! What every store of objects can do: [`ReadStore`] answers, [`WriteStore`] changes.
//!
//! Both traits are synchronous and can be used as trait objects. Objects pass through them as Nix
//! archives (NARs), so that a store in memory, one on disk and one behind a network are the same to
//! whoever uses them. Where an object lies and where it is registered are separate questions: a
//! path is **valid** when the store has registered it, and only then the traits speak of it.

mod address;
mod closure;
mod derivation;
mod derivation_check;
mod error;
mod forward;
mod read;
mod realisation;
mod write;

pub use self::{
    address::{ArchiveHasher, Measured},
    closure::{Direction, closure},
    derivation::{DERIVATION_BYTES_MAX, parse_derivation, read_derivation},
    error::{Error, NoJsonError, Result},
    read::ReadStore,
    realisation::{AnyRealisation, RealisationId},
    write::{Added, Deleted, NewObject, WriteStore},
};

#[cfg(all(feature = "nix-db", unix))]
pub(crate) use self::derivation::realised;
pub(crate) use self::{derivation::derivation_outputs, derivation_check::DerivationChecks};
