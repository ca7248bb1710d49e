//! Models to records and back, and what is refused on the way.

use std::{cmp::Reverse, error::Error, time::SystemTime};

use proptest::prelude::*;

use super::*;
use crate::{
    MemoryStore,
    key::tests::{arb_bytes, arb_duration, arb_f64, arb_text},
    netabase_definition_module,
};

#[netabase_definition_module(BlogDefinition, BlogKeys)]
pub(super) mod blog {
    use std::{
        cmp::Reverse,
        time::{Duration, SystemTime},
    };

    use crate::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(BlogDefinition)]
    pub(crate) struct User {
        #[primary_key]
        pub(crate) id: u64,
        #[secondary_key(unique)]
        pub(crate) email: String,
        #[secondary_key]
        pub(crate) age: u32,
        pub(crate) version: u64,
    }

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(BlogDefinition)]
    pub(crate) struct Users {
        #[primary_key]
        pub(crate) id: u64,
        pub(crate) email: String,
        pub(crate) age: u32,
        pub(crate) version: u64,
    }

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(BlogDefinition)]
    pub(crate) struct Text {
        #[primary_key]
        pub(crate) key: String,
    }

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(BlogDefinition)]
    pub(crate) struct Bytes {
        #[primary_key]
        pub(crate) key: Vec<u8>,
    }

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(BlogDefinition)]
    pub(crate) struct Float {
        #[primary_key]
        pub(crate) key: f64,
    }

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(BlogDefinition)]
    pub(crate) struct Wide {
        #[primary_key]
        pub(crate) key: (i128, bool, char, [u8; 4], Option<i16>),
    }

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(BlogDefinition)]
    pub(crate) struct Moment {
        #[primary_key]
        pub(crate) key: (SystemTime, Duration, Reverse<u8>),
    }

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(BlogDefinition)]
    #[primary_key(author, slug)]
    pub(crate) struct Post {
        pub(crate) author: i64,
        pub(crate) slug: String,
        pub(crate) tags: std::collections::BTreeSet<String>,
    }
}
use blog::*;

pub(super) fn user(id: u64, version: u64) -> User {
    User {
        id,
        email: format!("{id}@example.org"),
        age: 30,
        version,
    }
}

/// The row of a program whose models have the schema version `version`.
fn sealed(version: u16, primary: &[u8], user: &User) -> Vec<u8> {
    let mut schema = BlogDefinition::schema();
    for model in &mut schema.models {
        model.version = version;
    }
    let layout = crate::tables::Layout::new(&schema);
    let rows = &layout.model("User").unwrap().rows;
    let mut value = Vec::new();
    let payload = |writer: &mut crate::ValueWriter<'_>| {
        NetabaseModelTrait::<BlogDefinition>::__encode_payload(user, writer)
    };
    crate::envelope::seal(rows, primary, &mut value, payload).unwrap();
    value
}

/// A record of a program that was never checked here: any row under any key.
pub(super) fn forged(model: &'static str, primary: &[u8], value: Vec<u8>) -> Record {
    Record::new(typed_key(model, primary).unwrap(), value)
}

fn round_trip<M>(model: M) -> Result<(), TestCaseError>
where
    M: NetabaseModelTrait<BlogDefinition> + Clone + PartialEq + std::fmt::Debug,
    BlogDefinition: TryInto<M, Error = BlogDefinition>,
{
    let record = match model.to_record() {
        Ok(record) => record,
        Err(error) => {
            let is_large = matches!(error, RecordError::KeyTooLong { .. });
            prop_assert!(is_large, "{:?}", error);
            return Ok(());
        }
    };
    prop_assert_eq!(
        M::record_key(model.primary_key()).unwrap(),
        record.key.clone()
    );
    let decoded = BlogDefinition::from_record(&record).unwrap();
    let decoded: M = decoded
        .try_into()
        .map_err(|_| TestCaseError::fail("other model"))?;
    prop_assert_eq!(decoded.to_record().unwrap(), record.clone());

    let store = MemoryStore::<BlogDefinition>::new();
    prop_assert_eq!(store.file_record(&record).unwrap(), Filed::New);
    let again = store.publishable::<M>(model.primary_key()).unwrap();
    prop_assert_eq!(again, Some(record));
    Ok(())
}

