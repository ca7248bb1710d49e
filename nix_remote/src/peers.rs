//! What peers tell each other.

pub mod announcement;
