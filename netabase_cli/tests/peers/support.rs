//! Stores in a folder, nodes as processes, and commands that ask them.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take; it ends as soon as it is done.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const LOOPBACK: &str = "/ip4/127.0.0.1/tcp/0";

pub(crate) fn netabase<S: AsRef<OsStr>>(arguments: &[S]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netabase"));
    let output = command.args(arguments).stdin(Stdio::null()).output();
    output.expect("the command starts")
}

/// Runs the command; returns what it printed once it has succeeded.
pub(crate) fn ok<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    let output = netabase(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs the command; returns what it printed and its one line of error once it has failed.
pub(crate) fn refused<S: AsRef<OsStr>>(arguments: &[S]) -> (String, String) {
    let output = netabase(arguments);
    let [out, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(output.status.code(), Some(1), "{out}{error}");
    assert!(error.starts_with("netabase: "), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    (out, error)
}

pub(crate) fn json<S: AsRef<OsStr>>(arguments: &[S]) -> Value {
    serde_json::from_str(&ok(arguments)).expect("JSON")
}

/// Returns the arguments that fetch a path into a store from a node.
pub(crate) fn fetch_args<'a>(path: &'a str, store: &'a str, from: &'a Node) -> [&'a str; 7] {
    let address = &from.address;
    [
        "peer",
        "fetch",
        path,
        "--store",
        store,
        "--bootstrap",
        address,
    ]
}

/// Waits until something is there.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A folder for one test.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().expect("UTF-8").to_owned()
    }

    /// Adds a text of so many bytes to a store; returns its path.
    pub(crate) fn add(&self, store: &str, name: &str, bytes: usize) -> String {
        let file = self.path(name);
        let text: Vec<u8> = (0..=250).cycle().take(bytes).collect();
        fs::write(&file, text).expect("a file");
        ok(&["store", "add", &file, "--store", store])
            .trim_end()
            .to_owned()
    }

    /// Returns the names in the folder of a store's objects.
    pub(crate) fn objects(store: &str) -> Vec<String> {
        let names = fs::read_dir(format!("{store}/nix/store")).expect("a store");
        let names = names.map(|entry| entry.expect("an entry").file_name());
        names
            .map(|name| name.into_string().expect("UTF-8"))
            .collect()
    }

    /// Starts a node and waits until it listens.
    pub(crate) fn run(&self, store: &str, more: &[&str]) -> Node {
        let command = Command::new(env!("CARGO_BIN_EXE_netabase"));
        Self::run_as(command, LOOPBACK, store, more)
    }

    /// Does the same by a command that runs ours, on an address.
    pub(crate) fn run_as(mut command: Command, listen: &str, store: &str, more: &[&str]) -> Node {
        let reference = store.strip_prefix("local?root=");
        let folder = reference.and_then(|root| root.split('&').next());
        let log = format!("{}.log", folder.unwrap_or(store));
        let file = File::options().create(true).append(true).open(&log);
        command
            .args(["peer", "run", "--store", store, "--listen", listen])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file.expect("a log"));
        let mut child = command.spawn().expect("the command starts");
        let stdout = child.stdout.take().expect("it was asked for");
        let (lines, printed) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        let mut node = Node {
            child,
            store: store.to_owned(),
            address: String::new(),
            _printed: printed,
        };
        let address = node._printed.recv_timeout(PATIENCE);
        node.address = address.unwrap_or_else(|_| panic!("{:?}", fs::read_to_string(&log)));
        node
    }

    /// Starts a node that announces some paths, and waits until it does.
    pub(crate) fn announce(&self, store: &str, roots: &[&str], more: &[&str]) -> Node {
        let roots = roots.iter().flat_map(|root| ["--announce", *root]);
        let arguments: Vec<_> = roots.chain(more.iter().copied()).collect();
        self.run(store, &arguments).announced()
    }
}

/// A node that runs as a process, which is killed in the end.
pub(crate) struct Node {
    child: Child,
    pub(crate) store: String,
    pub(crate) address: String,
    /// Its output is read as long as it runs.
    _printed: Receiver<String>,
}

impl Node {
    /// Waits until it has announced what it is to.
    pub(crate) fn announced(self) -> Self {
        wait_for("announcements", || {
            let round = &self.status()["announcements"];
            (round["objects"] != 0 || round["private"] != 0).then_some(())
        });
        self
    }

    pub(crate) fn status(&self) -> Value {
        json(&["peer", "status", "--store", &self.store, "--json"])
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &process]).status();
        assert!(sent.expect("kill can be run").success());
    }

    /// Waits until the process has ended.
    pub(crate) fn ended(mut self) -> ExitStatus {
        wait_for("the end of a node", || {
            self.child.try_wait().expect("it is ours")
        })
    }

    /// Ends the node as a service manager does.
    pub(crate) fn terminate(self) {
        self.signal("TERM");
        assert_eq!(self.ended().code(), Some(0));
    }

    /// Ends the node without warning.
    pub(crate) fn kill(self) {
        self.signal("KILL");
        assert_eq!(self.ended().code(), None);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It has ended, or it is of no use any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
