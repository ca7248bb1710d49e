//! Envelopes from statements.

use std::collections::BTreeSet;

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    hash::Algorithm,
    signature::{Signature, SignatureForm},
    store_path::StorePath,
};

use super::{
    ENVELOPE_BYTES_MAX, Key, NIX_SIGNATURES_MAX, Object, References, SIGNATURE_BYTES, SignError,
    SignerId, Statement, Term,
};

/// What every envelope begins with.
pub(super) const MAGIC: [u8; 4] = *b"nixk";

/// The version that is written, and the only one that is read.
pub(super) const VERSION: u8 = 1;

/// What stands before references that are listed, and before their digest.
pub(super) const LIST: u8 = 1;
pub(super) const DIGEST: u8 = 0;

/// How the signatures of realisations are written.
pub(super) const SIGNATURE_FORM: SignatureForm = SignatureForm::Structured;

/// Returns all of an envelope before the signature.
pub(super) fn unsigned(
    statement: &Statement,
    term: Term,
    signer: SignerId,
) -> Result<Vec<u8>, SignError> {
    let mut bytes = written(statement, term, signer)?;
    if let Statement::PathInfo(object) = statement
        && bytes.len() + SIGNATURE_BYTES > ENVELOPE_BYTES_MAX
    {
        let mut object = object.clone();
        object.references = object.references.to_digest();
        bytes = written(&Statement::PathInfo(object), term, signer)?;
    }
    match bytes.len() + SIGNATURE_BYTES {
        bytes if bytes > ENVELOPE_BYTES_MAX => Err(SignError::TooLarge { bytes }),
        _ => Ok(bytes),
    }
}

/// Returns the list of references in the form of the envelope.
pub(super) fn list(references: &BTreeSet<StorePath>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for reference in references {
        bytes.extend_from_slice(&reference.digest());
        text(&mut bytes, reference.name()).expect("a name has at most 211 bytes");
    }
    bytes
}

fn written(statement: &Statement, term: Term, signer: SignerId) -> Result<Vec<u8>, SignError> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[VERSION, Key::of(statement, signer).kind().code()]);
    for number in [term.sequence, term.issued_at, term.not_after] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    match statement {
        Statement::PathInfo(object) => write_object(&mut bytes, object, None)?,
        Statement::ContentAddressed(object, address) => {
            bytes.extend_from_slice(&signer.0);
            write_object(&mut bytes, object, Some(address))?;
        }
        Statement::Realisation(one) => {
            write_json(&mut bytes, &one.to_json(SIGNATURE_FORM).to_string())?;
        }
        Statement::LegacyRealisation(one) => {
            write_json(&mut bytes, &one.to_json(SIGNATURE_FORM).to_string())?;
        }
    }
    Ok(bytes)
}

fn write_json(bytes: &mut Vec<u8>, json: &str) -> Result<(), SignError> {
    let too_large = SignError::TooLarge { bytes: json.len() };
    let length = u16::try_from(json.len()).map_err(|_| too_large)?;
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(json.as_bytes());
    Ok(())
}

fn write_object(
    bytes: &mut Vec<u8>,
    object: &Object,
    address: Option<&ContentAddress>,
) -> Result<(), SignError> {
    bytes.extend_from_slice(&object.nar_hash.0);
    bytes.extend_from_slice(&object.nar_size.to_be_bytes());
    bytes.extend_from_slice(&object.blake3_root);
    bytes.push(object.chunk_log);
    if let Some(ContentAddress { method, hash }) = address {
        bytes.extend_from_slice(&[method_code(*method), algorithm_code(hash.algorithm())]);
        bytes.extend_from_slice(hash.digest());
    }
    text(bytes, object.path.name()).expect("a name has at most 211 bytes");
    write_references(bytes, &object.references)?;
    write_signatures(bytes, &object.signatures)
}

fn write_references(bytes: &mut Vec<u8>, references: &References) -> Result<(), SignError> {
    let count = references.count();
    let coded = u32::try_from(count).map_err(|_| SignError::ReferenceCount { count })?;
    bytes.extend_from_slice(&coded.to_be_bytes());
    match references {
        References::Listed(all) => {
            bytes.push(LIST);
            bytes.extend(list(all));
        }
        References::Digest { digest, .. } => {
            bytes.push(DIGEST);
            bytes.extend_from_slice(&digest.0);
        }
    }
    Ok(())
}

fn write_signatures(
    bytes: &mut Vec<u8>,
    signatures: &BTreeSet<Signature>,
) -> Result<(), SignError> {
    let count = signatures.len();
    let too_many = SignError::SignatureCount { count };
    match u8::try_from(count) {
        Ok(coded) if count <= NIX_SIGNATURES_MAX => bytes.push(coded),
        _ => return Err(too_many),
    }
    for signature in signatures {
        let name = &signature.key_name;
        text(bytes, name.as_str()).ok_or_else(|| SignError::KeyName(name.clone()))?;
        bytes.extend_from_slice(&signature.bytes);
    }
    Ok(())
}

/// Writes the length and the bytes of a text; `None` where the length does not fit.
fn text(bytes: &mut Vec<u8>, text: &str) -> Option<()> {
    bytes.push(u8::try_from(text.len()).ok()?);
    bytes.extend_from_slice(text.as_bytes());
    Some(())
}

/// Returns what stands for a method.
pub(super) const fn method_code(method: ContentAddressMethod) -> u8 {
    match method {
        ContentAddressMethod::Text => 0,
        ContentAddressMethod::Flat => 1,
        ContentAddressMethod::Nar => 2,
        ContentAddressMethod::Git => 3,
    }
}

/// Returns what stands for an algorithm.
pub(super) const fn algorithm_code(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Md5 => 0,
        Algorithm::Sha1 => 1,
        Algorithm::Sha256 => 2,
        Algorithm::Sha512 => 3,
        Algorithm::Blake3 => 4,
    }
}
