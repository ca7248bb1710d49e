//! Processes at work, and the moment at which they are killed.

use std::{
    env, fs,
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Where a child works, and what it is told beside.
pub(crate) const ROOT: &str = "NETABASE_KILL_ROOT";
pub(crate) const TASK: &str = "NETABASE_KILL_TASK";

/// Repeats the moments of an earlier run.
const SEED: &str = "NETABASE_KILL_SEED";

/// The most changes of a store's directories that are waited for.
#[cfg(target_os = "linux")]
const FILE_CHANGES_MAX: u64 = 40;

/// What stands before what a child says, which may come after what its test harness says.
pub(crate) const MARK: &str = "child says ";

/// What a child says before it opens anything, before its first step, and after its last.
const READY: &str = "ready";
const BEGUN: &str = "begun";
const ENDED: &str = "ended";

/// What a child was told.
pub(crate) struct Told {
    pub(crate) root: PathBuf,
    pub(crate) task: String,
}

/// Returns what this process was told; nothing where it is no child.
pub(crate) fn told() -> Option<Told> {
    let root = env::var_os(ROOT)?.into();
    let task = env::var(TASK).expect("a task");
    say(READY);
    Some(Told { root, task })
}

/// Whether this process is one that is to be killed.
pub(crate) fn is_child() -> bool {
    env::var_os(ROOT).is_some()
}

pub(crate) fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    // In one piece: who is killed has said all of it, or nothing.
    let line = format!("{MARK}{what}\n");
    out.write_all(line.as_bytes()).expect("somebody listens");
    out.flush().expect("somebody listens");
}

/// Says that the work begins, which it does now, and that it is done.
pub(crate) fn at_work(work: impl FnOnce()) {
    say(BEGUN);
    work();
    say(ENDED);
}

/// Numbers that look random and depend on a seed alone.
pub(crate) struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    fn new() -> Self {
        Self::of(RandomState::new().hash_one(0))
    }

    /// Begins with a seed, unless an earlier run is repeated.
    pub(crate) fn of(seed: u64) -> Self {
        let seed = match env::var(SEED) {
            Ok(seed) => seed.parse().expect("the seed is a number"),
            Err(_) => seed,
        };
        Self { seed, state: seed }
    }

    /// Returns a number below another.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    fn moment(&mut self, end: Duration) -> Duration {
        let micros = u64::try_from(end.as_micros()).expect("not for ever");
        Duration::from_micros(self.below(micros))
    }
}

impl Drop for Chance {
    #[expect(
        clippy::print_stderr,
        reason = "a test that fails says how to repeat it"
    )]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the moments of this run: {SEED}={}", self.seed);
        }
    }
}

/// Another process at work.
pub(crate) struct Other {
    child: Child,
    out: BufReader<ChildStdout>,
    said: Vec<String>,
}

impl Other {
    /// Starts this program again, to run one test alone.
    pub(crate) fn start(test: &str, root: &Path, task: &str) -> Self {
        // What it makes beside goes with the folder.
        fs::create_dir_all(root).expect("a folder");
        let mut command = Command::new(env::current_exe().expect("this program"));
        command
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(ROOT, root)
            .env("TMPDIR", root)
            .env(TASK, task);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let said = Vec::new();
        Self { child, out, said }
    }

    /// Waits until the process says something, and returns whether it did.
    fn listen(&mut self) -> bool {
        let mut line = String::new();
        while self.out.read_line(&mut line).expect("UTF-8") > 0 {
            if let Some((_, said)) = line.split_once(MARK) {
                self.said.push(said.trim_end().to_owned());
                return true;
            }
            line.clear();
        }
        false
    }

    fn listen_for(&mut self, what: &str) {
        while self.listen() {
            if self.said.last().is_some_and(|said| said == what) {
                return;
            }
        }
    }

    fn kill(mut self) -> Killed {
        self.child.kill().expect("it is ours");
        self.finish()
    }

