//! What memory a fetch of 1 GiB takes, in a process of its own.

use std::io::{BufRead, BufReader};

use super::{MIB, address, announce, child, file, runtime, start};
use crate::{
    report::Settings,
    table::{Bound, Goals},
};

/// MiB of the object.
const OBJECT_MIB: usize = 1024;

/// Measures one fetch.
pub fn run(settings: &Settings, goals: &mut Goals) {
    let runtime = runtime();
    let folders = [(); 3].map(|()| tempfile::tempdir_in(&settings.folder).unwrap());
    let contents = file(folders[0].path(), OBJECT_MIB);
    let (seeder, path, from) = runtime.block_on(async {
        let seeder = start(folders[1].path(), Vec::new(), |_| {});
        let path = announce(&seeder, &contents).await;
        let from = address(&seeder).await;
        (seeder, path, from)
    });
    let mut child = child::spawn(folders[2].path(), &from, &path);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let grown = lines.map(Result::unwrap).find_map(|line| {
        let grown = line.strip_prefix("grown ")?;
        Some(grown.parse::<f64>().unwrap())
    });
    assert!(child.wait().unwrap().success());
    runtime.block_on(seeder.node.shutdown()).unwrap();
    let grown = grown.unwrap() / MIB as f64;
    goals.add(
        "memory that a fetch of 1 GiB takes",
        (format!("{grown:.0} MiB"), String::new()),
        (grown, "MiB"),
        Bound::AtMost(64.0),
    );
}
