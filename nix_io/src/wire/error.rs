//! What can be wrong with bytes from the wire.

/// Bytes that are no such value, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {position}")]
pub struct WireError {
    /// What is wrong.
    pub kind: WireErrorKind,
    /// Where, counted from the first byte that the decoder was given.
    pub position: u64,
}

/// What is wrong with bytes from the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireErrorKind {
    /// A truth value that is neither 0 nor 1.
    #[error("truth value {0}")]
    Bool(u64),
    /// Padding of a string that is not zero.
    #[error("non-zero padding")]
    Padding,
    /// A string above the limit.
    #[error("string of {length} bytes, where {max} are allowed")]
    StringTooLong {
        /// What the wire announces.
        length: u64,
        /// What the limit is.
        max: u64,
    },
    /// A list above the limit.
    #[error("list of {length} elements, where {max} are allowed")]
    ListTooLong {
        /// What the wire announces.
        length: u64,
        /// What the limit is.
        max: u64,
    },
    /// A list whose strings are together above the limit.
    #[error("list of strings of {length} bytes, where {max} are allowed")]
    ListTooLarge {
        /// The bytes up to the string that is too much.
        length: u64,
        /// What the limit is.
        max: u64,
    },
    /// A framed stream above the limit.
    #[error("framed stream of {length} bytes or more, where {max} are allowed")]
    FramedTooLong {
        /// The bytes up to the end of the frame that is too much.
        length: u64,
        /// What the limit is.
        max: u64,
    },
    /// The input ended inside a value.
    #[error("unexpected end of input")]
    Truncated,
}
