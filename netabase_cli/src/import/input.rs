//! The input of an import: a file or standard input, plain or compressed.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Cursor, IsTerminal, Read},
    path::Path,
};

use indicatif::{ProgressBar, ProgressStyle};
use nix_io::compression::{Compression, Limits, decompress};

use crate::error::{Error, Result};

/// How many bytes are read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// An open input.
pub(crate) struct Input {
    /// What it holds, decompressed.
    pub(crate) text: Box<dyn BufRead + Send>,
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
        let (raw, len): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
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
        let text = decompressed(bar.wrap_read(raw)).map_err(error)?;
        Ok(Self { text, bar })
    }
}

/// Returns a bar that counts paths; hidden where nobody watches.
pub(crate) fn counter() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} paths {elapsed}");
    ProgressBar::new_spinner().with_style(style.expect("the template is the one above"))
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
fn decompressed(mut raw: impl Read + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let mut head = Vec::new();
    let head_bytes = Compression::MAGIC_BYTES_MAX as u64;
    raw.by_ref().take(head_bytes).read_to_end(&mut head)?;
    let compression = Compression::detect(&head);
    let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(raw));
    let Some(compression) = compression else {
        return Ok(Box::new(whole));
    };
    let text = decompress(compression, whole, Limits::default()).map_err(io::Error::other)?;
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, text)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use nix_io::compression::{Level, compress};

    use super::*;

    const TOLD: [Compression; 4] = [
        Compression::Zstd,
        Compression::Gzip,
        Compression::Xz,
        Compression::Bzip2,
    ];

    fn text() -> Vec<u8> {
        (0..50_000_u32)
            .flat_map(|i| format!("{i} ").into_bytes())
            .collect()
    }

    fn packed(compression: Compression, text: &[u8]) -> Vec<u8> {
        let mut file = compress(compression, Level::Number(1), Vec::new()).unwrap();
        file.write_all(text).unwrap();
        file.finish().unwrap()
    }

    fn read(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut found = Vec::new();
        decompressed(Cursor::new(bytes))?.read_to_end(&mut found)?;
        Ok(found)
    }

    #[test]
    fn every_compression_is_told_by_its_content() {
        let text = text();
        for compression in TOLD {
            assert!(read(packed(compression, &text)).unwrap() == text);
        }
        assert!(read(text.clone()).unwrap() == text);
        assert_eq!(read(Vec::new()).unwrap(), b"");
        assert_eq!(read(b"[".to_vec()).unwrap(), b"[");
    }

    #[test]
    fn parts_that_were_compressed_alone_are_read_as_one() {
        let text = text();
        let (first, second) = text.split_at(text.len() / 3);
        for compression in TOLD {
            let parts = [packed(compression, first), packed(compression, second)];
            assert!(read(parts.concat()).unwrap() == text);
        }
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        assert!(read([skippable, packed(Compression::Zstd, &text)].concat()).unwrap() == text);
    }

    #[test]
    fn a_compressed_input_that_is_cut_or_damaged_is_an_error() {
        let text = text();
        for compression in TOLD {
            let bytes = packed(compression, &text);
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
