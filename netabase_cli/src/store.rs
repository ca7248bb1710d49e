//! `netabase store`: objects on disk.

mod add;
mod care;
mod collect;
mod copy;
pub(crate) mod place;
pub(crate) mod progress;
mod register;
mod streams;

use std::io::Write;

use clap::{Args, Subcommand};

use crate::error::Result;

/// The arguments of `store`.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add files and folders, and print their paths
    ///
    /// The path follows from the content and the name. What is there already is not copied.
    #[command(after_help = "Example:\n  netabase store add ./src --store ./depot")]
    Add(add::AddArgs),
    /// Add files and folders by a hash that derivations may fix, as `nix-store --add-fixed` does
    ///
    /// A file stays executable, as Nix has it, although without --recursive the path follows from its
    /// contents alone: of two files that differ in this, the store keeps the one that came first.
    #[command(
        after_help = "Example:\n  netabase store add-fixed sha256 ./hello-2.12.1.tar.gz --store ./depot"
    )]
    AddFixed(add::AddFixedArgs),
    /// Write the archive (NAR) of an object to standard output
    #[command(after_help = "Example:\n  netabase store dump PATH --store ./depot > object.nar")]
    Dump(streams::DumpArgs),
    /// Make files of an archive (NAR) on standard input, outside of any store
    #[command(after_help = "Example:\n  netabase store restore ./copy < object.nar")]
    Restore(streams::RestoreArgs),
    /// Write objects to standard output, as `nix-store --export` does
    #[command(
        after_help = "Example:\n  netabase store export PATH --closure --store ./depot > objects"
    )]
    Export(streams::ExportArgs),
    /// Add the objects that `export` wrote, and print their paths
    ///
    /// The stream has no signatures: whoever wrote it is trusted.
    #[command(after_help = "Example:\n  netabase store import --store ./depot < objects")]
    Import(streams::ImportArgs),
    /// Make objects valid that lie in the store already, as `nix-store --register-validity` does
    #[command(after_help = register::EXAMPLE)]
    Register(register::RegisterArgs),
    /// Copy objects with all that they refer to into another store
    ///
    /// With --link files are not copied where the stores lie on one file system: they are hard links to
    /// those of the first store, or share their blocks with them. What damages a linked file damages it
    /// in both.
    #[command(after_help = "Example:\n  netabase store copy PATH --store ./depot --to /mnt")]
    Copy(copy::CopyArgs),
    /// Keep an object and all that it refers to from garbage collection
    #[command(after_help = "Example:\n  netabase store add-root ./result PATH --store ./depot")]
    AddRoot(collect::AddRootArgs),
    /// Delete objects that nothing needs
    #[command(after_help = "Example:\n  netabase store delete PATH --store ./depot")]
    Delete(collect::DeleteArgs),
    /// Delete every object that no root leads to
    #[command(after_help = "Example:\n  netabase store gc --print-dead --store ./depot")]
    Gc(collect::GcArgs),
    /// Share equal files of all objects by hard links
    #[command(after_help = "Example:\n  netabase store optimise --store ./depot")]
    Optimise(care::OptimiseArgs),
    /// Compare the store's database with its files
    #[command(after_help = "Example:\n  netabase store verify --check-contents --store ./depot")]
    Verify(care::VerifyArgs),
}

/// Does what the arguments say.
pub(crate) fn run(args: &StoreArgs, out: &mut dyn Write) -> Result<()> {
    match &args.what {
        What::Add(args) => add::add(args, out),
        What::AddFixed(args) => add::add_fixed(args, out),
        What::Dump(args) => streams::dump(args, out),
        What::Restore(args) => streams::restore(args),
        What::Export(args) => streams::export(args, out),
        What::Import(args) => streams::import(args, out),
        What::Register(args) => register::run(args),
        What::Copy(args) => copy::run(args, out),
        What::AddRoot(args) => collect::add_root(args, out),
        What::Delete(args) => collect::delete(args, out),
        What::Gc(args) => collect::gc(args, out),
        What::Optimise(args) => care::optimise(args, out),
        What::Verify(args) => care::verify(args, out),
    }
}
