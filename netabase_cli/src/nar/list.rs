//! `netabase nar list`

use std::{
    fmt::{self, Write as _},
    io::{self, Read, Write},
    path::PathBuf,
};

use clap::Args;
use nix_io::{
    nar::{Event, Listing, NarLimits, ReadError, Reader},
    read::BoundedReader,
};

use crate::{
    error::{Error as CommandError, Result},
    nar::{Error, source::CompressionArgs},
};

/// The arguments of `nar list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// The archive; `-` for standard input
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// Print the listing as JSON, as caches keep it in `.ls` files, with the offset of each file
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compression: CompressionArgs,
}

/// Lists an archive.
pub(super) fn run(args: &ListArgs, out: &mut dyn Write) -> Result<()> {
    let archive = args.compression.open(&args.input)?;
    if args.json {
        print_json(args, archive, out)
    } else {
        print(args, archive, out)
    }
}

fn read_error(args: &ListArgs, source: ReadError) -> Error {
    let input = args.input.clone();
    Error::Read { input, source }
}

fn print_json(args: &ListArgs, archive: impl Read, out: &mut dyn Write) -> Result<()> {
    let listing = Listing::read(archive, NarLimits::default());
    let listing = listing.map_err(|source| read_error(args, source))?;
    let json = listing.to_json().map_err(|source| {
        let input = args.input.clone();
        Error::List { input, source }
    })?;
    writeln!(out, "{json}").map_err(CommandError::Output)
}

/// Prints each entry when it is reached, so that memory does not grow with the archive.
fn print(args: &ListArgs, archive: impl Read, out: &mut dyn Write) -> Result<()> {
    let mut reader = Reader::new(BoundedReader::new(archive), NarLimits::default());
    let error = |source| read_error(args, source);
    let mut at_root = true;
    loop {
        let is_root = std::mem::take(&mut at_root);
        let line = match reader.next().map_err(error)? {
            Event::Regular {
                executable, size, ..
            } => Line::regular(executable, size),
            Event::Symlink { target } => Line::symlink(target),
            Event::Entry { .. } | Event::Contents(_) => continue,
            Event::RegularEnd | Event::DirectoryEnd => continue,
            Event::Directory if is_root => continue,
            Event::Directory => Line::DIRECTORY,
            Event::End => break,
        };
        line.print(reader.path(), out)
            .map_err(CommandError::Output)?;
    }
    reader.expect_end_of_input().map_err(error)?;
    Ok(())
}

/// What a line says of an entry, but for its name.
struct Line {
    mode: &'static str,
    size: u64,
    target: Option<Vec<u8>>,
}

impl Line {
    const DIRECTORY: Self = Self {
        mode: "dr-xr-xr-x",
        size: 0,
        target: None,
    };

    const fn regular(executable: bool, size: u64) -> Self {
        let mode = if executable {
            "-r-xr-xr-x"
        } else {
            "-r--r--r--"
        };
        let target = None;
        Self { mode, size, target }
    }

    fn symlink(target: &[u8]) -> Self {
        Self {
            mode: "lrwxrwxrwx",
            size: 0,
            target: Some(target.to_owned()),
        }
    }

    fn print<'a>(
        &self,
        path: impl Iterator<Item = &'a [u8]>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        write!(out, "{} {:>20} .", self.mode, self.size)?;
        for name in path {
            write!(out, "/{}", Escaped(name))?;
        }
        if let Some(target) = &self.target {
            write!(out, " -> {}", Escaped(target))?;
        }
        writeln!(out)
    }
}

/// A name in which everything that is not to be printed is escaped.
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for symbol in chunk.valid().chars() {
                match symbol {
                    '"' | '\'' => f.write_char(symbol)?,
                    _ => write!(f, "{}", symbol.escape_debug())?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_steer_a_terminal_or_make_lines() {
        let check = |name: &[u8], text: &str| assert_eq!(Escaped(name).to_string(), text);
        check(b"a 'plain' \"name\"", "a 'plain' \"name\"");
        check("gr\u{fc}n".as_bytes(), "gr\u{fc}n");
        check(b"a\nb\\n", "a\\nb\\\\n");
        check(b"\x1b[31m", "\\u{1b}[31m");
        check("\u{202e}x".as_bytes(), "\\u{202e}x");
        check(b"\xff\xfe", "\\xff\\xfe");
    }
}
