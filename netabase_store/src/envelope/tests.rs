//! What surrounds a payload, and every way in which a row is refused.

use std::error::Error;

use super::*;
use crate::{NetabaseDefinitionTrait, netabase_definition_module, tables::Layout};

#[netabase_definition_module(NotesDefinition, NotesKeys)]
mod notes {
    use crate::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(NotesDefinition)]
    pub(crate) struct Note {
        #[primary_key]
        pub(crate) id: u8,
        pub(crate) stars: u8,
    }
}
use notes::*;

const KEY: &[u8] = &[7];
const NOTE: Note = Note { id: 7, stars: 3 };

/// The table of notes in a definition whose schema version is `version`.
fn table(version: u16) -> RowTable {
    let mut schema = NotesDefinition::schema();
    schema.models[0].version = version;
    let model = Layout::new(&schema).models.into_iter().next().unwrap();
    std::sync::Arc::into_inner(model).unwrap().rows
}

/// A row whose checksum holds, of any bytes.
fn row_of(table: &RowTable, body: &[u8]) -> Vec<u8> {
    [body, &table.seed.row(KEY, body)].concat()
}

fn sealed(table: &RowTable) -> Vec<u8> {
    let mut row = Vec::new();
    let payload = |writer: &mut ValueWriter<'_>| {
        NetabaseModelTrait::<NotesDefinition>::__encode_payload(&NOTE, writer)
    };
    seal(table, KEY, &mut row, payload).unwrap();
    row
}

fn decoded(table: &RowTable, row: &[u8]) -> Result<Note> {
    decode::<NotesDefinition, Note>(table, KEY, row)
}

/// Every way of reading the row refuses it with this sentence.
fn check_refused(table: &RowTable, row: &[u8], sentence: &str) {
    let fields = read_fields(table, KEY, row, |reader| reader.finish());
    let refusals = [
        open(table, KEY, row).map(drop).unwrap_err(),
        decoded(table, row).map(drop).unwrap_err(),
        fields.unwrap_err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.to_string(), sentence);
        assert!(refusal.is_corrupt());
    }
    assert!(!proves(table, KEY, row));
}

#[test]
fn a_row_is_header_payload_and_checksum() {
    let table = table(0x0102);
    let row = sealed(&table);
    assert_eq!(row, row_of(&table, &[1, 1, 2, 7, 3]));
    assert_eq!(open(&table, KEY, &row).unwrap(), [7, 3]);
    assert_eq!(decoded(&table, &row).unwrap(), NOTE);
    let unverified = decode_unverified::<NotesDefinition, Note>(&table, &row);
    assert_eq!(unverified.unwrap(), NOTE);
    assert!(proves(&table, KEY, &row));
}

#[test]
fn a_row_is_added_to_what_stands_there() {
    let table = table(1);
    let mut out = b"before".to_vec();
    seal(&table, KEY, &mut out, |_| Ok(())).unwrap();
    assert_eq!(
        out,
        [b"before".to_vec(), row_of(&table, &[1, 0, 1])].concat()
    );
    assert!(open(&table, KEY, &out[6..]).unwrap().is_empty());
}

#[test]
fn fields_are_read_as_far_as_they_are_asked_for() {
    let table = table(1);
    let row = sealed(&table);
    let first = read_fields(&table, KEY, &row, |reader| {
        crate::NetabaseValue::decode_value(reader)
    });
    assert_eq!(first.ok(), Some(7_u8));
}

#[test]
fn a_row_of_which_a_bit_changed_is_refused() {
    let table = table(1);
    let row = sealed(&table);
    for bit in 0..8 * row.len() {
        let mut row = row.clone();
        row[bit / 8] ^= 1 << (bit % 8);
        let sentence = "checksum of 7 in table Note does not match: the stored bytes have changed";
        check_refused(&table, &row, sentence);
    }
}

#[test]
fn a_row_of_another_key_or_table_is_refused() {
    let users = table(1);
    let row = sealed(&users);
    assert!(open(&users, &[8], &row).is_err());
    assert!(!proves(&users, &[8], &row));
    let mut schema = NotesDefinition::schema();
    schema.models[0].discriminant = "Other".to_owned();
    let other = &Layout::new(&schema).models[0].rows;
    let sentence = "checksum of 7 in table Other does not match: the stored bytes have changed";
    check_refused(other, &row, sentence);
}

#[test]
fn a_row_without_room_for_its_envelope_is_refused() {
    let table = table(1);
    for length in 0..HEADER_BYTES {
        let row = row_of(&table, &[1, 0, 1][..length]);
        for row in [&row[..], &row[..row.len() - 1], &row[length..], &[]] {
            let sentence = "row 7 of table Note has no valid envelope: it is too short";
            check_refused(&table, row, sentence);
        }
    }
    for row in [&[][..], &[0; 7], &[0; 8], &[0; 10]] {
        let refusal = decode_unverified::<NotesDefinition, Note>(&table, row).unwrap_err();
        assert!(
            refusal.to_string().ends_with("it is too short"),
            "{refusal}"
        );
    }
}

#[test]
fn a_row_of_another_format_or_version_is_refused() {
    let table = table(0x0102);
    let format = "row 7 of table Note has no valid envelope: its format is not known here";
    for wrong in [0, 2, 0xFF] {
        check_refused(&table, &row_of(&table, &[wrong, 1, 2, 7, 3]), format);
    }
    let version =
        "row 7 of table Note has no valid envelope: its schema version is not the model's";
    for wrong in [[0, 2], [1, 3], [2, 1], [0, 0]] {
        let row = row_of(&table, &[1, wrong[0], wrong[1], 7, 3]);
        check_refused(&table, &row, version);
    }
}

#[test]
fn a_payload_that_is_no_record_is_refused() {
    let table = table(1);
    for body in [&[1, 0, 1, 7][..], &[1, 0, 1, 7, 3, 0]] {
        let row = row_of(&table, body);
        let unverified = decode_unverified::<NotesDefinition, Note>(&table, &row);
        let fields = read_fields(&table, KEY, &row, |reader| {
            let _: (u8, u8) = crate::NetabaseValue::decode_value(reader)?;
            reader.finish()
        });
        assert_eq!(
            decoded(&table, &row).unwrap_err().to_string(),
            "decode record 7 of table Note"
        );
        assert_eq!(
            fields.unwrap_err().to_string(),
            "decode record 7 of table Note"
        );
        assert!(unverified.unwrap_err().source().is_some());
    }
}

#[test]
fn a_record_that_cannot_be_encoded_is_refused_by_name() {
    let refused = seal(&table(1), KEY, &mut Vec::new(), |_| {
        let what = "no number".to_owned();
        Err(ValueError { at: 0, what })
    });
    let refused = refused.unwrap_err();
    assert_eq!(refused.to_string(), "encode a record of Note");
    assert!(!refused.is_corrupt());
}

#[test]
fn a_record_may_have_the_largest_size_and_no_byte_more() {
    let table = table(1);
    for bytes in [0, VALUE_BYTES_MAX - 1, VALUE_BYTES_MAX] {
        assert!(refuse_larger(&table, bytes).is_ok());
    }
    let refused = refuse_larger(&table, VALUE_BYTES_MAX + 1).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a record of 1073741825 bytes in table Note exceeds the maximum of 1073741824"
    );
}
