use std::time::Duration;

use super::model::{Node, Query, key, peer};
use super::*;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const PROVIDER: AnnouncementKind = AnnouncementKind::Provider;
pub(super) const RECORD: AnnouncementKind = AnnouncementKind::Record;

pub(super) fn node() -> Node {
    Node::new(RepublishConfig::default())
}

/// A node that provides one key, whose announcement has just begun.
fn announcing() -> (Node, u64) {
    let mut node = node();
    node.model.provide(&key(1), node.now);
    let (started, _) = node.poll();
    let [(id, Query::Provide(_))] = started[..] else {
        panic!("started {started:?}")
    };
    (node, id)
}

fn wait_until_due(node: &Node, kind: AnnouncementKind) -> Duration {
    node.model
        .state(kind, &key(1))
        .unwrap()
        .0
        .duration_since(node.now)
}

#[test]
fn nothing_is_started_before_it_is_due() {
    let mut node = node();
    assert_eq!(node.poll(), (Vec::new(), None));
    let due = node.now + HOUR;
    node.model.provide(&key(1), due);
    assert_eq!(node.poll(), (Vec::new(), Some(due)));
    assert_eq!(node.poll_after(HOUR - SECOND), []);
    assert_eq!(node.poll_after(SECOND), [(1, Query::Provide(key(1)))]);
}

#[test]
fn what_is_in_flight_is_not_started_again() {
    let (mut node, id) = announcing();
    assert_eq!(node.poll_after(MINUTE), []);
    node.end(id, Outcome::Reached(3));
    assert_eq!(node.poll_after(MINUTE), []);
    assert_eq!(node.metrics().succeeded, 1);
}

#[test]
fn an_entry_behind_those_in_flight_is_seen_within_a_second() {
    let (mut node, _) = announcing();
    assert_eq!(node.poll_after(SECOND), []);
    node.model.provide(&key(2), node.now);
    assert_eq!(node.poll_after(SECOND), [(2, Query::Provide(key(2)))]);
}

#[test]
fn intervals_are_spread_by_a_tenth_and_no_more() {
    let mut lengths = Vec::new();
    let (mut node, mut id) = announcing();
    for _ in 0..500 {
        node.end(id, Outcome::Reached(1));
        let wait = wait_until_due(&node, PROVIDER);
        lengths.push(wait);
        id = node.poll_after(wait)[0].0;
    }
    let (low, high) = (12 * HOUR / 10 * 9, 12 * HOUR / 10 * 11);
    assert!(lengths.iter().all(|length| (low..=high).contains(length)));
    assert!(lengths.iter().min().unwrap() < &(low + HOUR / 10));
    assert!(lengths.iter().max().unwrap() > &(high - HOUR / 10));
}

#[test]
fn records_and_provider_records_have_their_own_intervals() {
    let config = RepublishConfig {
        jitter_percent: 0,
        ..RepublishConfig::default()
    };
    let mut node = Node::new(config);
    node.model.publish(&key(1), b"value", node.now);
    node.model.provide(&key(1), node.now);
    for (id, _) in node.poll().0 {
        node.end(id, Outcome::Reached(1));
    }
    assert_eq!(wait_until_due(&node, PROVIDER), 12 * HOUR);
    assert_eq!(wait_until_due(&node, RECORD), 22 * HOUR);
}

#[test]
fn waits_double_with_each_failure_up_to_the_longest() {
    let config = RepublishConfig {
        jitter_percent: 0,
        ..RepublishConfig::default()
    };
    let mut node = Node::new(config);
    node.model.provide(&key(1), node.now);
    let mut wait = Duration::ZERO;
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        let started = node.poll_after(wait);
        node.end(started[0].0, Outcome::Failed);
        wait = wait_until_due(&node, PROVIDER);
        assert_eq!(wait, minutes * MINUTE);
    }
    assert_eq!(node.model.state(PROVIDER, &key(1)).unwrap().1, 8);
    // The row of failures survives a restart, and ends with a success.
    node.restart();
    let id = node.poll_after(wait)[0].0;
    node.end(id, Outcome::Failed);
    assert_eq!(wait_until_due(&node, PROVIDER), HOUR);
    let id = node.poll_after(HOUR)[0].0;
    node.end(id, Outcome::Reached(1));
    assert_eq!(node.model.state(PROVIDER, &key(1)).unwrap().1, 0);
    assert_eq!(node.metrics().failed, 1);
}

