//! Typed records through the inbound workers, into the trees.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use libp2p_identity::PeerId;
use libp2p_kad::{ProviderRecord, store};

use super::{
    tests::{blog::*, forged, user},
    *,
};
use crate::{
    MemoryStore,
    records::{
        inbound::{Inbound, InboundConfig, Sink},
        validate::{Reason, Rejection, Validators},
    },
    threads::Mutex,
    writer::locked,
};

/// A store of plain records.
#[derive(Default, Clone)]
struct Plain(Arc<Mutex<HashMap<Vec<u8>, Record>>>);

impl Sink for Plain {
    fn record(&self, key: &RecordKey) -> Option<Record> {
        locked(&self.0).get(key.as_ref()).cloned()
    }

    fn put_from(&self, _: Option<PeerId>, record: Record) -> store::Result<()> {
        locked(&self.0).insert(record.key.to_vec(), record);
        Ok(())
    }

    fn add_provider(&self, _: ProviderRecord) -> store::Result<()> {
        Err(store::Error::MaxProvidedKeys)
    }
}

/// Accepts users of age, and knows the greater version as the newer.
fn adults() -> TypedValidator<BlogDefinition> {
    let accept = |record: &BlogDefinition| match record {
        BlogDefinition::User(user) if user.age < 18 => Err(Rejection::invalid("a minor")),
        _ => Ok(()),
    };
    TypedValidator::new().accept(accept).newer(|left, right| {
        let version = |record: &BlogDefinition| match record {
            BlogDefinition::User(user) => user.version,
            _ => 0,
        };
        version(left).cmp(&version(right))
    })
}

/// Takes every value.
struct Anything;

impl crate::records::Validator for Anything {
    fn validate(&self, _: &RecordKey, _: &[u8], _: SystemTime) -> Result<(), Rejection> {
        Ok(())
    }

