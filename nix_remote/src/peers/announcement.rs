//! Announcements: what a record of a DHT says of a Nix store object, and whether it may be believed.
//!
//! There are three kinds. A *signed path info* is the word of its signer, whose key stands in the
//! record's key. A *content-addressed path info* needs no trust: its path follows from its content
//! address, references and name. A *realisation* is its signer's word that an output of a derivation
//! has a path. All three have one envelope, which holds everything but the record's key.
//!
//! Nothing here does IO or has a clock. Times are seconds since 1970.
//!
//! # Keys
//! | kind | key |
//! | --- | --- |
//! | signed path info | `n1`, signer (32 bytes), digest of the store path (20) |
//! | content-addressed path info | `c1`, digest of the store path (20) |
//! | realisation | `r1`, signer (32), SHA-256 of the text of the output (32) |
//!
//! A signer is the 32 bytes of an Ed25519 public key. The digest of a store path is what its hash
//! part stands for. The text of an output is `<drv base name>^<output>` since Nix 2.35, before that
//! `sha256:<hash in base 16>!<output>`. Who has an object is asked under its [`provider_key`].
//!
//! # The envelope, byte by byte
//! At most [`ENVELOPE_BYTES_MAX`] bytes. Numbers are big-endian, nothing is padded, nothing follows.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `nixk` |
//! | 1 | version, 1 |
//! | 1 | kind: `n`, `c` or `r`, the first byte of the key |
//! | 8 | sequence |
//! | 8 | issued at |
//! | 8 | not after; later than issued at |
//! | .. | body |
//! | 64 | signature |
//!
//! The body of a path info:
//!
//! | bytes | what |
//! | --- | --- |
//! | 32 | signer; kind `c` only |
//! | 32 | NAR hash, SHA-256 |
//! | 8 | NAR size; not 0 |
//! | 32 | root of the NAR's BLAKE3 tree |
//! | 1 | chunk log: chunks that can be verified have 2^this KiB; at most [`CHUNK_LOG_MAX`] |
//! | 1 | method of the content address: 0 text, 1 flat, 2 nar, 3 git; kind `c` only |
//! | 1 | its algorithm: 2 SHA-256, 3 SHA-512, 4 BLAKE3; kind `c` only |
//! | 32, 64 | its digest; kind `c` only |
//! | 1 | length of the name |
//! | 1 to 211 | name of the store path |
//! | 4 | count of the references |
//! | 1 | 1: a list follows. 0: a digest follows; only with a count above 0, never in kind `c` |
//! | .. | list: each its digest (20), length of its name (1), name; in Nix's order, each once |
//! | 32 | or digest: the SHA-256 of that list |
//! | 1 | count of Nix's signatures, at most [`NIX_SIGNATURES_MAX`] |
//! | .. | each: length of the key's name (1), the name, signature (64); in Nix's order, each once |
//!
//! The body of a realisation:
//!
//! | bytes | what |
//! | --- | --- |
//! | 2 | length of the JSON |
//! | .. | the realisation as compact JSON with sorted members and structured signatures |
//!
//! JSON with the member `id` is a realisation as Nix had them up to 2.34.
//!
//! The signature is Ed25519 over `nix-kad/1` and a zero byte, the record's key, and all of the
//! envelope before the signature. So an announcement counts under its own key alone, and neither
//! sequence nor expiry can be changed. Nix's own signatures inside are over Nix's own fingerprints.
//!
//! # What a content-addressed path info proves
//! The path, its references, and the hash by which the contents are judged once they are there. NAR
//! hash, NAR size and BLAKE3 root are the word of a signer whom nobody has to trust, except where
//! the content address is that of the NAR and says the same. A wrong one costs a download.

mod conflict;
mod decode;
mod encode;
mod error;
mod key;
mod object;
mod policy;
mod verify;

use std::cmp::Ordering;

use nix_core::{
    content_address::ContentAddress,
    hash::Algorithm,
    realisation::{LegacyRealisation, Realisation},
    signature::SecretKey,
    store_path::{StoreDir, StorePath},
};

pub use self::{
    conflict::Conflict,
    error::{DecodeError, SignError, VerifyError},
    key::{Key, KeyError, Kind, PROVIDER_KEY_BYTES, SignerId, nar_provider_key, provider_key},
    object::{Object, References},
    policy::{Announceable, Grounds, PolicyError, announceable},
    verify::Signers,
};

/// The largest envelope, which is the largest value that record stores take by default.
pub const ENVELOPE_BYTES_MAX: usize = 4 * 1024;

/// The largest chunk log: chunks of 256 KiB, the most that a lying peer may make others waste.
pub const CHUNK_LOG_MAX: u8 = 8;

/// The most signatures of Nix that an announcement carries.
pub const NIX_SIGNATURES_MAX: usize = 8;

