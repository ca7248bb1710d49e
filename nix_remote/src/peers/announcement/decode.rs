//! Statements from envelopes, each of which has exactly one.

use std::collections::BTreeSet;

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    hash::{Algorithm, Hash, Sha256},
    json,
    realisation::{LegacyRealisation, Realisation},
    signature::{KeyName, Signature},
    store_path::{StorePath, StorePathName},
};

use super::{
    Announcement, CHUNK_LOG_MAX, DecodeError, ENVELOPE_BYTES_MAX, Key, Kind, NIX_SIGNATURES_MAX,
    Object, References, SIGNATURE_BYTES, SignerId, Statement, Term, encode, is_broken,
};
use crate::peers::bytes::Reader;

/// The fewest bytes of a reference in a list: digest, length, one byte of a name.
const REFERENCE_BYTES_MIN: usize = 20 + 1 + 1;

type Result<T> = std::result::Result<T, DecodeError>;

pub(super) fn announcement(key: &[u8], bytes: &[u8]) -> Result<Announcement> {
    if bytes.len() > ENVELOPE_BYTES_MAX {
        let bytes = bytes.len();
        return Err(DecodeError::TooLarge { bytes });
    }
    let key = Key::parse(key).map_err(DecodeError::Key)?;
    let mut reader = Reader::new(bytes);
    header(&mut reader, key.kind())?;
    let term = term(&mut reader)?;
    let (signer, statement) = body(&mut reader, &key)?;
    need(reader.take(SIGNATURE_BYTES), "signature")?;
    if reader.left() > 0 {
        let bytes = reader.left();
        return Err(DecodeError::Trailing { bytes });
    }
    Ok(Announcement {
        key,
        signer,
        term,
        statement,
        bytes: bytes.to_vec(),
    })
}

fn header(reader: &mut Reader<'_>, kind: Kind) -> Result<()> {
    if need(reader.array(), "magic")? != encode::MAGIC {
        return Err(DecodeError::Magic);
    }
    let version = need(reader.u8(), "version")?;
    if version != encode::VERSION {
        return Err(DecodeError::Version(version));
    }
    let found = need(reader.u8(), "kind")?;
    if found != kind.code() {
        let expected = kind.code();
        return Err(DecodeError::Kind { expected, found });
    }
    Ok(())
}

fn term(reader: &mut Reader<'_>) -> Result<Term> {
    let term = Term {
        sequence: need(reader.u64(), "sequence")?,
        issued_at: need(reader.u64(), "issued at")?,
        not_after: need(reader.u64(), "not after")?,
    };
    if term.not_after <= term.issued_at {
        return Err(DecodeError::Term);
    }
    Ok(term)
}

fn body(reader: &mut Reader<'_>, key: &Key) -> Result<(SignerId, Statement)> {
    match key {
        Key::PathInfo {
            signer,
            path_digest,
        } => {
            let (object, _) = object(reader, *path_digest, false)?;
            Ok((*signer, Statement::PathInfo(object)))
        }
        Key::ContentAddressed { path_digest } => {
            let signer = SignerId(need(reader.array(), "signer")?);
            let (object, address) = object(reader, *path_digest, true)?;
            let address = address.expect("it was asked for");
            Ok((signer, Statement::ContentAddressed(object, address)))
        }
        Key::Realisation { signer, .. } => {
            let statement = realisation(reader)?;
            if Key::of(&statement, *signer) != *key {
                return Err(DecodeError::OtherOutput);
            }
            Ok((*signer, statement))
        }
    }
}

fn object(
    reader: &mut Reader<'_>,
    path_digest: [u8; 20],
    addressed: bool,
) -> Result<(Object, Option<ContentAddress>)> {
    let nar_hash = Sha256(need(reader.array(), "NAR hash")?);
    let nar_size = need(reader.u64(), "NAR size")?;
    if nar_size == 0 {
        return Err(DecodeError::NarSizeUnknown);
    }
    let blake3_root = need(reader.array(), "BLAKE3 root")?;
    let chunk_log = need(reader.u8(), "chunk log")?;
    if chunk_log > CHUNK_LOG_MAX {
        return Err(DecodeError::ChunkLog(chunk_log));
    }
    let address = addressed.then(|| content_address(reader)).transpose()?;
    let path = StorePath::new(path_digest, &name(reader)?);
    let references = references(reader)?;
    if addressed && references.listed().is_none() {
        return Err(DecodeError::ReferencesMissing);
    }
    let object = Object {
        path,
        nar_hash,
        nar_size,
        blake3_root,
        chunk_log,
        references,
        signatures: signatures(reader)?,
    };
    Ok((object, address))
}

