//! What a node says of itself, as metrics in the text form of OpenMetrics.
//!
//! They are made anew whenever somebody asks, so nothing is counted twice.

use std::fmt;

use netabase_store::records::Reason;
use nix_remote::peers::node::Status;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// How a metric is called, and what that means.
type Name = (&'static str, &'static str);

type Label = [(&'static str, &'static str); 1];

/// Returns the metrics of a node.
pub(super) fn text(status: &Status) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("netabase_peer");
    transfers(&mut registry, status);
    peers(&mut registry, status);
    announcements(&mut registry, status);
    records(&mut registry, status);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn transfers(registry: &mut Registry, status: &Status) {
    let totals = &status.totals;
    let now = |count: fn(&nix_remote::peers::transfer::Counts) -> u64| {
        let active = status.downloads.iter();
        active.map(|download| count(&download.counts)).sum::<u64>()
    };
    let verified = totals.verified_bytes + now(|counts| counts.verified_bytes);
    let wasted = totals.wasted_bytes + now(|counts| counts.wasted_bytes + counts.late_bytes);
    for (name, value) in [
        (
            (
                "verified",
                "Bytes of archives that peers sent and that were verified",
            ),
            verified,
        ),
        (("wasted", "Bytes that peers sent in vain"), wasted),
        (
            (
                "served",
                "Bytes of archives and their proofs that peers were sent",
            ),
            status.served.bytes,
        ),
    ] {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        registry.register_with_unit(name.0, name.1, Unit::Bytes, counter);
    }
    gauge(
        registry,
        ("downloads_active", "Archives that are being downloaded"),
        status.downloads.len(),
    );
    counters(
        registry,
        ("downloads", "Downloads that have ended, by result"),
        "result",
        [
            ("done", totals.downloads_done),
            ("failed", totals.downloads_failed),
        ],
    );
    gauge(
        registry,
        ("downloads_queued", "Archives that wait to be downloaded"),
        status.queued,
    );
    gauge(
        registry,
        ("archives_shared", "Archives that peers may have"),
        status.shared,
    );
}

fn peers(registry: &mut Registry, status: &Status) {
    gauge(
        registry,
        ("connected_peers", "Peers with a connection"),
        status.connected.len(),
    );
    gauge(
        registry,
        ("known_peers", "Peers whose addresses are kept"),
        status.known_peers,
    );
    gauge(
        registry,
        ("banned_peers", "Peers that are not spoken with"),
        status.banned_peers,
    );
    let refused = &status.totals.refused;
    counters(
        registry,
        (
            "connections_refused",
            "Connections that others opened and that were closed at once, by reason",
        ),
        "reason",
        [
            ("address", refused.of_address),
            ("limits", refused.of_limits),
            ("peer", refused.of_peer),
        ],
    );
    gauge(
        registry,
        ("lookups_active", "Paths that are being looked up"),
        status.lookups,
    );
    let totals = &status.totals;
    counters(
        registry,
        ("lookups", "Lookups that have ended, by result"),
        "result",
        [
            ("found", totals.lookups_found),
            ("absent", totals.lookups_absent),
            ("unanswered", totals.lookups_unanswered),
        ],
    );
}

fn announcements(registry: &mut Registry, status: &Status) {
    let own = &status.republish;
    let round = &status.announcing;
    gauges(
        registry,
        (
            "roots_objects",
            "Objects in the closures of the roots, by what became of them",
        ),
        "state",
        [
            ("announced", round.announced),
            ("private", round.private),
            ("failed", round.failed),
        ],
    );
    gauge(
        registry,
        ("roots_missing", "Roots that the store does not have"),
        round.missing_roots,
    );
    gauge(
        registry,
        (
            "roots_realisations",
            "Realisations of outputs that are announced",
        ),
        round.realisations,
    );
    gauge(
        registry,
        (
            "contradictions",
            "Contradictions between announcements that are kept as evidence",
        ),
        status.evidence,
    );
    counters(
        registry,
        (
            "announcements",
            "Own announcements that were sent out, by result",
        ),
        "result",
        [
            ("succeeded", own.succeeded),
            ("failed", own.failed),
            ("skipped", own.skipped),
        ],
    );
    gauge(
        registry,
        (
            "announcements_active",
            "Own announcements that are being sent out",
        ),
        own.in_flight,
    );
    gauge(
        registry,
        (
            "announcements_overdue",
            "Own announcements that are overdue, up to 10,000",
        ),
        own.behind,
    );
}

fn records(registry: &mut Registry, status: &Status) {
    gauge(
        registry,
        (
            "records",
            "Records that are kept, one's own and those of others",
        ),
        status.records,
    );
    let inbound = &status.inbound;
    counters(
        registry,
        (
            "inbound_records",
            "Records of others, by what became of them",
        ),
        "result",
        [
            ("accepted", inbound.accepted),
            ("refused", inbound.refused_total()),
            ("not_stored", inbound.not_stored),
            ("dropped", inbound.dropped),
        ],
    );
    counters(
        registry,
        (
            "inbound_records_refused",
            "Records of others that were refused, by reason",
        ),
        "reason",
        Reason::ALL.map(|reason| (reason_name(reason), inbound.refused(reason))),
    );
}

fn gauge(registry: &mut Registry, name: Name, value: usize) {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(name.0, name.1, gauge);
}

fn gauges<const N: usize>(
    registry: &mut Registry,
    name: Name,
    label: &'static str,
    values: [(&'static str, usize); N],
) {
    let family = Family::<Label, Gauge>::default();
    for (name, value) in values {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        family.get_or_create(&[(label, name)]).set(value);
    }
    registry.register(name.0, name.1, family);
}

fn counters<const N: usize>(
    registry: &mut Registry,
    name: Name,
    label: &'static str,
    values: [(&'static str, u64); N],
) {
    let family = Family::<Label, Counter>::default();
    for (name, value) in values {
        family.get_or_create(&[(label, name)]).inc_by(value);
    }
    registry.register(name.0, name.1, family);
}

const fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::EmptyKey => "empty_key",
        Reason::KeyTooLong => "key_too_long",
        Reason::UnknownNamespace => "unknown_namespace",
        Reason::EmptyValue => "empty_value",
        Reason::ValueTooLarge => "value_too_large",
        Reason::OtherKey => "other_key",
        Reason::Older => "older",
        Reason::Invalid => "invalid",
        Reason::Panicked => "panicked",
        _ => "other",
    }
}