proptest! {
    #[test]
    fn models_of_every_kind_of_key_come_back(
        id in any::<u64>(),
        text in arb_text(),
        bytes in arb_bytes(),
        float in arb_f64(),
        wide in any::<(i128, bool, char, [u8; 4], Option<i16>)>(),
        moment in (arb_duration(), arb_duration(), any::<u8>().prop_map(Reverse)),
        author in any::<i64>(),
    ) {
        round_trip(user(id, 1))?;
        round_trip(Text { key: text.clone() })?;
        round_trip(Bytes { key: bytes })?;
        round_trip(Wide { key: wide })?;
        let (since, duration, reversed) = moment;
        // A time before 1970 has no stored form.
        if let Some(time) = SystemTime::UNIX_EPOCH.checked_add(since) {
            round_trip(Moment { key: (time, duration, reversed) })?;
        }
        let tags = [text.clone()].into();
        round_trip(Post { author, slug: text, tags })?;
        if !float.is_nan() {
            round_trip(Float { key: float })?;
        }
    }

    #[test]
    fn bytes_from_anybody_are_refused_without_a_panic(
        key in proptest::collection::vec(any::<u8>(), 0..40),
        value in proptest::collection::vec(any::<u8>(), 0..80),
        is_typed in any::<bool>(),
    ) {
        let namespace = if is_typed { TYPED_NAMESPACE } else { b"" };
        let record = Record::new([namespace, &key].concat(), value.clone());
        prop_assert!(BlogDefinition::from_record(&record).is_err());
        let record = forged("User", &key, value);
        prop_assert!(BlogDefinition::from_record(&record).is_err());
    }
}

#[test]
fn every_flipped_bit_of_a_record_is_refused() {
    let record = user(7, 1).to_record().unwrap();
    for at in 0..record.value.len() * 8 {
        let mut flipped = record.clone();
        flipped.value[at / 8] ^= 1 << (at % 8);
        assert!(
            BlogDefinition::from_record(&flipped).is_err(),
            "value, bit {at}"
        );
    }
    let key = record.key.to_vec();
    for at in 0..key.len() * 8 {
        let mut key = key.clone();
        key[at / 8] ^= 1 << (at % 8);
        let flipped = Record::new(key, record.value.clone());
        assert!(
            BlogDefinition::from_record(&flipped).is_err(),
            "key, bit {at}"
        );
    }
    for length in 0..record.value.len() {
        let cut = Record::new(record.key.clone(), record.value[..length].to_vec());
        assert!(
            BlogDefinition::from_record(&cut).is_err(),
            "cut at {length}"
        );
    }
}

#[test]
fn a_record_under_the_key_of_another_is_refused_even_with_a_fitting_checksum() {
    let other = encode_key(&8_u64);
    let value = sealed(1, &other, &user(7, 1));
    let refused = BlogDefinition::from_record(&forged("User", &other, value)).unwrap_err();
    assert!(
        matches!(refused, RecordError::OtherKey { model: "User" }),
        "{refused:?}"
    );

    let moved = forged("User", &other, user(7, 1).to_record().unwrap().value);
    let refused = BlogDefinition::from_record(&moved).unwrap_err();
    assert!(
        matches!(refused, RecordError::Damaged { .. }),
        "{refused:?}"
    );
}

#[test]
fn a_record_of_another_model_is_refused() {
    let record = user(7, 1).to_record().unwrap();
    let primary = encode_key(&7_u64);
    let refused = BlogDefinition::from_record(&forged("Users", &primary, record.value));
    assert!(matches!(
        refused.unwrap_err(),
        RecordError::Damaged { model: "Users", .. }
    ));
}

