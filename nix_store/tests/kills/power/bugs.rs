//! The controls: what a store does to survive a loss of power is left out, one thing at a time, and
//! the test sees it.

use std::collections::BTreeSet;

use super::{
    Failure,
    disk::{Inode, Kind, Op, Promise, Step},
    fail,
    judge::Fault,
    recorded,
    workload::LIFE,
};
use crate::harness::Chance;

/// After how many images a bug has to be seen.
const IMAGES: u64 = 400;

const DATABASE: &str = "state/db/netabase.redb";

type Change = fn(Vec<Step>) -> Vec<Step>;

/// What is wrong with a store, and by what it is found out.
struct Bug {
    name: &'static str,
    change: Change,
    is_found: fn(&Fault) -> bool,
}

const OF_OBJECTS: &[Bug] = &[
    Bug {
        name: "files of objects are not synced",
        change: |steps| without_sync(steps, |of| of.is_object && !of.is_directory),
        is_found: is_damaged,
    },
    Bug {
        name: "directories of objects are not synced",
        change: |steps| without_sync(steps, |of| of.is_object && of.is_directory),
        is_found: is_damaged,
    },
    Bug {
        name: "directories that hold symlinks are not synced",
        change: |steps| without_sync(steps, |of| of.is_object && of.holds_symlink),
        is_found: is_damaged,
    },
    Bug {
        name: "permissions of files are not synced",
        change: only_contents,
        is_found: is_damaged,
    },
    Bug {
        name: "the directory of the store is not synced",
        change: |steps| without_sync(steps, |of| of.path == "store"),
        is_found: is_damaged,
    },
    Bug {
        name: "objects get their names after they are registered",
        change: |steps| late(steps, is_placed),
        is_found: is_damaged,
    },
    Bug {
        name: "files are synced after they are registered",
        change: |steps| late(steps, |step| is_sync(step) && is_of_object(&step.path)),
        is_found: is_damaged,
    },
    Bug {
        name: "files are removed before their object is deleted",
        change: files_first,
        is_found: is_damaged,
    },
    Bug {
        name: "the files of a repaired object are not synced",
        change: |steps| {
            while_said(steps, "damaging", |step| {
                is_sync(step) && is_of_object(&step.path)
            })
        },
        is_found: is_damaged,
    },
    Bug {
        name: "a repaired object's name is not synced",
        change: |steps| {
            while_said(steps, "damaging", |step| {
                is_sync(step) && step.path == "store"
            })
        },
        is_found: is_damaged,
    },
];

const OF_RECORDS: &[Bug] = &[
    Bug {
        name: "the database is not synced",
        change: |steps| without_sync(steps, |of| of.path == DATABASE),
        is_found: is_of_database,
    },
    Bug {
        name: "the database is synced every third time",
        change: every_third,
        is_found: is_of_database,
    },
    Bug {
        name: "the directory of the database is not synced",
        change: |steps| without_sync(steps, |of| of.path == "state/db"),
        is_found: |fault| matches!(fault, Fault::Lost(_)),
    },
    Bug {
        name: "objects are acknowledged before they are registered",
        change: acknowledged_early,
        is_found: |fault| matches!(fault, Fault::Lost(_)),
    },
    Bug {
        name: "the directory of roots is not synced",
        change: |steps| without_sync(steps, |of| of.path == "state/gcroots"),
        is_found: |fault| matches!(fault, Fault::Unrooted(_)),
    },
    Bug {
        name: "the directory of indirect roots is not synced",
        change: |steps| without_sync(steps, |of| of.path == "state/gcroots/auto"),
        is_found: |fault| matches!(fault, Fault::Unrooted(_)),
    },
    Bug {
        name: "directories in which files were shared are not synced",
        change: |steps| {
            while_said(steps, "sharing", |step| {
                is_sync(step) && !is_ours(&step.path)
            })
        },
        is_found: is_damaged,
    },
    Bug {
        name: "the note of the object in which files are shared is not synced",
        change: |steps| {
            while_said(steps, "sharing", |step| {
                is_sync(step) && is_ours(&step.path)
            })
        },
        is_found: is_damaged,
    },
    Bug {
        name: "records of builds are not synced",
        change: |steps| without_sync(steps, |of| is_record(&of.path) && !of.is_directory),
        is_found: is_unrecorded,
    },
    Bug {
        name: "the names of records of builds are not synced",
        change: |steps| without_sync(steps, |of| is_record(&of.path) && of.is_directory),
        is_found: is_unrecorded,
    },
];

