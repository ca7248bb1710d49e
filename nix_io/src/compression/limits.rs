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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_too_high_above_the_floor_and_the_maximum_alone() {
        let limits = Limits {
            output_bytes_max: u64::MAX,
            ratio_max: 10,
            ratio_floor_bytes: 100,
        };
        for (input, output, expected) in [
            (0, 100, false),
            (0, 101, true),
            (1, 101, true),
            (10, 101, true),
            (11, 101, false),
            (20, 200, false),
            (20, 201, true),
            (u64::MAX, u64::MAX, false),
        ] {
            assert_eq!(
                limits.is_ratio_too_high(input, output),
                expected,
                "{input} {output}"
            );
        }
    }
}
