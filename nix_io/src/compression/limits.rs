//! How much a compressed stream may hold.

/// What a stream may decompress to before reading it is refused.
///
/// Both limits are checked while the stream is read, whatever it says of itself. A ratio can only be
/// judged of much data, as zeros compress well: up to [`Limits::ratio_floor_bytes`] none is too high.
///
/// ```
/// use nix_io::compression::Limits;
///
/// let of_declared_size = Limits { output_bytes_max: 226_552, ..Limits::default() };
/// assert_eq!(of_declared_size.ratio_max, 1_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes it may hold: for an archive of a cache, the `NarSize` of its narinfo.
    pub output_bytes_max: u64,
    /// The most bytes it may hold for each byte that was read of it.
    pub ratio_max: u64,
    /// Up to how many bytes the ratio does not matter.
    pub ratio_floor_bytes: u64,
}

impl Limits {
    /// No limit at all: for input of one's own.
    pub const NONE: Self = Self {
        output_bytes_max: u64::MAX,
        ratio_max: u64::MAX,
        ratio_floor_bytes: u64::MAX,
    };

    pub(super) fn is_ratio_too_high(&self, input: u64, output: u64) -> bool {
        output > self.ratio_floor_bytes && output > self.ratio_max.saturating_mul(input)
    }
}

impl Default for Limits {
    /// Any size, at most 1,000 bytes for each one read beyond the first 64 MiB.
    fn default() -> Self {
        Self {
            output_bytes_max: u64::MAX,
            ratio_max: 1_000,
            ratio_floor_bytes: 64 << 20,
        }
    }
}
