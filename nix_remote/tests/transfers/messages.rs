//! Messages, each of which has one form.

use nix_remote::peers::transfer::{
    BLOB_BYTES_MAX, Blob, GROUP_BYTES, GroupRange, GroupSet, GroupSetError, MessageError,
    REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, RETRY_AFTER_MS_MAX, Request, Response,
};
use proptest::{collection::vec, prelude::*};

use crate::support::range;

fn arb_request() -> impl Strategy<Value = Request> {
    let get = (any::<[u8; 32]>(), 0_u32..(2 << 20), 1_u8..=16);
    let get = get.prop_filter_map("no range", |(root, first, count)| {
        let range = GroupRange::new(first, count)?;
        Some(Request::Get { root, range })
    });
    let have = any::<[u8; 32]>().prop_map(|root| Request::Have { root });
    prop_oneof![have, get]
}

fn arb_partial() -> impl Strategy<Value = Response> {
    let parts = (2_u32..100, 1..=GROUP_BYTES, vec(any::<bool>(), 100));
    parts.prop_filter_map("none or all", |(groups, last, held)| {
        let mut set = GroupSet::new(groups);
        let chosen = (0_u32..).zip(held).filter(|(_, is_held)| *is_held);
        for (group, _) in chosen {
            set.insert(group);
        }
        let size = u64::from(groups - 1) * GROUP_BYTES + last;
        let is_some = !set.is_empty() && !set.is_full();
        is_some.then_some(Response::Partial { size, held: set })
    })
}

fn arb_response() -> impl Strategy<Value = Response> {
    prop_oneof![
        Just(Response::Unknown),
        (0..=RETRY_AFTER_MS_MAX).prop_map(|retry_after_ms| Response::Busy { retry_after_ms }),
        (1..=BLOB_BYTES_MAX).prop_map(|size| Response::Complete { size }),
        arb_partial(),
        vec(any::<u8>(), 1..300).prop_map(Response::Proof),
    ]
}

