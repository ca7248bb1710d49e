//! Resume records: what was written, or nothing.

use nix_remote::peers::transfer::{
    Blob, GROUP_BYTES, GroupSet, RESUME_BYTES_MAX, ResumeError, ResumeRecord,
};
use proptest::{collection::vec, prelude::*};

fn record(groups: u32, held: &[bool]) -> ResumeRecord {
    let blob = Blob::new([3; 32], u64::from(groups) * GROUP_BYTES).unwrap();
    let mut set = GroupSet::new(groups);
    for (group, _) in (0..groups).zip(held).filter(|(_, is_held)| **is_held) {
        set.insert(group);
    }
    ResumeRecord { blob, held: set }
}

proptest! {
    #[test]
    fn a_record_is_read_as_it_was_written(groups in 1_u32..70, held in vec(any::<bool>(), 70)) {
        let record = record(groups, &held);
        let bytes = record.encode();
        prop_assert!(bytes.len() <= RESUME_BYTES_MAX);
        prop_assert_eq!(ResumeRecord::decode(&record.blob, &bytes), Ok(record));
    }

    #[test]
    fn a_record_that_is_cut_short_or_goes_on_is_refused(
        groups in 1_u32..70,
        held in vec(any::<bool>(), 70),
    ) {
        let bytes = record(groups, &held).encode();
        for length in 0..bytes.len() {
            prop_assert!(ResumeRecord::decode_any(&bytes[..length]).is_err());
        }
        prop_assert!(ResumeRecord::decode_any(&[&bytes[..], &[0]].concat()).is_err());
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let honest = record(20, &[true, false, true]).encode();
    for bit in 0..8 * honest.len() {
        let mut bytes = honest.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(ResumeRecord::decode_any(&bytes).is_err(), "bit {bit}");
    }
}

#[test]
fn the_record_of_version_1_is_these_bytes_before_its_checksum() {
    let bytes = record(9, &[true, true, false, true]).encode();
    let size = [0, 0, 0, 0, 0, 9, 0, 0];
    let expected = [&b"nixr\x01"[..], &[3; 32], &size, &[0b1011, 0]].concat();
    let (body, checksum) = bytes.split_at(expected.len());
    assert_eq!(body, expected);
    assert_eq!(checksum, bao_tree::blake3::hash(body).as_bytes());
}

#[test]
fn each_wrong_record_is_refused_for_its_reason() {
    let record = record(9, &[true]);
    let bytes = record.encode();
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        ResumeRecord::decode_any(&bytes)
    };
    assert_eq!(with(0, b'N'), Err(ResumeError::Magic));
    assert_eq!(with(4, 2), Err(ResumeError::Version(2)));
    assert_eq!(with(5, 4), Err(ResumeError::Checksum));
    assert_eq!(with(45, 0), Err(ResumeError::Checksum));
    assert!(matches!(with(37, 255), Err(ResumeError::Size(_))));
    assert_eq!(ResumeRecord::decode_any(&[]), Err(ResumeError::Truncated));
    let longer = [&bytes[..], &[0; 8]].concat();
    let trailing = ResumeError::Trailing { bytes: 8 };
    assert_eq!(ResumeRecord::decode_any(&longer), Err(trailing));
    let size = record.blob.size();
    let others = [([4; 32], size), ([3; 32], size - 1)];
    for (root, size) in others {
        let other = Blob::new(root, size).unwrap();
        assert_eq!(
            ResumeRecord::decode(&other, &bytes),
            Err(ResumeError::OtherBlob)
        );
    }
}
