//! The names of derivation files.

use std::{fmt, str::FromStr};

use nix_core::{
    derivation::{Derivation, DerivationLookup, DerivationModulo, ModuloError},
    hash::{Hash, HashFormat, Sha256},
    nix32::{self, Nix32Error},
};

/// What is to be built: the hash of a derivation modulo fixed outputs, its own outputs masked.
///
/// Derivations that must build the same have the same one, whatever fetches their sources. It is
/// printed as 52 digits of nix32, without the algorithm; each has one text, and they sort as their
/// texts do.
///
/// The name of a derivation counts as far as its environment says it, which it does in everything
/// that evaluation makes.
///
/// # Examples
/// ```
/// use nix_core::hash::Sha256;
/// use nix_store::drv_files::BuildHash;
///
/// let text = "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
/// let hash: BuildHash = text.parse()?;
/// assert_eq!(hash.digest(), Sha256::of(b""));
/// assert_eq!(hash.to_string(), text);
/// # Ok::<(), nix_store::drv_files::BuildHashError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BuildHash(Sha256);

/// Why a text is no build hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildHashError {
    /// It has another length.
    #[error("a build hash has {len} characters, not {0}", len = BuildHash::LEN)]
    Length(usize),
    /// A character is no digit, or the digits say more than 256 bits.
    #[error("a build hash is nix32")]
    Digits(#[source] Nix32Error),
}

impl BuildHash {
    /// How many characters the text has.
    pub const LEN: usize = nix32::encoded_len(32);

    /// Returns the build hash of a derivation, or nothing while one of its inputs is deferred.
    ///
    /// # Errors
    /// Fails when an input derivation is missing, cannot be hashed, or is its own input.
    pub fn of<L: DerivationLookup + ?Sized>(
        modulo: &mut DerivationModulo<'_, L>,
        derivation: &Derivation,
    ) -> Result<Option<Self>, ModuloError<L::Error>> {
        Ok(modulo.build_hash(derivation)?.map(Self))
    }

    /// Returns the digest, from which the paths of input-addressed outputs follow.
    #[must_use]
    pub const fn digest(&self) -> Sha256 {
        self.0
    }
}

impl From<Sha256> for BuildHash {
    fn from(digest: Sha256) -> Self {
        Self(digest)
    }
}

impl FromStr for BuildHash {
    type Err = BuildHashError;

    fn from_str(text: &str) -> Result<Self, BuildHashError> {
        let length = || BuildHashError::Length(text.len());
        if text.len() != Self::LEN {
            return Err(length());
        }
        let bytes = nix32::decode(text.as_bytes()).map_err(BuildHashError::Digits)?;
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| length())?;
        Ok(Self(Sha256(bytes)))
    }
}

impl fmt::Display for BuildHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&Hash::from(self.0).to_bare_text(HashFormat::Nix32))
    }
}

impl fmt::Debug for BuildHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BuildHash({self})")
    }
}

/// Digits are in the reverse order of the bytes.
impl Ord for BuildHash {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.0.iter().rev().cmp(other.0.0.iter().rev())
    }
}

impl PartialOrd for BuildHash {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_text_of_a_digest_is_read() {
        let text = "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
        let check = |text: &str, error: BuildHashError| {
            assert_eq!(text.parse::<BuildHash>(), Err(error), "{text}");
        };
        check(&text[1..], BuildHashError::Length(51));
        check(&format!("{text}0"), BuildHashError::Length(53));
        check("", BuildHashError::Length(0));
        let surplus = text.replacen('0', "z", 1);
        check(&surplus, BuildHashError::Digits(Nix32Error::SurplusBits));
        let (position, byte) = (1, b'M');
        let upper = text.replacen('m', "M", 1);
        let symbol = Nix32Error::Symbol { position, byte };
        check(&upper, BuildHashError::Digits(symbol));
        let slash = format!("../{}", &text[3..]);
        assert!(slash.parse::<BuildHash>().is_err());
    }

    #[test]
    fn build_hashes_sort_as_their_texts() {
        let mut hashes: Vec<BuildHash> = (0..200_u8).map(|n| Sha256::of(&[n]).into()).collect();
        hashes.sort();
        let texts: Vec<String> = hashes.iter().map(BuildHash::to_string).collect();
        assert!(texts.is_sorted());
    }
}
