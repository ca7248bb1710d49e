//! The typed trees of a Nix store's metadata.

#[cfg(all(feature = "store", unix))]
mod closure;
#[cfg(all(feature = "store", unix))]
mod database;
mod derivation;
mod indexes;
pub(crate) mod load;
mod output;
mod realisation;
mod store_path;

use netabase_store::netabase_definition_module;

pub use self::load::{PathCounts, load_paths};

#[cfg(all(feature = "store", unix))]
pub use self::closure::{Closure, ClosureError};
#[cfg(all(feature = "store", unix))]
pub use self::database::{Database, DatabaseEngine, DatabaseOptions, Hold, Registration};

/// Store paths, derivations, realisations and roots, with the indexes that Nix's questions need.
///
/// The fields are text, as the engine keeps them; methods return what they say as the checked types
/// of [`nix_core`], and make rows of those: [`StorePath::to_path_info`](models::StorePath::to_path_info),
/// [`Derivation::to_derivation`](models::Derivation::to_derivation),
/// [`Realisation::to_realisation`](models::Realisation::to_realisation). A store may hold rows that
/// nobody checked; these methods then return an error that names the field.
///
/// All paths are full paths, so that rows sort as Nix sorts them. Hashes are `<algorithm>:<nix32>`,
/// signatures `<key name>:<base 64>`.
#[netabase_definition_module(StoreDefinition, StoreKeys)]
pub mod models {
    use std::collections::BTreeMap;

    use netabase_store::{NetabaseModel, NetabaseValue};
    use serde::{Deserialize, Serialize};

    /// What a store knows about one of its paths.
    #[derive(NetabaseModel, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
    #[netabase(StoreDefinition)]
    #[secondary_key(name = by_name, with = StorePath::name)]
    #[secondary_key(name = by_hash_part, with = StorePath::hash_part, unique)]
    pub struct StorePath {
        /// The full path.
        #[primary_key]
        pub path: String,
        /// The hash of the object's archive, `sha256:<nix32>`.
        #[secondary_key]
        pub nar_hash: String,
        /// The size of the archive in bytes.
        pub nar_size: u64,
        /// When the path was registered, in seconds since 1970; 0 where that is unknown.
        #[secondary_key]
        pub registration_time: u64,
        /// The derivation that built it.
        #[secondary_key]
        pub deriver: Option<String>,
        /// The paths that its files mention, itself among them where they do.
        #[secondary_key(each)]
        pub references: Vec<String>,
        /// Who vouches for it.
        pub signatures: Vec<String>,
        /// How its content determines its path, where it does: `text:sha256:<nix32>` or
        /// `fixed:[r:|git:]<algorithm>:<nix32>`.
        pub content_address: Option<String>,
        /// Whether it was built here and needs nobody's signature.
        pub ultimate: bool,
    }

    /// What is to be built, and from what.
    #[derive(NetabaseModel, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
    #[netabase(StoreDefinition)]
    #[secondary_key(name = by_system_name, fields(system, name))]
    #[secondary_key(name = by_input, each, with = Derivation::inputs)]
    #[secondary_key(name = by_output_path, each, with = Derivation::output_paths)]
    pub struct Derivation {
        /// The full path of the derivation itself.
        #[primary_key]
        pub path: String,
        /// The path's name without `.drv`.
        #[secondary_key]
        pub name: String,
        /// What it makes, by name.
        pub outputs: Vec<DerivationOutput>,
        /// The derivations whose outputs it needs.
        pub input_derivations: Vec<InputDerivation>,
        /// The paths that it needs and nobody builds.
        pub input_sources: Vec<String>,
        /// The kind of machine that can build it.
        #[secondary_key]
        pub system: String,
        /// The program that builds it.
        pub builder: String,
        /// The program's arguments.
        pub args: Vec<String>,
        /// The program's environment.
        pub env: BTreeMap<String, String>,
    }

    /// Where the output of a content-addressed derivation lies, once it is known.
    #[derive(NetabaseModel, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
    #[netabase(StoreDefinition)]
    #[primary_key(derivation, output)]
    pub struct Realisation {
        /// The derivation: its hash modulo, `sha256:<base 16>`, up to Nix 2.34; since then the full
        /// path of the resolved derivation.
        pub derivation: String,
        /// The output's name.
        pub output: String,
        /// The full path.
        #[secondary_key]
        pub out_path: String,
        /// Who vouches for it.
        pub signatures: Vec<String>,
        /// The realisations that it was built with, `<derivation>!<output>`, and their paths.
        pub dependent_realisations: BTreeMap<String, String>,
    }

    /// A derivation that a [`Derivation`] cannot say: with strings that are not UTF-8, or with
    /// dynamic outputs of inputs.
    #[derive(NetabaseModel, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
    #[netabase(StoreDefinition)]
    pub struct DerivationText {
        /// The full path of the derivation itself.
        #[primary_key]
        pub path: String,
        /// The derivation as Nix writes it.
        pub aterm: Vec<u8>,
        /// The full paths of the outputs that are known before the build.
        #[secondary_key(each)]
        pub output_paths: Vec<String>,
    }

    /// A path that is to be kept.
    #[derive(NetabaseModel, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
    #[netabase(StoreDefinition)]
    pub struct GcRoot {
        /// What the root is called.
        #[primary_key]
        pub name: String,
        /// The full path that is kept, with all that it refers to.
        #[secondary_key]
        pub target: String,
    }

    /// One output of a derivation.
    #[derive(NetabaseValue, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
    pub struct DerivationOutput {
        /// The output's name.
        pub name: String,
        /// The full path, where it is known before the build.
        pub path: Option<String>,
        /// How the content determines the path, where it does: `[r:|git:|text:]<algorithm>`.
        pub method: Option<String>,
        /// The hash of the content, where it is fixed; `impure` where the output is built anew each
        /// time.
        pub hash: Option<String>,
    }

    /// A derivation that another needs.
    #[derive(NetabaseValue, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
    pub struct InputDerivation {
        /// The full path.
        pub path: String,
        /// The names of the outputs that are needed.
        pub outputs: Vec<String>,
    }
}
