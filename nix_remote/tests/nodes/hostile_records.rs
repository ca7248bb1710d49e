//! Records that are put to nodes, or given to those who ask, and are not to be believed.

use libp2p::kad::Record;
use netabase_store::records::Reason;
use nix_core::{path_info::PathInfo, signature::SecretKey, store_path::StoreDir};
use nix_remote::peers::{
    announcement::{Announcement, ENVELOPE_BYTES_MAX, Object, Statement, Term},
    node::{FetchError, FindError, ObjectError},
    transfer::GROUP_LOG,
};
use nix_store::store::ReadStore;

use crate::{
    hostile::{Hostile, Role},
    nodes::{start_with, status_when},
    raw::Reply,
    seeds::{Seed, fetch_watched, record_of, term},
    support::{Peer, add, address, key, new_folder, open_store, start, until},
};

/// What a signer says of an object; the signature is checked by those who take it.
fn signed(info: &PathInfo, term: Term, key: &SecretKey) -> Announcement {
    let object = Object::new(info, [3; 32], GROUP_LOG);
    let statement = Statement::PathInfo(object);
    Announcement::sign(&StoreDir::default(), &statement, term, key).unwrap()
}

fn other_key() -> SecretKey {
    SecretKey::from_seed("cache-1".parse().unwrap(), &[8; 32])
}

fn expired() -> Term {
    let now = term(1);
    Term {
        issued_at: now.issued_at - 7200,
        not_after: now.issued_at - 3600,
        ..now
    }
}

fn early() -> Term {
    let now = term(1);
    Term {
        issued_at: now.issued_at + 3600,
        not_after: now.not_after + 3600,
        ..now
    }
}

fn forged(mut record: Record) -> Record {
    *record.value.last_mut().unwrap() ^= 1;
    record
}

/// Returns records of an object that nobody is to keep or believe.
fn unbelievable(seed: &Seed, info: &PathInfo) -> Vec<(Record, Reason)> {
    let good = seed.record(info);
    let mut oversized = good.clone();
    oversized.value.resize(ENVELOPE_BYTES_MAX + 1, 0);
    let mut padded = good.clone();
    padded.value.push(0);
    let stranger = Record {
        value: record_of(&signed(info, term(1), &other_key())).value,
        ..record_of(&signed(info, term(1), &key()))
    };
    vec![
        (forged(good.clone()), Reason::Invalid),
        (
            record_of(&seed.announcement(info, expired())),
            Reason::Invalid,
        ),
        (
            record_of(&seed.announcement(info, early())),
            Reason::Invalid,
        ),
        (
            forged(record_of(&signed(info, term(1), &key()))),
            Reason::Invalid,
        ),
        (record_of(&signed(info, expired(), &key())), Reason::Invalid),
        (stranger, Reason::Invalid),
        (padded, Reason::Invalid),
        (oversized, Reason::ValueTooLarge),
        (
            Record::new(b"x1".to_vec(), good.value),
            Reason::UnknownNamespace,
        ),
    ]
}

fn node() -> Peer {
    start_with(|config| {
        config.trusted = key().public_key().to_string().parse().unwrap();
    })
}

