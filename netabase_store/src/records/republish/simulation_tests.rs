//! Nodes that run for days of virtual time, driven by outcomes and the times `poll` returns.

use std::collections::{BTreeMap, HashMap};

use libp2p_kad::RecordKey;
use proptest::prelude::*;

use super::model::{Node, Query, key};
use super::tests::{HOUR, MINUTE, PROVIDER, RECORD, SECOND};
use super::*;

/// A generator of its own, so that what the network does is not tied to the jitter.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

struct Simulation {
    node: Node,
    dice: Dice,
    /// Of a hundred queries so many fail, and so many of those never end.
    failing: u64,
    silent: u64,
    ends: BTreeMap<(Instant, u64), bool>,
    running: HashMap<u64, (AnnouncementKind, RecordKey)>,
    starts: Vec<Instant>,
    reached: HashMap<(AnnouncementKind, RecordKey), Instant>,
    longest: HashMap<AnnouncementKind, Duration>,
}

impl Simulation {
    fn new(config: RepublishConfig, failing: u64, silent: u64) -> Self {
        Self {
            node: Node::new(config),
            dice: Dice(0x5eed),
            failing,
            silent,
            ends: BTreeMap::new(),
            running: HashMap::new(),
            starts: Vec::new(),
            reached: HashMap::new(),
            longest: HashMap::new(),
        }
    }

    /// Runs until `end`, and checks the limits at every step.
    fn run(&mut self, end: Instant) {
        while self.node.now < end {
            let next = self.step();
            let outcome = self.ends.first_key_value().map(|((at, _), _)| *at);
            let Some(at) = next.into_iter().chain(outcome).min() else {
                return;
            };
            self.node.now = at.max(self.node.now);
            self.finish();
        }
    }

    fn step(&mut self) -> Option<Instant> {
        let config = self.node.republisher.config().clone();
        let room = config.in_flight_max.min(config.new_per_poll as usize);
        let given_up = self.node.republisher.counts.failed;
        let (calls, rows) = (self.node.model.calls.get(), self.node.model.rows.get());
        let (started, next) = self.node.poll();
        let in_flight = self.node.republisher.in_flight();
        assert!(in_flight <= config.in_flight_max, "{in_flight} in flight");
        assert!(
            started.len() <= room,
            "{} started by one poll",
            started.len()
        );
        // Two looks at the next due time, one at what is due, and two calls an announcement that
        // began or was given up.
        let ended = usize::try_from(self.node.republisher.counts.failed - given_up).unwrap();
        let allowed = 4 + 2 * (started.len() + ended);
        assert!(self.node.model.calls.get() - calls <= allowed);
        assert!(self.node.model.rows.get() - rows <= allowed + config.in_flight_max + room);
        for (id, query) in started {
            self.begin(id, query);
        }
        next
    }

    fn begin(&mut self, id: u64, query: Query) {
        let what = match query {
            Query::Provide(key) => (PROVIDER, key),
            Query::Put(record) => (RECORD, record.key),
            other => panic!("{other:?}"),
        };
        assert!(
            !self.running.values().any(|other| *other == what),
            "{what:?} runs already"
        );
        self.starts.push(self.node.now);
        let fails = self.dice.roll(100) < self.failing;
        if !(fails && self.dice.roll(100) < self.silent) {
            let length = SECOND * (1 + u32::try_from(self.dice.roll(4)).unwrap());
            self.ends.insert((self.node.now + length, id), !fails);
            self.running.insert(id, what);
        }
    }

    fn finish(&mut self) {
        while let Some(entry) = self.ends.first_entry() {
            let (at, id) = *entry.key();
            if at > self.node.now {
                return;
            }
            let succeeds = entry.remove();
            let what = self.running.remove(&id).unwrap();
            if succeeds {
                self.node.end(id, Outcome::Reached(20));
                let last = self.reached.insert(what.clone(), at);
                let longest = self.longest.entry(what.0).or_default();
                *longest = (*longest).max(last.map_or(Duration::ZERO, |last| at - last));
            } else {
                self.node.end(id, Outcome::Failed);
            }
        }
    }

