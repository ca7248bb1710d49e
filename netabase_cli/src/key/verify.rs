//! `netabase key verify`: which paths of a store have a valid signature.

use std::{
    io::{self, Write},
    time::Instant,
};

use netabase_store::{Store, backends::Backend};
use nix_core::signature::TrustedKeys;
use nix_store::db::models::{StoreDefinition, StorePath};
use serde_json::json;

use crate::{
    engine::{Mode, Task, with_store},
    error::{Error, Result, one_line},
    key::{
        KeyError, VerifyArgs,
        lanes::in_order,
        sign::rows,
        trusted,
        verdict::{Failure, Reason, Verdict, check},
    },
};

/// Checks the paths that the arguments name, and prints those that fail and a summary.
pub(super) fn run(args: &VerifyArgs, out: &mut dyn Write) -> Result<()> {
    let keys = trusted::read(&args.trusted_key)?;
    let store = &args.store;
    let task = Verify { args, keys, out };
    let counts = with_store(&store.db, store.engine, Mode::Read, task)?;
    if counts.wrong() == 0 {
        return Ok(());
    }
    out.flush().map_err(Error::Output)?;
    Err(Error::Key(KeyError::Untrusted {
        wrong: counts.wrong(),
        checked: counts.checked(),
        db: store.db.clone(),
    }))
}

struct Verify<'a> {
    args: &'a VerifyArgs,
    keys: TrustedKeys,
    out: &'a mut dyn Write,
}

impl Task for Verify<'_> {
    type Output = Counts;

    fn run<B: Backend>(self, store: &Store<StoreDefinition, B>) -> Result<Counts> {
        let start = Instant::now();
        let (dir, json) = (&self.args.store.store_dir, self.args.json);
        let txn = store.begin_read()?;
        let tree = txn.open_tree::<StorePath>();
        let rows = rows(tree, &self.args.paths, &self.args.store.db)?;
        let mut counts = Counts::default();
        if json {
            self.out
                .write_all(b"{\"failures\":[")
                .map_err(Error::Output)?;
        }
        in_order(
            rows,
            |row| check(row, dir, &self.keys),
            |verdict| {
                let first = counts.wrong() == 0;
                counts.add(&verdict);
                let Verdict::Wrong(failure) = verdict else {
                    return Ok(());
                };
                print(&failure, json, first, self.out).map_err(Error::Output)
            },
        )?;
        let printed = if json {
            counts.print_json(self.out)
        } else {
            counts.print(start, self.out)
        };
        printed.map_err(Error::Output)?;
        Ok(counts)
    }
}

fn print(failure: &Failure, json: bool, first: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        let comma = if first { "" } else { "," };
        return write!(out, "{comma}{}", failure.to_json());
    }
    let (path, reason) = (&failure.path, &failure.reason);
    let line = format!("{}: {path}: {reason}", reason.word());
    writeln!(out, "{}", one_line(&line))
}

/// How many paths there are of each kind.
#[derive(Debug, Default)]
struct Counts {
    signed: u64,
    content_addressed: u64,
    invalid: u64,
    untrusted: u64,
    unsigned: u64,
    malformed: u64,
}

impl Counts {
    fn add(&mut self, verdict: &Verdict) {
        let count = match verdict {
            Verdict::Signed => &mut self.signed,
            Verdict::ContentAddressed => &mut self.content_addressed,
            Verdict::Wrong(failure) => match failure.reason {
                Reason::Invalid(_) => &mut self.invalid,
                Reason::Untrusted(_) => &mut self.untrusted,
                Reason::Unsigned => &mut self.unsigned,
                Reason::Malformed(_) => &mut self.malformed,
            },
        };
        *count += 1;
    }

    fn valid(&self) -> u64 {
        self.signed + self.content_addressed
    }

    fn wrong(&self) -> u64 {
        self.invalid + self.untrusted + self.unsigned + self.malformed
    }

    fn checked(&self) -> u64 {
        self.valid() + self.wrong()
    }

    fn print(&self, start: Instant, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "checked {} paths in {:.1} s: {} valid ({} signed, {} content-addressed), {} invalid, \
             {} untrusted, {} unsigned, {} malformed",
            self.checked(),
            start.elapsed().as_secs_f64(),
            self.valid(),
            self.signed,
            self.content_addressed,
            self.invalid,
            self.untrusted,
            self.unsigned,
            self.malformed,
        )
    }

    /// Ends the object that the failures stand in.
    fn print_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let counts = json!({
            "checked": self.checked(),
            "signed": self.signed,
            "contentAddressed": self.content_addressed,
            "invalid": self.invalid,
            "untrusted": self.untrusted,
            "unsigned": self.unsigned,
            "malformed": self.malformed,
        });
        let counts = counts.to_string();
        let members = counts.strip_prefix('{').expect("it is an object");
        writeln!(out, "],{members}")
    }
}
