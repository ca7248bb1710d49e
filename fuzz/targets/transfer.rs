//! Bytes as what peers send each other of blobs, and as what is left of a download: what is read has
//! one form, and what is written is what the root proves.

#![no_main]

use std::{sync::LazyLock, time::Duration};

use libfuzzer_sys::fuzz_target;
use nix_remote::peers::transfer::{
    Blob, BlobHasher, Download, Failure, GroupRange, Output, Piece, Proven, Request, Response,
    ResumeRecord,
};

/// A blob of a group and 100 bytes.
static BLOB: LazyLock<(Blob, Vec<u8>)> = LazyLock::new(|| {
    let bytes = vec![7; 65_636];
    let mut hasher = BlobHasher::new(Vec::new());
    hasher.update(&bytes).expect("memory");
    let (blob, _) = hasher.finish().expect("a blob");
    (blob, bytes)
});

fn check_request(bytes: &[u8]) {
    if let Ok(request) = Request::decode(bytes) {
        assert_eq!(request.encode(), bytes);
    }
}

fn check_response(bytes: &[u8]) {
    if let Ok(response) = Response::decode(bytes.to_vec()) {
        assert_eq!(response.encode(), bytes);
    }
}

fn check_record(bytes: &[u8]) {
    if let Ok(record) = ResumeRecord::decode_any(bytes) {
        assert_eq!(record.encode(), bytes);
        assert_eq!(record.held.groups(), record.blob.groups());
        assert_eq!(ResumeRecord::decode(&record.blob, bytes), Ok(record));
    }
}

fn check_truth(offset: u64, bytes: &[u8]) {
    let start = usize::try_from(offset).expect("within the blob");
    assert_eq!(BLOB.1[start..start + bytes.len()], *bytes);
}

fn check_proof(bytes: &[u8]) {
    let Some(range) = GroupRange::new(1, 1) else {
        return;
    };
    let Ok(pieces) = Proven::new(&BLOB.0, range, bytes) else {
        return;
    };
    for piece in pieces.filter_map(Result::ok) {
        if let Piece::Group { offset, bytes } = piece {
            check_truth(offset, bytes);
        }
    }
}

/// Answers whatever a download asks for with the bytes, each time with the next so many of them.
fn check_download(mut bytes: &[u8]) {
    let mut download = Download::new(BLOB.0, 1, Duration::ZERO);
    download.add_peer(0_u8, Duration::ZERO);
    let mut now = Duration::ZERO;
    for _ in 0..64 {
        let mut asked = Vec::new();
        while let Some(output) = download.poll(now) {
            match output {
                Output::Send { peer, id, .. } => asked.push((peer, id)),
                Output::Write(verified) => {
                    for (offset, bytes) in verified.groups() {
                        check_truth(offset, bytes);
                    }
                }
                Output::Finished => assert!(download.held().is_full()),
                _ => {}
            }
        }
        for (peer, id) in asked {
            let Some((length, rest)) = bytes.split_first() else {
                return;
            };
            let (answer, rest) = rest.split_at(rest.len().min(usize::from(*length)));
            bytes = rest;
            match Response::decode(answer.to_vec()) {
                Ok(response) => download.on_response(&peer, id, response, now),
                Err(_) => download.on_failure(&peer, id, Failure::Lost, now),
            }
        }
        match download.wake_at() {
            Some(at) => now = at,
            None => return,
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    match kind {
        b'q' => check_request(bytes),
        b'a' => check_response(bytes),
        b'r' => check_record(bytes),
        b'p' => check_proof(bytes),
        b'd' => check_download(bytes),
        _ => {}
    }
});
