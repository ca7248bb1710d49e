//! One reader for each codec that is built.

use std::io::{self, BufRead, Read};

#[cfg(feature = "brotli")]
use super::brotli::Brotli;
#[cfg(any(
    feature = "brotli",
    feature = "bzip2",
    feature = "gzip",
    feature = "xz",
    feature = "zstd",
    feature = "zstd-c"
))]
use super::members::Members;
#[cfg(any(feature = "zstd", feature = "zstd-c"))]
use super::zstd::Zstd;
use super::{Compression, NotBuilt, source::Source};

/// The decoder of a stream.
pub(super) enum Codec<R: BufRead> {
    None(Source<R>),
    #[cfg(feature = "xz")]
    Xz(Box<Members<lzma_rust2::XzReader<Source<R>>, R>>),
    #[cfg(any(feature = "zstd", feature = "zstd-c"))]
    Zstd(Box<Members<Zstd<R>, R>>),
    #[cfg(feature = "bzip2")]
    Bzip2(Box<Members<bzip2::bufread::BzDecoder<Source<R>>, R>>),
    #[cfg(feature = "gzip")]
    Gzip(Box<Members<flate2::bufread::GzDecoder<Source<R>>, R>>),
    #[cfg(feature = "brotli")]
    Brotli(Box<Members<Brotli<R>, R>>),
}

impl<R: BufRead> Codec<R> {
    pub(super) fn new(compression: Compression, source: Source<R>) -> Result<Self, NotBuilt> {
        Ok(match compression {
            Compression::None => Self::None(source),
            #[cfg(feature = "xz")]
            Compression::Xz => Self::Xz(Box::new(Members::new(source))),
            #[cfg(any(feature = "zstd", feature = "zstd-c"))]
            Compression::Zstd => Self::Zstd(Box::new(Members::new(source))),
            #[cfg(feature = "bzip2")]
            Compression::Bzip2 => Self::Bzip2(Box::new(Members::new(source))),
            #[cfg(feature = "gzip")]
            Compression::Gzip => Self::Gzip(Box::new(Members::new(source))),
            #[cfg(feature = "brotli")]
            Compression::Brotli => Self::Brotli(Box::new(Members::new(source))),
            #[cfg(not(all(
                feature = "brotli",
                feature = "bzip2",
                feature = "gzip",
                feature = "xz",
                any(feature = "zstd", feature = "zstd-c")
            )))]
            compression => return Err(NotBuilt { compression }),
        })
    }

    /// Returns the source, except where starting a stream lost it.
    pub(super) fn source_mut(&mut self) -> Option<&mut Source<R>> {
        match self {
            Self::None(source) => Some(source),
            #[cfg(feature = "xz")]
            Self::Xz(members) => members.source_mut(),
            #[cfg(any(feature = "zstd", feature = "zstd-c"))]
            Self::Zstd(members) => members.source_mut(),
            #[cfg(feature = "bzip2")]
            Self::Bzip2(members) => members.source_mut(),
            #[cfg(feature = "gzip")]
            Self::Gzip(members) => members.source_mut(),
            #[cfg(feature = "brotli")]
            Self::Brotli(members) => members.source_mut(),
        }
    }

    /// Reads into `out`, which is not empty.
    pub(super) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(source) => source.read(out),
            #[cfg(feature = "xz")]
            Self::Xz(members) => members.read(out),
            #[cfg(any(feature = "zstd", feature = "zstd-c"))]
            Self::Zstd(members) => members.read(out),
            #[cfg(feature = "bzip2")]
            Self::Bzip2(members) => members.read(out),
            #[cfg(feature = "gzip")]
            Self::Gzip(members) => members.read(out),
            #[cfg(feature = "brotli")]
            Self::Brotli(members) => members.read(out),
        }
    }
}
