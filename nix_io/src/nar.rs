//! Nix archives (NARs): what a file, a symlink or a tree of them is as one string of bytes.
//!
//! An archive is a sequence of [`Event`]s. [`Decoder`] takes events from bytes and [`Encoder`]
//! makes bytes of events; neither reads or writes anything. On top of them are [`Reader`],
//! [`copy`], [`Listing`] and, on Unix, [`pack`], [`unpack`] and [`View`], which reads anywhere in the
//! archive of a tree on disk; with the feature `tokio` packing and unpacking also for asynchronous
//! streams.
//!
//! Both sides accept what Nix 2.34 accepts, and nothing else: entries strictly increasing by the
//! bytes of their names, names that are one component of a path, zero padding, no nesting above
//! [`NarLimits::depth_max`]. No code here recurses, and memory depends on the depth of the tree and
//! the length of names, never on what lengths an archive announces.

#[cfg(unix)]
mod cases;
mod copy;
mod decode;
mod encode;
#[cfg(unix)]
mod entries;
mod error;
mod event;
mod frame;
mod limits;
mod listing;
mod names;
#[cfg(unix)]
mod pack;
mod reader;
#[cfg(unix)]
mod remove;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(unix)]
mod unpack;
#[cfg(unix)]
mod view;
#[cfg(unix)]
mod walk;

#[cfg(unix)]
pub use self::{
    cases::CaseCollisions,
    pack::{PackError, PackOptions, pack},
    unpack::{UnpackError, UnpackOptions, unpack},
    view::{VIEW_OPEN_MAX, View, ViewError},
};
pub use self::{
    copy::copy,
    decode::Decoder,
    encode::Encoder,
    error::{DecodeError, DecodeErrorKind, EncodeError, NameError, ReadError, TargetError},
    event::Event,
    limits::NarLimits,
    listing::{Listed, Listing, ListingError, ListingErrorKind, ListingNode},
    reader::Reader,
};
