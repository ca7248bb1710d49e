//! What the command line may say.

use clap::{Parser, Subcommand};

#[cfg(feature = "peers")]
use crate::peer::PeerArgs;
use crate::{
    db::DbArgs,
    drv::DrvArgs,
    export::ExportArgs,
    hash::HashArgs,
    import::ImportArgs,
    key::KeyArgs,
    manual::{CompletionsArgs, ManArgs},
    nar::NarArgs,
    query::QueryArgs,
    store::StoreArgs,
};

/// Works with Nix store paths, archives, derivations and keys, and looks after netabase stores
#[derive(Debug, Parser)]
#[command(name = "netabase", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read data into a store
    Import(ImportArgs),
    /// Write a store as a file that others read
    Export(ExportArgs),
    /// Ask a store about a path
    Query(QueryArgs),
    /// Make keys, sign paths, and check their signatures
    Key(KeyArgs),
    /// Look after a store of any definition
    Db(DbArgs),
    /// Hash files, trees and texts as Nix does, and rewrite hashes
    Hash(HashArgs),
    /// Make, unpack and list Nix archives (NARs)
    Nar(NarArgs),
    /// Read derivations (.drv files)
    Drv(DrvArgs),
    /// Keep objects on disk: add, copy, collect, deduplicate, verify
    Store(StoreArgs),
    /// Share objects with peers: fetch theirs, verified byte by byte, and announce one's own
    #[cfg(feature = "peers")]
    Peer(PeerArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write all pages to a folder
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