#[tokio::test]
async fn forged_expired_early_and_oversized_records_are_not_kept() {
    let folder = new_folder();
    let store = open_store(folder.path());
    let info = add(&store, "text", 1000, &[]);
    let seed = Seed::of(&store, &info);
    let node = node();
    let peer = Hostile::start(Role::default()).await;
    peer.meet(address(&node).await);

    let records = unbelievable(&seed, &info);
    let count = u64::try_from(records.len()).unwrap();
    let mut reasons: Vec<_> = records.iter().map(|(_, reason)| *reason).collect();
    for (record, _) in records {
        peer.put(node.node.id(), record);
    }
    let status = status_when(&node.node, |status| status.inbound.refused_total() == count).await;
    assert_eq!((status.records, status.inbound.accepted), (0, 0));
    reasons.sort_by_key(|reason| *reason as usize);
    for of_reason in reasons.chunk_by(|left, right| left == right) {
        let expected = u64::try_from(of_reason.len()).unwrap();
        assert_eq!(status.inbound.refused(of_reason[0]), expected);
    }

    peer.put(node.node.id(), seed.record(&info));
    until(&node, |status| status.records == 1).await;
    node.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_older_announcement_that_is_replayed_does_not_replace_the_newer_one() {
    let folder = new_folder();
    let store = open_store(folder.path());
    let info = add(&store, "text", 1000, &[]);
    let node = node();
    let peer = Hostile::start(Role::default()).await;
    peer.meet(address(&node).await);
    let [old, new] = [1, 2].map(|sequence| signed(&info, term(sequence), &key()));
    peer.put(node.node.id(), record_of(&new));
    until(&node, |status| status.records == 1).await;
    peer.put(node.node.id(), record_of(&old));
    until(&node, |status| status.inbound.refused(Reason::Older) == 1).await;

    // Who asks two of whom one holds the old one back goes by the new one.
    let replaying = Hostile::start(Role {
        records: vec![record_of(&old)],
        ..Role::default()
    })
    .await;
    let bootstrap = vec![replaying.address.clone(), address(&node).await];
    let asking = start_with(|config| {
        config.trusted = key().public_key().to_string().parse().unwrap();
        config.bootstrap = bootstrap;
    });
    let found = asking.node.find(&info.path).await.unwrap();
    assert_eq!(*found.best(), new);
    node.node.shutdown().await.unwrap();
    asking.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_is_given_to_those_who_ask_is_not_believed_unless_it_proves_itself() {
    let folder = new_folder();
    let store = open_store(folder.path());
    let info = add(&store, "text", 1000, &[]);
    let good = Seed::of(&store, &info);
    for (record, reason) in unbelievable(&good, &info) {
        let peer = Hostile::start(Role {
            records: vec![record.clone()],
            ..Role::default()
        })
        .await;
        let node = start_with(|config| {
            config.trusted = key().public_key().to_string().parse().unwrap();
            config.bootstrap = vec![peer.address.clone()];
        });
        let found = node.node.find(&info.path).await;
        assert_eq!(found, Err(FindError::Absent), "{record:?}");
        let refused = node.node.refused(&info.path).await.unwrap();
        // Under a key of another namespace nobody asks.
        let came = u64::from(reason != Reason::UnknownNamespace);
        assert_eq!(refused.records(), came, "{record:?} {refused:?}");
        node.node.shutdown().await.unwrap();
    }

    let records = vec![good.record(&info)];
    let peer = Hostile::start(Role {
        records,
        ..Role::default()
    })
    .await;
    let node = start(new_folder(), vec![peer.address.clone()], None);
    let found = node.node.find(&info.path).await.unwrap();
    assert_eq!(found.object().path, info.path);
    node.node.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_archive_that_is_announced_for_a_path_of_other_contents_is_not_added() {
    let folder = new_folder();
    let store = open_store(folder.path());
    let [wanted, other] = [200_000, 150_000].map(|bytes| add(&store, "text", bytes, &[]));
    let seed = Seed::of(&store, &other);
    let lie = PathInfo {
        nar_hash: other.nar_hash,
        nar_size: other.nar_size,
        ..wanted.clone()
    };
    let served = seed.clone();
    let peer = Hostile::start(Role {
        provides: vec![*seed.blob.root()],
        records: vec![seed.record(&lie)],
        answers: Some(Box::new(move |request| {
            Reply::Bytes(served.answer(request))
        })),
    })
    .await;
    let node = start(new_folder(), vec![peer.address.clone()], None);
    let (refused, _) = fetch_watched(&node.node, &wanted).await;
    let Err(FetchError::Objects { failed }) = refused else {
        panic!("{refused:?}");
    };
    let reason = &failed[&wanted.path];
    assert!(matches!(reason, ObjectError::Store(_)), "{reason:?}");
    assert!(node.store.valid_paths().unwrap().is_empty());
    assert_eq!(node.node.status().await.unwrap().shared, 0);
    node.node.shutdown().await.unwrap();
}
