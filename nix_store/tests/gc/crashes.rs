//! Collectors that are killed.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufReader, Read, Write},
    path::PathBuf,
    process::{Command, Stdio},
};

use nix_store::gc::{self, GcOptions, add_root};

use crate::support::{Place, add_all, collect, entries, layout, open, valid};

/// Where the killed collector's store lies.
const PLACE: &str = "NETABASE_TEST_GC_PLACE";

/// What it writes at every step.
const STEP: u8 = 1;

/// The collector that another test starts and kills; by itself there is nothing to do for it.
#[test]
fn child_that_collects() {
    let Some(place) = env::var_os(PLACE).map(PathBuf::from) else {
        return;
    };
    let store = open(layout(&place));
    let options = GcOptions {
        slice: 3,
        ..GcOptions::default()
    };
    let mut output = std::io::stdout();
    let collected = gc::collect(&store, &options, &mut |_| {
        output
            .write_all(&[STEP])
            .and_then(|()| output.flush())
            .expect("somebody reads");
    });
    collected.expect("a collection");
}

/// Starts a collector and kills it after some steps.
fn killed_after(place: &Place, steps: usize) {
    let mut child = Command::new(env::current_exe().expect("this program"))
        .args(["crashes::child_that_collects", "--exact", "--nocapture"])
        .env(PLACE, place.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process");
    let mut seen = 0;
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    for byte in output.bytes() {
        seen += usize::from(byte.expect("a byte") == STEP);
        if seen == steps {
            child.kill().expect("it lives");
            break;
        }
    }
    child.wait().expect("it ends");
    assert_eq!(seen, steps, "the collector was not killed");
}

#[test]
fn a_collector_that_is_killed_leaves_nothing_half_and_the_next_one_cleans_up() {
    let place = Place::new();
    let leaf = place.add("leaf", &[]);
    let top = place.add("top", &[&leaf]);
    add_root(&place.store(), "mine", &top).expect("a root");
    let waste = |round: usize| {
        let names: Vec<_> = (0..12).map(|number| format!("w{round}-{number}")).collect();
        add_all(&place.store(), &names, Some(&leaf));
    };
    for round in 0..20 {
        waste(round);
        killed_after(&place, 1 + round % 14);
        // Whatever is registered is there, with its files.
        let valid = valid(&place.store());
        assert!(valid.contains(&leaf) && valid.contains(&top));
    }
    let store = place.store();
    collect(&store, &GcOptions::default());
    assert_eq!(valid(&store), BTreeSet::from([leaf.clone(), top.clone()]));
    let names = [leaf, top].map(|path| path.base_name().to_owned());
    let dir = place.layout().real_store_dir;
    assert_eq!(entries(&dir), names.into());
    let private = fs::read_dir(dir.join(".netabase"))
        .expect("a folder")
        .flatten();
    let private = private.filter(|entry| entry.file_name().to_string_lossy().starts_with("tmp-"));
    assert_eq!(private.count(), 0);
    let temporary = fs::read_dir(place.layout().temp_roots_dir()).expect("a folder");
    assert_eq!(temporary.count(), 0);
}
