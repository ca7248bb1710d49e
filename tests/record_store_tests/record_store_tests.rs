//! What the record store for libp2p promises: as libp2p's own in strict mode, better by default, and
//! through restarts, kills, failing disks and damage.
#![expect(clippy::indexing_slicing, reason = "a wrong place is a failed test")]

#[path = "sync/announcing_kills.rs"]
mod announcing_kills;
#[path = "sync/catalogue.rs"]
mod catalogue;
#[path = "sync/clocks.rs"]
mod clocks;
#[path = "sync/conformance.rs"]
mod conformance;
#[path = "sync/damage.rs"]
mod damage;
#[path = "sync/description.rs"]
mod description;
#[path = "sync/disk.rs"]
mod disk;
#[path = "sync/durability.rs"]
mod durability;
#[path = "sync/duties.rs"]
mod duties;
#[path = "sync/findings.rs"]
mod findings;
#[path = "sync/hearsay.rs"]
mod hearsay;
#[path = "sync/kills.rs"]
mod kills;
#[path = "sync/memory.rs"]
mod memory;
#[path = "sync/model.rs"]
mod model;
#[path = "sync/others.rs"]
mod others;
#[path = "sync/quotas.rs"]
mod quotas;
#[path = "sync/recover.rs"]
mod recover;
#[path = "sync/regressions.rs"]
mod regressions;
#[path = "sync/sharing.rs"]
mod sharing;
#[path = "sync/subject.rs"]
mod subject;
