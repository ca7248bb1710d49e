//! Compression streams of binary caches: their names, and readers and writers with limits.
//!
//! [`decompress`] reads a stream of which nothing is trusted: it ends without an error only where
//! the format says so, it is bounded by [`Limits`], and its memory by the constants here.
//! [`compress`] writes a stream that every other tool of the format reads.
//!
//! Each codec is a cargo feature (`brotli`, `bzip2`, `gzip`, `xz`, `zstd`; `compression` is all of
//! them) and is Rust alone; `zstd-c` puts the C library in the place of `zstd`. The names are always
//! there, and [`Compression::is_built`] tells which of them can be read and written.
//!
//! | stream | concatenated | checked by |
//! | --- | --- | --- |
//! | xz | streams, zeros between and behind them in fours | CRC-32, CRC-64 or SHA-256, as it says |
//! | zstd | frames, skippable ones too | XXH64, where it has one, and its length, where it says it |
//! | bzip2 | streams | CRC-32 |
//! | gzip | members | CRC-32 and length |
//! | brotli | no | nothing |
//!
//! Anything else behind a stream is refused, and so is an empty input, except with `none`.

mod codec;
mod compressor;
mod decompressor;
mod error;
mod limits;
mod source;

#[cfg(feature = "brotli")]
mod brotli;
#[cfg(feature = "bzip2")]
mod bzip2;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(any(
    feature = "brotli",
    feature = "bzip2",
    feature = "gzip",
    feature = "xz",
    feature = "zstd",
    feature = "zstd-c"
))]
mod members;
#[cfg(feature = "xz")]
mod xz;
#[cfg(any(feature = "zstd", feature = "zstd-c"))]
mod zstd;

use core::{fmt, ops::RangeInclusive, str::FromStr};

pub use self::{
    compressor::{Compressor, Level, compress},
    decompressor::{Decompressor, decompress},
    error::{CompressError, DecompressError, DecompressErrorKind, NotBuilt, UnknownCompression},
    limits::Limits,
};

/// The largest dictionary of an xz stream that is read, twice that of `xz -9`.
pub const XZ_DICTIONARY_BYTES_MAX: u32 = 128 << 20;

/// The largest window of a zstd frame that is read, as the `zstd` tool reads by default.
pub const ZSTD_WINDOW_BYTES_MAX: u64 = 128 << 20;

/// How a file of a binary cache is compressed.
///
/// Nix can name more of them; these are the ones that caches in the field use.
///
/// ```
/// use nix_io::compression::Compression;
///
/// assert_eq!("br".parse(), Ok(Compression::Brotli));
/// assert_eq!(Compression::Zstd.to_string(), "zstd");
/// assert_eq!(Compression::Zstd.extension(), Some("zst"));
/// assert_eq!(Compression::detect(b"\xfd7zXZ\0\0\x04"), Some(Compression::Xz));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not compressed.
    None,
    /// LZMA2 in the xz container.
    Xz,
    /// Zstandard, RFC 8878.
    Zstd,
    /// bzip2.
    Bzip2,
    /// DEFLATE in the gzip container, RFC 1952.
    Gzip,
    /// Brotli, RFC 7932, which Nix calls `br`.
    Brotli,
}

