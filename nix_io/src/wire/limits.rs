//! How large a value from outside may be.

/// The largest values that a decoder accepts; what is larger is an error before it is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireLimits {
    /// The most bytes of a string.
    pub string_bytes_max: usize,
    /// The most elements of a list.
    pub list_len_max: usize,
    /// The most bytes of all strings of a list together.
    pub list_bytes_max: usize,
    /// The most bytes of a framed stream, its lengths not counted.
    pub framed_bytes_max: u64,
}

impl Default for WireLimits {
    /// Returns limits that every message of a Nix daemon keeps: strings of 64 MiB, lists of a
    /// million elements and 256 MiB, framed streams of any length.
    fn default() -> Self {
        Self {
            string_bytes_max: 64 << 20,
            list_len_max: 1 << 20,
            list_bytes_max: 256 << 20,
            framed_bytes_max: u64::MAX,
        }
    }
}
