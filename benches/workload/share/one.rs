//! One seeder: a download, and the whole of a fetch, beside request-response alone.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use nix_remote::peers::node::{DownloadStatus, NodeHandle};
use tokio::time::sleep;

use super::{MIB, address, announce, file, raw, runtime, start};
use crate::{
    report::{Settings, median},
    table::{Bound, Goals},
};

/// How often is looked whether a download has ended, which costs the node a little each time: seldom,
/// until most of it is there.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOK_AT_END_EVERY: Duration = Duration::from_millis(2);

/// Measures rounds of both, in turn: each download stands between two runs of the raw transport, by short
/// responses and by long ones, and beside their mean. So a machine that becomes slower or faster does so
/// for both.
pub fn run(settings: &Settings, goals: &mut Goals) {
    let runtime = runtime();
    let folder = tempfile::tempdir_in(&settings.folder).unwrap();
    let contents = file(folder.path(), settings.records);
    let bytes = settings.records * MIB;
    let raw = |size| runtime.block_on(raw::throughput(bytes, size));
    let mut rounds = Vec::new();
    for _ in 0..settings.rounds {
        let short = raw(raw::SHORT);
        let (download, fetch) = runtime.block_on(fetch(&settings.folder, &contents));
        let beside = f64::midpoint(short, raw(raw::LONG));
        let [download, fetch] = [download, fetch].map(|took| bytes as f64 / took);
        rounds.push([download, fetch, beside]);
    }
    let of =
        |figure: &dyn Fn(&[f64; 3]) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
    for (what, which, goal) in [
        ("download, verified and written", 0, Bound::AtLeast(0.8)),
        ("the same until it is in the store", 1, Bound::Free),
    ] {
        let text = [which, 2].map(|which| speed(of(&|round| round[which])));
        let ratio = of(&|round| round[which] / round[2]);
        goals.add(what, text.into(), (ratio, "times"), goal);
    }
}

/// Returns how many seconds the download and the whole fetch took.
async fn fetch(folder: &Path, contents: &Path) -> (f64, f64) {
    let folders = [(); 2].map(|()| tempfile::tempdir_in(folder).unwrap());
    let seeder = start(folders[0].path(), Vec::new(), |_| {});
    let path = announce(&seeder, contents).await;
    let leecher = start(folders[1].path(), vec![address(&seeder).await], |_| {});
    leecher.node.find(&path).await.unwrap();
    let begun = Instant::now();
    let watch = tokio::spawn(download(leecher.node.clone()));
    let fetched = leecher.node.fetch([path]).await.unwrap();
    let whole = begun.elapsed().as_secs_f64();
    assert_eq!(fetched.added.len(), 1);
    let download = watch.await.unwrap();
    seeder.node.shutdown().await.unwrap();
    leecher.node.shutdown().await.unwrap();
    (download, whole)
}

/// Returns how many seconds it takes until the first download of a node has all groups.
pub(super) async fn download(node: NodeHandle) -> f64 {
    let begun = Instant::now();
    let mut has_begun = false;
    loop {
        let downloads = node.status().await.unwrap().downloads;
        let mut pause = LOOK_AT_END_EVERY;
        let is_full = |of: &DownloadStatus| of.groups_held == of.blob.groups();
        match downloads.first() {
            Some(download) if is_full(download) => break,
            Some(of) => {
                has_begun = true;
                if of.groups_held < of.blob.groups() / 8 * 7 {
                    pause = LOOK_EVERY;
                }
            }
            None if has_begun => break,
            None => {}
        }
        sleep(pause).await;
    }
    begun.elapsed().as_secs_f64()
}

fn speed(bytes: f64) -> String {
    format!("{:.0} MiB/s", bytes / MIB as f64)
}
