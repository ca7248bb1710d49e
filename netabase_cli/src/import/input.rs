//! The input of an import: a file or standard input, plain or compressed.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Cursor, IsTerminal, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use lzma_rust2::XzReader;

use crate::{
    error::{Error, Result},
    import::zstd::ZstdReader,
};

/// How much memory the dictionary of an xz stream may take.
const XZ_KIB_MAX: u32 = 128 << 10;

/// How many bytes are read at once.
const BUFFER_BYTES: usize = 64 << 10;

const GZIP: &[u8] = &[0x1f, 0x8b];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// The magic of a frame that holds no data: its first byte is 0x50 to 0x5f.
const ZSTD_SKIPPABLE: &[u8] = &[0x2a, 0x4d, 0x18];

/// An open input.
pub(crate) struct Input {
    /// What it holds, decompressed.
    pub(crate) text: Box<dyn BufRead>,
    /// How far it has been read; hidden where nobody watches.
    pub(crate) bar: ProgressBar,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let error = |source| Error::OpenInput {
            path: path.to_owned(),
            source,
        };
        let (raw, len): (Box<dyn Read>, _) = if path == Path::new("-") {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).map_err(error)?;
            let metadata = file.metadata().map_err(error)?;
            if metadata.is_dir() {
                return Err(error(io::ErrorKind::IsADirectory.into()));
            }
            let len = metadata.is_file().then_some(metadata.len());
            (Box::new(file), len)
        };
        let bar = progress(len);
        let text = decompress(bar.wrap_read(raw)).map_err(error)?;
        Ok(Self { text, bar })
    }
}

fn progress(len: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match len {
        Some(len) => (
            ProgressBar::new(len),
            "{bar:40} {percent:>3} % {elapsed} {msg}",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {bytes} {elapsed} {msg}",
        ),
    };
    let style = ProgressStyle::with_template(template);
    bar.with_style(style.expect("the template is one of the two above"))
}

/// Tells by the first bytes how the input is compressed.
fn decompress(mut raw: impl Read + 'static) -> io::Result<Box<dyn BufRead>> {
    let mut head = Vec::new();
    raw.by_ref().take(XZ.len() as u64).read_to_end(&mut head)?;
    let skippable = head.first().is_some_and(|byte| byte >> 4 == 5)
        && head
            .get(1..)
            .is_some_and(|rest| rest.starts_with(ZSTD_SKIPPABLE));
    let (zstd, gzip, xz) = (
        head.starts_with(ZSTD),
        head.starts_with(GZIP),
        head.starts_with(XZ),
    );
    let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(raw));
    let text: Box<dyn Read> = if zstd || skippable {
        Box::new(ZstdReader::new(whole))
    } else if gzip {
        Box::new(MultiGzDecoder::new(whole))
    } else if xz {
        Box::new(XzReader::new_mem_limit(whole, true, XZ_KIB_MAX))
    } else {
        return Ok(Box::new(whole));
    };
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, text)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use lzma_rust2::{XzOptions, XzWriter};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn text() -> Vec<u8> {
        (0..50_000_u32)
            .flat_map(|i| format!("{i} ").into_bytes())
            .collect()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(text: &[u8]) -> Vec<u8> {
        let mut encoder = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut found = Vec::new();
        decompress(Cursor::new(bytes))?.read_to_end(&mut found)?;
        Ok(found)
    }

    #[test]
    fn every_compression_is_told_by_its_content() {
        let text = text();
        for bytes in [text.clone(), zstd(&text), gzip(&text), xz(&text)] {
            assert!(read(bytes).unwrap() == text);
        }
        assert_eq!(read(Vec::new()).unwrap(), b"");
        assert_eq!(read(b"[".to_vec()).unwrap(), b"[");
    }

    #[test]
    fn parts_that_were_compressed_alone_are_read_as_one() {
        let text = text();
        let (first, second) = text.split_at(text.len() / 3);
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        for parts in [
            vec![
                zstd(first),
                skippable.clone(),
                zstd(second),
                skippable.clone(),
            ],
            vec![skippable, zstd(first), zstd(second)],
            vec![gzip(first), gzip(second)],
            vec![xz(first), xz(second)],
        ] {
            assert!(read(parts.concat()).unwrap() == text);
        }
    }

    #[test]
    fn a_compressed_input_that_is_cut_or_damaged_is_an_error() {
        let text = text();
        for bytes in [zstd(&text), gzip(&text), xz(&text)] {
            for len in [7, 20, bytes.len() / 2, bytes.len() - 1] {
                assert!(
                    read(bytes[..len].to_vec()).is_err(),
                    "{len} of {}",
                    bytes.len()
                );
            }
            let mut damaged = bytes.clone();
            let middle = damaged.len() / 2;
            damaged[middle] ^= 0x10;
            assert!(read(damaged).is_err());
        }
    }
}
