//! What is fetched again after a kill.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout},
};

use super::{MIB, address, announce, child, file, runtime, start};
use crate::{
    report::Settings,
    table::{Bound, Goals},
};

/// Measures one fetch that is killed at half, and the one that goes on.
pub fn run(settings: &Settings, goals: &mut Goals) {
    let runtime = runtime();
    let folders = [(); 3].map(|()| tempfile::tempdir_in(&settings.folder).unwrap());
    let contents = file(folders[0].path(), settings.records);
    let (seeder, path, from) = runtime.block_on(async {
        let seeder = start(folders[1].path(), Vec::new(), |config| {
            // Slow enough to be killed in the middle.
            config.limits.serve.bytes_per_second = 40 << 20;
            config.limits.serve.burst_bytes = 0;
        });
        let path = announce(&seeder, &contents).await;
        let from = address(&seeder).await;
        (seeder, path, from)
    });
    let size = (settings.records * MIB) as u64;
    let mut first = child::spawn(folders[2].path(), &from, &path);
    let mut verified = 0;
    for line in lines(&mut first) {
        verified = bytes(&line.unwrap(), "verified ").unwrap();
        if verified > size / 2 {
            break;
        }
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = child::spawn(folders[2].path(), &from, &path);
    let all = lines(&mut second).map(Result::unwrap);
    let again = all.filter_map(|line| bytes(&line, "verified ")).max();
    assert!(second.wait().unwrap().success());
    runtime.block_on(seeder.node.shutdown()).unwrap();
    // The archive has a few bytes more than the file.
    let refetched = (verified + again.unwrap()).saturating_sub(size) as f64 / MIB as f64;
    let text = (format!("{refetched:.1} MiB"), String::new());
    goals.add(
        "fetched again after a kill at half",
        text,
        (refetched, "MiB"),
        Bound::AtMost(64.0),
    );
}

fn lines(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

fn bytes(line: &str, prefix: &str) -> Option<u64> {
    line.strip_prefix(prefix)?.parse().ok()
}
