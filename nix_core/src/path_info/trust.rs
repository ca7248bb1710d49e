//! Fingerprints, and what makes a path trusted.

use alloc::{format, string::String};

use crate::{
    signature::{SecretKey, SignatureCheck, TrustedKeys},
    store_path::{References, StoreDir},
};

use super::PathInfo;

/// Why a path has no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FingerprintError {
    /// The size of the archive is not known.
    #[error("a path of which the size of the archive is unknown cannot be signed")]
    NarSizeUnknown,
}

impl PathInfo {
    /// Returns the text that signatures of the path are over:
    /// `1;<path>;sha256:<nix32>;<size>;<references>`, with full paths, the references in their order
    /// and separated by commas.
    ///
    /// # Errors
    /// Fails where the size of the archive is 0.
    pub fn fingerprint(&self, dir: &StoreDir) -> Result<String, FingerprintError> {
        if self.nar_size == 0 {
            return Err(FingerprintError::NarSizeUnknown);
        }
        let (path, hash, size) = (dir.display(&self.path), &self.nar_hash, self.nar_size);
        let mut text = format!("1;{path};{hash};{size};");
        for (index, reference) in self.references.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(dir.as_str());
            text.push('/');
            text.push_str(reference.base_name());
        }
        Ok(text)
    }

    /// Adds a signature by `key`, and tells whether it was missing.
    ///
    /// # Errors
    /// Fails where the path has no fingerprint.
    pub fn sign(&mut self, dir: &StoreDir, key: &SecretKey) -> Result<bool, FingerprintError> {
        let signature = key.sign(self.fingerprint(dir)?.as_bytes());
        Ok(self.signatures.insert(signature))
    }

    /// Tells whether the path is the one that its content address, name and references compute to.
    ///
    /// Such a path needs no signature. This says nothing of the contents: that they have the
    /// claimed hash is checked where they are at hand.
    #[must_use]
    pub fn is_content_addressed(&self, dir: &StoreDir) -> bool {
        let Some(address) = &self.content_address else {
            return false;
        };
        let mut others = self.references.clone();
        let self_reference = others.remove(&self.path);
        let references = References {
            others,
            self_reference,
        };
        let computed = dir.fixed_path(&self.path.to_name(), address, &references);
        computed.is_ok_and(|path| path == self.path)
    }

    /// Checks the content address and every signature against the keys that are trusted.
    ///
    /// A path without a fingerprint has no valid signature. A content address that computes to
    /// another path counts for nothing.
    #[must_use]
    pub fn check_signatures(&self, dir: &StoreDir, keys: &TrustedKeys) -> SignatureCheck {
        let fingerprint = self.fingerprint(dir).ok();
        let message = fingerprint.as_deref().map(str::as_bytes);
        SignatureCheck {
            content_addressed: self.is_content_addressed(dir),
            ..SignatureCheck::new(keys, message, &self.signatures)
        }
    }
}
