//! Which lines of the four libraries the tests run: builds them with counters, runs their tests, and
//! writes what was counted into `RELIABILITY.md`.
//!
//! This program is the compiler's wrapper too, so that the crates of the workspace alone have
//! counters. The compiler loads `netabase_macros` as it builds the tests, which counts what they use;
//! `macros_ui` starts compilers without counters and is left out, its mistakes are unit tests too.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    lines::{self, File},
    report, runs,
};

/// Set while this program stands in front of the compiler.
const WRAPS: &str = "NETABASE_COVERAGE_WRAPS";

/// Where the table begins; it ends as the others do.
const TABLE: &str = "<!-- coverage -->\n";

/// The crates whose lines are counted.
const CRATES: [&str; 4] = ["netabase_macros", "netabase_store", "nix_core", "nix_io"];

/// How many lines of a crate are to be covered, in percent.
const PERCENT_MIN: f64 = 95.0;

/// What is run: the arguments of `cargo test` for each build.
const BUILDS: [&[&str]; 2] = [
    &[
        "-p=netabase_macros",
        "-p=netabase_store",
        "-p=nix_core",
        "-p=nix_io",
        "-p=netabase_tests",
        "-p=record_store_tests",
        "--features=netabase_store/libp2p,netabase_store/sled,netabase_store/time",
        "--features=netabase_store/uuid,nix_core/test,nix_io/compression,nix_io/tokio",
        "--lib",
        "--test=suite",
        "--test=compression",
        "--test=backend_crud_tests",
        "--test=cross_store_compat_tests",
        "--test=record_store_tests",
        "--test=reliability_tests",
        "--test=sled_store_tests",
        "--test=swarm_tests",
    ],
    // The library in C takes the place of the decoder in Rust.
    &["-p=nix_io", "--all-features", "--lib", "--test=compression"],
];

/// Builds, runs and counts. With `list`, prints the lines that no test ran.
pub(crate) fn run(list: bool) -> Result<bool, String> {
    let tools = Tools::find()?;
    let target = target_folder()?;
    let folder = target.join("coverage");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .map_err(|error| format!("empty {}: {error}", folder.display()))?;
    }
    let mut programs = Vec::new();
    for build in BUILDS {
        programs.extend(built(build, &folder)?);
        test(build, &folder)?;
    }
    let files = lines::read(&tools.export(&folder, &programs)?, &runs::root(), &CRATES)?;
    if list {
        files.iter().for_each(print_missed);
    }
    report::put(TABLE, &table(&files))?;
    println!("{}", table(&files));
    Ok(CRATES
        .iter()
        .all(|name| lines::sum(&files, name).percent() >= PERCENT_MIN))
}

/// Runs the compiler for cargo, with counters, where this program was started for that.
pub(crate) fn wrap() -> Option<Result<bool, String>> {
    std::env::var_os(WRAPS)?;
    let mut words = std::env::args_os().skip(1);
    let compiler = words.next()?;
    let status = Command::new(compiler)
        .args(words)
        .args(["-C", "instrument-coverage"])
        .status();
    Some(
        status
            .map(|status| status.success())
            .map_err(|error| format!("start rustc: {error}")),
    )
}

fn cargo(folder: &Path) -> Result<Command, String> {
    let wrapper = std::env::current_exe().map_err(|error| format!("find this program: {error}"))?;
    let mut cargo = Command::new("cargo");
    cargo
        .arg("test")
        .current_dir(runs::root())
        .env("RUSTC_WORKSPACE_WRAPPER", wrapper)
        .env(WRAPS, "1")
        // So many processes at once add to files of their own.
        .env("LLVM_PROFILE_FILE", folder.join("%8m.profraw"));
    Ok(cargo)
}

/// Builds the tests, and returns the programs and libraries that have counters.
fn built(build: &[&str], folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut cargo = cargo(folder)?;
    cargo
        .args(build)
        .args(["--no-run", "--message-format=json"])
        .stderr(Stdio::inherit());
    let output = cargo
        .output()
        .map_err(|error| format!("start cargo: {error}"))?;
    if !output.status.success() {
        return Err("the tests do not compile".to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(program).flatten().collect())
}

/// Returns what a message of cargo says that was built, if it was a test or a macro.
fn program(message: &str) -> Option<Vec<PathBuf>> {
    let message: Value = serde_json::from_str(message).ok()?;
    if let Some(program) = message.get("executable")?.as_str() {
        return Some(vec![program.into()]);
    }
    let target = message.get("target")?;
    (target.get("name")? == "netabase_macros").then_some(())?;
    let files = message.get("filenames")?.as_array()?.iter();
    Some(files.filter_map(Value::as_str).map(PathBuf::from).collect())
}

fn test(build: &[&str], folder: &Path) -> Result<(), String> {
    let status = cargo(folder)?
        .args(build)
        .arg("--no-fail-fast")
        .args(["--", "--quiet"])
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("a test failed".to_owned()),
        Err(error) => Err(format!("start cargo: {error}")),
    }
}

