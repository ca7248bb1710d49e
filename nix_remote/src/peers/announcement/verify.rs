//! Whether an announcement is believed: what it proves itself, its time, its signer, the signature.

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    hash::Algorithm,
    signature::{KeyName, PublicKey, Signature, TrustedKeys},
    store_path::{References, StoreDir},
};

use super::{
    Announcement, CLOCK_SKEW_SECONDS_MAX, Key, LIFETIME_SECONDS_MAX, Object, SignerId, Statement,
    Term, VerifyError,
};

/// What every signed message begins with, so that no signature counts for anything else.
const DOMAIN: &[u8] = b"nix-kad/1\0";

/// Whose announcements are believed.
#[derive(Debug, Clone, Copy)]
pub enum Signers<'a> {
    /// Those of anybody who signed them, as a node takes them that stores for others.
    Any,
    /// Those of trusted keys, whatever their names; content-addressed path infos of anybody.
    Trusted(&'a TrustedKeys),
}

impl Announcement {
    /// Checks that the announcement is to be believed at the time `now`: first that a content
    /// address leads to the path, then the term, then the signer, and the signature at last.
    ///
    /// Costs the check of one signature where all else holds, and hardly anything where not.
    ///
    /// # Errors
    /// Says which of these does not hold.
    pub fn verify(
        &self,
        dir: &StoreDir,
        signers: Signers<'_>,
        now: u64,
    ) -> Result<(), VerifyError> {
        if let Statement::ContentAddressed(object, address) = &self.statement {
            check_address(dir, object, address)?;
        }
        check_term(self.term, now)?;
        self.verify_signature(signers)
    }

    /// Checks signer and signature alone, as for evidence that has expired.
    ///
    /// # Errors
    /// Fails where the signer is not among the `signers`, is no key, or did not sign it.
    pub fn verify_signature(&self, signers: Signers<'_>) -> Result<(), VerifyError> {
        let signer = self.signer;
        let needs_trust = !matches!(self.key, Key::ContentAddressed { .. });
        if let Signers::Trusted(keys) = signers
            && needs_trust
            && !keys.iter().any(|key| SignerId::of(key) == signer)
        {
            return Err(VerifyError::Untrusted(signer));
        }
        let name = KeyName::new("signer").expect("it has no symbol that is refused");
        let public = PublicKey::from_bytes(name.clone(), &signer.0);
        let public = public.map_err(|source| VerifyError::NotAKey { signer, source })?;
        let (unsigned, signature) = self.split();
        let signature = Signature {
            key_name: name,
            bytes: *signature,
        };
        if public.verify(&message(&self.key, unsigned), &signature) {
            Ok(())
        } else {
            Err(VerifyError::Signature(signer))
        }
    }
}

/// Returns what is signed; keys of a kind have one length, so no two parts read as one message.
pub(super) fn message(key: &Key, unsigned: &[u8]) -> Vec<u8> {
    [DOMAIN, &key.to_bytes(), unsigned].concat()
}

fn check_term(term: Term, now: u64) -> Result<(), VerifyError> {
    let Term {
        issued_at,
        not_after,
        ..
    } = term;
    if issued_at > now.saturating_add(CLOCK_SKEW_SECONDS_MAX) {
        return Err(VerifyError::NotYetIssued { issued_at, now });
    }
    if now > not_after {
        return Err(VerifyError::Expired { not_after, now });
    }
    match not_after.saturating_sub(issued_at) {
        seconds if seconds > LIFETIME_SECONDS_MAX => Err(VerifyError::Lifetime { seconds }),
        _ => Ok(()),
    }
}

fn check_address(
    dir: &StoreDir,
    object: &Object,
    address: &ContentAddress,
) -> Result<(), VerifyError> {
    let mut others = object.references.listed().cloned().unwrap_or_default();
    let self_reference = others.remove(&object.path);
    let references = References {
        others,
        self_reference,
    };
    let computed = dir.fixed_path(&object.path.to_name(), address, &references);
    let computed = computed.map_err(VerifyError::ContentAddress)?;
    if computed != object.path {
        let announced = object.path.clone();
        return Err(VerifyError::Path {
            computed,
            announced,
        });
    }
    if self_reference {
        // The hash is then that of an archive without the object's own hash part.
        return Ok(());
    }
    check_archive(object, address)
}

/// Checks hashes of the archive against a content address that is one of them.
fn check_archive(object: &Object, address: &ContentAddress) -> Result<(), VerifyError> {
    if address.method != ContentAddressMethod::Nar {
        return Ok(());
    }
    let (field, announced) = match address.hash.algorithm() {
        Algorithm::Sha256 => ("NAR hash", &object.nar_hash.0),
        Algorithm::Blake3 => ("BLAKE3 root", &object.blake3_root),
        Algorithm::Md5 | Algorithm::Sha1 | Algorithm::Sha512 => return Ok(()),
    };
    if address.hash.digest() == announced {
        Ok(())
    } else {
        Err(VerifyError::Contradiction { field })
    }
}