#[test]
fn an_announcement_that_told_nobody_has_failed() {
    let (mut node, id) = announcing();
    node.end(id, Outcome::Reached(0));
    assert_eq!(node.metrics().failed, 1);
    assert!(wait_until_due(&node, PROVIDER) <= 2 * MINUTE);
}

#[test]
fn a_record_stored_by_too_few_peers_is_tried_again() {
    let config = RepublishConfig {
        record_peers_min: 5,
        ..RepublishConfig::default()
    };
    let mut node = Node::new(config);
    node.model.publish(&key(1), b"value", node.now);
    let id = node.poll().0[0].0;
    node.end(id, Outcome::Reached(4));
    assert!(wait_until_due(&node, RECORD) <= 2 * MINUTE);
    let id = node.poll_after(2 * MINUTE)[0].0;
    node.end(id, Outcome::Reached(5));
    assert!(wait_until_due(&node, RECORD) > 19 * HOUR);
}

#[test]
fn a_query_that_never_ends_is_given_up_and_tried_again() {
    let config = RepublishConfig {
        in_flight_max: 1,
        ..RepublishConfig::default()
    };
    let mut node = Node::new(config);
    node.model.provide(&key(1), node.now);
    node.model.provide(&key(2), node.now + SECOND);
    let (started, next) = node.poll();
    assert_eq!(
        next,
        Some(node.now + 5 * MINUTE),
        "the slot is taken until the deadline"
    );
    assert_eq!(node.poll_after(5 * MINUTE - SECOND), []);
    assert_eq!(node.poll_after(SECOND), [(2, Query::Provide(key(2)))]);
    assert_eq!((node.metrics().failed, node.metrics().in_flight), (1, 1));
    let due = node.model.state(PROVIDER, &key(1));
    node.end(started[0].0, Outcome::Reached(1));
    assert_eq!(
        node.model.state(PROVIDER, &key(1)),
        due,
        "a late outcome is ignored"
    );
}

#[test]
fn the_outcome_of_what_was_removed_is_ignored() {
    let mut node = node();
    node.model.provide(&key(1), node.now);
    node.model.publish(&key(1), b"value", node.now);
    let started = node.poll().0;
    node.model.remove(PROVIDER, &key(1));
    node.model.remove(RECORD, &key(1));
    for (id, _) in started {
        node.end(id, Outcome::Reached(1));
    }
    assert_eq!(node.model.state(PROVIDER, &key(1)), None);
    assert_eq!(node.model.state(RECORD, &key(1)), None);
    assert_eq!((node.metrics().in_flight, node.metrics().skipped), (0, 1));
    assert_eq!(node.poll(), (Vec::new(), None));
}

#[test]
fn a_record_that_changed_while_it_was_announced_stays_due() {
    let mut node = node();
    node.model.publish(&key(1), b"old", node.now);
    let id = node.poll().0[0].0;
    node.model.publish(&key(1), b"new", node.now);
    node.end(id, Outcome::Reached(20));
    let started = node.poll_after(SECOND);
    let [(_, Query::Put(record))] = &started[..] else {
        panic!("started {started:?}")
    };
    assert_eq!(record.value, b"new");
}

#[test]
fn a_record_of_another_node_is_never_published_as_ours() {
    let mut node = node();
    node.model.publish(&key(1), b"ours", node.now);
    node.model.publish(&key(2), b"ours", node.now);
    let mut record = node.model.record(&key(1)).unwrap();
    record.publisher = Some(peer(9));
    node.model.store(record, node.now);
    let mut record = node.model.record(&key(2)).unwrap();
    record.publisher = None;
    node.model.store(record, node.now);
    assert_eq!(node.poll().0, []);
    assert_eq!(node.metrics().skipped, 2);
    assert_eq!(
        node.metrics().behind,
        0,
        "it does not stay in front of all others"
    );
}