fn content_address(reader: &mut Reader<'_>) -> Result<ContentAddress> {
    let code = need(reader.u8(), "content address method")?;
    let named = |method: &ContentAddressMethod| encode::method_code(*method) == code;
    let method = ContentAddressMethod::ALL.into_iter().find(named);
    let method = method.ok_or(DecodeError::Method(code))?;
    let code = need(reader.u8(), "content address algorithm")?;
    let named = |algorithm: &Algorithm| encode::algorithm_code(*algorithm) == code;
    let algorithm = Algorithm::ALL.into_iter().find(named);
    let algorithm = algorithm.ok_or(DecodeError::Algorithm(code))?;
    if is_broken(algorithm) {
        return Err(DecodeError::BrokenHash(algorithm));
    }
    let digest = need(reader.take(algorithm.digest_len()), "content address")?;
    let hash = Hash::new(algorithm, digest).expect("as many bytes as the algorithm has");
    ContentAddress::new(method, hash).map_err(DecodeError::ContentAddress)
}

fn references(reader: &mut Reader<'_>) -> Result<References> {
    let count = need(reader.u32(), "reference count")?;
    let count = usize::try_from(count).map_err(|_| DecodeError::Truncated("references"))?;
    match need(reader.u8(), "form of the references")? {
        encode::LIST => Ok(References::Listed(reference_list(reader, count)?)),
        encode::DIGEST if count == 0 => Err(DecodeError::DigestOfNothing),
        encode::DIGEST => Ok(References::Digest {
            count,
            digest: Sha256(need(reader.array(), "digest of the references")?),
        }),
        form => Err(DecodeError::ReferenceForm(form)),
    }
}

fn reference_list(reader: &mut Reader<'_>, count: usize) -> Result<BTreeSet<StorePath>> {
    if count > reader.left() / REFERENCE_BYTES_MIN {
        return Err(DecodeError::Truncated("references"));
    }
    let mut references = BTreeSet::new();
    for index in 0..count {
        let digest = need(reader.array(), "digest of a reference")?;
        let reference = StorePath::new(digest, &name(reader)?);
        if references.last().is_some_and(|last| *last >= reference) {
            return Err(DecodeError::ReferenceOrder { index });
        }
        references.insert(reference);
    }
    Ok(references)
}

fn signatures(reader: &mut Reader<'_>) -> Result<BTreeSet<Signature>> {
    let count = usize::from(need(reader.u8(), "signature count")?);
    check_signature_count(count)?;
    let mut signatures = BTreeSet::new();
    for index in 0..count {
        let key_name = text(reader, "key name of a signature")?;
        let key_name = KeyName::new(key_name).map_err(DecodeError::KeyName)?;
        let bytes = need(reader.array(), "Nix signature")?;
        let signature = Signature { key_name, bytes };
        if signatures.last().is_some_and(|last| *last >= signature) {
            return Err(DecodeError::SignatureOrder { index });
        }
        signatures.insert(signature);
    }
    Ok(signatures)
}

fn realisation(reader: &mut Reader<'_>) -> Result<Statement> {
    let length = usize::from(need(reader.u16(), "length of the realisation")?);
    let text = need(reader.take(length), "realisation")?;
    let value = json::parse_value(text).map_err(DecodeError::Json)?;
    let (statement, signatures, canonical) = if value.get("id").is_some() {
        let one = LegacyRealisation::from_json(&value).map_err(DecodeError::Json)?;
        let (count, json) = (one.signatures.len(), one.to_json(encode::SIGNATURE_FORM));
        (Statement::LegacyRealisation(one), count, json)
    } else {
        let one = Realisation::from_json(&value).map_err(DecodeError::Json)?;
        let (count, json) = (
            one.value.signatures.len(),
            one.to_json(encode::SIGNATURE_FORM),
        );
        (Statement::Realisation(one), count, json)
    };
    check_signature_count(signatures)?;
    if canonical.to_string().as_bytes() != text {
        return Err(DecodeError::JsonForm);
    }
    Ok(statement)
}

fn check_signature_count(count: usize) -> Result<()> {
    if count > NIX_SIGNATURES_MAX {
        return Err(DecodeError::SignatureCount { count });
    }
    Ok(())
}

fn name(reader: &mut Reader<'_>) -> Result<StorePathName> {
    StorePathName::new(text(reader, "name")?).map_err(DecodeError::Name)
}

fn text<'a>(reader: &mut Reader<'a>, field: &'static str) -> Result<&'a str> {
    let length = usize::from(need(reader.u8(), field)?);
    let bytes = need(reader.take(length), field)?;
    str::from_utf8(bytes).map_err(|source| DecodeError::Text { field, source })
}

fn need<T>(read: Option<T>, field: &'static str) -> Result<T> {
    read.ok_or(DecodeError::Truncated(field))
}
