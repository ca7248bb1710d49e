//! Nodes, and those who trouble them, in processes of their own.
//!
//! A test starts this program again, to run the test called `child` alone, which is told by its
//! environment what to do. What the child says goes to its standard output; it goes on when it gets
//! a line, and ends when its standard input does.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use libp2p::{Multiaddr, multiaddr::Protocol};
use nix_core::store_path::StorePath;
use nix_remote::peers::{
    node::{NodeConfig, NodeHandle},
    transfer::GROUP_BYTES,
};
use tokio::{
    sync::mpsc,
    task::spawn_blocking,
    time::{sleep, timeout},
};

use crate::{
    nodes::{start_at, status_when},
    support::key,
};

const TASK: &str = "NETABASE_NODE_TASK";
const FOLDER: &str = "NETABASE_NODE_FOLDER";
const PEER: &str = "NETABASE_NODE_PEER";
const PATH: &str = "NETABASE_NODE_PATH";

/// What stands before whatever a child says.
const MARK: &str = "child says ";

/// How long a child may take for one thing.
const CHILD_PATIENCE: Duration = Duration::from_secs(120);

/// How many connections a child opens to flood a node: two of them have a thousand, and each has
/// fewer files than a process may have by default.
const FLOOD: usize = 500;

/// What every connection begins with.
pub(crate) const GREETING: &[u8] = b"\x13/multistream/1.0.0\n";

/// What a child does.
#[derive(Clone, Copy)]
pub(crate) enum Task {
    /// Announces a path of its store.
    Serve,
    /// Fetches a path.
    Fetch,
    /// Opens connections that say nothing.
    Idle,
    /// Opens connections that say a byte in a second.
    Drip,
}

/// Another process.
pub(crate) struct Other {
    child: Ended,
    input: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<String>,
}

/// A process that does not outlive the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Other {
    pub(crate) fn start(task: Task, folder: &Path, peer: &str, path: &StorePath) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", "processes::child", "--nocapture"])
            .env(TASK, task.name())
            .env(FOLDER, folder)
            .env(PEER, peer)
            .env(PATH, path.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::inherit()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (said, lines) = mpsc::unbounded_channel();
        thread::spawn(move || {
            for line in output.lines() {
                let line = line.unwrap();
                let Some((_, line)) = line.split_once(MARK) else {
                    continue;
                };
                if said.send(line.to_owned()).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Self {
            child: Ended(child),
            input,
            lines,
        }
    }

    /// Waits until the process says something that begins with a word, and returns what follows.
    pub(crate) async fn hear(&mut self, word: &str) -> String {
        let heard = async {
            loop {
                let line = self.lines.recv().await.expect("the child lives");
                if let Some(rest) = line.strip_prefix(word) {
                    return rest.trim().to_owned();
                }
            }
        };
        timeout(CHILD_PATIENCE, heard).await.unwrap()
    }

    /// Lets the process go on.
    pub(crate) fn go(&mut self) {
        self.input.as_mut().unwrap().write_all(b"go\n").unwrap();
    }

    /// Returns how many KiB of memory the process has had at most.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_kib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.0.id());
        let status = fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.unwrap().trim().strip_suffix(" kB").unwrap();
        kib.parse().unwrap()
    }

    /// Returns how many files and sockets the process has open.
    #[cfg(target_os = "linux")]
    pub(crate) fn files(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.child.0.id()));
        open.unwrap().count()
    }

    /// Ends the process at once.
    pub(crate) fn kill(self) {
        drop(self.child);
    }

    /// Lets the process end, and waits for it.
    pub(crate) async fn end(mut self) {
        drop(self.input.take());
        let ended = spawn_blocking(move || self.child.0.wait().unwrap());
        let ended = timeout(CHILD_PATIENCE, ended).await.unwrap();
        assert!(ended.unwrap().success());
    }
}

impl Task {
    const ALL: [Self; 4] = [Self::Serve, Self::Fetch, Self::Idle, Self::Drip];

    const fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Fetch => "fetch",
            Self::Idle => "idle",
            Self::Drip => "drip",
        }
    }
}

/// Does what another process told this one to do, if one did.
#[tokio::test]
async fn child() {
    let Ok(task) = env::var(TASK) else {
        return;
    };
    let task = Task::ALL.into_iter().find(|one| one.name() == task);
    let peer = env::var(PEER).unwrap();
    match task.unwrap() {
        Task::Serve => serve().await,
        Task::Fetch => fetch(peer.parse().unwrap()).await,
        Task::Idle => spawn_blocking(move || flood(peer.parse().unwrap(), false))
            .await
            .unwrap(),
        Task::Drip => spawn_blocking(move || flood(peer.parse().unwrap(), true))
            .await
            .unwrap(),
    }
}

async fn serve() {
    let node = begin(|config| config.key = Some(key())).await;
    node.announce(&path()).await.unwrap();
    say("announced");
    wait_for_the_end().await;
    node.shutdown().await.unwrap();
}

/// Fetches a path, and says all the while how many groups are held, and how many of them were when
/// it began.
async fn fetch(from: Multiaddr) {
    let node = begin(|config| config.bootstrap = vec![from]).await;
    let fetch = node.fetch([path()]);
    tokio::pin!(fetch);
    loop {
        tokio::select! {
            fetched = &mut fetch => {
                fetched.unwrap();
                break;
            }
            () = sleep(Duration::from_millis(5)) => {
                for download in node.status().await.unwrap().downloads {
                    let held = u64::from(download.groups_held);
                    let resumed = held - download.counts.verified_bytes.div_ceil(GROUP_BYTES);
                    say(&format!("holds {held} {resumed}"));
                }
            }
        }
    }
    say("fetched");
    wait_for_the_end().await;
    node.shutdown().await.unwrap();
}

/// Starts a node, says where it listens, and waits until it may go on.
async fn begin(change: impl FnOnce(&mut NodeConfig)) -> NodeHandle {
    let folder = env::var_os(FOLDER).unwrap();
    let (_, node) = start_at(Path::new(&folder), change);
    let status = status_when(&node, |status| !status.listeners.is_empty()).await;
    let address = status.listeners.first().cloned().unwrap();
    say(&format!(
        "ready {}",
        address.with(Protocol::P2p(*node.id()))
    ));
    let line = spawn_blocking(|| io::stdin().read_line(&mut String::new()).unwrap());
    line.await.unwrap();
    node
}

fn path() -> StorePath {
    env::var(PATH).unwrap().parse().unwrap()
}

/// Keeps connections open that say nothing or little, until standard input ends.
fn flood(to: SocketAddr, drips: bool) {
    let (end, ended) = channel::<()>();
    thread::spawn(move || {
        // Whatever it says, it is over then.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop(end);
    });
    let connect = || (TcpStream::connect(to).unwrap(), GREETING.iter());
    let mut streams: Vec<_> = (0..FLOOD).map(|_| connect()).collect();
    say("ready");
    while ended.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
        for connection in streams.iter_mut().filter(|_| drips) {
            let (stream, bytes) = connection;
            let is_open = bytes
                .next()
                .is_some_and(|byte| stream.write_all(&[*byte]).is_ok());
            if !is_open {
                *connection = connect();
            }
        }
    }
}

fn say(what: &str) {
    let mut output = io::stdout().lock();
    writeln!(output, "{MARK}{what}").unwrap();
    output.flush().unwrap();
}

async fn wait_for_the_end() {
    let read = spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()).unwrap());
    read.await.unwrap();
}
