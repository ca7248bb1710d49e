//! `netabase hash`: hashes as `nix-hash` and `nix hash` make them.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use nix_core::hash::{Algorithm, Hash, HashError, HashFormat, Hasher};
use nix_io::nar::{PackError, PackOptions, pack};

use crate::error::{Error as CommandError, Result};

/// How many bytes of a file are read at once.
const READ_BYTES: usize = 128 << 10;

/// The arguments of `hash`.
#[derive(Debug, Args)]
pub(crate) struct HashArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Hash the archive (NAR) of a file, a symlink or a folder, as `nix hash path` does
    ///
    /// The hash covers names, contents, executable bits and targets of symlinks, and nothing else.
    /// Nothing is followed, the path itself included.
    #[command(after_help = "Example:\n  netabase hash path ./src --format nix32")]
    Path(PathArgs),
    /// Hash the contents of a file alone, as `nix hash file` and `sha256sum` do
    #[command(
        after_help = "Example:\n  curl -sL https://example.org/a.tar.gz | netabase hash file -"
    )]
    File(FileArgs),
    /// Hash a text
    #[command(after_help = "Example:\n  netabase hash string hello --type md5 --format base16")]
    String(StringArgs),
    /// Write hashes in another form
    ///
    /// Takes every form that Nix reads: `sha256:` and base 16, 32 or 64, `sha256-` and base 64, or,
    /// with --type, the digits alone.
    #[command(after_help = "Example:\n  netabase hash convert --to base16 \
                      sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")]
    Convert(ConvertArgs),
}

#[derive(Debug, Args)]
struct PathArgs {
    /// What to hash; several give a line each
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    style: Style,
}

#[derive(Debug, Args)]
struct FileArgs {
    /// The files to hash, each on a line; `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    style: Style,
}

#[derive(Debug, Args)]
struct StringArgs {
    /// The text
    #[arg(value_name = "TEXT")]
    text: OsString,
    #[command(flatten)]
    style: Style,
}

/// Which hash, and how it is written.
#[derive(Debug, Args)]
struct Style {
    /// The hash function
    #[arg(long = "type", value_name = "TYPE", default_value = "sha256")]
    function: Type,
    /// How the hash is written: `sri` names the function, the others are the digits alone
    #[arg(long, default_value = "sri")]
    format: Format,
}

#[derive(Debug, Args)]
struct ConvertArgs {
    /// The hashes to convert, each on a line
    #[arg(required = true, value_name = "HASH")]
    hashes: Vec<String>,
    /// The hash function, where a hash does not name it
    #[arg(long = "type", value_name = "TYPE")]
    function: Option<Type>,
    /// How the hashes are written: `sri` names the function, the others are the digits alone
    #[arg(long, value_name = "FORMAT", default_value = "sri")]
    to: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Type {
    Md5,
    Sha1,
    Sha256,
    Sha512,
    Blake3,
}

impl From<Type> for Algorithm {
    fn from(function: Type) -> Self {
        match function {
            Type::Md5 => Self::Md5,
            Type::Sha1 => Self::Sha1,
            Type::Sha256 => Self::Sha256,
            Type::Sha512 => Self::Sha512,
            Type::Blake3 => Self::Blake3,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Base16,
    #[value(alias = "base32")]
    Nix32,
    Base64,
    Sri,
}

impl Format {
    fn text(self, hash: &Hash) -> String {
        match self {
            Self::Base16 => hash.to_bare_text(HashFormat::Base16),
            Self::Nix32 => hash.to_bare_text(HashFormat::Nix32),
            Self::Base64 => hash.to_bare_text(HashFormat::Base64),
            Self::Sri => hash.to_text(HashFormat::Sri),
        }
    }
}

/// What can go wrong while something is hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("hash {}", path.display())]
    Path { path: PathBuf, source: PackError },
    #[error("read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{text:?} does not name its hash function: say which by --type")]
    NoType { text: String },
    #[error("{text:?} is no hash")]
    Text { text: String, source: HashError },
}

/// Prints hashes, one a line.
pub(crate) fn run(args: &HashArgs, out: &mut dyn Write) -> Result<()> {
    match &args.what {
        What::Path(args) => each(&args.paths, args.style.format, out, |path| {
            Ok(of_path(path, args.style.function.into())?.0)
        }),
        What::File(args) => each(&args.files, args.style.format, out, |file| {
            of_file(file, args.style.function.into())
        }),
        What::String(args) => each(&[&args.text], args.style.format, out, |text| {
            let function = args.style.function.into();
            Ok(Hash::of(function, text.as_encoded_bytes()))
        }),
        What::Convert(args) => each(&args.hashes, args.to, out, |text| {
            parse(text, args.function.map(Algorithm::from))
        }),
    }
}

/// Returns the hash and the size of the archive of a tree.
///
/// # Errors
/// Fails where the tree cannot be packed.
pub(crate) fn of_path(path: &Path, algorithm: Algorithm) -> Result<(Hash, u64), Error> {
    let mut sink = HashSink(Hasher::new(algorithm));
    match pack(path, &mut sink, &PackOptions::default()) {
        Ok(size) => Ok((sink.0.finish(), size)),
        Err(source) => {
            let path = path.to_owned();
            Err(Error::Path { path, source })
        }
    }
}

fn each<T>(
    items: &[T],
    format: Format,
    out: &mut dyn Write,
    hash: impl Fn(&T) -> Result<Hash, Error>,
) -> Result<()> {
    items.iter().try_for_each(|item| {
        let hash = hash(item)?;
        writeln!(out, "{}", format.text(&hash)).map_err(CommandError::Output)
    })
}

fn of_file(file: &Path, algorithm: Algorithm) -> Result<Hash, Error> {
    let mut hasher = Hasher::new(algorithm);
    let read = if file == Path::new("-") {
        hash_all(io::stdin().lock(), &mut hasher)
    } else {
        File::open(file).and_then(|file| hash_all(file, &mut hasher))
    };
    read.map_err(|source| Error::Read {
        path: file.to_owned(),
        source,
    })?;
    Ok(hasher.finish())
}

fn hash_all(mut reader: impl Read, hasher: &mut Hasher) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => hasher.update(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn parse(text: &str, algorithm: Option<Algorithm>) -> Result<Hash, Error> {
    Hash::parse(text, algorithm).map_err(|source| {
        let text = text.to_owned();
        match source {
            HashError::NoAlgorithm => Error::NoType { text },
            source => Error::Text { text, source },
        }
    })
}

/// Hashes what is written to it.
struct HashSink(Hasher);

impl Write for HashSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
