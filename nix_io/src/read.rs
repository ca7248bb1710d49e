//! Readers that lend what they hold instead of copying it, all of them
//! [`BufRead`](std::io::BufRead): [`BoundedReader`] buffers a source and takes no more than allowed
//! from it, [`TeeReader`] shows what passes to a writer, and [`drain`] skips exactly the rest of a
//! stream.

mod bounded;
mod drain;
mod tee;

pub use self::{
    bounded::{BoundedReader, InputTooLong},
    drain::drain,
    tee::{TeeError, TeeReader},
};