    /// Waits for the end of the process.
    pub(crate) fn finish(mut self) -> Killed {
        while self.listen() {}
        let mut complaint = String::new();
        let mut errors = self.child.stderr.take().expect("a pipe");
        errors.read_to_string(&mut complaint).expect("UTF-8");
        let status = self.child.wait().expect("it ends");
        // Nobody else kills it, and otherwise its own test did not fail.
        assert!(
            status.success() || status.code().is_none(),
            "{complaint} {:?}",
            self.said
        );
        let mut said = self.said;
        let has_begun = said.iter().any(|said| said == BEGUN);
        let has_ended = said.iter().any(|said| said == ENDED);
        said.retain(|said| ![READY, BEGUN, ENDED].contains(&said.as_str()));
        Killed {
            said,
            has_ended,
            is_hit: has_begun && !has_ended,
        }
    }
}

/// What is known of a process that is dead.
pub(crate) struct Killed {
    /// What it said of its work.
    pub(crate) said: Vec<String>,
    /// Whether it came to the end of its work.
    pub(crate) has_ended: bool,
    /// Whether it died at work: after it had begun, and before it was done.
    pub(crate) is_hit: bool,
}

/// The same work, killed many times.
pub(crate) struct Campaign {
    pub(crate) chance: Chance,
    test: &'static str,
    /// How many are to die at work.
    kills: u32,
    hits: u32,
    tries: u32,
    /// The most things that a process says before it is killed.
    steps: u64,
    /// What lies between two of them, about.
    step: Duration,
    /// How far into the work the latest moments lie, in thousandths: less after each that was too
    /// late.
    reach: u64,
}

impl Campaign {
    pub(crate) fn new(test: &'static str, kills: u32, steps: u64) -> Self {
        Self {
            chance: Chance::new(),
            test,
            kills,
            hits: 0,
            tries: 0,
            steps,
            step: Duration::from_millis(2),
            reach: 1000,
        }
    }

    /// Whether more are to die.
    ///
    /// Who was dead before, or done, proves nothing, and most have to prove something.
    pub(crate) fn goes_on(&self) -> bool {
        let missed = self.tries - self.hits;
        assert!(
            missed <= 5 + self.kills / 4,
            "{missed} of {} were not at work when they were killed",
            self.tries
        );
        self.hits < self.kills
    }

    /// Starts a process and kills it: at times once it has said a number of things and a moment has
    /// passed, at times when it has been at work for a while.
    pub(crate) fn kill(&mut self, root: &Path, task: &str) -> Killed {
        let other = Other::start(self.test, root, task);
        self.kill_started(other)
    }

    /// Does the same in a store's folder, where it also waits for what becomes of its files.
    pub(crate) fn kill_in_store(&mut self, root: &Path, task: &str) -> Killed {
        #[cfg(target_os = "linux")]
        if self.tries % 3 == 2 {
            let watch = crate::watch::Watch::new(root);
            let mut other = Other::start(self.test, root, task);
            other.listen_for(BEGUN);
            let count = self.chance.below(FILE_CHANGES_MAX * self.reach) / 1000;
            let steps = u32::try_from(self.steps).expect("few");
            watch.wait(1 + count, self.step * steps);
            return self.finish(other);
        }
        self.kill(root, task)
    }

    pub(crate) fn kill_started(&mut self, mut other: Other) -> Killed {
        if self.tries % 16 == 15 {
            // While it opens what it is to work at.
            other.listen_for(READY);
            thread::sleep(self.chance.moment(self.step));
        } else {
            other.listen_for(BEGUN);
            let thousandths = self.chance.below(self.steps * self.reach);
            let pause = match self.tries % 2 {
                0 => self.step * u32::try_from(thousandths).expect("few") / 1000,
                _ => {
                    self.hear(&mut other, thousandths / 1000);
                    self.chance.moment(self.step)
                }
            };
            // Not a wait for something to happen: the moment at which it dies.
            thread::sleep(pause);
        }
        self.finish(other)
    }

    fn finish(&mut self, other: Other) -> Killed {
        self.tries += 1;
        let killed = other.kill();
        self.hits += u32::from(killed.is_hit);
        match killed.has_ended {
            true => self.reach = self.reach * 7 / 8,
            false => self.reach += (1000 - self.reach) / 16,
        }
        killed
    }

    /// Waits until a process has said a number of things, and learns how long that takes.
    fn hear(&mut self, other: &mut Other, count: u64) {
        let begun = Instant::now();
        let heard = (0..count).take_while(|_| other.listen()).count();
        if let Ok(heard @ 1..) = u32::try_from(heard) {
            self.step = (self.step * 3 + begun.elapsed() / heard) / 4;
        }
    }
}
