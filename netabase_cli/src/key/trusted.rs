//! The keys that a user trusts, as texts or files.

use std::path::Path;

use nix_core::signature::TrustedKeys;

use crate::key::{KeyError, secret::read_text};

/// Reads every key of the arguments: an argument is a key where it is one, and else names a file.
pub(crate) fn read(arguments: &[String]) -> Result<TrustedKeys, KeyError> {
    let mut all = TrustedKeys::default();
    for (at, argument) in arguments.iter().enumerate() {
        let number = at + 1;
        for key in read_one(number, argument)?.iter() {
            let inserted = all.insert(key.clone());
            inserted.map_err(|source| KeyError::Trusted { number, source })?;
        }
    }
    Ok(all)
}

fn read_one(number: usize, argument: &str) -> Result<TrustedKeys, KeyError> {
    let path = Path::new(argument);
    match argument.parse::<TrustedKeys>() {
        Ok(keys) if !keys.is_empty() => Ok(keys),
        // An argument with a colon may be a key that is mistyped, and even a secret one: an error
        // about a file would repeat it.
        Err(source) if argument.contains(':') && !path.exists() => {
            Err(KeyError::Trusted { number, source })
        }
        _ => read_file(path),
    }
}

fn read_file(path: &Path) -> Result<TrustedKeys, KeyError> {
    let place = path.display().to_string();
    match read_text(path)?.parse::<TrustedKeys>() {
        Ok(keys) if keys.is_empty() => Err(KeyError::NoKeys { place }),
        Ok(keys) => Ok(keys),
        Err(source) => Err(KeyError::TrustedFile { place, source }),
    }
}
