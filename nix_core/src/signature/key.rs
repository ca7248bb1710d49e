//! Public and secret keys.

use alloc::string::String;
use core::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

use super::{KeyName, Signature, SignatureError, text};

/// A public key with its name: what a user lists in `trusted-public-keys`.
///
/// Invariant: the key is a point of the curve whose order is not small.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: KeyName,
    key: VerifyingKey,
}

impl PublicKey {
    /// Takes the 32 bytes of a key.
    ///
    /// # Errors
    /// Fails where the bytes are no point of the curve, or one of small order, for which anybody
    /// could make signatures.
    pub fn from_bytes(name: KeyName, bytes: &[u8; 32]) -> Result<Self, SignatureError> {
        match VerifyingKey::from_bytes(bytes) {
            Ok(key) if !key.is_weak() => Ok(Self { name, key }),
            _ => Err(SignatureError::NotAKey),
        }
    }

    /// Returns the name of the key.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Returns the 32 bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Tells whether this key made `signature` over `message`, under its own name.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        let proper = ed25519_dalek::Signature::from_bytes(&signature.bytes);
        signature.key_name == self.name && self.key.verify_strict(message, &proper).is_ok()
    }
}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.as_bytes().hash(state);
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::print(&self.name, self.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let (name, bytes) = text::parse(text)?;
        Self::from_bytes(name, &bytes)
    }
}

/// A secret key with its name.
///
/// Neither `Debug` nor `Display` shows the secret; [`SecretKey::to_secret_text`] does.
#[derive(Clone)]
pub struct SecretKey {
    name: KeyName,
    key: SigningKey,
}

impl SecretKey {
    /// Makes the key of a seed, which the caller takes from a source of randomness.
    #[must_use]
    pub fn from_seed(name: KeyName, seed: &[u8; 32]) -> Self {
        Self {
            name,
            key: SigningKey::from_bytes(seed),
        }
    }

    /// Returns the name of the key.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Returns the public half, under the same name.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey {
            name: self.name.clone(),
            key: self.key.verifying_key(),
        }
    }

    /// Signs a message; the same key and message give the same signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature {
            key_name: self.name.clone(),
            bytes: self.key.sign(message).to_bytes(),
        }
    }

    /// Writes the secret itself, as `nix key generate-secret` does: `name:base64` of the seed and
    /// the public half.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        text::print(&self.name, &self.key.to_keypair_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl FromStr for SecretKey {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let (name, bytes) = text::parse::<64>(text)?;
        let (seed, public) = bytes.split_first_chunk::<32>().expect("64 is more than 32");
        let key = Self::from_seed(name, seed);
        if key.key.verifying_key().as_bytes() != public {
            return Err(SignatureError::HalvesDiffer);
        }
        Ok(key)
    }
}