impl Compression {
    /// Every compression, in the order of the enum.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::Xz,
        Self::Zstd,
        Self::Bzip2,
        Self::Gzip,
        Self::Brotli,
    ];

    /// How many first bytes [`Compression::detect`] looks at.
    pub const MAGIC_BYTES_MAX: usize = 6;

    /// Returns the name that a narinfo and Nix's settings use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
        }
    }

    /// Returns the extension of a file that is compressed so, without its dot.
    ///
    /// A cache that Nix writes names its archives `.nar` and this, except that it gives none to gzip.
    #[must_use]
    pub const fn extension(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Xz => Some("xz"),
            Self::Zstd => Some("zst"),
            Self::Bzip2 => Some("bz2"),
            Self::Gzip => Some("gz"),
            Self::Brotli => Some("br"),
        }
    }

    /// Returns whether this build can read and write it.
    #[must_use]
    pub const fn is_built(self) -> bool {
        match self {
            Self::None => true,
            Self::Xz => cfg!(feature = "xz"),
            Self::Zstd => cfg!(any(feature = "zstd", feature = "zstd-c")),
            Self::Bzip2 => cfg!(feature = "bzip2"),
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Brotli => cfg!(feature = "brotli"),
        }
    }

    /// Returns the levels that [`compress`] takes, worst compression first.
    ///
    /// Without the feature `zstd-c`, zstd has one.
    #[must_use]
    pub const fn levels(self) -> RangeInclusive<u32> {
        match self {
            Self::None => 0..=0,
            Self::Xz | Self::Gzip => 0..=9,
            Self::Zstd if cfg!(feature = "zstd-c") => 1..=22,
            Self::Zstd => 1..=1,
            Self::Bzip2 => 1..=9,
            Self::Brotli => 0..=11,
        }
    }

    /// Tells by its first bytes how a file is compressed, if the bytes show one.
    ///
    /// Nothing shows brotli, which has no magic, and nothing `none`. Give
    /// [`Self::MAGIC_BYTES_MAX`] bytes, or all where there are fewer.
    #[must_use]
    pub fn detect(head: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|compression| compression.magic_bytes() > 0 && compression.begins(head))
    }

    /// Returns how many bytes [`Compression::begins`] needs.
    pub(crate) const fn magic_bytes(self) -> usize {
        match self {
            Self::None | Self::Brotli => 0,
            Self::Xz => 6,
            Self::Zstd | Self::Bzip2 => 4,
            Self::Gzip => 2,
        }
    }

    /// Returns whether a stream may begin with these bytes.
    pub(crate) fn begins(self, head: &[u8]) -> bool {
        match self {
            Self::None | Self::Brotli => true,
            Self::Xz => head.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]),
            Self::Zstd => {
                let skippable = matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
                skippable || head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
            }
            Self::Bzip2 => matches!(head, [b'B', b'Z', b'h', b'1'..=b'9', ..]),
            Self::Gzip => head.starts_with(&[0x1f, 0x8b]),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Compression {
    type Err = UnknownCompression;

    /// Parses Nix's name, exactly.
    fn from_str(name: &str) -> Result<Self, UnknownCompression> {
        Self::ALL
            .into_iter()
            .find(|compression| compression.name() == name)
            .ok_or(UnknownCompression)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_nixs_and_read_back() {
        let names = Compression::ALL.map(|compression| compression.to_string());
        assert_eq!(names, ["none", "xz", "zstd", "bzip2", "gzip", "br"]);
        for compression in Compression::ALL {
            assert_eq!(compression.name().parse(), Ok(compression));
        }
        for name in ["", "XZ", "brotli", "gz", "zst", " xz", "xz ", "lzip"] {
            assert_eq!(name.parse::<Compression>(), Err(UnknownCompression));
        }
    }

    #[test]
    fn archives_in_a_cache_have_these_extensions() {
        let extensions = Compression::ALL.map(Compression::extension);
        let known = ["xz", "zst", "bz2", "gz", "br"].map(Some);
        assert_eq!(extensions.split_first(), Some((&None, &known[..])));
    }

    #[test]
    fn magics_are_told_apart_and_a_cut_one_is_none() {
        let cases: [(&[u8], _); 11] = [
            (b"\xfd7zXZ\0", Some(Compression::Xz)),
            (b"\xfd7zXZ", None),
            (b"\x28\xb5\x2f\xfd\x04\0", Some(Compression::Zstd)),
            (b"\x5f\x2a\x4d\x18\0\0", Some(Compression::Zstd)),
            (b"\x60\x2a\x4d\x18\0\0", None),
            (b"BZh91A", Some(Compression::Bzip2)),
            (b"BZh01A", None),
            (b"\x1f\x8b\x08\0\0\0", Some(Compression::Gzip)),
            (b"\x1f", None),
            (b"", None),
            (b"\x0d\0\0\0\0\0\0\0nix-archive-1", None),
        ];
        for (head, expected) in cases {
            assert_eq!(Compression::detect(head), expected, "{head:02x?}");
        }
        let longest = Compression::ALL.map(Compression::magic_bytes);
        assert_eq!(
            longest.into_iter().max(),
            Some(Compression::MAGIC_BYTES_MAX)
        );
    }
}
