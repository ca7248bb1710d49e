//! The power fails at any moment of a store's life, and again while it recovers.
//!
//! A life is recorded once. From each of some cuts an image is made, and a store opened on it: it
//! must hold a commit that may be there, whole, with its indexes. Then it goes on, and fails again.

use netabase_store::{Result, Store, StoreOptions, backends::redb::RedbBackend};
use netabase_tests::Random;

use crate::{
    cuts::Cuts,
    disk::{Disk, Operation, Progress},
    harness::Harness,
    image::Image,
    ledger::{Contents, LedgerDefinition, account},
    life::{Step, live, steps},
    outcome::{Tally, Violation, check_shrunk, guarded},
    plant::Plant,
    planted::Planted,
};

/// How many images are made of a life, without those that follow from them.
pub const IMAGES: usize = 24;

/// The most steps of a life.
const STEPS_MAX: usize = 10;

/// How often the power fails in one case at most.
const DEPTH_MAX: u64 = 3;

/// redb checks every page of one image in so many; that takes as long as all the rest.
const CHECKED_ONE_IN: u64 = 10;

/// One image in so many goes on, and loses power again.
const NESTED_ONE_IN: u64 = 4;

type Ledger = Store<LedgerDefinition, Planted<RedbBackend>>;

/// Runs the life of that seed, and recovers from its images.
///
/// # Errors
/// Fails with what was lost or torn.
pub fn run(seed: u64, plant: Option<Plant>) -> Result<Tally, Violation> {
    let steps = steps(&mut Random::new(seed), STEPS_MAX);
    check_shrunk(Harness::Power, (seed, plant), &steps, |steps| {
        check(steps, seed, plant)
    })
}

/// Opens the ledger on a disk.
///
/// # Errors
/// Fails when the store cannot be opened.
pub(crate) fn open(disk: &Disk, plant: Option<Plant>, verify: bool) -> Result<Ledger> {
    let engine = Planted::new(disk.engine(verify)?, plant);
    Store::with_backend(engine, &StoreOptions::new())
}

/// Lives the steps on a disk, which is recorded, and returns the record with the states.
pub(crate) fn record(
    steps: &[Step],
    plant: Option<Plant>,
) -> Result<(Vec<Operation>, crate::life::Life), String> {
    let disk = Disk::recording().planted(plant);
    let life = live(
        steps,
        || open(&disk, plant, false),
        |progress| disk.note(Operation::Mark(progress)),
        |_, _| (),
    );
    if let Some(error) = &life.error {
        return Err(format!("a well disk failed: {error:?}"));
    }
    if life.lost_by_closing > 0 {
        return Err(format!("closing lost {} commits", life.lost_by_closing));
    }
    if let Some(found) = &life.misread {
        return Err(format!("a well disk was read as {found:?}"));
    }
    Ok((disk.take_log(), life))
}

fn check(steps: &[Step], seed: u64, plant: Option<Plant>) -> Result<Tally, String> {
    let mut random = Random::new(seed ^ u64::MAX);
    let (log, life) = record(steps, plant)?;
    let mut tally = Tally::default();
    at_any_moment(&log, &mut random, |image, progress, random| {
        let allowed = progress.map(|progress| life.allowed(progress));
        let tally = &mut tally;
        Trial { random, tally }.survive(image, allowed, 1)
    })?;
    Ok(tally)
}

/// Cuts the power at moments of a recorded life, and has `survive` recover from what the disk has then,
/// which may be as far as the progress that was made.
pub(crate) fn at_any_moment(
    log: &[Operation],
    random: &mut Random,
    mut survive: impl FnMut(Image, Option<Progress>, &mut Random) -> Result<(), String>,
) -> Result<(), String> {
    let mut places: Vec<_> = (0..IMAGES).map(|_| random.index(log.len()) + 1).collect();
    places.sort_unstable();
    let mut cuts = Cuts::new(Image::default(), log);
    for at in places {
        cuts.move_to(at);
        let (image, how) = cuts.image(random);
        let survived = guarded(|| survive(image, cuts.progress(), random));
        survived.map_err(|what| format!("cut at {at} of {}, {how}: {what}", log.len()))?;
    }
    Ok(())
}

/// Recovers from images.
struct Trial<'a> {
    random: &'a mut Random,
    tally: &'a mut Tally,
}

impl Trial<'_> {
    /// Opens a store on an image, which must hold one of the states; where there are none, the store
    /// was still being made, and may be refused.
    fn survive(
        &mut self,
        image: Image,
        allowed: Option<&[Contents]>,
        depth: u64,
    ) -> Result<(), String> {
        self.tally.cases += 1;
        let is_nested = depth < DEPTH_MAX && self.random.one_in(NESTED_ONE_IN);
        let disk = Disk::of(image.clone());
        let disk = if is_nested { disk.recorded() } else { disk };
        let is_checked = self.random.one_in(CHECKED_ONE_IN);
        self.tally.count("engine checked", u64::from(is_checked));
        let store = match (open(&disk, None, is_checked), allowed) {
            (Ok(store), _) => store,
            (Err(error), None) if error.is_corrupt() && !is_refusal(&error) => {
                return Err(format!("a store in the making: {error:?}"));
            }
            (Err(_), None) => {
                self.tally.count("refused while being made", 1);
                return Ok(());
            }
            (Err(error), Some(_)) => return Err(format!("open: {error:?}")),
        };
        let nothing = [Contents::default()];
        let allowed = allowed.unwrap_or(&nothing);
        let found = Contents::read(&store)?;
        if !allowed.contains(&found) {
            return Err(format!(
                "recovered to {found:?}, which is none of {} commits",
                allowed.len()
            ));
        }
        if is_nested {
            self.fail_again(&disk, image, store, found, allowed, depth)?;
        }
        Ok(())
    }

    /// Commits once more, closes, and cuts somewhere from the opening on.
    fn fail_again(
        &mut self,
        disk: &Disk,
        base: Image,
        store: Ledger,
        found: Contents,
        allowed: &[Contents],
        depth: u64,
    ) -> Result<(), String> {
        self.tally.count("failed again", 1);
        let (id, stamp) = (self.random.below(8), 1000 + depth);
        let mut next = found.clone();
        next.accounts.insert(id, account(id, stamp, 0));
        disk.note(Operation::Mark(Progress::default()));
        let put = store.open_tree().put(account(id, stamp, 0));
        put.map_err(|error| format!("put after recovery: {error:?}"))?;
        disk.note(Operation::Mark(Progress {
            durable: 1,
            visible: 1,
        }));
        drop(store);
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

/// Whether an error says that a file is no store, or not a whole one.
pub(crate) fn is_refusal(error: &netabase_store::NetabaseError) -> bool {
    use netabase_store::{NetabaseError, StoreError};
    match error {
        NetabaseError::Redb(_) => true,
        NetabaseError::StoreError(error) => matches!(
            error,
            StoreError::NotAStore { .. } | StoreError::Io { .. } | StoreError::Damaged { .. }
        ),
        _ => false,
    }
}
