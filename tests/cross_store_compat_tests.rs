//! One store on several engines, several definitions, several paths: what opens what.
#![expect(clippy::indexing_slicing, reason = "a wrong offset is a failed test")]

/// Runs behaviours on one engine that keeps files: functions that take a path where nothing is.
macro_rules! file_suite {
    ($engine:ident, $backend:ty, [$($behaviour:ident),*]) => {
        mod $engine {
            $(
                #[test]
                fn $behaviour() -> netabase_store::Result<()> {
                    let folder = tempfile::tempdir().expect("a temporary folder");
                    super::$behaviour::<$backend>(&folder.path().join("store"))
                }
            )*
        }
    };
}

/// Runs behaviours on every engine that keeps files.
macro_rules! on_every_file_engine {
    ($($behaviour:ident),* $(,)?) => {
        file_suite!(redb, netabase_store::backends::redb::RedbBackend, [$($behaviour),*]);
        file_suite!(sled, netabase_store::backends::sled::SledBackend, [$($behaviour),*]);
    };
}

#[path = "cross_store/copies.rs"]
mod copies;
#[path = "cross_store/damage.rs"]
mod damage;
#[path = "cross_store/evolution.rs"]
mod evolution;
#[path = "cross_store/opening.rs"]
mod opening;
#[path = "cross_store/permissions.rs"]
mod permissions;
#[path = "cross_store/raw.rs"]
mod raw;
#[path = "cross_store/read_only.rs"]
mod read_only;
#[path = "cross_store/same_bytes.rs"]
mod same_bytes;
#[path = "cross_store/scrubs.rs"]
mod scrubs;
#[path = "cross_store/verifying.rs"]
mod verifying;
#[path = "cross_store/versions.rs"]
mod versions;
