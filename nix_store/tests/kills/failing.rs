//! Calls to the operating system fail while a store is at work: who is told of it can do the same
//! again, and nothing is valid that is not whole.
//!
//! A process works on a store under `strace`, which has one call of a step fail: the k-th of its kind.
//! The process goes on with the next step. Then a healthy process judges the store, does everything
//! again, and collects what nobody needs. `NETABASE_KILL_SEED` repeats a run, `NETABASE_CASES` makes it
//! so many times as long.

mod calls;
mod life;

use std::{cell::RefCell, panic, path::Path, process::Command};

use nix_store::gc::{GcOptions, collect};

use self::{
    calls::{Call, Lie, calls, run},
    life::{BATCH, LIFE, LYING, live, prepare},
};
use crate::{
    harness::Chance,
    place::{Place, check, open_up},
    power::{
        cases,
        judge::{Account, Fault},
        trace,
        workload::open,
    },
};

/// How many calls fail, unless the environment asks for more.
const CALLS: u64 = 16;

/// After how many calls a bug has to be seen.
const CALLS_PLANTED: u64 = 30;

/// What calls that change files fail with.
const ERRORS: &[&str] = &["EIO", "ENOSPC", "EDQUOT"];

/// What else those fail with that open files.
const ERRORS_OPEN: &[&str] = &["EMFILE", "ENFILE", "EACCES"];

/// Calls after whose failure a step must not be said to be done. Those of the database are not among
/// them: of what it does to close, after all is on the disk, nobody has to hear.
const TELLING: &[&str] = &["fsync", "mkdirat", "renameat2", "symlinkat", "write"];

/// What is wrong after a call has failed.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    /// The process died of it.
    Died(String),
    /// Every step is said to be done.
    Unsaid,
    /// The store is not as was said.
    Store(Fault),
    /// A step fails though no call does.
    Stuck(String),
    /// Something is left that no collection removes.
    Left(usize),
}

/// A store that was prepared once, and copies of it.
struct Prepared {
    place: Place,
    /// What was said of it.
    begin: Vec<String>,
    /// What the last process said.
    said: RefCell<Vec<String>>,
}

impl Prepared {
    fn new() -> Self {
        let place = Place::new();
        let begin = prepare(&place.path("root"));
        let said = RefCell::default();
        Self { place, begin, said }
    }

    fn copy(&self) -> Place {
        let place = Place::new();
        let mut copy = Command::new("cp");
        let copied = copy
            .arg("-a")
            .args([self.place.path("root"), place.path("")])
            .status();
        assert!(copied.expect("cp").success());
        place
    }
}

/// Lets a call fail, or lie, and judges what comes of it.
fn judge(prepared: &Prepared, task: &str, call: &Call, how: &str) -> Result<(), Wrong> {
    let place = prepared.copy();
    let root = place.path("root");
    let ran = run(&root, task, Some((call, how)));
    if !ran.is_hit {
        // It did not come as far, or not on this way.
        return Ok(());
    }
    if let Some(complaint) = ran.complaint {
        return Err(Wrong::Died(complaint));
    }
    let mut account = Account::default();
    let said = prepared.begin.iter().chain(&ran.said);
    said.for_each(|said| account.note(said));
    prepared.said.replace(ran.said.clone());
    let has_failed = ran.said.iter().any(|said| said.starts_with("failed"));
    // Of the other calls that lie the store itself tells.
    let is_told = how.starts_with("error") || call.name.ends_with("sync");
    let is_told = is_told && call.step != BATCH && task == LIFE;
    if is_told && !has_failed && TELLING.contains(&call.name.as_str()) {
        return Err(Wrong::Unsaid);
    }
    let judged = panic::catch_unwind(|| go_on(&root, account));
    open_up(&root);
    judged.unwrap_or(Err(Wrong::Store(Fault::Refuted)))
}

