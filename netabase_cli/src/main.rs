//! The command `netabase`: imports and queries what Nix knows about its paths, and looks after
//! netabase stores.
//!
//! Exit status: 0 when done, 1 after an error (one line on standard error), 2 for a usage error.

mod args;
mod db;
mod drv;
mod engine;
mod error;
mod export;
mod hash;
mod import;
mod key;
mod manual;
mod nar;
#[cfg(feature = "peers")]
mod peer;
mod query;
mod quiet;
mod store;

use std::{
    io::{self, BufWriter, Write},
    process::ExitCode,
};

use clap::Parser;

use crate::{
    args::{Arguments, Command},
    error::{Error, Result},
};

/// How many bytes are written at once: as many as a pipe holds.
const OUTPUT_BYTES: usize = 1 << 16;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = BufWriter::with_capacity(OUTPUT_BYTES, io::stdout().lock());
    let done = quiet::quietly(|| run(arguments.command, &mut out));
    let done = done.and_then(|()| out.flush().map_err(Error::Output));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has had enough of it.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed too.
            let _ = writeln!(io::stderr().lock(), "netabase: {}", error.line());
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, out: &mut dyn Write) -> Result<()> {
    match command {
        Command::Import(args) => import::run(args, out),
        Command::Export(args) => export::run(args, out),
        Command::Query(args) => query::run(args, out),
        Command::Key(args) => key::run(args, out),
        Command::Db(args) => db::run(args, out),
        Command::Hash(args) => hash::run(&args, out),
        Command::Nar(args) => nar::run(&args, out),
        Command::Drv(args) => drv::run(&args, out),
        Command::Store(args) => store::run(&args, out),
        #[cfg(feature = "peers")]
        Command::Peer(args) => peer::run(&args, out),
        Command::Completions(args) => manual::completions(args, out),
        Command::Man(args) => manual::man(&args, out),
    }
}
