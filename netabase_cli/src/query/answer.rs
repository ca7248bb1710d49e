//! What a question is answered with.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use nix_core::store_path;
use nix_store::{
    StoreDir,
    db::{Closure, models::StorePath},
    path_info,
};
use serde_json::{Value, json};

/// An answer.
pub(super) enum Answer {
    Info(Box<StorePath>),
    Paths(Vec<String>),
    Closure(Closure),
    /// Valid paths, and the directory that they are printed with.
    Valid(BTreeSet<store_path::StorePath>, StoreDir),
    Deriver(Option<String>),
    /// Outputs of a derivation by name; those that are not known have no path.
    Outputs(Vec<(String, Option<String>)>),
}

impl Answer {
    /// Prints lines.
    pub(super) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Info(path) => print_info(path, out),
            Self::Paths(paths) => paths.iter().try_for_each(|path| writeln!(out, "{path}")),
            Self::Closure(paths) => paths.iter().try_for_each(|path| {
                out.write_all(path.as_bytes())?;
                out.write_all(b"\n")
            }),
            Self::Valid(paths, dir) => paths
                .iter()
                .try_for_each(|path| writeln!(out, "{}", dir.display(path))),
            Self::Deriver(deriver) => {
                writeln!(out, "{}", deriver.as_deref().unwrap_or("unknown-deriver"))
            }
            Self::Outputs(outputs) => outputs.iter().try_for_each(|(name, path)| match path {
                Some(path) => writeln!(out, "{path}"),
                None => writeln!(out, "{name}: unknown until built"),
            }),
        }
    }

    /// Prints one line of JSON.
    pub(super) fn print_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let value: Value = match self {
            Self::Info(path) => json!({ path.path.clone(): path_info::to_json(path) }),
            Self::Paths(paths) => json!(paths),
            Self::Closure(paths) => paths.iter().collect(),
            Self::Valid(paths, dir) => paths.iter().map(|path| dir.print(path)).collect(),
            Self::Deriver(deriver) => json!(deriver),
            Self::Outputs(outputs) => {
                let outputs = outputs
                    .iter()
                    .map(|(name, path)| (name.clone(), json!(path)));
                Value::Object(outputs.collect())
            }
        };
        writeln!(out, "{value}")
    }
}

fn print_info(path: &StorePath, out: &mut dyn Write) -> io::Result<()> {
    let mut line = |name: &str, text: &str| writeln!(out, "{name:<16}{text}");
    line("path", &path.path)?;
    line("nar hash", &path.nar_hash)?;
    line("nar size", &path.nar_size.to_string())?;
    if path.registration_time != 0 {
        line("registered", &path.registration_time.to_string())?;
    }
    path.deriver
        .iter()
        .try_for_each(|deriver| line("deriver", deriver))?;
    path.references
        .iter()
        .try_for_each(|reference| line("reference", reference))?;
    path.signatures
        .iter()
        .try_for_each(|signature| line("signature", signature))?;
    path.content_address
        .iter()
        .try_for_each(|address| line("content address", address))?;
    line("ultimate", if path.ultimate { "yes" } else { "no" })
}