/// Whether a message and a prefix of it can both be read, as a proof and part of it can.
fn has_no_end(response: &Response) -> bool {
    matches!(response, Response::Proof(_))
}

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_written(request in arb_request()) {
        let bytes = request.encode();
        prop_assert!(bytes.len() <= REQUEST_BYTES_MAX);
        prop_assert_eq!(Request::decode(&bytes), Ok(request));
    }

    #[test]
    fn a_response_is_read_as_it_was_written(response in arb_response()) {
        let bytes = response.encode();
        prop_assert!(bytes.len() <= RESPONSE_BYTES_MAX);
        prop_assert_eq!(Response::decode(bytes), Ok(response));
    }

    #[test]
    fn a_message_that_is_cut_short_or_goes_on_is_refused(
        request in arb_request(),
        response in arb_response(),
    ) {
        let bytes = request.encode();
        for length in 0..bytes.len() {
            prop_assert!(Request::decode(&bytes[..length]).is_err());
        }
        prop_assert!(Request::decode(&[&bytes[..], &[0]].concat()).is_err());
        let bytes = response.encode();
        if !has_no_end(&response) {
            for length in 0..bytes.len() {
                prop_assert!(Response::decode(bytes[..length].to_vec()).is_err());
            }
            prop_assert!(Response::decode([&bytes[..], &[0]].concat()).is_err());
        }
    }

    #[test]
    fn a_message_with_a_flipped_bit_is_another_one_or_none(
        request in arb_request(),
        response in arb_response(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut bytes = request.encode();
        let bit = at.index(8 * bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(Request::decode(&bytes), Ok(request));
        let mut bytes = response.encode();
        let bit = at.index(8 * bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(Response::decode(bytes), Ok(response));
    }

    #[test]
    fn whatever_is_read_has_these_bytes_alone(mut bytes in vec(any::<u8>(), 0..60), kind in 0_u8..5) {
        if let Some(first) = bytes.first_mut() {
            *first = kind;
        }
        if let Ok(request) = Request::decode(&bytes) {
            prop_assert_eq!(request.encode(), bytes.clone());
        }
        if let Ok(response) = Response::decode(bytes.clone()) {
            prop_assert_eq!(response.encode(), bytes);
        }
    }
}

#[test]
fn the_messages_of_version_1_are_these_bytes() {
    let root = [0xab; 32];
    let have = [&[0][..], &root].concat();
    assert_eq!(Request::Have { root }.encode(), have);
    let get = [&[1][..], &root, &[0, 1, 2, 3, 4]].concat();
    let range = range(0x0001_0203, 4);
    assert_eq!(Request::Get { root, range }.encode(), get);
    assert_eq!(Response::Unknown.encode(), [0]);
    let busy = Response::Busy {
        retry_after_ms: 0x0102,
    };
    assert_eq!(busy.encode(), [1, 0, 0, 1, 2]);
    let complete = Response::Complete { size: 0x0102 };
    assert_eq!(complete.encode(), [2, 0, 0, 0, 0, 0, 0, 1, 2]);
    let blob = Blob::new(root, 9 * GROUP_BYTES).unwrap();
    let mut held = GroupSet::new(9);
    held.insert(0);
    held.insert(8);
    let partial = Response::held(&blob, &held);
    assert_eq!(partial.encode(), [3, 0, 0, 0, 0, 0, 9, 0, 0, 1, 1]);
    assert_eq!(Response::Proof(vec![7, 8]).encode(), [4, 7, 8]);
}

#[test]
fn each_wrong_request_is_refused_for_its_reason() {
    let root = [5; 32];
    let get = |first: u32, count: u8| [&[1][..], &root, &first.to_be_bytes(), &[count]].concat();
    let wrong_range = |first, count| MessageError::Range { first, count };
    let cases = [
        (vec![], MessageError::Truncated("kind")),
        (vec![2], MessageError::Kind(2)),
        (vec![0; 20], MessageError::Truncated("root")),
        (vec![0; 34], MessageError::Trailing { bytes: 1 }),
        (get(0, 0), wrong_range(0, 0)),
        (get(0, 17), wrong_range(0, 17)),
        (get(2 << 20, 1), wrong_range(2 << 20, 1)),
        (
            vec![0; 39],
            MessageError::TooLarge {
                bytes: 39,
                limit: REQUEST_BYTES_MAX,
            },
        ),
    ];
    for (bytes, error) in cases {
        assert_eq!(Request::decode(&bytes), Err(error), "{bytes:?}");
    }
}

#[test]
fn each_wrong_response_is_refused_for_its_reason() {
    let sized = |kind: u8, size: u64| [&[kind][..], &size.to_be_bytes()].concat();
    let partial = |size: u64, bits: &[u8]| [&sized(3, size)[..], bits].concat();
    let nine = 9 * GROUP_BYTES;
    let length = |expected, found| MessageError::Held(GroupSetError::Length { expected, found });
    let not_some = |count| MessageError::NotSome { count, groups: 9 };
    let cases = [
        (vec![], MessageError::Truncated("kind")),
        (vec![5], MessageError::Kind(5)),
        (vec![0, 0], MessageError::Trailing { bytes: 1 }),
        (vec![1, 0], MessageError::Truncated("time to wait")),
        (vec![1, 0, 0, 0xea, 0x61], MessageError::RetryAfter(60_001)),
        (sized(2, 0), MessageError::Size(0)),
        (
            sized(2, BLOB_BYTES_MAX + 1),
            MessageError::Size(BLOB_BYTES_MAX + 1),
        ),
        (sized(3, u64::MAX), MessageError::Size(u64::MAX)),
        (partial(nine, &[1]), length(2, 1)),
        (partial(nine, &[1, 1, 0]), length(2, 3)),
        (
            partial(nine, &[1, 2]),
            MessageError::Held(GroupSetError::Padding),
        ),
        (partial(nine, &[0, 0]), not_some(0)),
        (partial(nine, &[255, 1]), not_some(9)),
        (vec![4], MessageError::EmptyProof),
        (
            vec![4; RESPONSE_BYTES_MAX + 1],
            MessageError::TooLarge {
                bytes: RESPONSE_BYTES_MAX + 1,
                limit: RESPONSE_BYTES_MAX,
            },
        ),
    ];
    for (bytes, error) in cases {
        assert_eq!(Response::decode(bytes), Err(error));
    }
}

#[test]
fn what_is_held_is_said_in_one_way() {
    let blob = Blob::new([1; 32], 2 * GROUP_BYTES).unwrap();
    let mut held = GroupSet::new(2);
    assert_eq!(Response::held(&blob, &held), Response::Unknown);
    held.insert(1);
    let size = blob.size();
    let partial = Response::Partial {
        size,
        held: held.clone(),
    };
    assert_eq!(Response::held(&blob, &held), partial);
    held.insert(0);
    assert_eq!(Response::held(&blob, &held), Response::Complete { size });
}
