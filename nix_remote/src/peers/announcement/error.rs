//! Why an announcement is not made, not read, or not believed.

use std::str::Utf8Error;

use nix_core::{
    content_address::ContentAddressError,
    hash::Algorithm,
    json::JsonError,
    signature::{KeyName, SignatureError},
    store_path::{ComputeError, StorePath, StorePathNameError},
};

use super::{
    CHUNK_LOG_MAX, CLOCK_SKEW_SECONDS_MAX, ENVELOPE_BYTES_MAX, KeyError, LIFETIME_SECONDS_MAX,
    NIX_SIGNATURES_MAX, SignerId,
};

/// Why an announcement cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The statement does not fit an envelope.
    #[error("an announcement of {bytes} bytes exceeds the maximum of {ENVELOPE_BYTES_MAX}")]
    TooLarge {
        /// How many bytes it would have, or its longest part.
        bytes: usize,
    },
    /// The count of references does not fit its field.
    #[error("an announcement cannot count {count} references")]
    ReferenceCount {
        /// The count.
        count: usize,
    },
    /// The object has more signatures than an announcement carries.
    #[error("{count} signatures exceed the maximum of {NIX_SIGNATURES_MAX}")]
    SignatureCount {
        /// The count.
        count: usize,
    },
    /// The length of a key's name does not fit its field.
    #[error("the name of the key {0} is longer than 255 bytes")]
    KeyName(KeyName),
    /// The statement has no valid envelope.
    #[error("the statement cannot be announced")]
    Form(#[source] DecodeError),
    /// Nobody would believe it.
    #[error("the announcement would be refused")]
    Refused(#[source] VerifyError),
}

/// Why bytes are no announcement under their key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are more bytes than an envelope may have.
    #[error("{bytes} bytes exceed the maximum of {ENVELOPE_BYTES_MAX}")]
    TooLarge {
        /// How many there are.
        bytes: usize,
    },
    /// The key is not one of an announcement.
    #[error("the key is not that of an announcement")]
    Key(#[source] KeyError),
    /// The bytes end within the field, or before it.
    #[error("the announcement ends within the {0}")]
    Truncated(&'static str),
    /// Something follows the signature.
    #[error("{bytes} bytes follow the signature")]
    Trailing {
        /// How many bytes.
        bytes: usize,
    },
    /// The bytes do not begin as an announcement does.
    #[error("the bytes do not begin with `nixk`")]
    Magic,
    /// The envelope is of another version.
    #[error("announcements of version {0} are not known")]
    Version(u8),
    /// The announcement is of another kind than its key.
    #[error("an announcement of kind {} lies under a key of kind {}",
        found.escape_ascii(), expected.escape_ascii())]
    Kind {
        /// The kind of the key.
        expected: u8,
        /// The kind of the announcement.
        found: u8,
    },
    /// The term ends before it begins, or as it does.
    #[error("the announcement expires before it is issued")]
    Term,
    /// The size of the archive is 0.
    #[error("the size of the archive is unknown")]
    NarSizeUnknown,
    /// The chunks would be too large to be verified one by one.
    #[error("a chunk log of {0} exceeds the maximum of {CHUNK_LOG_MAX}")]
    ChunkLog(u8),
    /// No method of content addresses has the number.
    #[error("no content address method has the number {0}")]
    Method(u8),
    /// No algorithm has the number.
    #[error("no hash algorithm has the number {0}")]
    Algorithm(u8),
    /// Two contents can have one hash of the algorithm, so it proves nothing.
    #[error("a content address by {0} proves nothing")]
    BrokenHash(Algorithm),
    /// Method and algorithm do not go together.
    #[error("the content address is invalid")]
    ContentAddress(#[source] ContentAddressError),
    /// The text of a field is not UTF-8.
    #[error("the {field} is not UTF-8")]
    Text {
        /// The field.
        field: &'static str,
        /// Where it is not.
        #[source]
        source: Utf8Error,
    },
    /// The name of the object or of a reference is invalid.
    #[error("the name of a store path is invalid")]
    Name(#[source] StorePathNameError),
    /// The references are neither listed nor given by their digest.
    #[error("the form {0} of references is not known")]
    ReferenceForm(u8),
    /// No references are announced by their digest, where an empty list is due.
    #[error("no references are given by their digest")]
    DigestOfNothing,
    /// A content address without the references leads to no path.
    #[error("the references of a content-addressed object are not listed")]
    ReferencesMissing,
    /// A reference is not greater than the one before it.
    #[error("reference {index} is out of order")]
    ReferenceOrder {
        /// Its place, from 0.
        index: usize,
    },
    /// There are more of Nix's signatures than an announcement carries.
    #[error("{count} signatures exceed the maximum of {NIX_SIGNATURES_MAX}")]
    SignatureCount {
        /// The count.
        count: usize,
    },
    /// A signature is not greater than the one before it.
    #[error("signature {index} is out of order")]
    SignatureOrder {
        /// Its place, from 0.
        index: usize,
    },
    /// The name of a key is invalid.
    #[error("the name of a key is invalid")]
    KeyName(#[source] SignatureError),
    /// The JSON is no realisation.
    #[error("the JSON is no realisation")]
    Json(#[source] JsonError),
    /// The JSON is a realisation, but not in its one form.
    #[error("the JSON of the realisation is not canonical")]
    JsonForm,
    /// The realisation is of another output than the key.
    #[error("the realisation is of another output than its key")]
    OtherOutput,
}

/// Why a well-formed announcement is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The content address leads to no path.
    #[error("the content address leads to no path")]
    ContentAddress(#[source] ComputeError),
    /// The content address leads to another path than the key's.
    #[error("the content address leads to {computed} and not to {announced}")]
    Path {
        /// Where it leads.
        computed: StorePath,
        /// What is announced.
        announced: StorePath,
    },
    /// The content address is that of the archive, and another hash is announced with it.
    #[error("the {field} contradicts the content address")]
    Contradiction {
        /// What is announced otherwise.
        field: &'static str,
    },
    /// It holds longer than any may.
    #[error("a lifetime of {seconds} seconds exceeds the maximum of {LIFETIME_SECONDS_MAX}")]
    Lifetime {
        /// How long it holds.
        seconds: u64,
    },
    /// It comes from further ahead than clocks may differ.
    #[error("issued at {issued_at}, more than {CLOCK_SKEW_SECONDS_MAX} seconds after {now}")]
    NotYetIssued {
        /// When it was issued.
        issued_at: u64,
        /// What the time was taken to be.
        now: u64,
    },
    /// It has held.
    #[error("expired after {not_after}, and it is {now}")]
    Expired {
        /// The last second in which it held.
        not_after: u64,
        /// What the time was taken to be.
        now: u64,
    },
    /// Its signer is not trusted.
    #[error("the signer {0} is not trusted")]
    Untrusted(SignerId),
    /// Its signer is no public key, or one with which anybody could sign.
    #[error("the signer {signer} is no public key")]
    NotAKey {
        /// The signer.
        signer: SignerId,
        /// Why not.
        #[source]
        source: SignatureError,
    },
    /// Its signer did not sign it.
    #[error("the signature is not by {0}")]
    Signature(SignerId),
}