#[test]
fn keys_that_name_no_model_are_foreign() {
    let check = |key: Vec<u8>| BlogDefinition::from_record(&Record::new(key, vec![1])).unwrap_err();
    assert!(matches!(check(b"plain".to_vec()), RecordError::ForeignKey));
    let typed = |rest: &[u8]| check([TYPED_NAMESPACE, rest].concat());
    assert!(matches!(typed(b""), RecordError::KeyTruncated));
    assert!(matches!(typed(b"\x05User"), RecordError::KeyTruncated));
    for name in [b"\x04Usfr".as_slice(), b"\x00", b"\x03UserX", b"\x01\xff"] {
        let refused = typed(name);
        assert!(
            matches!(refused, RecordError::UnknownModel { .. }),
            "{refused:?}"
        );
        assert!(refused.is_foreign());
    }
}

#[test]
fn a_record_of_another_schema_version_names_both() {
    let primary = encode_key(&7_u64);
    assert_eq!(
        sealed(1, &primary, &user(7, 1)),
        user(7, 1).to_record().unwrap().value
    );
    let record = forged("User", &primary, sealed(2, &primary, &user(7, 1)));
    let refused = BlogDefinition::from_record(&record).unwrap_err();
    let expected = "a record of User has schema version 2, this program's is 1";
    assert_eq!(refused.to_string(), expected);
    assert!(!refused.is_foreign());
}

#[test]
fn a_model_that_the_dht_would_not_take_is_refused_with_its_size() {
    let mut large = user(1, 1);
    large.email = "a".repeat(RECORD_VALUE_BYTES_MAX);
    let Err(RecordError::TooLarge { bytes, max, .. }) = large.to_record() else {
        panic!("it is larger than the maximum");
    };
    assert_eq!(max, RECORD_VALUE_BYTES_MAX);
    large.email.truncate(RECORD_VALUE_BYTES_MAX - (bytes - max));
    assert_eq!(
        large.to_record().unwrap().value.len(),
        RECORD_VALUE_BYTES_MAX
    );

    let key = "a".repeat(RECORD_KEY_BYTES_MAX);
    let refused = Text::record_key(key.as_str()).unwrap_err();
    assert!(matches!(
        refused,
        RecordError::KeyTooLong { model: "Text", .. }
    ));
    assert!(Text { key }.to_record().is_err());
}

#[test]
fn filing_writes_the_indexes_and_says_what_it_did() {
    let store = MemoryStore::<BlogDefinition>::new();
    let users = store.open_tree::<User>();
    let record = user(1, 1).to_record().unwrap();
    assert_eq!(store.file_record(&record).unwrap(), Filed::New);
    assert_eq!(store.file_record(&record).unwrap(), Filed::Same);
    let mut older = user(1, 2);
    older.age = 44;
    let replaced = store.file_record(&older.to_record().unwrap()).unwrap();
    assert_eq!(replaced, Filed::Replaced);
    let by_age = users.get_by_secondary_key(UserSecondaryKeys::Age(UserAgeSecondaryKey(44)));
    assert_eq!(by_age.unwrap(), [older]);
    let by_age = users.get_by_secondary_key(UserSecondaryKeys::Age(UserAgeSecondaryKey(30)));
    assert_eq!(by_age.unwrap(), []);
    assert!(store.verify().unwrap().is_sound());

    assert_eq!(store.publishable::<User>(9).unwrap(), None);
    for key in [b"plain".to_vec(), [TYPED_NAMESPACE, b"\x01?"].concat()] {
        let filed = store.file_record(&Record::new(key, vec![1])).unwrap();
        assert_eq!(filed, Filed::Foreign);
    }
}

#[test]
fn a_damaged_or_conflicting_record_is_not_filed() {
    let store = MemoryStore::<BlogDefinition>::new();
    let mut damaged = user(1, 1).to_record().unwrap();
    damaged.value[5] ^= 1;
    let refused = store.file_record(&damaged).unwrap_err();
    assert!(
        matches!(refused, RecordError::Damaged { .. }),
        "{refused:?}"
    );

    store.file_record(&user(1, 1).to_record().unwrap()).unwrap();
    let mut squatter = user(2, 1);
    squatter.email = user(1, 1).email;
    let refused = store
        .file_record(&squatter.to_record().unwrap())
        .unwrap_err();
    let RecordError::Store(source) = &refused else {
        panic!("{refused:?}");
    };
    assert!(source.is_conflict());
    assert!(refused.source().is_some());
    assert_eq!(store.open_tree::<User>().len().unwrap(), 1);
}
