//! What peers tell each other, and how they hand each other the contents of store objects.

pub mod announcement;
mod bytes;
pub mod transfer;
