//! A made-up database of a million paths: how much memory importing, asking and collecting take.

use std::{
    fmt::Write as _,
    fs,
    io::{BufWriter, Write},
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use super::{
    options::Options,
    process::netabase,
    race::{self, Goal},
};
use crate::{
    Random,
    report::{head, row},
};

/// How many paths there are.
const PATHS: u32 = 1_000_000;
const QUICK_PATHS: u32 = 50_000;

/// How many of them nothing needs but each other.
const DEAD: u32 = 1000;

/// How many others a path refers to, beside the one that came before it.
const REFERENCES: u32 = 3;

/// Half of the references lead to so many paths, as in real stores.
const POPULAR: u32 = 1000;

/// What a collection and a closure may take at most, in MiB.
const MIB_MAX: f64 = 256.0;

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// Measures memory, and returns tables.
#[must_use]
pub fn run(options: &Options) -> String {
    let folder = tempfile::tempdir_in(&options.folder).unwrap();
    let count = if options.is_quick { QUICK_PATHS } else { PATHS };
    let place = Place::new(folder.path(), count);
    let imported = place.import();
    let closure = |question, from| {
        let arguments = ["query", question, &place.path(from), "--db", &place.db];
        measured(&place.netabase(&arguments), |_| {})
    };
    let last = count - 1;
    let works = [
        ("import path-info", imported, None),
        ("query requisites", closure("requisites", last), Some(count)),
        (
            "query referrers-closure",
            closure("referrers-closure", 0),
            Some(count),
        ),
        ("store gc", place.collect(), Some(DEAD)),
    ];
    let mut table = head("work", &["peak, MiB", "seconds", "paths found or deleted"]);
    let mut goals = Vec::new();
    for (name, run, wanted) in works {
        let found = wanted.map_or("-".to_owned(), |wanted| {
            assert_eq!(run.lines, wanted, "{name}");
            let title = format!("{name} of {count} paths");
            goals.push(Goal::below(&title, run.mib, MIB_MAX, "MiB"));
            wanted.to_string()
        });
        let cells = [
            format!("{:.0}", run.mib),
            format!("{:.1}", run.seconds),
            found,
        ];
        row(&mut table, name, cells.into_iter());
    }
    let place = options.folder.display();
    format!("In {place}.\n\n{table}\n{}", race::goals(&goals))
}

/// Where everything lies.
struct Place {
    store: String,
    db: String,
    count: u32,
}

impl Place {
    /// Makes the directories of a store whose files are not there, with a root.
    fn new(folder: &Path, count: u32) -> Self {
        let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        fs::create_dir_all(folder.join("nix/var/nix/db")).unwrap();
        fs::create_dir_all(folder.join("nix/var/nix/gcroots")).unwrap();
        fs::create_dir_all(folder.join("nix/store")).unwrap();
        let place = Self {
            store: folder.to_str().unwrap().to_owned(),
            db: at("nix/var/nix/db/netabase.redb"),
            count,
        };
        let root = place.path(count - 1 - DEAD);
        symlink(root, folder.join("nix/var/nix/gcroots/root")).unwrap();
        place
    }

    fn netabase(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(netabase());
        command.args(arguments);
        command
    }

    fn path(&self, number: u32) -> String {
        let mut digest = String::new();
        let mut random = Random::new(u64::from(number));
        for _ in 0..32 {
            let digit = usize::try_from(random.below(32)).unwrap();
            digest.push(char::from(b"0123456789abcdfghijklmnpqrsvwxyz"[digit]));
        }
        format!("/nix/store/{digest}-package-{number}")
    }

    fn import(&self) -> Run {
        let command = self.netabase(&["import", "path-info", "-", "--db", &self.db]);
        measured(&command, |child| {
            let mut out = BufWriter::new(child.stdin.take().unwrap());
            let mut random = Random::new(1);
            for number in 0..self.count {
                let entry = self.entry(number, &mut random);
                out.write_all(entry.as_bytes()).unwrap();
            }
            out.flush().unwrap();
        })
    }

    /// Returns a line of what `nix path-info --json` prints.
    fn entry(&self, number: u32, random: &mut Random) -> String {
        let mut others: Vec<u32> = number.checked_sub(1).into_iter().collect();
        for turn in 0..REFERENCES.min(number) {
            let most = if turn % 2 == 0 {
                number.min(POPULAR)
            } else {
                number
            };
            others.push(u32::try_from(random.below(u64::from(most))).unwrap());
        }
        let quoted = |other: &u32| format!("\"{}\"", self.path(*other));
        let references = others.iter().map(quoted).collect::<Vec<_>>().join(",");
        let (mut text, path) = (String::new(), self.path(number));
        writeln!(
            text,
            r#"{{"path":"{path}","narHash":"sha256:{number:064x}","narSize":{size},"references":[{references}],"registrationTime":{time}}}"#,
            size = 1000 + number % 1_000_000,
            time = 1_700_000_000 + number,
        )
        .unwrap();
        text
    }

    /// Collects, and returns how many paths were deleted in place of lines.
    fn collect(&self) -> Run {
        let command = self.netabase(&["store", "gc", "--store", &self.store]);
        let before = self.paths();
        let mut run = measured(&command, |_| {});
        run.lines = before - self.paths();
        run
    }

    /// Returns how many paths the database has.
    fn paths(&self) -> u32 {
        let output = self.netabase(&["db", "info", &self.db]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut words = text
            .lines()
            .filter_map(|line| line.strip_prefix("model StorePath:"));
        let line = words.next().unwrap_or_else(|| panic!("no paths in {text}"));
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }
}

/// What a process took.
struct Run {
    mib: f64,
    seconds: f64,
    /// How many lines it printed.
    lines: u32,
}

/// Runs a command that has to succeed; `feed` writes what it reads.
fn measured(command: &Command, feed: impl FnOnce(&mut Child) + Send) -> Run {
    let mut again = Command::new(command.get_program());
    again.args(command.get_args());
    again.stdin(Stdio::piped()).stdout(Stdio::piped());
    let begun = std::time::Instant::now();
    let mut child = again.spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let status = format!("/proc/{}/status", child.id());
    thread::scope(|scope| {
        let lines = scope.spawn(move || {
            let mut text = Vec::new();
            std::io::Read::read_to_end(&mut out, &mut text).unwrap();
            text.iter().filter(|byte| **byte == b'\n').count()
        });
        let peak = scope.spawn(move || peak_kib(&status));
        feed(&mut child);
        drop(child.stdin.take());
        let done = child.wait().unwrap();
        assert!(done.success(), "{command:?}");
        Run {
            seconds: begun.elapsed().as_secs_f64(),
            mib: peak.join().unwrap() as f64 / 1024.0,
            lines: u32::try_from(lines.join().unwrap()).unwrap(),
        }
    })
}

/// Returns the most memory that a process had resident, in KiB, as last seen before it ended.
fn peak_kib(status: &str) -> u64 {
    let mut peak = 0;
    while let Ok(text) = fs::read_to_string(status) {
        // One that has ended has none.
        let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:")) else {
            break;
        };
        peak = line.trim().trim_end_matches(" kB").parse().unwrap();
        thread::sleep(LOOK);
    }
    peak
}
