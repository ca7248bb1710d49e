use proptest::prelude::*;

use super::*;

fn peer() -> impl Strategy<Value = PeerId> {
    any::<[u8; 32]>().prop_map(|bytes| {
        let hash = libp2p_core::multihash::Multihash::wrap(0x12, &bytes);
        PeerId::from_multihash(hash.expect("it fits")).expect("a name")
    })
}

proptest! {
    #[test]
    fn a_record_is_read_as_it_was_written_and_takes_as_many_bytes_as_foretold(
        stored: u64,
        expires: Option<u64>,
        publisher in proptest::option::of(peer()),
        source in proptest::option::of(peer()),
        key in proptest::collection::vec(any::<u8>(), 0..80),
        value in proptest::collection::vec(any::<u8>(), 0..400),
        number: u64,
    ) {
        let (key, value) = (&*key, &*value);
        let record = RecordRow { stored, expires, publisher, source, key, value };
        let row = RowKey(Tag::Record, Place::FIRST);
        let row = std::iter::successors(Some(row), |row| row.1.next().map(|at| RowKey(row.0, at)))
            .nth(usize::try_from(number % 10).expect("small"))
            .expect("there are many");
        let bytes = record.encode(row);
        prop_assert_eq!(bytes.len(), record.encoded_len());
        prop_assert_eq!(RecordRow::decode(row, &bytes), Ok(record));
        let next = RowKey(Tag::Record, row.1.next().expect("there is one"));
        prop_assert_eq!(RecordRow::decode(next, &bytes), Err(RowError::Checksum));
    }
}

#[test]
fn numbers_go_up_in_the_order_of_their_rows_until_there_is_no_next_one() {
    let first = Number::default();
    let second = first.next().expect("there are many");
    assert!(first.row().bytes() < second.row().bytes());
    assert_eq!(Number::of(second.row()), Some(second));
    assert_eq!(RowKey::parse(&second.row().bytes()), Some(second.row()));
    let last = RowKey::parse(&[&[1][..], &[0xff; 8], &[0; 8]].concat()).expect("a row");
    assert_eq!(Number::of(last).expect("a number").next(), None);
    let none = RowKey::parse(&[&[1][..], &[0; 15], &[1]].concat()).expect("a row");
    assert_eq!(Number::of(none), None);
}
