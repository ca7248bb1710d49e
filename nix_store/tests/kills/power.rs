//! The power fails while a store is at work: what is valid is whole, and what was acknowledged stays.
//!
//! A process works on a store under `strace`; its calls become steps on a model of a disk, of which
//! every change is pending until a sync covers it. After any step, any of what is pending may be
//! there and the rest not: such an image becomes files, and the store that lies in them is opened and
//! judged. `NETABASE_KILL_SEED` repeats a run, `NETABASE_CASES` makes it so many times as long.

#![expect(clippy::indexing_slicing, reason = "a wrong index is a failed test")]

mod bugs;
mod disk;
mod image;
pub(crate) mod judge;
mod laws;
mod places;
mod replay;
pub(crate) mod trace;
pub(crate) mod workload;

use std::{collections::BTreeSet, panic, sync::OnceLock};

use self::{
    disk::{Disk, Op, Promise, Step},
    judge::{Account, Fault},
    workload::{LIFE, ONE, TEXT},
};
use crate::{harness::Chance, place::Place};

/// How many images of a life are judged, unless the environment asks for more.
const IMAGES: u64 = 150;

/// Up to how many pending changes all of their mixtures are judged, and where more are asked for.
const PENDING_MAX: [usize; 2] = [4, 10];

/// How many mixtures of more changes are judged after each step of a short life.
const MIXTURES: u64 = 8;

/// Returns what a process did, or nothing where it cannot be traced.
fn recorded(task: &str) -> Option<Vec<Step>> {
    if !trace::is_there() {
        test_data::missing("there is no strace");
        return None;
    }
    Some(workload::record(task))
}

/// Returns the archive that is added to every store that is judged.
fn varied_archive() -> &'static [u8] {
    static ARCHIVE: OnceLock<Vec<u8>> = OnceLock::new();
    ARCHIVE.get_or_init(workload::varied)
}

pub(crate) fn cases(cases: u64) -> u64 {
    let times = std::env::var("NETABASE_CASES").ok();
    cases * times.and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Judges the image of the pending changes that are chosen.
fn judge(disk: &Disk, account: &Account, chosen: &[bool]) -> Result<(), Fault> {
    let place = Place::new();
    image::make(&disk.image(chosen), &place.path(""));
    let judged = panic::catch_unwind(|| account.judge(&place.path("")));
    judged.unwrap_or(Err(Fault::Refuted))
}

/// Lets the power fail after random steps, and returns what was wrong the first time, and where.
fn fail(steps: &[Step], promise: Promise, images: u64, chance: &mut Chance) -> Option<Failure> {
    let mut cuts: Vec<_> = (0..images).map(|_| cut(steps, chance)).collect();
    cuts.sort_unstable();
    let mut cuts = cuts.into_iter().peekable();
    let (mut disk, mut account) = (Disk::new(promise), Account::default());
    for (number, step) in steps.iter().enumerate() {
        disk.take(number, step);
        account.hear(step);
        while cuts.next_if_eq(&(number as u64)).is_some() {
            let chosen = image::choose(&disk, chance);
            if let Err(fault) = judge(&disk, &account, &chosen) {
                return Some(Failure {
                    number,
                    step: short(step),
                    fault,
                });
            }
        }
    }
    None
}

/// Returns a step after which the power fails: often one beside a sync or before an acknowledgement.
fn cut(steps: &[Step], chance: &mut Chance) -> u64 {
    let end = steps.len() as u64;
    let cut = chance.below(end);
    if chance.below(2) == 0 {
        return cut;
    }
    let is_turn = |at: &u64| {
        let [this, next] =
            [0, 1].map(|more| steps.get(usize::try_from(*at).expect("an index") + more));
        let is_sync =
            |step: Option<&Step>| step.is_some_and(|step| matches!(step.op, Op::Sync { .. }));
        let is_mark = |step: Option<&Step>| step.is_some_and(|step| matches!(step.op, Op::Mark(_)));
        is_sync(this) || is_sync(next) || is_mark(this) || is_mark(next)
    };
    (cut..end).find(is_turn).unwrap_or(cut)
}

/// Tells of a step, without all that it may have written.
fn short(step: &Step) -> String {
    format!("{}: {:.200}", step.path, format!("{:?}", step.op))
}

/// What is wrong after a loss of power.
#[derive(Debug)]
struct Failure {
    #[expect(dead_code, reason = "it is printed")]
    number: usize,
    #[expect(dead_code, reason = "it is printed")]
    step: String,
    fault: Fault,
}

#[test]
fn what_was_acknowledged_is_whole_after_any_loss_of_power() {
    let Some(steps) = recorded(LIFE) else { return };
    for promise in [Promise::Nothing, Promise::Ordered] {
        let mut chance = Chance::of(1);
        let failure = fail(&steps, promise, cases(IMAGES), &mut chance);
        assert!(failure.is_none(), "{promise:?}: {failure:#?}");
    }
}

/// Returns all mixtures where few changes are pending, else some.
fn mixtures(disk: &Disk, chance: &mut Chance) -> BTreeSet<Vec<bool>> {
    let pending = disk.pending();
    let [few, more] = PENDING_MAX;
    let chosen: Vec<Vec<bool>> = if pending <= if cases(1) > 1 { more } else { few } {
        let mixture = |mixture: u64| (0..pending).map(|at| mixture >> at & 1 == 1).collect();
        (0..1 << pending).map(mixture).collect()
    } else {
        let mixture = |_| image::choose(disk, chance);
        (0..cases(MIXTURES)).map(mixture).collect()
    };
    // Some come to the same.
    chosen.iter().map(|chosen| disk.possible(chosen)).collect()
}

/// Judges such mixtures before each sync and each acknowledgement, the only steps after which fewer
/// images are possible or right. Returns how many those were.
fn judge_all(steps: &[Step]) -> usize {
    let mut chance = Chance::of(2);
    let (mut disk, mut account) = (Disk::new(Promise::Nothing), Account::default());
    let mut judged = 0;
    for (number, step) in steps.iter().enumerate() {
        disk.take(number, step);
        account.hear(step);
        let next = steps.get(number + 1).map(|step| &step.op);
        if !matches!(
            next,
            None | Some(Op::Sync { .. } | Op::SyncAll | Op::Mark(_))
        ) {
            continue;
        }
        for chosen in mixtures(&disk, &mut chance) {
            let judged_one = judge(&disk, &account, &chosen);
            assert_eq!(judged_one, Ok(()), "{number}: {}, {chosen:?}", short(step));
            judged += 1;
        }
    }
    judged
}

#[test]
fn adding_one_object_survives_every_mixture_of_what_was_not_synced() {
    for task in [TEXT, ONE] {
        let Some(steps) = recorded(task) else { return };
        let judged = judge_all(&steps);
        assert!(judged > 100, "{task}: {judged}");
    }
}
