//! What a store does with records: one sentence a test, the same on every engine.

/// Runs behaviours on one engine: functions that take an empty store of `$definition`.
macro_rules! backend_suite {
    ($engine:ident, $open:expr, [$($behaviour:ident),*]) => {
        mod $engine {
            $(
                #[test]
                fn $behaviour() -> netabase_store::Result<()> {
                    super::$behaviour($open()?)
                }
            )*
        }
    };
}

/// Runs behaviours on every engine.
macro_rules! on_every_engine {
    ($definition:path: $($behaviour:ident),* $(,)?) => {
        backend_suite!(redb, netabase_store::RedbStore::<$definition>::temp, [$($behaviour),*]);
        backend_suite!(sled, netabase_store::SledStore::<$definition>::temp, [$($behaviour),*]);
        backend_suite!(memory, netabase_store::MemoryStore::<$definition>::temp, [$($behaviour),*]);
    };
}

#[path = "backend_crud/documented.rs"]
mod documented;
#[path = "backend_crud/edits.rs"]
mod edits;
#[path = "backend_crud/faults.rs"]
mod faults;
#[path = "backend_crud/groups.rs"]
mod groups;
#[path = "backend_crud/indexes.rs"]
mod indexes;
#[path = "backend_crud/pages.rs"]
mod pages;
#[path = "backend_crud/ranges.rs"]
mod ranges;
#[path = "backend_crud/refusals.rs"]
mod refusals;
#[path = "backend_crud/regressions.rs"]
mod regressions;
#[path = "backend_crud/snapshots.rs"]
mod snapshots;
#[path = "backend_crud/surface.rs"]
mod surface;
#[path = "backend_crud/transactions.rs"]
mod transactions;
#[path = "backend_crud/writes.rs"]
mod writes;
