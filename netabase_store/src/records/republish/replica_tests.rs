//! Replication of other nodes' records.

use libp2p_kad::Record;

use super::model::{Node, Query, key, local, peer};
use super::tests::{HOUR, MINUTE, SECOND, node};
use super::*;

fn replicating() -> Node {
    let replication_interval = Some(HOUR);
    Node::new(RepublishConfig {
        replication_interval,
        ..RepublishConfig::default()
    })
}

fn foreign(node: &Node, number: u32) -> Record {
    let mut record = Record::new(key(number), vec![7]);
    record.publisher = Some(peer(9));
    record.expires = Some(node.now + 48 * HOUR);
    record
}

/// Answers every lookup with two peers, and returns the records that are then sent.
fn sent(node: &mut Node, started: Vec<(u64, Query)>) -> Vec<Record> {
    for (id, query) in started {
        assert!(matches!(query, Query::Closest(_)), "{query:?}");
        node.end(id, Outcome::Closest(vec![peer(3), peer(4)]));
    }
    let mut records = Vec::new();
    for (id, query) in node.poll().0 {
        if let Query::PutTo(record, peers) = query {
            assert_eq!(peers, [peer(3), peer(4)]);
            node.end(id, Outcome::Reached(1));
            records.push(record);
        }
    }
    records
}

#[test]
fn others_records_are_left_alone_by_default() {
    let mut node = node();
    node.model.store(foreign(&node, 1), node.now);
    assert_eq!(node.poll_after(100 * HOUR), []);
}

#[test]
fn a_replicated_record_keeps_its_publisher_and_its_expiry() {
    let mut node = replicating();
    let record = foreign(&node, 1);
    node.model.store(record.clone(), node.now);
    let started = node.poll_after(HOUR);
    assert_eq!(sent(&mut node, started), [record]);
    assert_eq!(
        (node.metrics().replicated, node.metrics().in_flight),
        (1, 0)
    );
}

#[test]
fn a_record_is_replicated_once_a_pass() {
    let mut node = replicating();
    node.model.store(foreign(&node, 1), node.now);
    let started = node.poll_after(HOUR);
    assert_eq!(sent(&mut node, started).len(), 1);
    for _ in 0..53 {
        assert_eq!(node.poll_after(MINUTE), []);
    }
    let next = node.poll().1.unwrap();
    assert!(next <= node.now + 13 * MINUTE);
    node.now = next;
    let started = node.poll().0;
    assert_eq!(sent(&mut node, started).len(), 1);
}

#[test]
fn a_record_that_somebody_just_sent_is_not_replicated() {
    let mut node = replicating();
    node.now += HOUR;
    node.model.store(foreign(&node, 1), node.now - HOUR / 2);
    assert_eq!(node.poll().0, []);
}

#[test]
fn what_expired_or_has_no_expiry_or_became_ours_is_not_replicated() {
    let mut node = replicating();
    let start = node.now;
    for number in 0..4 {
        node.model.store(foreign(&node, number), start);
    }
    let started = node.poll_after(HOUR);
    assert_eq!(started.len(), 4);
    for (number, change) in [(0, "expired"), (1, "endless"), (2, "ours")] {
        let mut record = foreign(&node, number);
        match change {
            "expired" => record.expires = Some(node.now),
            "endless" => record.expires = None,
            _ => record.publisher = Some(local()),
        }
        node.model.store(record, start);
    }
    let kept = node.model.record(&key(3)).unwrap();
    assert_eq!(sent(&mut node, started), [kept]);
}

#[test]
fn a_lookup_that_finds_nobody_or_fails_ends_there() {
    let mut node = replicating();
    for number in 0..3 {
        node.model.store(foreign(&node, number), node.now);
    }
    let started = node.poll_after(HOUR);
    node.end(started[0].0, Outcome::Closest(Vec::new()));
    node.end(started[1].0, Outcome::Failed);
    assert_eq!(node.poll_after(10 * MINUTE), []);
    assert_eq!(
        (node.metrics().in_flight, node.metrics().replicated),
        (0, 0)
    );
}

#[test]
fn no_more_peers_are_told_than_a_record_belongs_to() {
    let mut node = replicating();
    node.model.store(foreign(&node, 1), node.now);
    let id = node.poll_after(HOUR)[0].0;
    node.end(id, Outcome::Closest((0..200).map(peer).collect()));
    let started = node.poll().0;
    let [(_, Query::PutTo(_, peers))] = &started[..] else {
        panic!("{started:?}")
    };
    assert_eq!(peers.len(), 20);
}

#[test]
fn own_announcements_go_first() {
    let mut node = replicating();
    node.model.store(foreign(&node, 1), node.now);
    for number in 10..20 {
        node.model.provide(&key(number), node.now + HOUR);
    }
    let started = node.poll_after(HOUR);
    assert!(
        started
            .iter()
            .all(|(_, query)| matches!(query, Query::Provide(_)))
    );
    assert_eq!(node.poll_after(SECOND), [(11, Query::Closest(key(1)))]);
}

#[test]
fn a_pass_over_many_records_reads_a_page_at_a_time_and_misses_none() {
    let mut node = replicating();
    let start = node.now;
    for number in 0..1000 {
        // Two of three were sent by somebody half an hour before the pass.
        let received = if number % 3 == 0 { start } else { start + HOUR };
        node.model.store(foreign(&node, number), received);
    }
    node.now += HOUR + HOUR / 2;
    let mut sent_keys = Vec::new();
    for _ in 0..2000 {
        let rows = node.model.rows.get();
        let (started, next) = node.poll();
        assert!(node.model.rows.get() - rows <= 64 + 20);
        sent_keys.extend(
            sent(&mut node, started)
                .into_iter()
                .map(|record| record.key),
        );
        if next.unwrap() > node.now + 10 * MINUTE {
            break;
        }
        node.now = node.now.max(next.unwrap());
    }
    let expected: Vec<_> = (0..1000)
        .filter(|number| number % 3 == 0)
        .map(key)
        .collect();
    assert_eq!(sent_keys, expected);
}