fn is_damaged(fault: &Fault) -> bool {
    matches!(fault, Fault::Damaged(_))
}

/// A torn database fails in any way but unseen.
fn is_of_database(fault: &Fault) -> bool {
    !matches!(fault, Fault::Unrooted(_))
}

fn is_unrecorded(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Unrecorded(_) | Fault::Unreadable(_) | Fault::Refuted
    )
}

/// Whether something lies in an object that has no name yet: below a private directory.
fn is_of_object(path: &str) -> bool {
    path.starts_with("store/.netabase/tmp-") && path.split('/').count() > 3
}

/// Whether something is in the directory that objects come from.
fn is_ours(path: &str) -> bool {
    path.starts_with("store/.netabase")
}

fn is_record(path: &str) -> bool {
    path.starts_with("state/drv")
}

fn is_sync(step: &Step) -> bool {
    matches!(step.op, Op::Sync { .. })
}

fn is_mark(step: &Step, word: &str) -> bool {
    matches!(&step.op, Op::Mark(said) if said.starts_with(word))
}

/// Whether an object gets its name, or that gets to the disk.
fn is_placed(step: &Step) -> bool {
    match &step.op {
        Op::Names(_) => is_of_object(&step.path) && step.path.split('/').count() == 4,
        Op::Sync { .. } => step.path == "store",
        _ => false,
    }
}

/// What a sync is of.
struct Synced {
    path: String,
    is_object: bool,
    is_directory: bool,
    holds_symlink: bool,
}

fn inodes(steps: &[Step], is_kind: impl Fn(&Kind) -> bool) -> BTreeSet<Inode> {
    let made = steps.iter().filter_map(|step| match &step.op {
        Op::Make { inode, kind, .. } if is_kind(kind) => Some(*inode),
        _ => None,
    });
    made.collect()
}

fn without_sync(mut steps: Vec<Step>, is_left_out: impl Fn(&Synced) -> bool) -> Vec<Step> {
    let directories = inodes(&steps, |kind| *kind == Kind::Directory);
    let symlinks = inodes(&steps, |kind| matches!(kind, Kind::Symlink(_)));
    let named = steps.iter().filter_map(|step| match &step.op {
        Op::Names(names) => Some(names.clone()),
        _ => None,
    });
    let named: Vec<_> = named.flatten().collect();
    let hold = |(_, _, inode): &&(Inode, String, Option<Inode>)| {
        inode.is_some_and(|inode| symlinks.contains(&inode))
    };
    let holders: BTreeSet<Inode> = named.iter().filter(hold).map(|(at, ..)| *at).collect();
    steps.retain(|step| match &step.op {
        Op::Sync { inode, .. } => !is_left_out(&Synced {
            path: step.path.clone(),
            is_object: is_of_object(&step.path),
            is_directory: directories.contains(inode),
            holds_symlink: holders.contains(inode),
        }),
        _ => true,
    });
    steps
}

fn only_contents(mut steps: Vec<Step>) -> Vec<Step> {
    for step in &mut steps {
        if let Op::Sync { has_metadata, .. } = &mut step.op {
            *has_metadata &= !is_of_object(&step.path);
        }
    }
    steps
}