    fn assert_paced(&self, per_second: usize, burst: usize) {
        let width = per_second + burst;
        for window in self.starts.windows(width + 1) {
            assert!(
                window[width] - window[0] >= SECOND,
                "{} starts in a second",
                width + 1
            );
        }
    }
}

#[test]
fn over_ten_days_with_one_failure_in_five_every_key_stays_announced() {
    let mut simulation = Simulation::new(RepublishConfig::default(), 20, 10);
    let start = simulation.node.now;
    for number in 0..10_000 {
        if number % 2 == 0 {
            simulation.node.model.provide(&key(number), start);
        } else {
            simulation
                .node
                .model
                .publish(&key(number), &number.to_be_bytes(), start);
        }
    }
    simulation.run(start + 240 * HOUR);
    simulation.assert_paced(10, 10);
    assert_eq!(simulation.reached.len(), 10_000);
    for ((kind, key), last) in &simulation.reached {
        // The interval with its jitter, and what retries may take.
        let allowed = if *kind == PROVIDER {
            13 * HOUR + 12 * MINUTE
        } else {
            24 * HOUR + 12 * MINUTE
        };
        let gap = simulation.node.now - *last;
        assert!(
            gap < allowed + 6 * HOUR,
            "{kind:?} {key:?}: nothing for {gap:?}"
        );
    }
    assert!(simulation.longest[&PROVIDER] < 19 * HOUR + 12 * MINUTE);
    assert!(simulation.longest[&RECORD] < 30 * HOUR + 12 * MINUTE);
    // Nor is anything announced more often than it has to be.
    let rounds = 5_000 * (240 / 10) + 5_000 * (240 / 19);
    assert!(simulation.starts.len() < rounds * 5 / 4 + 10_000);
}

#[test]
fn what_began_as_one_burst_is_spread_after_a_few_rounds() {
    let mut simulation = Simulation::new(RepublishConfig::default(), 0, 0);
    let start = simulation.node.now;
    for number in 0..2_000 {
        simulation.node.model.provide(&key(number), start);
    }
    simulation.run(start + 120 * HOUR);
    let mut hours = BTreeMap::new();
    for at in &simulation.starts {
        let hour = (*at - start).as_secs() / 3600;
        *hours.entry(hour).or_insert(0) += 1;
    }
    assert_eq!(hours[&0], 2_000);
    let busiest = hours.range(96..).map(|(_, starts)| *starts).max().unwrap();
    assert!(busiest < 800, "{busiest} in an hour");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn limits_hold_and_all_is_announced_whatever_the_configuration(
        in_flight_max in 1_usize..20,
        new_per_poll in 1_u32..20,
        new_per_second in 1_u32..50,
        jitter_percent in 0_u32..60,
        keys in 1_u32..200,
        failing in 0_u64..60,
        restarts in 0_u32..4,
    ) {
        let config = RepublishConfig {
            in_flight_max, new_per_poll, new_per_second, jitter_percent,
            ..RepublishConfig::default()
        };
        let mut simulation = Simulation::new(config, failing, 20);
        let start = simulation.node.now;
        for number in 0..keys {
            let due = start + Duration::from_secs((u64::from(number) * 997) % 10_000);
            simulation.node.model.provide(&key(number), due);
        }
        for restart in 0..restarts {
            simulation.run(start + (restart + 1) * HOUR);
            simulation.node.restart();
            simulation.ends.clear();
            simulation.running.clear();
            simulation.starts.clear();
        }
        simulation.run(start + 48 * HOUR);
        simulation.assert_paced(new_per_second as usize, new_per_poll as usize);
        prop_assert_eq!(simulation.reached.len(), keys as usize);
    }
}
