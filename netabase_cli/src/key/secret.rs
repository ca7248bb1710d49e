//! Files of keys.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

use nix_core::signature::SecretKey;

use crate::key::KeyError;

/// How many bytes a file of keys may have.
pub(super) const KEY_FILE_BYTES_MAX: u64 = 64 << 10;

/// Reads a secret key; `-` stands for standard input.
pub(crate) fn read(path: &Path) -> Result<SecretKey, KeyError> {
    let text = read_text(path)?;
    text.trim().parse().map_err(|source| KeyError::Secret {
        place: place(path),
        source,
    })
}

/// Writes a secret key to a new file that only its owner can read.
pub(super) fn write(path: &Path, key: &SecretKey) -> Result<(), KeyError> {
    let error = |source| KeyError::Write {
        path: path.to_owned(),
        source,
    };
    let mut file = create(path).map_err(error)?;
    let written = writeln!(file, "{}", key.to_secret_text()).and_then(|()| file.sync_all());
    written.map_err(|source| {
        // Half a key is of no use; if it cannot be removed, the error that led here says more.
        let _ = fs::remove_file(path);
        error(source)
    })
}

/// Reads a file of keys as text.
pub(super) fn read_text(path: &Path) -> Result<String, KeyError> {
    let place = place(path);
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        take(io::stdin().lock(), &mut bytes)
    } else {
        File::open(path).and_then(|file| take(file, &mut bytes))
    };
    match read {
        Err(source) => Err(KeyError::Read { place, source }),
        Ok(length) if length > KEY_FILE_BYTES_MAX => Err(KeyError::TooLarge { place }),
        Ok(_) => String::from_utf8(bytes).map_err(|_| KeyError::NotText { place }),
    }
}

fn take(input: impl Read, bytes: &mut Vec<u8>) -> io::Result<u64> {
    let length = input.take(KEY_FILE_BYTES_MAX + 1).read_to_end(bytes)?;
    Ok(u64::try_from(length).unwrap_or(u64::MAX))
}

fn place(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => path.display().to_string(),
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
