//! Three seeders, each of which gives so much and no more.

use std::time::Duration;

use tokio::time::sleep;

use super::{MIB, address, announce, file, one, runtime, start};
use crate::{
    report::Settings,
    table::{Bound, Goals},
};

/// What each of them gives in a second.
const EACH: u64 = 20 << 20;

/// Measures one fetch from all three.
pub fn run(settings: &Settings, goals: &mut Goals) {
    let runtime = runtime();
    let folder = tempfile::tempdir_in(&settings.folder).unwrap();
    let contents = file(folder.path(), settings.records);
    let took = runtime.block_on(async {
        let folders = [(); 4].map(|()| tempfile::tempdir_in(&settings.folder).unwrap());
        let mut seeders = Vec::new();
        let mut bootstrap = Vec::new();
        let mut path = None;
        for folder in &folders[1..] {
            let seeder = start(folder.path(), bootstrap.clone(), |config| {
                config.limits.serve.bytes_per_second = EACH;
                config.limits.serve.burst_bytes = 0;
            });
            bootstrap.push(address(&seeder).await);
            path = Some(announce(&seeder, &contents).await);
            seeders.push(seeder);
        }
        let path = path.unwrap();
        let leecher = start(folders[0].path(), bootstrap, |_| {});
        // What is measured is the download, and not how soon seeders are known.
        while leecher
            .node
            .find(&path)
            .await
            .map_or(0, |found| found.providers().count())
            < 3
        {
            sleep(Duration::from_millis(100)).await;
        }
        let watch = tokio::spawn(one::download(leecher.node.clone()));
        leecher.node.fetch([path]).await.unwrap();
        let took = watch.await.unwrap();
        for peer in seeders.iter().chain([&leecher]) {
            peer.node.shutdown().await.unwrap();
        }
        took
    });
    let speed = (settings.records * MIB) as f64 / took;
    let figure = speed / EACH as f64;
    let text = (
        format!("{:.1} MiB/s", speed / MIB as f64),
        format!("{} MiB/s each", EACH >> 20),
    );
    goals.add(
        "download from three seeders",
        text,
        (figure, "times one"),
        Bound::AtLeast(2.7),
    );
}