/// Judges a store, does everything again, and removes what nobody needs.
fn go_on(root: &Path, mut account: Account) -> Result<(), Wrong> {
    account.judge(root).map_err(Wrong::Store)?;
    let mut said = Vec::new();
    let failed = live(root, LIFE, &mut |what| said.push(what.to_owned()));
    if failed > 0 {
        return Err(Wrong::Stuck(said.join("\n")));
    }
    said.iter().for_each(|said| account.note(said));
    account.judge(root).map_err(Wrong::Store)?;
    let store = open(root).expect("it was opened before");
    collect(&store, &GcOptions::default(), &mut |_| {}).expect("no call fails");
    match check(&store).leftovers {
        0 => Ok(()),
        left => Err(Wrong::Left(left)),
    }
}

/// Returns one of the calls of a kind that chance picks.
fn pick<'c>(calls: &'c [Call], chance: &mut Chance) -> &'c Call {
    let mut kinds: Vec<_> = calls.iter().map(|call| &call.name).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let kind = pick_from(&kinds, chance);
    let of_kind: Vec<_> = calls.iter().filter(|call| call.name == **kind).collect();
    pick_from::<&Call>(&of_kind, chance)
}

fn pick_from<'c, T>(from: &'c [T], chance: &mut Chance) -> &'c T {
    let index = usize::try_from(chance.below(from.len() as u64)).expect("an index");
    from.get(index).expect("it is below the length")
}

fn is_traced() -> bool {
    if !trace::is_there() {
        test_data::missing("there is no strace");
    }
    trace::is_there()
}

#[test]
fn a_call_that_fails_is_told_and_what_failed_can_be_done_again() {
    if !is_traced() {
        return;
    }
    let prepared = Prepared::new();
    let calls = calls(&prepared.copy().path("root"));
    let mut chance = Chance::of(1);
    for _ in 0..cases(CALLS) {
        let call = pick(&calls, &mut chance);
        let mut errors = ERRORS.to_vec();
        if call.name == "openat" {
            errors.extend(ERRORS_OPEN);
        }
        let error = pick_from(&errors, &mut chance);
        let judged = judge(&prepared, LIFE, call, &format!("error={error}"));
        assert_eq!(
            judged,
            Ok(()),
            "{error} of {call:?}, {:#?}",
            prepared.said.take()
        );
    }
}

/// Tells how an ignored error is to be seen.
type IsSeen = fn(&Wrong) -> bool;

/// What a store would do that does not look at what calls return: they did not happen, and it goes on.
/// With each, how that is seen.
const IGNORED: &[(&str, Lie, IsSeen)] = &[
    ("fsync", Lie::Zero, |wrong| *wrong == Wrong::Unsaid),
    ("write", Lie::Length, is_of_store),
    ("pwrite64", Lie::Length, |wrong| *wrong != Wrong::Unsaid),
];

fn is_of_store(wrong: &Wrong) -> bool {
    matches!(wrong, Wrong::Store(_))
}

#[test]
fn an_error_of_any_kind_of_call_that_is_ignored_is_seen() {
    if !is_traced() {
        return;
    }
    let prepared = Prepared::new();
    let calls = calls(&prepared.copy().path("root"));
    let mut chance = Chance::of(2);
    for (name, lie, is_seen) in IGNORED {
        let of_kind: Vec<_> = calls.iter().filter(|call| call.name == *name).collect();
        let seen = (0..CALLS_PLANTED).find_map(|_| {
            let call = *pick_from(&of_kind, &mut chance);
            judge(&prepared, LIFE, call, &lie.of(call)).err()
        });
        assert!(seen.as_ref().is_some_and(is_seen), "{name}: {seen:?}");
    }
}

#[test]
fn a_step_that_failed_and_is_said_to_be_done_is_seen() {
    if !is_traced() {
        return;
    }
    let prepared = Prepared::new();
    let calls = calls(&prepared.copy().path("root"));
    let calls: Vec<_> = calls
        .into_iter()
        .filter(|call| call.name == "fsync")
        .collect();
    let mut chance = Chance::of(3);
    let seen = (0..CALLS_PLANTED).find_map(|_| {
        let call = pick(&calls, &mut chance);
        judge(&prepared, LYING, call, "error=EIO").err()
    });
    assert!(
        matches!(seen, Some(Wrong::Store(Fault::Lost(_)))),
        "{seen:?}"
    );
}