#[test]
fn an_expired_record_is_not_announced() {
    let mut node = node();
    node.model.publish(&key(1), b"ours", node.now);
    let mut record = node.model.record(&key(1)).unwrap();
    record.expires = Some(node.now);
    node.model.store(record, node.now);
    assert_eq!(node.poll().0, []);
}

#[test]
fn a_record_goes_out_as_it_is_stored() {
    let mut node = node();
    node.model.publish(&key(1), b"ours", node.now);
    let mut record = node.model.record(&key(1)).unwrap();
    record.expires = Some(node.now + HOUR);
    node.model.store(record.clone(), node.now);
    assert_eq!(node.poll().0, [(1, Query::Put(record))]);
}

#[test]
fn while_no_peer_is_known_nothing_starts_and_nothing_fails() {
    let mut node = node();
    node.net.ready = false;
    for number in 0..100 {
        node.model.provide(&key(number), node.now);
    }
    assert_eq!(node.poll(), (Vec::new(), Some(node.now + SECOND)));
    assert_eq!(node.poll_after(HOUR), []);
    assert_eq!(
        node.metrics(),
        RepublishMetrics {
            behind: 100,
            ..RepublishMetrics::default()
        }
    );
    node.net.ready = true;
    assert_eq!(node.poll_after(SECOND).len(), 10);
}

#[test]
fn what_the_store_refuses_is_tried_again_later() {
    let mut node = node();
    node.net.full = true;
    node.model.provide(&key(1), node.now);
    node.model.publish(&key(2), b"value", node.now);
    assert_eq!(node.poll().0, []);
    assert_eq!((node.metrics().failed, node.metrics().started), (2, 0));
    node.net.full = false;
    assert_eq!(node.poll_after(2 * MINUTE).len(), 2);
}

#[test]
fn a_restart_resumes_at_once_with_the_longest_overdue_and_keeps_the_pace() {
    let mut node = node();
    let start = node.now;
    for number in 0..1000 {
        node.model
            .provide(&key(number), start + (1000 - number) * SECOND);
    }
    node.now += 2 * HOUR;
    assert_eq!(node.poll().0.len(), 10);
    node.restart();
    let started = node.poll().0;
    let expected: Vec<_> = (0..10).map(|at| Query::Provide(key(999 - at))).collect();
    let queries: Vec<_> = started.into_iter().map(|(_, query)| query).collect();
    assert_eq!(queries, expected, "those in flight at the end among them");
    assert_eq!(node.metrics().behind, 990);
    assert_eq!(node.poll_after(SECOND / 10).len(), 1);
}

#[test]
fn a_limit_of_zero_pauses() {
    for pause in 0..3 {
        let mut config = RepublishConfig::default();
        match pause {
            0 => config.in_flight_max = 0,
            1 => config.new_per_poll = 0,
            _ => config.new_per_second = 0,
        }
        let mut node = Node::new(config);
        node.model.provide(&key(1), node.now);
        assert_eq!(node.poll(), (Vec::new(), None));
        assert_eq!(node.poll_after(HOUR), []);
    }
}

#[test]
fn no_configuration_overflows() {
    let huge = Duration::MAX;
    let config = RepublishConfig {
        record_interval: huge,
        provider_interval: huge,
        replication_interval: Some(huge),
        jitter_percent: u32::MAX,
        in_flight_max: usize::MAX,
        new_per_poll: u32::MAX,
        new_per_second: u32::MAX,
        retry_min: huge,
        retry_max: huge,
        record_peers_min: usize::MAX,
        query_deadline: huge,
    };
    let mut node = Node::new(config);
    node.model.provide(&key(1), node.now);
    node.model.publish(&key(2), b"value", node.now);
    for (id, _) in node.poll().0 {
        node.end(id, Outcome::Reached(1));
    }
    assert_eq!(node.poll_after(24 * 365 * HOUR), []);
    assert_eq!((node.metrics().succeeded, node.metrics().failed), (1, 1));
}
