//! Reading a record store in every way, and comparing what is read.

use std::{collections::BTreeMap, time::Duration};

use libp2p_kad::{Record, RecordKey};
use netabase_store::{
    Backend,
    records::{Clock as _, Health},
};
use record_store_tests::{OK, all_of, distance, key, local, peer, provider};

use super::{
    life::{KEYS, PEERS},
    rules::{Change, Contents, Counts, Rules, in_order},
    subject::Subject,
    world::{Time, World},
};

/// Keys behind those of the steps, for what a harness adds.
pub(crate) const LATER_KEYS: u64 = 4;

/// How many keys a quota has room for where it is measured.
pub(crate) const QUOTA: usize = 14;

/// Longer than anything lives.
const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// Reads everything, by keys and by walks, which have to agree.
///
/// # Errors
/// Says where they do not.
pub(crate) fn read<B: Backend>(subject: &Subject<B>) -> Result<Contents, String> {
    let mut contents = Contents::default();
    let walked = subject.walk();
    let far = |record: &Record| distance(&record.key, &local());
    if !walked.is_sorted_by_key(far) {
        return Err("a walk over records is not in the order of distances".into());
    }
    let mut own = BTreeMap::new();
    for key in (0..KEYS + LATER_KEYS).map(key) {
        if let Some(record) = subject.record(&key) {
            contents.records.insert(key.to_vec(), record);
        }
        let providers = in_order(&subject.providers(&key));
        let own_one = providers.iter().find(|(_, peer, ..)| *peer == local());
        own.extend(own_one.map(|of| (key.to_vec(), of.clone())));
        if let Some((of, ..)) = providers.iter().find(|(of, ..)| *of != key.to_vec()) {
            let of = String::from_utf8_lossy(of);
            return Err(format!("a provider of {of} is given for another key"));
        }
        if !providers.is_empty() {
            contents.providers.insert(key.to_vec(), providers);
        }
    }
    let count = walked.len();
    let walked = walked.into_iter();
    let walked: BTreeMap<_, _> = walked.map(|it| (it.key.to_vec(), it)).collect();
    if walked.len() != count || walked != contents.records {
        let names: Vec<_> = walked
            .keys()
            .map(|key| String::from_utf8_lossy(key))
            .collect();
        let found = contents.records.len();
        return Err(format!(
            "a walk finds {names:?}, and look-ups {found} records"
        ));
    }
    let provided = all_of(&subject.provided());
    let count = provided.len();
    let provided = provided.into_iter();
    let provided: BTreeMap<_, _> = provided.map(|of| (of.0.clone(), of)).collect();
    if provided.len() != count || provided != own {
        return Err(format!(
            "this node provides {provided:?}, and by keys {own:?}"
        ));
    }
    Ok(contents)
}

/// Fails unless these are the contents of the rules now.
///
/// # Errors
/// Says what differs.
pub(crate) fn same(found: &Contents, rules: &Rules, time: &Time) -> Result<(), String> {
    let right = rules.contents(time.now());
    if *found == right {
        Ok(())
    } else {
        Err(found.difference(&right))
    }
}

/// Fails unless the store counts what the rules do, after all that has expired was taken out.
///
/// # Errors
/// Says what it counts.
pub(crate) fn counts<B: Backend>(
    subject: &Subject<B>,
    rules: &Rules,
    time: &Time,
) -> Result<(), String> {
    let (found, right) = (counted(&subject.health()), rules.counts(time.now()));
    if found == right {
        Ok(())
    } else {
        Err(format!("{found:?}, and should be {right:?}"))
    }
}

fn counted(health: &Health) -> Counts {
    Counts {
        records: health.records,
        own_records: health.own_records,
        provided_keys: health.provided_keys,
        own_provided_keys: health.own_provided_keys,
        announcements: health.announcements,
    }
}

/// Fails unless what the store knows by heart is what follows from the rules: how many entries there
/// are, what each peer has used of its quotas of [`QUOTA`], and what will expire. It uses the quotas
/// up, and time goes on.
///
/// # Errors
/// Says what differs.
pub(crate) fn indexes<B: Backend>(
    subject: &Subject<B>,
    rules: &Rules,
    (world, time): (World, &Time),
) -> Result<(), String> {
    subject.collect();
    counts(subject, rules, time)?;
    let mut rules = rules.within(world, time.now());
    for peer in (1..PEERS).map(peer) {
        let used = rules.used(&peer);
        let record = |kind: &str, number: usize| Record {
            key: RecordKey::new(&format!("{kind} {number} {peer}")),
            value: Vec::new(),
            publisher: None,
            expires: None,
        };
        let published = |number| {
            let publisher = Some(peer);
            Change::Put(
                None,
                Record {
                    publisher,
                    ..record("published", number)
                },
            )
        };
        let sent = |number| Change::Put(Some(peer), record("sent", number));
        let provided = |number| {
            let mut of = provider(0, peer, 0);
            of.key = record("provided", number).key;
            Change::Provide(of)
        };
        let left = [
            taken(subject, published),
            taken(subject, sent),
            taken(subject, provided),
        ];
        if left != used.map(|used| QUOTA - used) {
            return Err(format!(
                "of quotas of {QUOTA}, {left:?} are left beside {used:?}"
            ));
        }
        for change in
            (0..QUOTA).flat_map(|number| [published(number), sent(number), provided(number)])
        {
            // Those behind the quota are refused there too.
            rules.apply(&change, time.now());
        }
    }
    let expiring = rules.expiring(time.now());
    time.advance(FOR_EVER);
    let collected = subject.collect();
    if collected != expiring {
        return Err(format!("{collected} rows expire, and should be {expiring}"));
    }
    counts(subject, &rules, time)
}

/// Returns how many changes in a row are taken.
fn taken<B: Backend>(subject: &Subject<B>, change: impl Fn(usize) -> Change) -> usize {
    let mut numbers = 0..=QUOTA;
    let refused = numbers.find(|number| subject.apply(&change(*number)) != OK);
    refused.unwrap_or(QUOTA + 1)
}
