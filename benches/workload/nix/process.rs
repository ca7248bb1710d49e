//! Commands that are measured from their start to their end.

use std::{
    collections::hash_map::DefaultHasher,
    fs::File,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// Returns the command of this build, which lies beside the benchmarks.
#[must_use]
pub fn netabase() -> PathBuf {
    let bench = std::env::current_exe().unwrap();
    let release = bench.parent().and_then(Path::parent).unwrap();
    let netabase = release.join("netabase");
    assert!(
        netabase.is_file(),
        "there is no {}: cargo build --release -p netabase_cli",
        netabase.display()
    );
    netabase
}

/// Returns whether there is a real Nix.
#[must_use]
pub fn has_nix() -> bool {
    let version = Command::new("nix-store").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// Runs a command that has to succeed, and returns a number over the lines that it printed, in
/// whatever order, and the seconds it took.
#[must_use]
pub fn timed(program: &Path, arguments: &[&str], input: Option<&Path>) -> (u64, f64) {
    let mut command = Command::new(program);
    command.args(arguments).env_remove("NIX_REMOTE");
    let input = input.map(|file| File::open(file).unwrap());
    command.stdin(input.map_or_else(Stdio::null, Stdio::from));
    let begun = Instant::now();
    let output = command.output().unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    (over_lines(&output.stdout), seconds)
}

/// Runs a command that has to succeed.
pub fn run(command: &mut Command) {
    let output = command.env_remove("NIX_REMOTE").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
}

fn over_lines(text: &[u8]) -> u64 {
    let lines = text.split(|byte| *byte == b'\n');
    let hash = |line: &[u8]| {
        let mut hasher = DefaultHasher::new();
        line.hash(&mut hasher);
        hasher.finish()
    };
    lines.map(hash).fold(0, u64::wrapping_add)
}
