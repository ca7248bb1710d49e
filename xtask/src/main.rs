//! `cargo xtask`: the harnesses at length, and an account of what was run.
//!
//! `soak` runs them for some minutes and appends a line a harness to `xtask/runs.tsv`; `report` makes
//! the tables of `RELIABILITY.md` from that file alone; `replay` runs one seed again; `planted` shows
//! that every planted bug is found; `coverage` counts the lines that tests run; `fuzz` runs the fuzz
//! targets at length.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command that people run"
)]

mod coverage;
mod fuzz;
mod lines;
mod report;
mod runs;
mod soak;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use netabase_harness::{Harness, Plant, kills, records};

/// How many seeds a planted bug has to show in.
const PLANTED_SEEDS: u64 = 40;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Runs the harnesses, and keeps account of it"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the harnesses in turn, and appends what was run to the log and to RELIABILITY.md.
    Soak {
        /// How many minutes all of them take together.
        #[arg(long, default_value_t = 5)]
        minutes: u64,
        /// The first seed; each harness goes on from it. Short workloads go on where the log ends.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// One harness instead of all.
        #[arg(long, value_parser = harness)]
        only: Option<Harness>,
        /// Writes nothing down.
        #[arg(long)]
        dry: bool,
    },
    /// Runs one seed of a harness again.
    Replay {
        /// The harness.
        #[arg(value_parser = harness)]
        harness: Harness,
        /// The seed.
        seed: u64,
    },
    /// Plants every bug, and fails unless every harness that is to find it does.
    Planted,
    /// Makes the tables of RELIABILITY.md from the log.
    Report,
    /// Runs the tests of four libraries with counters, and writes the sums to RELIABILITY.md.
    Coverage {
        /// Prints which lines no test ran.
        #[arg(long)]
        list: bool,
    },
    /// Fuzzes all targets in turn, and appends what was run to fuzz/runs.tsv and to RELIABILITY.md.
    Fuzz {
        /// How many minutes all of them take together, without their builds.
        #[arg(long, default_value_t = 10)]
        minutes: u64,
        /// One target instead of all.
        #[arg(long)]
        only: Option<String>,
    },
    /// Writes until it is killed.
    #[command(hide = true)]
    Child,
}

fn harness(name: &str) -> Result<Harness, String> {
    let names = Harness::ALL.map(Harness::name).join(", ");
    Harness::named(name).ok_or_else(|| format!("the harnesses are {names}"))
}

/// Starts this program again as the child that is killed.
fn child() -> std::process::Command {
    let program = std::env::current_exe().unwrap_or_else(|_| "xtask".into());
    let mut command = std::process::Command::new(program);
    command.arg("child");
    command
}

fn main() -> ExitCode {
    let done = coverage::wrap().unwrap_or_else(|| run(Arguments::parse().command));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<bool, String> {
    match command {
        Command::Soak {
            minutes,
            seed,
            only,
            dry,
        } => soak::run(minutes, seed, only, dry),
        Command::Replay { harness, seed } => replay(harness, seed),
        Command::Planted => planted(),
        Command::Report => report::write().map(|()| true),
        // One of them has work to do.
        Command::Child => kills::child()
            .and_then(|()| records::kills::child())
            .map(|()| true)
            .map_err(|error| format!("{error:?}")),
        Command::Coverage { list } => coverage::run(list),
        Command::Fuzz { minutes, only } => fuzz::run(minutes, only.as_deref()),
    }
}

fn replay(harness: Harness, seed: u64) -> Result<bool, String> {
    match harness.run(seed, None, &child) {
        Ok(tally) => println!(
            "{}, seed {seed}: nothing is wrong, {tally:?}",
            harness.name()
        ),
        Err(violation) => println!("{violation}"),
    }
    Ok(true)
}

fn planted() -> Result<bool, String> {
    // A found bug is often a panic, and there are many.
    std::panic::set_hook(Box::new(|_| ()));
    let mut is_all_found = true;
    for plant in Plant::ALL {
        for harness in plant.harnesses() {
            let mut seeds = 0..PLANTED_SEEDS;
            let found = seeds.find_map(|seed| harness.run(seed, Some(*plant), &child).err());
            is_all_found &= found.is_some();
            let found = found.map_or("MISSED".to_owned(), |violation| {
                let what: String = violation.what.chars().take(100).collect();
                format!("seed {}: {what}", violation.seed)
            });
            println!(
                "{}\t{}\t{}",
                plant.name(),
                harness.name(),
                found.replace('\n', " ")
            );
        }
    }
    Ok(is_all_found)
}
