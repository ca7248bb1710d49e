//! Hashing bytes as they come.

use alloc::boxed::Box;

use sha2::Digest;

use super::{Algorithm, Hash};

/// Hashes bytes as they come.
///
/// # Examples
/// ```
/// use nix_core::hash::{Algorithm, Hash, Hasher};
///
/// let mut hasher = Hasher::new(Algorithm::Sha1);
/// hasher.update(b"a");
/// hasher.update(b"b");
/// assert_eq!(hasher.finish(), Hash::of(Algorithm::Sha1, b"ab"));
/// ```
#[derive(Debug, Clone)]
pub struct Hasher(State);

#[derive(Debug, Clone)]
enum State {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    /// Begins with no bytes.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Md5 => State::Md5(Digest::new()),
            Algorithm::Sha1 => State::Sha1(Digest::new()),
            Algorithm::Sha256 => State::Sha256(Digest::new()),
            Algorithm::Sha512 => State::Sha512(Digest::new()),
            Algorithm::Blake3 => State::Blake3(Box::new(blake3::Hasher::new())),
        })
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Md5(state) => state.update(bytes),
            State::Sha1(state) => state.update(bytes),
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
            State::Blake3(state) => {
                state.update(bytes);
            }
        }
    }

    /// Returns the hash of all bytes.
    #[must_use]
    pub fn finish(self) -> Hash {
        match self.0 {
            State::Md5(state) => Hash::from_exact(Algorithm::Md5, &state.finalize()),
            State::Sha1(state) => Hash::from_exact(Algorithm::Sha1, &state.finalize()),
            State::Sha256(state) => Hash::from_exact(Algorithm::Sha256, &state.finalize()),
            State::Sha512(state) => Hash::from_exact(Algorithm::Sha512, &state.finalize()),
            State::Blake3(state) => {
                Hash::from_exact(Algorithm::Blake3, state.finalize().as_bytes())
            }
        }
    }
}
