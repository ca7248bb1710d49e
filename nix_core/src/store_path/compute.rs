//! Which store path an object has.
//!
//! A path is `nix32(fold(sha256(kind ":" inner ":" store dir ":" name)))`, where `inner` is a hash in
//! base 16 that stands for the contents and `kind` says how they are addressed.

use alloc::{collections::BTreeSet, format, string::String};

use super::{OutputName, StoreDir, StorePath, StorePathName, StorePathNameError};
use crate::{
    content_address::{ContentAddress, ContentAddressError, ContentAddressMethod},
    hash::{Algorithm, Hash, HashFormat, Sha256, compress_hash},
};

/// What an object refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// The other paths, without its own.
    pub others: BTreeSet<StorePath>,
    /// Whether it refers to itself.
    pub self_reference: bool,
}

impl References {
    /// Returns whether there are none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.others.is_empty() && !self.self_reference
    }
}

/// Why an object can have no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComputeError {
    /// A text refers to itself, which its hash cannot express.
    #[error("a text cannot refer to itself")]
    TextSelfReference,
    /// Only texts and archives hashed by SHA-256 may refer to anything.
    #[error("contents addressed by {method} and {algorithm} cannot have references")]
    References {
        /// How the contents are addressed.
        method: ContentAddressMethod,
        /// By which hash.
        algorithm: Algorithm,
    },
    /// The content address is not one that Nix knows.
    #[error("the content address is invalid")]
    ContentAddress(#[source] ContentAddressError),
    /// The name together with the output's is invalid.
    #[error("the name of the output's path is invalid")]
    Name(#[source] StorePathNameError),
}

impl StoreDir {
    /// Returns the path for a kind such as `output:out`, a hash and a name: the last step of every
    /// computation here.
    #[must_use]
    pub fn make_path(&self, kind: &str, inner: &Hash, name: &StorePathName) -> StorePath {
        let inner = inner.to_text(HashFormat::Base16);
        let fingerprint = Sha256::of(format!("{kind}:{inner}:{self}:{name}").as_bytes());
        StorePath::new(compress_hash(&fingerprint.0), name)
    }

    /// Returns the path of a text, such as a derivation, with what it refers to.
    #[must_use]
    pub fn text_path(
        &self,
        name: &StorePathName,
        contents: Sha256,
        references: &BTreeSet<StorePath>,
    ) -> StorePath {
        self.make_path(&self.kind("text", references), &contents.into(), name)
    }

    /// Returns the path of contents addressed by their own hash.
    ///
    /// # Errors
    /// Fails when the address is invalid, when a text refers to itself, and when there are
    /// references with any method but text and archives by SHA-256.
    ///
    /// # Examples
    /// ```
    /// use nix_core::{
    ///     content_address::{ContentAddress, ContentAddressMethod},
    ///     hash::{Algorithm, Hash},
    ///     store_path::{References, StoreDir, StorePathName},
    /// };
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let hash = Hash::of(Algorithm::Sha256, b"hello");
    /// let address = ContentAddress::new(ContentAddressMethod::Flat, hash)?;
    /// let name = StorePathName::new("greeting")?;
    /// let path = StoreDir::default().fixed_path(&name, &address, &References::default())?;
    /// assert_eq!(path.name(), "greeting");
    /// # Ok(())
    /// # }
    /// ```
    pub fn fixed_path(
        &self,
        name: &StorePathName,
        address: &ContentAddress,
        references: &References,
    ) -> Result<StorePath, ComputeError> {
        address.check().map_err(ComputeError::ContentAddress)?;
        let (method, algorithm) = (address.method, address.hash.algorithm());
        match (method, algorithm) {
            (ContentAddressMethod::Text, _) if references.self_reference => {
                Err(ComputeError::TextSelfReference)
            }
            (ContentAddressMethod::Text, _) => {
                Ok(self.make_path(&self.kind("text", &references.others), &address.hash, name))
            }
            (ContentAddressMethod::Nar, Algorithm::Sha256) => {
                let mut kind = self.kind("source", &references.others);
                if references.self_reference {
                    kind.push_str(":self");
                }
                Ok(self.make_path(&kind, &address.hash, name))
            }
            _ if !references.is_empty() => Err(ComputeError::References { method, algorithm }),
            _ => Ok(self.make_path("output:out", &fixed_inner(address), name)),
        }
    }

    /// Returns the path of an output that is addressed by how it is built.
    ///
    /// `drv_name` is the derivation's name without `.drv`, `modulo` the hash of the derivation
    /// modulo its fixed-output inputs and its own output paths.
    ///
    /// # Errors
    /// Fails when the two names together are too long.
    pub fn output_path(
        &self,
        drv_name: &StorePathName,
        output: &OutputName,
        modulo: Sha256,
    ) -> Result<StorePath, ComputeError> {
        let name = drv_name.for_output(output).map_err(ComputeError::Name)?;
        Ok(self.make_path(&format!("output:{output}"), &modulo.into(), &name))
    }

    /// Returns the kind with the full paths of the references, in their order.
    fn kind(&self, kind: &str, references: &BTreeSet<StorePath>) -> String {
        let mut kind = String::from(kind);
        for reference in references {
            kind.push(':');
            kind.push_str(&self.print(reference));
        }
        kind
    }
}

/// The hash that stands for contents which may have no references.
fn fixed_inner(address: &ContentAddress) -> Hash {
    let prefix = address.method.aterm_prefix();
    let hash = address.hash.to_text(HashFormat::Base16);
    Hash::of(
        Algorithm::Sha256,
        format!("fixed:out:{prefix}{hash}:").as_bytes(),
    )
}