fn target_folder() -> Result<PathBuf, String> {
    let metadata = output("cargo", &["metadata", "--no-deps", "--format-version=1"])?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| format!("read cargo metadata: {error}"))?;
    let folder = metadata.get("target_directory").and_then(Value::as_str);
    Ok(folder.ok_or("cargo names no target folder")?.into())
}

fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(runs::root())
        .output();
    let output = output.map_err(|error| format!("start {program}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{program} {}: {said}", arguments.join(" ")));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("read what {program} says: {error}"))
}

/// The tools of the compiler's own LLVM: others do not read what its counters write.
struct Tools(PathBuf);

impl Tools {
    fn find() -> Result<Self, String> {
        let sysroot = output("rustc", &["--print=sysroot"])?;
        let host = output("rustc", &["--print=host-tuple"])?;
        let folder = Path::new(sysroot.trim())
            .join("lib/rustlib")
            .join(host.trim())
            .join("bin");
        if folder.join("llvm-cov").exists() {
            return Ok(Self(folder));
        }
        Err("llvm-cov is missing: run `rustup component add llvm-tools`".to_owned())
    }

    fn run(&self, tool: &str, arguments: &[OsString]) -> Result<String, String> {
        let output = Command::new(self.0.join(tool)).args(arguments).output();
        let output = output.map_err(|error| format!("start {tool}: {error}"))?;
        if !output.status.success() {
            return Err(format!(
                "{tool}: {}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        String::from_utf8(output.stdout).map_err(|error| format!("read what {tool} says: {error}"))
    }

    /// Returns what was counted, in the format of lcov.
    fn export(&self, folder: &Path, programs: &[PathBuf]) -> Result<String, String> {
        let entries = fs::read_dir(folder).map_err(|error| format!("read counters: {error}"))?;
        let merged = folder.join("all.profdata");
        let mut arguments: Vec<OsString> = vec!["merge".into(), "--sparse".into()];
        for entry in entries {
            let entry = entry.map_err(|error| format!("read counters: {error}"))?;
            arguments.push(entry.path().into());
        }
        arguments.extend(["-o".into(), merged.clone().into()]);
        self.run("llvm-profdata", &arguments)?;
        let mut arguments: Vec<OsString> = vec!["export".into(), "--format=lcov".into()];
        arguments.extend(["--instr-profile".into(), merged.into()]);
        for program in programs {
            arguments.extend(["--object".into(), program.into()]);
        }
        self.run("llvm-cov", &arguments)
    }
}

fn table(files: &[File]) -> String {
    let mut table =
        String::from("| crate | lines | run by a test | |\n| --- | --- | --- | --- |\n");
    for name in CRATES {
        let sum = lines::sum(files, name);
        let (all, run) = (report::grouped(sum.all), report::grouped(sum.run));
        table.push_str(&format!(
            "| `{name}` | {all} | {run} | {:.1} % |\n",
            sum.percent()
        ));
    }
    table
}

fn print_missed(file: &File) {
    let missed = file.missed();
    if !missed.is_empty() {
        let sum = file.sum();
        println!(
            "{:5.1} % of {:4}  {}: {missed}",
            sum.percent(),
            sum.all,
            file.path.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_macros_have_counters_and_other_libraries_are_in_them() {
        let message = |name: &str, executable: &str| {
            format!(
                r#"{{"target": {{"name": "{name}"}}, "filenames": ["/a"], "executable": {executable}}}"#
            )
        };
        assert_eq!(
            program(&message("suite", "\"/b\"")),
            Some(vec!["/b".into()])
        );
        assert_eq!(
            program(&message("netabase_macros", "null")),
            Some(vec!["/a".into()])
        );
        assert_eq!(program(&message("nix_core", "null")), None);
        assert_eq!(program("warning: not JSON"), None);
    }
}
