//! The power fails at any moment of a record store's life, and again after it has recovered.

use std::sync::Arc;

use libp2p_kad::Record;
use netabase_store::{
    Result as StoreResult, Store, StoreOptions, backends::redb::RedbBackend, records::Clock as _,
};
use netabase_tests::Random;
use record_store_tests::{OK, key, local};

use super::{
    check::{self, QUOTA},
    life::{KEYS, Life, Step, is_well, live, steps, value},
    rules::{Change, Rules},
    subject::Subject,
    world::{Time, World},
};
use crate::{
    cuts::Cuts,
    disk::{Disk, Operation, Progress},
    harness::Harness,
    image::Image,
    outcome::{Tally, Violation, check_shrunk},
    plant::Plant,
    planted::Planted,
    power::{at_any_moment, is_refusal},
};

/// The most steps of a life.
const STEPS_MAX: usize = 24;

/// How often the power fails in one case at most.
const DEPTH_MAX: u64 = 3;

/// One image in so many goes on, and loses power again.
const NESTED_ONE_IN: u64 = 4;

/// Of one of so many images it is asked how much of each quota is used, and what will expire.
const INDEXES_ONE_IN: u64 = 8;

type OnDisk = Subject<Planted<RedbBackend>>;

/// Runs the life of that seed, and recovers from its images.
///
/// # Errors
/// Fails with what was lost or torn.
pub fn run(seed: u64, plant: Option<Plant>) -> Result<Tally, Violation> {
    let mut random = Random::new(seed);
    let world = World::random(&mut random);
    let steps = steps(&mut random, world, STEPS_MAX);
    check_shrunk(Harness::RecordsPower, (seed, plant), &steps, |steps| {
        check(steps, world, seed, plant)
    })
}

/// Opens a record store on a disk.
///
/// # Errors
/// Fails when it cannot be subject.
pub(crate) fn open(
    disk: &Disk,
    (world, time): (World, &Arc<Time>),
    plant: Option<Plant>,
) -> StoreResult<OnDisk> {
    let engine = Planted::new(disk.engine(false)?, plant);
    let store = Store::with_backend(engine, &StoreOptions::new())?;
    Subject::open(&store, world, time, plant)
}

/// Lives the steps on a disk, which is recorded, and returns the record with the states.
fn record(
    steps: &[Step],
    (world, time): (World, &Arc<Time>),
    plant: Option<Plant>,
) -> Result<(Vec<Operation>, Life), String> {
    let disk = Disk::recording().planted(plant);
    let life = live(
        steps,
        (world, time),
        || open(&disk, (world, time), plant),
        |progress| disk.note(Operation::Mark(progress)),
        |_, _| (),
    );
    if let Some(what) = life.wrong {
        return Err(format!("on a well disk {what}"));
    }
    if let Some(end) = &life.end {
        return Err(format!("a well disk failed: {end:?}"));
    }
    if life.lost_by_closing > 0 {
        return Err(format!("closing lost {} changes", life.lost_by_closing));
    }
    Ok((disk.take_log(), life))
}

fn check(steps: &[Step], world: World, seed: u64, plant: Option<Plant>) -> Result<Tally, String> {
    let mut random = Random::new(seed ^ u64::MAX);
    let time = Time::new();
    let (log, life) = record(steps, (world, &time), plant)?;
    let mut tally = Tally::default();
    let survived = at_any_moment(&log, &mut random, |image, progress, random| {
        let mut trial = Trial {
            random,
            tally: &mut tally,
            world,
            time: time.fork(),
        };
        trial.survive(image, progress.map(|progress| life.allowed(progress)), 1)
    });
    survived.map_err(|what| format!("{world:?}, {what}"))?;
    Ok(tally)
}

/// Recovers from images.
struct Trial<'a> {
    random: &'a mut Random,
    tally: &'a mut Tally,
    world: World,
    time: Arc<Time>,
}

impl Trial<'_> {
    /// Opens a record store on an image, which must hold one of the states; where there are none, the
    /// store was still being made, and may be refused.
    fn survive(
        &mut self,
        image: Image,
        allowed: Option<&[Rules]>,
        depth: u64,
    ) -> Result<(), String> {
        self.tally.cases += 1;
        let is_nested = depth < DEPTH_MAX && self.random.one_in(NESTED_ONE_IN);
        let disk = Disk::of(image.clone());
        let disk = if is_nested { disk.recorded() } else { disk };
        let world = self.world.wide(QUOTA);
        let subject = match (open(&disk, (world, &self.time), None), allowed) {
            (Ok(subject), _) => subject,
            (Err(error), None) if error.is_corrupt() && !is_refusal(&error) => {
                return Err(format!("a store in the making: {error:?}"));
            }
            (Err(_), None) => {
                self.tally.count("refused while being made", 1);
                return Ok(());
            }
            (Err(error), Some(_)) => return Err(format!("open: {error:?}")),
        };
        let health = subject.health();
        if !is_well(&health) || health.metrics.set_aside > 0 {
            return Err(format!("{health:?}"));
        }
        let found = check::read(&subject)?;
        let nothing = [Rules::new(world)];
        let allowed = allowed.unwrap_or(&nothing);
        let now = self.time.now();
        let mut right = allowed.iter().filter(|rules| rules.contents(now) == found);
        let Some(rules) = right.next() else {
            let first = allowed.first().map(|rules| rules.contents(now));
            let difference = found.difference(&first.unwrap_or_default());
            let count = allowed.len();
            return Err(format!(
                "none of {count} states was recovered; {difference}"
            ));
        };
        if is_nested {
            return self.fail_again(&disk, image, subject, (rules, allowed), depth);
        }
        if !self.world.is_strict && self.random.one_in(INDEXES_ONE_IN) {
            self.tally.count("indexes checked", 1);
            // States with the same contents may have been sent by others.
            let checked = check::indexes(&subject, rules, (world, &self.time));
            if right.next().is_none() {
                checked?;
            }
        }
        Ok(())
    }

    /// Stores one more record, closes, and cuts somewhere from the opening on.
    fn fail_again(
        &mut self,
        disk: &Disk,
        base: Image,
        subject: OnDisk,
        (rules, allowed): (&Rules, &[Rules]),
        depth: u64,
    ) -> Result<(), String> {
        self.tally.count("failed again", 1);
        let number = KEYS + depth;
        let own = Record {
            key: key(number),
            value: value(number, 1000 + depth, 100),
            publisher: Some(local()),
            expires: None,
        };
        let put = Change::Put(None, own);
        let world = self.world.wide(QUOTA);
        let mut next = rules.within(world, self.time.now());
        next.apply(&put, self.time.now());
        disk.note(Operation::Mark(Progress::default()));
        let said = subject.apply(&put);
        if said != OK {
            return Err(format!("after recovery {put:?} is answered by {said:?}"));
        }
        let flushed = subject.flush();
        flushed.map_err(|error| format!("flush after recovery: {error:?}"))?;
        disk.note(Operation::Mark(Progress {
            durable: 1,
            visible: 1,
        }));
        drop(subject);
        let log = disk.take_log();
        let mut cuts = Cuts::new(base, &log);
        cuts.move_to(self.random.index(log.len()) + 1);
        let (image, how) = cuts.image(self.random);
        // Until the put is acknowledged, the states from before it are as good.
        let mut states = vec![next];
        match cuts.progress() {
            Some(Progress { durable: 1, .. }) => {}
            Some(_) | None => states.extend(allowed.iter().cloned()),
        }
        let survived = self.survive(image, Some(&states), depth + 1);
        survived.map_err(|what| format!("again, {how}: {what}"))
    }
}
