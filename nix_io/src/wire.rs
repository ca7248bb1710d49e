//! The words that Nix's protocols and archives are spelt in.
//!
//! - An integer is 8 bytes, little-endian; a truth value is the integer 0 or 1.
//! - A string is its length, its bytes, and zeros up to the next multiple of 8.
//! - A list is the number of its elements, then the elements.
//! - A framed stream is chunks, each a length and as many bytes without padding; length 0 ends it.
//!
//! Nothing here reads or writes: [`Encoder`] appends to a buffer, [`Decoder`] and [`FrameDecoder`]
//! take what has arrived so far and keep what is unfinished. [`FramedReader`] and [`FramedWriter`]
//! put framed streams on top of [`std::io`].

mod decode;
mod encode;
mod error;
mod framed;
mod limits;

pub(crate) use self::decode::Partial;
pub use self::{
    decode::Decoder,
    encode::Encoder,
    error::{WireError, WireErrorKind},
    framed::{Frame, FrameDecoder, FramedReader, FramedWriter},
    limits::WireLimits,
};

/// What strings are padded to a multiple of.
const ALIGNMENT: u8 = 8;

/// The bytes of an integer.
const WORD_BYTES: usize = size_of::<u64>();

/// Returns how many zeros follow a string of this length.
#[must_use]
pub const fn padding(length: u64) -> usize {
    let over = length.to_le_bytes()[0] % ALIGNMENT;
    ((ALIGNMENT - over) % ALIGNMENT) as usize
}
