use super::*;

/// Returns the row of a record of that key, and its own key.
fn record(number: u8, key: &[u8], stored: Unix) -> (Vec<u8>, Vec<u8>) {
    let mut bytes = [0; 17];
    (bytes[0], bytes[8]) = (1, number);
    let row = RowKey::parse(&bytes).expect("a row");
    let record = RecordRow {
        stored,
        expires: None,
        publisher: None,
        source: None,
        key,
        value: b"value",
    };
    (bytes.to_vec(), record.encode(row))
}

fn take(salvaged: &mut Salvaged, (key, value): &(Vec<u8>, Vec<u8>), is_certain: bool) -> Kept {
    assert!(proves(key, value));
    let taken = salvaged.take(&FoundRow {
        table: 0,
        key,
        value,
        is_certain,
        is_ambiguous: false,
    });
    taken.expect("it is of this format")
}

#[test]
fn an_uncertain_record_takes_no_place_of_one_of_the_last_commit() {
    let mut salvaged = Salvaged::default();
    let (now, old) = (record(3, b"key", 5), record(9, b"key", 4));
    assert_eq!(take(&mut salvaged, &now, true), Kept::Record);
    assert_eq!(take(&mut salvaged, &old, false), Kept::Left);
    let other = record(9, b"other", 4);
    assert_eq!(take(&mut salvaged, &other, false), Kept::Record);
}

#[test]
fn of_uncertain_records_of_a_key_the_one_of_the_later_number_stays() {
    let mut salvaged = Salvaged::default();
    let rows = [1, 2, 7].map(|number| record(number, b"key", 5));
    let mut kept = rows.iter().map(|row| take(&mut salvaged, row, false));
    assert_eq!(kept.next(), Some(Kept::Record));
    assert_eq!(kept.next(), Some(Kept::Instead(rows[0].0.clone(), false)));
    assert_eq!(kept.next(), Some(Kept::Instead(rows[1].0.clone(), true)));
}

#[test]
fn an_announcement_is_kept_of_the_last_commit_alone() {
    let row = RowKey(Tag::Announcement, Place::of(b"key"));
    let value = AnnouncementRow {
        of: Tag::Record,
        due: 1,
        published: None,
        failures: 0,
        key: b"key",
    };
    let row = (row.bytes().to_vec(), value.encode(row));
    assert_eq!(take(&mut Salvaged::default(), &row, true), Kept::Other);
    assert_eq!(take(&mut Salvaged::default(), &row, false), Kept::Left);
}

#[test]
fn a_row_proves_itself_in_its_place_alone() {
    let (key, bytes) = record(3, b"key", 5);
    assert!(proves(&key, &bytes));
    assert!(!proves(&record(4, b"key", 5).0, &bytes));
    assert!(!proves(&key, &record(3, b"key", 5).0));
    assert!(!proves(&key[1..], &bytes));
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(!proves(&key, &flipped), "{at}");
    }
    // The providers of a key under another one, with a checksum that fits.
    let right = RowKey(Tag::Providers, Place::of(b"key"));
    let wrong = RowKey(Tag::Providers, Place::of(b"other"));
    let sealed = |row: RowKey| proves(&row.bytes(), &ProvidersRow::encode(row, b"key", &[]));
    assert!(sealed(right) && !sealed(wrong));
    // The number of a record that no store gives, and a row that was set aside.
    let last = RowKey::parse(&[&[1][..], &[0xff; 8], &[0; 8]].concat()).expect("a row");
    let read = RecordRow::decode(RowKey::parse(&key).expect("a row"), &bytes).expect("sound");
    assert!(!proves(&last.bytes(), &read.encode(last)));
    let aside = RowKey(Tag::Aside, Place::FIRST);
    assert!(!proves(&aside.bytes(), &read.encode(aside)));
}

#[test]
fn rows_without_a_description_get_that_of_nobody_who_saw_the_latest_of_them() {
    let mut salvaged = Salvaged::default();
    for (number, stored) in [(1, 40), (2, 90), (3, 60)] {
        take(&mut salvaged, &record(number, &[number], stored), true);
    }
    assert!(!salvaged.is_described());
    let described = salvaged.describe();
    let read = Description::decode(&described.1).expect("it was written");
    assert_eq!(read.last_seen, 90);
    assert_eq!(take(&mut salvaged, &described, false), Kept::Other);
    assert!(salvaged.is_described());
}
