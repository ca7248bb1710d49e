//! The calls of a process, and how one of them is made to fail or to lie.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::life::{BEGIN, END, LIFE};
use crate::harness::{MARK, ROOT, TASK};

/// The calls that change files, and those that open them.
const KINDS: &str = "openat,write,pwrite64,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,\
     mkdir,mkdirat,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,chmod,fchmod,fchmodat,utimensat";

/// A call of a step.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: String,
    /// How many of its kind its thread had made by then, itself included.
    number: u64,
    /// What it returned.
    result: String,
    /// The step that it belongs to.
    pub(super) step: String,
}

/// What a call returns that is not made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lie {
    Zero,
    /// What it returns when it is made.
    Length,
}

impl Lie {
    pub(super) fn of(self, call: &Call) -> String {
        match self {
            Self::Zero => "retval=0".to_owned(),
            Self::Length => format!("retval={}", call.result),
        }
    }
}

/// What a process did.
pub(super) struct Ran {
    pub(super) said: Vec<String>,
    /// Whether a call failed as it was told to.
    pub(super) is_hit: bool,
    /// What it printed, where it died.
    pub(super) complaint: Option<String>,
    trace: String,
}

/// Lets a process work on a store, and one of its calls fail.
pub(super) fn run(root: &Path, task: &str, failing: Option<(&Call, &str)>) -> Ran {
    let trace = root.with_file_name("trace");
    let aside = root.with_file_name("aside");
    fs::create_dir_all(&aside).expect("a folder");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-s", "64", "-e", "signal=none", "-o"]);
    command.arg(&trace);
    match failing {
        None => drop(command.args(["-e", &format!("trace={KINDS}")])),
        Some((Call { name, number, .. }, how)) => {
            command.args(["-e", &format!("trace={name}")]);
            command.args(["-e", &format!("inject={name}:{how}:when={number}")]);
        }
    }
    command.arg(std::env::current_exe().expect("this program"));
    command.args(["--exact", "failing::life::child", "--nocapture"]);
    command.args(["--test-threads=1"]);
    command
        .env(ROOT, root)
        .env(TASK, task)
        .env("TMPDIR", &aside);
    let done = command.stdin(Stdio::null()).output().expect("a tracer");
    let out = String::from_utf8_lossy(&done.stdout);
    let said = out
        .lines()
        .filter_map(|line| Some(line.split_once(MARK)?.1));
    let complaint = || format!("{} {out}", String::from_utf8_lossy(&done.stderr));
    let trace = fs::read_to_string(&trace).expect("a trace");
    Ran {
        said: said.map(str::to_owned).collect(),
        is_hit: trace.contains("(INJECTED)"),
        complaint: (!done.status.success()).then(complaint),
        trace,
    }
}

/// Returns the calls that a process makes in its steps.
pub(super) fn calls(root: &Path) -> Vec<Call> {
    let ran = run(root, LIFE, None);
    assert_eq!(ran.complaint, None);
    assert!(
        !ran.said.iter().any(|said| said.starts_with("failed")),
        "{:?}",
        ran.said
    );
    let calls = within_steps(&ran.trace);
    assert!(calls.len() > 300, "{}", calls.len());
    calls
}

fn within_steps(trace: &str) -> Vec<Call> {
    let mut counts: HashMap<(&str, &str), u64> = HashMap::new();
    let mut step: Option<String> = None;
    let mut calls = Vec::new();
    for line in trace.lines() {
        let (thread, line) = line.split_once(' ').expect("a thread and what it did");
        let line = line.trim_start();
        let Some((name, rest)) = line.split_once('(') else {
            continue;
        };
        if line.starts_with("<...") || line.starts_with("+++") {
            continue;
        }
        let number = counts.entry((thread, name)).or_default();
        *number += 1;
        if rest.starts_with("1, ") {
            if let Some((_, name)) = rest.split_once(BEGIN) {
                // A line that is too long is cut.
                let name = name.split(['\\', '"']).next();
                step = name.map(str::to_owned);
            } else if rest.contains(END) {
                step = None;
            }
            continue;
        }
        let result = rest.rsplit_once(" = ").map_or("?", |(_, result)| result);
        let has_failed = result.starts_with('-') || result.starts_with('?');
        if let Some(step) = step.clone().filter(|_| !has_failed) {
            calls.push(Call {
                step,
                name: name.to_owned(),
                number: *number,
                result: result.to_owned(),
            });
        }
    }
    calls
}
