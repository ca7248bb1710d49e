//! Bytes as announcements: what is read has one envelope, and nobody is made to say what they did
//! not sign.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nix_core::{signature::SecretKey, store_path::StoreDir};
use nix_remote::peers::announcement::{
    Announcement, Conflict, ENVELOPE_BYTES_MAX, Key, Kind, SIGNATURE_BYTES, SignerId, Signers,
    Statement,
};

/// Checks that the statement, signed by another key, has the same bytes but for signer and
/// signature.
fn check_one_form(read: &Announcement) {
    let key = SecretKey::from_seed("k".parse().expect("a name"), &[1; 32]);
    let Ok(again) = Announcement::sign(&StoreDir::default(), read.statement(), read.term(), &key)
    else {
        return;
    };
    assert_eq!(
        (again.statement(), again.term()),
        (read.statement(), read.term())
    );
    assert_eq!(again.as_bytes().len(), read.as_bytes().len());
    if !matches!(read.statement(), Statement::ContentAddressed(..)) {
        let unsigned = read.as_bytes().len() - SIGNATURE_BYTES;
        assert_eq!(again.as_bytes()[..unsigned], read.as_bytes()[..unsigned]);
    }
    assert_eq!(Conflict::between(read, &again), Ok(None));
}

fuzz_target!(|input: &[u8]| {
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| input.starts_with(kind.namespace()));
    let Some((key, bytes)) = kind.and_then(|kind| input.split_at_checked(kind.key_len())) else {
        assert!(Key::parse(input).is_err());
        return;
    };
    let Ok(read) = Announcement::decode(key, bytes) else {
        return;
    };
    assert!(bytes.len() <= ENVELOPE_BYTES_MAX);
    assert_eq!(
        (read.key().to_bytes(), read.as_bytes()),
        (key.to_vec(), bytes)
    );
    check_one_form(&read);
    let believed = read.verify(&StoreDir::default(), Signers::Any, read.term().issued_at);
    let seeded = SecretKey::from_seed("k".parse().expect("a name"), &[7; 32]);
    // A fuzzer that knows no secret can only replay what the seeds' key has signed.
    if believed.is_ok() {
        assert_eq!(*read.signer(), SignerId::of(&seeded.public_key()));
    }
});
