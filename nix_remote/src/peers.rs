//! What peers tell each other, and how they hand each other the contents of store objects.

pub mod announcement;
mod buffers;
mod bytes;
#[cfg(feature = "peers")]
pub mod codec;
pub mod lookup;
#[cfg(all(feature = "peers", unix))]
pub mod node;
pub mod transfer;
#[cfg(feature = "peers")]
pub mod validators;