/// How far ahead of ours the clock of a signer may be.
pub const CLOCK_SKEW_SECONDS_MAX: u64 = 5 * 60;

/// The longest time from `issued_at` to `not_after`.
pub const LIFETIME_SECONDS_MAX: u64 = 48 * 60 * 60;

/// How many bytes the signature has at the end of an envelope.
pub const SIGNATURE_BYTES: usize = 64;

/// What an announcement states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// The signer vouches for an object.
    PathInfo(Object),
    /// An object has the path that its content address leads to.
    ContentAddressed(Object, ContentAddress),
    /// The signer vouches for the path of an output.
    Realisation(Realisation),
    /// The same, with the output named as Nix named it up to 2.34.
    LegacyRealisation(LegacyRealisation),
}

/// Since when and until when an announcement holds, and its place among those of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// Counts the announcements that a signer makes under a key; the greatest one holds.
    pub sequence: u64,
    /// When it was made, in seconds since 1970.
    pub issued_at: u64,
    /// The last second in which it holds.
    pub not_after: u64,
}

/// A statement under a key of the DHT, with its term and a signature.
///
/// Invariant: well-formed, which says nothing of whether it is true, in time or signed by anybody;
/// [`verify`](Self::verify) does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    key: Key,
    signer: SignerId,
    term: Term,
    statement: Statement,
    /// Invariant: the one envelope of all the above.
    bytes: Vec<u8>,
}

impl Statement {
    /// Returns the text of the output that a realisation is of, and its path; `None` of an object.
    #[must_use]
    pub fn output(&self) -> Option<(String, &StorePath)> {
        match self {
            Self::PathInfo(_) | Self::ContentAddressed(..) => None,
            Self::Realisation(one) => Some((one.key.to_string(), &one.value.out_path)),
            Self::LegacyRealisation(one) => Some((one.id.to_string(), &one.out_path)),
        }
    }
}

impl Announcement {
    /// Makes an announcement.
    ///
    /// References that leave no room are replaced by their digest; a content-addressed path info
    /// needs all of them, so one with hundreds can be announced by signature only.
    ///
    /// # Errors
    /// Fails where the envelope would be too large, and on whatever
    /// [`decode`](Self::decode) and [`verify`](Self::verify) refuse at the time `issued_at`.
    pub fn sign(
        dir: &StoreDir,
        statement: &Statement,
        term: Term,
        key: &SecretKey,
    ) -> Result<Self, SignError> {
        let signer = SignerId::of(&key.public_key());
        let dht_key = Key::of(statement, signer);
        let mut bytes = encode::unsigned(statement, term, signer)?;
        let signature = key.sign(&verify::message(&dht_key, &bytes));
        bytes.extend_from_slice(&signature.bytes);
        let announcement = Self::decode(&dht_key.to_bytes(), &bytes).map_err(SignError::Form)?;
        let verified = announcement.verify(dir, Signers::Any, term.issued_at);
        verified.map_err(SignError::Refused)?;
        Ok(announcement)
    }

    /// Reads what stands under a key of the DHT; cheap, since no signature is checked.
    ///
    /// # Errors
    /// Fails on a key of no kind, and on bytes that are not the one envelope of a statement that
    /// belongs under the key.
    pub fn decode(key: &[u8], bytes: &[u8]) -> Result<Self, DecodeError> {
        decode::announcement(key, bytes)
    }

    /// Returns the envelope.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the key of the DHT.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Returns who signed it, or is said to have.
    #[must_use]
    pub fn signer(&self) -> &SignerId {
        &self.signer
    }

    /// Returns since when and until when it holds.
    #[must_use]
    pub fn term(&self) -> Term {
        self.term
    }

    /// Returns what is stated.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Compares two valid announcements of one key, of which the greater one is the newer; `None`
    /// where the keys differ.
    ///
    /// The sequence decides, then when they were issued, then their bytes. Under the key of a
    /// content-addressed path everybody may announce and counts from where they like: there the
    /// time of issue, which nobody can set far ahead, decides before the sequence.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        if self.key != other.key {
            return None;
        }
        let [ours, theirs] = [self, other].map(|one| match one.key.kind() {
            Kind::ContentAddressed => (one.term.issued_at, one.term.sequence),
            Kind::PathInfo | Kind::Realisation => (one.term.sequence, one.term.issued_at),
        });
        Some(ours.cmp(&theirs).then_with(|| self.bytes.cmp(&other.bytes)))
    }

    /// Returns the part of the envelope that is signed, and the signature.
    fn split(&self) -> (&[u8], &[u8; SIGNATURE_BYTES]) {
        let split = self.bytes.split_last_chunk();
        split.expect("an envelope ends with a signature")
    }
}

/// Whether two contents with one hash can be made, so that a content address by it proves nothing.
const fn is_broken(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::Md5 | Algorithm::Sha1)
}
