//! Every call of the disk fails in turn, once or from then on, in every way that a disk fails.
//!
//! What was acknowledged is there when the disk is well again; what was not is whole or absent; and
//! what the broken handle says is right, or a typed error.

use netabase_store::{NetabaseError, Store, StoreError, backends::redb::RedbBackend};
use netabase_tests::Random;

use crate::{
    cuts::Cuts,
    disk::{Disk, Fault, FaultKind, Operation},
    harness::Harness,
    image::Image,
    ledger::{Contents, LedgerDefinition, account},
    life::{Life, Step, live, steps},
    outcome::{Tally, Violation, check_shrunk, guarded},
    plant::Plant,
    planted::Planted,
    power::open,
};

/// The most steps of a scenario.
const STEPS_MAX: usize = 5;

/// An account that no step touches.
const PROBE: u64 = 5000;

type Ledger = Store<LedgerDefinition, Planted<RedbBackend>>;

/// Runs the scenario of that seed once for every call, every fault, and both for once and for good.
///
/// # Errors
/// Fails with what was lost, torn or wrongly said.
pub fn run(seed: u64, plant: Option<Plant>) -> Result<Tally, Violation> {
    every_fault(|kind, lasts| sweep(seed, kind, lasts, plant))
}

/// Runs `sweep` for every fault, both for once and for good.
pub(crate) fn every_fault(
    sweep: impl Fn(FaultKind, bool) -> Result<Tally, Violation>,
) -> Result<Tally, Violation> {
    let mut tally = Tally::default();
    for kind in FaultKind::ALL {
        for lasts in [false, true] {
            tally.add(&sweep(kind, lasts)?);
        }
    }
    tally.count("scenarios", 1);
    Ok(tally)
}

/// Runs `check` with the first call that fails, with the second, and so on, until it says that the call
/// was not met.
pub(crate) fn every_call(
    kind: FaultKind,
    lasts: bool,
    mut check: impl FnMut(Fault, &mut Tally) -> Result<bool, String>,
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for at in 0.. {
        let fault = Fault {
            at,
            lasts,
            reads: true,
            kind,
        };
        tally.cases += 1;
        let is_met = guarded(|| check(fault, &mut tally));
        if !is_met.map_err(|what| format!("{fault:?}: {what}"))? {
            break;
        }
    }
    Ok(tally)
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
    let steps = steps(&mut Random::new(seed), STEPS_MAX);
    check_shrunk(Harness::Errors, (seed, plant), &steps, |steps| {
        every_call(kind, lasts, |fault, tally| {
            check(steps, fault, seed, plant, tally)
        })
    })
}

/// Lives the steps with a fault; returns whether it was met.
fn check(
    steps: &[Step],
    fault: Fault,
    seed: u64,
    plant: Option<Plant>,
    tally: &mut Tally,
) -> Result<bool, String> {
    let disk = Disk::recording().with_fault(Some(fault)).planted(plant);
    // By turns, so that reads fail as well, and writes that are not held back.
    let disk = disk.uncached(!seed.is_multiple_of(2));
    let mut said = Ok(());
    let life = live(
        steps,
        || open(&disk, plant, false),
        |progress| disk.note(Operation::Mark(progress)),
        |life, store| said = broken_handle(life, store, fault),
    );
    said?;
    if let Some(found) = &life.misread {
        return Err(format!("read {found:?}"));
    }
    if let Some(error) = &life.error {
        is_of_a_disk(error, fault)?;
        tally.count("told", 1);
    }
    let is_met = disk.calls() > fault.at;
    if !is_met && life.error.is_some() {
        return Err("a well disk failed".into());
    }
    let now = disk.image();
    recovers(now, &life, tally).map_err(|what| format!("the disk well again: {what}"))?;
    let log = disk.take_log();
    let mut cuts = Cuts::new(Image::default(), &log);
    cuts.move_to(log.len());
    let (image, how) = cuts.image(&mut Random::new(seed ^ fault.at));
    recovers(image, &life, tally).map_err(|what| format!("and without power, {how}: {what}"))?;
    Ok(is_met)
}

/// Asks the handle that failed: it reads what is right or says that it cannot, and writes nothing.
fn broken_handle(life: &Life, store: Option<&Ledger>, fault: Fault) -> Result<(), String> {
    let Some((store, _)) = store.zip(life.error.as_ref()) else {
        return Ok(());
    };
    match Contents::records(store) {
        Ok(found) if life.allowed(life.progress).contains(&found) => {}
        Ok(found) => return Err(format!("the broken handle reads {found:?}")),
        Err(error) => is_of_a_disk(&error, fault)?,
    }
    for _ in 0..2 {
        match store.open_tree().put(account(PROBE, 1, 0)) {
            Err(error) if error.is_poisoned() => {}
            other => return Err(format!("the broken handle writes: {other:?}")),
        }
    }
    Ok(())
}

/// Fails unless the error says what the disk reported, or that the handle is closed.
pub(crate) fn is_of_a_disk(error: &NetabaseError, fault: Fault) -> Result<(), String> {
    let is_expected = match error {
        NetabaseError::StoreError(
            StoreError::Full { source, .. } | StoreError::Io { source, .. },
        ) => source.kind() == fault.kind.error().kind(),
        error => error.is_poisoned(),
    };
    if is_expected {
        Ok(())
    } else {
        Err(format!("a failing disk is told as {error:?}"))
    }
}

/// Opens the store on a disk that is well: what was acknowledged is there, and it can be written.
fn recovers(image: Image, life: &Life, tally: &mut Tally) -> Result<(), String> {
    let store = match open(&Disk::of(image), None, false) {
        Ok(store) => store,
        Err(_) if !life.is_made => {
            tally.count("refused while being made", 1);
            return Ok(());
        }
        Err(error) => return Err(format!("open: {error:?}")),
    };
    let found = Contents::read(&store)?;
    if !life.allowed(life.progress).contains(&found) {
        return Err(format!("recovered to {found:?}, after {:?}", life.progress));
    }
    let put = store.open_tree().put(account(PROBE, 1, 0));
    put.map_err(|error| format!("put: {error:?}"))
}
