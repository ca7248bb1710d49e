//! Every call of the disk under a record store fails in turn, once or from then on, in every way.
//!
//! What was acknowledged is there when the disk is well again. What the broken record store gives is
//! right, what it cannot give is counted, and a failed write is told by its health.

use std::sync::Arc;

use netabase_store::records::Clock as _;
use netabase_tests::Random;
use record_store_tests::{key, local};

use super::{
    check,
    life::{End, KEYS, Life, Step, is_well, live, steps},
    power::open,
    rules::{Change, FULL, FULL_KEYS, in_order},
    subject::Subject,
    world::{Time, World},
};
use crate::{
    cuts::Cuts,
    disk::{Disk, Fault, FaultKind, Operation},
    errors::{every_call, every_fault, is_of_a_disk},
    harness::Harness,
    image::Image,
    outcome::{Tally, Violation, check_shrunk},
    plant::Plant,
    planted::Planted,
};

/// The most steps of a scenario.
const STEPS_MAX: usize = 8;

type OnDisk = Subject<Planted<netabase_store::backends::redb::RedbBackend>>;

/// Runs the scenario of that seed once for every call, every fault, and both for once and for good.
///
/// # Errors
/// Fails with what was lost, torn or wrongly said.
pub fn run(seed: u64, plant: Option<Plant>) -> Result<Tally, Violation> {
    every_fault(|kind, lasts| sweep(seed, kind, lasts, plant))
}

/// Runs the scenario of that seed once for every call.
///
/// # Errors
/// Fails as [`run`] does.
pub fn sweep(
    seed: u64,
    kind: FaultKind,
    lasts: bool,
    plant: Option<Plant>,
) -> Result<Tally, Violation> {
    let mut random = Random::new(seed);
    let world = World::random(&mut random);
    let steps = steps(&mut random, world, STEPS_MAX);
    check_shrunk(Harness::RecordsErrors, (seed, plant), &steps, |steps| {
        let swept = every_call(kind, lasts, |fault, tally| {
            check(steps, world, fault, (seed, plant), tally)
        });
        swept.map_err(|what| format!("{world:?}, {what}"))
    })
}

/// Lives the steps with a fault; returns whether it was met.
fn check(
    steps: &[Step],
    world: World,
    fault: Fault,
    (seed, plant): (u64, Option<Plant>),
    tally: &mut Tally,
) -> Result<bool, String> {
    let time = Time::new();
    let disk = Disk::recording().with_fault(Some(fault)).planted(plant);
    // By turns, so that reads fail as well, and writes that are not held back.
    let disk = disk.uncached(!seed.is_multiple_of(2));
    let mut said = Ok(());
    let life = live(
        steps,
        (world, &time),
        || open(&disk, (world, &time), plant),
        |progress| disk.note(Operation::Mark(progress)),
        |life, subject| said = broken(life, subject, &time),
    );
    said?;
    if let Some(what) = life.wrong {
        return Err(what);
    }
    match &life.end {
        Some(End::Told(error)) => is_of_a_disk(error, fault)?,
        Some(End::Seen) => tally.count("seen", 1),
        None => {}
    }
    tally.count("told", u64::from(life.end.is_some()));
    let is_met = disk.calls() > fault.at;
    if !is_met && life.end.is_some() {
        return Err("a well disk failed".into());
    }
    let now = disk.image();
    recovers(now, &life, (world, &time)).map_err(|what| format!("the disk well again: {what}"))?;
    let log = disk.take_log();
    let mut cuts = Cuts::new(Image::default(), &log);
    cuts.move_to(log.len());
    let (image, how) = cuts.image(&mut Random::new(seed ^ fault.at));
    let recovered = recovers(image, &life, (world, &time));
    recovered.map_err(|what| format!("and without power, {how}: {what}"))?;
    Ok(is_met)
}

/// Asks the record store whose disk failed: it gives what is right or counts that it cannot, and
/// after a failed commit it takes nothing.
fn broken(life: &Life, subject: Option<&OnDisk>, time: &Time) -> Result<(), String> {
    let Some((subject, _)) = subject.zip(life.end.as_ref()) else {
        return Ok(());
    };
    let states = life.allowed(life.progress);
    let allowed: Vec<_> = states
        .iter()
        .map(|state| state.contents(time.now()))
        .collect();
    let before = subject.health().metrics.read_errors;
    for key in (0..KEYS).map(key) {
        let record = subject.record(&key);
        let providers = in_order(&subject.providers(&key));
        let providers = Some(providers).filter(|of| !of.is_empty());
        let is_blind = subject.health().metrics.read_errors > before;
        let is_right = allowed.iter().any(|contents| {
            let right = contents.records.get(key.as_ref());
            let is_unread = is_blind && record.is_none();
            is_unread || record.as_ref() == right
        });
        if !is_right {
            return Err(format!("the broken store gives {record:?} for {key:?}"));
        }
        let is_right = allowed.iter().any(|contents| {
            let right = contents.providers.get(key.as_ref());
            let is_unread = is_blind && providers.is_none();
            is_unread || providers.as_ref() == right
        });
        if !is_right {
            return Err(format!("the broken store gives {providers:?} for {key:?}"));
        }
    }
    let health = subject.health();
    match &health.failure {
        Some(failure) if failure.is_empty() => Err("a failure is not described".into()),
        Some(_) => refuses(subject, time),
        None => Ok(()),
    }
}

fn refuses(subject: &OnDisk, time: &Time) -> Result<(), String> {
    let put = Step::Put {
        key: 0,
        publisher: Some(0),
        source: None,
        bytes: 20,
        seconds: None,
    };
    let provide = Step::Provide {
        key: KEYS,
        peer: 0,
        addresses: 1,
        seconds: None,
    };
    for (step, right) in [(put, FULL), (provide, FULL_KEYS)] {
        let change = step.change(u64::MAX, time.now());
        let said = change.map(|change: Change| subject.apply(&change));
        if said != Some(right) {
            return Err(format!("the broken store of {} says {said:?}", local()));
        }
    }
    match subject.flush() {
        Err(error) if error.is_poisoned() => Ok(()),
        flushed => Err(format!("the broken store flushes: {flushed:?}")),
    }
}

/// Opens the record store on a disk that is well: what was acknowledged is there.
fn recovers(image: Image, life: &Life, (world, time): (World, &Arc<Time>)) -> Result<(), String> {
    let subject = match open(&Disk::of(image), (world, time), None) {
        Ok(subject) => subject,
        Err(_) if !life.is_made => return Ok(()),
        Err(error) => return Err(format!("open: {error:?}")),
    };
    let health = subject.health();
    if !is_well(&health) || health.metrics.set_aside > 0 {
        return Err(format!("{health:?}"));
    }
    let found = check::read(&subject)?;
    let now = time.now();
    let mut states = life.allowed(life.progress).iter();
    let Some(rules) = states.find(|rules| rules.contents(now) == found) else {
        let difference = found.difference(&life.last().contents(now));
        return Err(format!("after {:?}, {difference}", life.progress));
    };
    subject.collect();
    check::counts(&subject, rules, time)
}
