//! A process that fetches one object, measured and killed from outside.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use libp2p::Multiaddr;
use nix_core::store_path::StorePath;
use tokio::time::sleep;

use super::{runtime, start};

/// Tells the child what to fetch: folder, address and path.
const FETCH: &str = "NETABASE_BENCH_FETCH";

/// Returns whether this process is one of those that fetch.
#[must_use]
pub fn is_child() -> bool {
    env::var_os(FETCH).is_some()
}

/// Fetches, and prints the bytes that are verified as they come, and last the growth of its memory.
#[expect(clippy::print_stdout, reason = "its parent reads it")]
pub fn run() {
    let wanted = env::var(FETCH).unwrap();
    let parts: Vec<_> = wanted.split(' ').collect();
    let [folder, from, path] = parts[..] else {
        panic!("{wanted}");
    };
    let folder = PathBuf::from(folder);
    let from: Multiaddr = from.parse().unwrap();
    let path: StorePath = path.parse().unwrap();
    runtime().block_on(async {
        let peer = start(&folder, vec![from], |_| {});
        peer.node.find(&path).await.unwrap();
        let before = memory("VmRSS");
        let node = peer.node.clone();
        let watch = tokio::spawn(async move {
            let mut last = 0;
            while let Ok(status) = node.status().await {
                if let Some(download) = status.downloads.first()
                    && download.counts.verified_bytes != last
                {
                    last = download.counts.verified_bytes;
                    println!("verified {last}");
                }
                sleep(Duration::from_millis(2)).await;
            }
        });
        peer.node.fetch([path]).await.unwrap();
        println!("grown {}", memory("VmHWM").saturating_sub(before));
        watch.abort();
        peer.node.shutdown().await.unwrap();
    });
}

/// Starts such a process.
#[must_use]
pub fn spawn(folder: &Path, from: &Multiaddr, path: &StorePath) -> Child {
    let wanted = format!("{} {from} {path}", folder.display());
    let mut command = Command::new(env::current_exe().unwrap());
    let command = command.env(FETCH, wanted).stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// Returns bytes of memory, as the kernel counts them.
fn memory(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    let kib = line.split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() << 10
}