fn every_third(mut steps: Vec<Step>) -> Vec<Step> {
    let mut syncs = 0;
    steps.retain(|step| {
        let is_of_database = is_sync(step) && step.path == DATABASE;
        syncs += u32::from(is_of_database);
        !is_of_database || syncs % 3 == 0
    });
    steps
}

/// Moves steps to right before the next thing that is said.
fn late(steps: Vec<Step>, is_late: impl Fn(&Step) -> bool) -> Vec<Step> {
    let mut changed = Vec::new();
    let mut waiting = Vec::new();
    for step in steps {
        if matches!(step.op, Op::Mark(_)) {
            changed.append(&mut waiting);
        }
        match is_late(&step) {
            true => waiting.push(step),
            false => changed.push(step),
        }
    }
    changed
}

/// Moves what becomes of the database behind what becomes of the files, in deletions.
fn files_first(steps: Vec<Step>) -> Vec<Step> {
    let mut is_deleting = false;
    let mut changed = Vec::new();
    let mut waiting = Vec::new();
    for step in steps {
        if matches!(step.op, Op::Mark(_)) {
            changed.append(&mut waiting);
            is_deleting = is_mark(&step, "deleting");
        }
        match is_deleting && step.path == DATABASE {
            true => waiting.push(step),
            false => changed.push(step),
        }
    }
    changed
}

fn acknowledged_early(steps: Vec<Step>) -> Vec<Step> {
    let mut changed: Vec<Step> = Vec::new();
    for step in steps {
        let synced = changed
            .iter()
            .rposition(|step| is_sync(step) && step.path == "store");
        match synced {
            Some(at) if is_mark(&step, "valid") => changed.insert(at + 1, step),
            _ => changed.push(step),
        }
    }
    changed
}

/// Leaves out steps between something that is said and the next.
fn while_said(mut steps: Vec<Step>, word: &str, is_left_out: impl Fn(&Step) -> bool) -> Vec<Step> {
    let mut is_said = false;
    steps.retain(|step| {
        if matches!(step.op, Op::Mark(_)) {
            is_said = is_mark(step, word);
        }
        !(is_said && is_left_out(step))
    });
    steps
}

/// Numbers steps anew: each sync covers all before it.
fn renumbered(mut steps: Vec<Step>) -> Vec<Step> {
    for (number, step) in steps.iter_mut().enumerate() {
        step.begun = number;
    }
    steps
}

fn failure(steps: &[Step], change: Change, images: u64) -> Option<Failure> {
    let steps = renumbered(change(steps.to_vec()));
    fail(&steps, Promise::Nothing, images, &mut Chance::of(3))
}

fn find(bugs: &[Bug]) {
    let Some(steps) = recorded(LIFE) else { return };
    for bug in bugs {
        let failure = failure(&steps, bug.change, IMAGES);
        let failure = failure.unwrap_or_else(|| panic!("{}: not seen", bug.name));
        assert!((bug.is_found)(&failure.fault), "{}: {failure:?}", bug.name);
    }
}

#[test]
fn a_store_that_leaves_out_anything_that_keeps_objects_whole_is_found_out() {
    find(OF_OBJECTS);
}

#[test]
fn a_store_that_leaves_out_anything_that_keeps_what_it_has_said_is_found_out() {
    find(OF_RECORDS);
}

/// What counts is that both are over when the object is registered.
#[test]
fn an_object_may_get_its_name_before_its_files_are_synced() {
    let Some(steps) = recorded(LIFE) else { return };
    let early: Change = |steps| {
        let mut changed: Vec<Step> = Vec::new();
        for step in steps {
            let is_named = matches!(step.op, Op::Names(_)) && is_placed(&step);
            let syncs = changed.iter().rev();
            let syncs = syncs.take_while(|step| is_sync(step)).count();
            let at = if is_named { syncs } else { 0 };
            changed.insert(changed.len() - at, step);
        }
        changed
    };
    let failure = failure(&steps, early, IMAGES / 4);
    assert!(failure.is_none(), "{failure:#?}");
}
