//! Finding and replacing the hash parts of store paths in the bytes of an object.
//!
//! A reference is any 32 bytes in a row that equal a hash part; neither a store dir before them nor
//! a dash and a name after them are asked for. The tools here take the bytes in chunks of any size
//! and see what lies across their borders. What is compressed or in UTF-16 is not seen.

mod candidates;
mod paths;
mod rewrite;
mod scan;
mod window;

pub use self::{paths::PathScanner, rewrite::Rewriter, scan::ReferenceScanner};

#[cfg(test)]
mod tests;