    fn compare(&self, _: &RecordKey, _: &[u8], _: &[u8]) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

fn inbound(sink: impl Sink) -> Inbound {
    let validators = Validators::new().with(TYPED_NAMESPACE, adults());
    let validators = validators
        .and_then(|all| all.with("plain/", Anything))
        .unwrap();
    Inbound::start(sink, Arc::new(validators), InboundConfig::default()).unwrap()
}

fn deliver(inbound: &Inbound, record: &Record) {
    let _ = inbound.offer(PeerId::random(), record);
    inbound.wait_until_idle();
}

#[test]
fn a_validator_takes_whole_records_that_the_application_accepts() {
    let validators = Validators::new().with(TYPED_NAMESPACE, adults()).unwrap();
    let verdict = |record: &Record| {
        let checked = validators.validate(record, SystemTime::now());
        checked.err().map(|rejection| rejection.reason())
    };
    let good = user(1, 1).to_record().unwrap();
    assert_eq!(verdict(&good), None);
    let mut minor = user(1, 1);
    minor.age = 17;
    assert_eq!(verdict(&minor.to_record().unwrap()), Some(Reason::Invalid));
    let mut damaged = good.clone();
    damaged.value[4] ^= 1;
    assert_eq!(verdict(&damaged), Some(Reason::Invalid));
    let unknown = forged("Nobody", b"", good.value.clone());
    assert_eq!(verdict(&unknown), Some(Reason::Invalid));
    let newer = user(1, 2).to_record().unwrap().value;
    let compare = |left: &[u8], right: &[u8]| {
        let compared = validators.compare(&good.key, left, right);
        compared.unwrap()
    };
    assert!(compare(&newer, &good.value).is_gt());
    assert!(compare(&good.value, &newer).is_lt());
    assert!(compare(&good.value, b"damaged").is_gt());
}

#[test]
fn accepted_models_are_filed_and_served_and_others_stay_plain() {
    let (store, plain) = (MemoryStore::<BlogDefinition>::new(), Plain::default());
    let inbound = inbound(TypedSink::new(store.clone(), adults(), plain.clone()));
    let record = user(1, 5).to_record().unwrap();
    deliver(&inbound, &record);
    deliver(&inbound, &user(1, 3).to_record().unwrap());
    let foreign = Record::new(b"plain/a".to_vec(), vec![9]);
    deliver(&inbound, &foreign);

    let users = store.open_tree::<User>();
    let by_age = users.get_by_secondary_key(UserSecondaryKeys::Age(UserAgeSecondaryKey(30)));
    assert_eq!(by_age.unwrap(), [user(1, 5)]);
    assert_eq!(plain.record(&record.key), Some(record));
    assert_eq!(plain.record(&foreign.key), Some(foreign));
    assert_eq!(inbound.metrics().refused(Reason::Older), 1);
    assert_eq!(inbound.metrics().accepted, 2);
}

#[test]
fn a_lapsed_copy_is_kept_again_and_no_application_write_is_undone() {
    let (store, plain) = (MemoryStore::<BlogDefinition>::new(), Plain::default());
    let sink = TypedSink::new(store.clone(), adults(), plain.clone());
    let inbound = inbound(sink.clone());
    store.open_tree::<User>().put(user(1, 5)).unwrap();
    let older = user(1, 4).to_record().unwrap();
    deliver(&inbound, &older);
    assert_eq!(inbound.metrics().refused(Reason::Older), 1);
    // As if the application had written between the comparison and the filing.
    sink.put_from(None, older.clone()).unwrap();
    assert_eq!(store.open_tree::<User>().get(1).unwrap(), Some(user(1, 5)));
    assert_eq!(plain.record(&older.key), None);

    let expires = Some(Instant::now() + Duration::from_secs(60));
    let same = user(1, 5).to_record().unwrap();
    deliver(
        &inbound,
        &Record {
            expires,
            ..same.clone()
        },
    );
    assert_eq!(plain.record(&same.key).unwrap().expires, expires);
}

#[test]
fn newcomers_are_compared_with_the_tree_and_not_with_an_older_copy() {
    let (store, plain) = (MemoryStore::<BlogDefinition>::new(), Plain::default());
    let sink = TypedSink::new(store.clone(), adults(), plain.clone());
    let inbound = inbound(sink.clone());
    let first = user(1, 3).to_record().unwrap();
    deliver(&inbound, &first);
    // The application's own write makes no copy.
    store.open_tree::<User>().put(user(1, 5)).unwrap();
    let newest = user(1, 5).to_record().unwrap();
    assert_eq!(sink.record(&first.key).unwrap().value, newest.value);
    deliver(&inbound, &user(1, 4).to_record().unwrap());
    let metrics = inbound.metrics();
    assert_eq!((metrics.accepted, metrics.refused(Reason::Older)), (1, 1));
    assert_eq!(plain.record(&first.key), Some(first));
}

#[test]
fn without_copies_models_stand_in_their_trees_alone() {
    let (store, plain) = (MemoryStore::<BlogDefinition>::new(), Plain::default());
    let sink = TypedSink::new(store.clone(), adults(), plain.clone()).without_copies();
    let inbound = inbound(sink.clone());
    let record = user(1, 5).to_record().unwrap();
    for _ in 0..2 {
        deliver(&inbound, &record);
    }
    assert_eq!(store.open_tree::<User>().get(1).unwrap(), Some(user(1, 5)));
    assert_eq!(plain.record(&record.key), None);
    assert_eq!(sink.record(&record.key), Some(record));
}

#[test]
fn what_a_tree_refuses_is_told() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    let store = MemoryStore::<BlogDefinition>::new();
    let sink = TypedSink::new(store.clone(), adults(), Plain::default());
    let sink = sink.on_error(move |key, error| {
        locked(&told).push((key.clone(), matches!(error, RecordError::Store(_))));
    });
    let inbound = inbound(sink);
    store.open_tree::<User>().put(user(1, 1)).unwrap();
    let mut squatter = user(2, 9);
    squatter.email = user(1, 1).email;
    let record = squatter.to_record().unwrap();
    deliver(&inbound, &record);
    assert_eq!(*locked(&heard), [(record.key, true)]);
    assert_eq!(inbound.metrics().not_stored, 1);
    assert_eq!(store.open_tree::<User>().len().unwrap(), 1);
}
