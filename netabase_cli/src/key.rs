//! `netabase key`: keys for signatures, and the signatures of the paths in a store.

mod error;
mod lanes;
mod secret;
mod sign;
mod trusted;
mod verdict;
mod verify;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use nix_core::{
    signature::{KeyName, SecretKey},
    store_path::StoreDir,
};

use crate::{
    engine::EngineArg,
    error::{Error, Result},
};

#[cfg(feature = "peers")]
pub(crate) use self::secret::read as secret_key;
pub(crate) use self::{error::KeyError, trusted::read as trusted_keys};

/// The arguments of `key`.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a secret key, as `nix key generate-secret` does
    Generate(GenerateArgs),
    /// Print the public key of a secret key, as `nix key convert-secret-to-public` does
    Public(PublicArgs),
    /// Sign paths and store the signatures beside those that are there
    ///
    /// What is signed is what the store says of a path: that its files have this hash nobody checks
    /// here.
    Sign(SignArgs),
    /// Check the signatures of paths; the exit status is 1 when a path has no valid one
    ///
    /// A path is valid when one of the trusted keys signed it, or when its name follows from its
    /// content address, which needs no signature. Other paths are listed with the reason, sorted.
    /// That a path is marked as built here (`ultimate`) counts for nothing: the import said so, and
    /// nobody signed that.
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
struct GenerateArgs {
    /// The name that the key and its signatures bear, such as cache.example.org-1
    #[arg(long, value_name = "NAME")]
    key_name: KeyName,
    /// Write the secret key to a new file that only its owner can read, and print the public key;
    /// without this the secret key is printed
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct PublicArgs {
    /// The file of the secret key; `-` for standard input
    #[arg(default_value = "-")]
    file: PathBuf,
}

#[derive(Debug, Args)]
struct StoreArgs {
    /// The store
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// The engine of the store, which says itself what it is
    #[arg(long)]
    engine: Option<EngineArg>,
    /// The folder that all paths of the store lie in
    #[arg(long, value_name = "DIR", default_value = "/nix/store", value_parser = StoreDir::new)]
    store_dir: StoreDir,
}

#[derive(Debug, Args)]
struct SignArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The file of the secret key; `-` for standard input
    #[arg(long, value_name = "SECRET")]
    key_file: PathBuf,
    /// Sign every path of the store
    #[arg(long, conflicts_with = "paths")]
    all: bool,
    /// The paths to sign: in full, by base name, or by the 32 characters of hash
    #[arg(value_name = "PATH", required_unless_present = "all")]
    paths: Vec<String>,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// A public key, or a file of public keys separated by white space; may be given several times
    #[arg(long, value_name = "KEY", required = true)]
    trusted_key: Vec<String>,
    /// Report in JSON
    #[arg(long)]
    json: bool,
    /// The paths to check: in full, by base name, or by the 32 characters of hash; all by default
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
}

/// Does what the arguments say.
pub(crate) fn run(args: KeyArgs, out: &mut dyn Write) -> Result<()> {
    match args.action {
        Action::Generate(args) => generate(&args, out),
        Action::Public(args) => public(&args.file, out),
        Action::Sign(args) => sign::run(&args, out),
        Action::Verify(args) => verify::run(&args, out),
    }
}

fn generate(args: &GenerateArgs, out: &mut dyn Write) -> Result<()> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(KeyError::Random)?;
    let key = SecretKey::from_seed(args.key_name.clone(), &seed);
    let printed = match &args.output {
        None => writeln!(out, "{}", key.to_secret_text()),
        Some(path) => {
            secret::write(path, &key)?;
            writeln!(out, "{}", key.public_key())
        }
    };
    printed.map_err(Error::Output)
}

fn public(file: &Path, out: &mut dyn Write) -> Result<()> {
    let key = secret::read(file)?;
    writeln!(out, "{}", key.public_key()).map_err(Error::Output)
}
