//! Store paths, their names, and the folder that they lie in.
//!
//! A store path is `<store dir>/<hash part>-<name>`. The store dir is a parameter: a [`StorePath`]
//! holds the base name alone, and a [`StoreDir`] reads and prints full paths.

mod compute;
mod dir;
mod error;
mod name;

use alloc::{string::String, sync::Arc};
use core::{borrow::Borrow, fmt, str::FromStr};

pub(crate) use self::dir::canonical;
pub use self::{
    compute::{ComputeError, References},
    dir::StoreDir,
    error::{StoreDirError, StorePathError, StorePathNameError},
    name::{OutputName, StorePathName},
};
use crate::nix32;

/// How many characters a hash part has.
pub const HASH_PART_LEN: usize = 32;

/// What the name of a derivation ends in.
const DERIVATION_SUFFIX: &str = ".drv";

/// The base name of a path in a store: a hash part of 32 characters, `-`, and a name.
///
/// A cheap clone. Store paths sort as Nix sorts them, by the bytes of the printed base name, which
/// is not the order of the digests.
///
/// # Examples
/// ```
/// use nix_core::store_path::StorePath;
///
/// let path = StorePath::from_base_name("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo.drv")?;
/// assert_eq!(path.hash_part(), "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q");
/// assert_eq!(path.name(), "foo.drv");
/// assert!(path.is_derivation());
/// # Ok::<(), nix_core::store_path::StorePathError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath {
    /// Invariant: 32 digits of base 32, `-`, and a valid name.
    base_name: Arc<str>,
}

impl StorePath {
    /// Parses a base name.
    ///
    /// # Errors
    /// Fails when the hash part is not 32 digits of base 32, no `-` follows, or the name is invalid.
    pub fn from_base_name(base_name: &str) -> Result<Self, StorePathError> {
        Self::from_base_name_bytes(base_name.as_bytes())
    }

    /// Parses a base name that may be any bytes.
    ///
    /// # Errors
    /// Fails as [`from_base_name`](Self::from_base_name) does.
    pub fn from_base_name_bytes(base_name: &[u8]) -> Result<Self, StorePathError> {
        let Some((hash_part, rest)) = base_name.split_first_chunk::<HASH_PART_LEN>() else {
            return Err(StorePathError::Short(base_name.len()));
        };
        nix32::decode_20(hash_part).map_err(StorePathError::HashPart)?;
        let Some((b'-', name)) = rest.split_first() else {
            return Err(StorePathError::Dash);
        };
        name::check(name).map_err(StorePathError::Name)?;
        let base_name = core::str::from_utf8(base_name).expect("what was checked is ASCII");
        Ok(Self {
            base_name: base_name.into(),
        })
    }

    /// Makes the path of a digest and a name.
    #[must_use]
    pub fn new(digest: [u8; 20], name: &StorePathName) -> Self {
        let hash_part = nix32::encode_20(&digest);
        let mut base_name = String::with_capacity(HASH_PART_LEN + 1 + name.as_str().len());
        base_name.extend(hash_part.map(char::from));
        base_name.push('-');
        base_name.push_str(name.as_str());
        Self {
            base_name: base_name.into(),
        }
    }

    /// Returns the base name: hash part, `-`, name.
    #[must_use]
    pub fn base_name(&self) -> &str {
        &self.base_name
    }

    /// Returns the hash part, 32 characters of base 32.
    #[must_use]
    pub fn hash_part(&self) -> &str {
        self.parts().0
    }

    /// Returns the hash part as an array, as [`references`](crate::references) takes it.
    #[must_use]
    pub fn hash_part_bytes(&self) -> [u8; HASH_PART_LEN] {
        let part = self.base_name.as_bytes().first_chunk();
        *part.expect("a hash part has 32 characters")
    }

    /// Returns the digest that the hash part stands for.
    #[must_use]
    pub fn digest(&self) -> [u8; 20] {
        nix32::decode_20(&self.hash_part_bytes()).expect("a hash part is base 32")
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.parts().1
    }

    /// Returns the name as a value of its own.
    #[must_use]
    pub fn to_name(&self) -> StorePathName {
        StorePathName::new(self.name()).expect("the name of a store path is valid")
    }

    /// Returns whether it is a derivation: whether the name ends in `.drv`.
    #[must_use]
    pub fn is_derivation(&self) -> bool {
        self.name().ends_with(DERIVATION_SUFFIX)
    }

    fn parts(&self) -> (&str, &str) {
        let split = self.base_name.split_at_checked(HASH_PART_LEN);
        let parts = split.and_then(|(hash, rest)| Some((hash, rest.strip_prefix('-')?)));
        parts.expect("a base name has a hash part and `-`")
    }
}

/// So that maps by store path can be asked by base name.
impl Borrow<str> for StorePath {
    fn borrow(&self) -> &str {
        &self.base_name
    }
}

/// Writes the base name.
impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.base_name)
    }
}

impl fmt::Debug for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StorePath({})", self.base_name)
    }
}

impl FromStr for StorePath {
    type Err = StorePathError;

    fn from_str(text: &str) -> Result<Self, StorePathError> {
        Self::from_base_name(text)
    }
}

#[cfg(any(test, feature = "test"))]
pub use self::name::{arb_output_name, arb_store_path_name};

/// Generates any store path.
#[cfg(any(test, feature = "test"))]
pub fn arb_store_path() -> impl proptest::strategy::Strategy<Value = StorePath> {
    use proptest::prelude::*;

    let path = |(digest, name): (_, StorePathName)| StorePath::new(digest, &name);
    (any::<[u8; 20]>(), arb_store_path_name()).prop_map(path)
}

#[cfg(test)]
mod tests;
