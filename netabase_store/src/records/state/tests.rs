use std::{sync::Arc, time::Duration};

use libp2p_identity::PeerId;
use libp2p_kad::{ProviderRecord, RecordKey};

use super::*;
use crate::{
    error::StoreError,
    records::clock::{Clock, ManualClock},
};

/// A disk that cannot be read.
struct Broken;

impl Disk for Broken {
    fn row(&self, _: RowKey) -> Result<Option<Vec<u8>>> {
        Err(StoreError::Locked {
            path: "a disk".into(),
        }
        .into())
    }
}

/// A disk of one row.
struct OneRow(Vec<u8>);

impl Disk for OneRow {
    fn row(&self, _: RowKey) -> Result<Option<Vec<u8>>> {
        Ok(Some(self.0.clone()))
    }
}

#[test]
fn a_read_that_fails_while_others_expire_costs_nobody_their_place() {
    let clock = Arc::new(ManualClock::new());
    let config = RecordStoreConfig {
        clock: clock.clone(),
        ..RecordStoreConfig::default()
    };
    let (local, other) = (PeerId::random(), PeerId::random());
    let anchor = Anchor::new(&*clock, 0);
    let mut state = State::new(config, local, anchor);
    let key = RecordKey::new(b"a key");
    let mut short = ProviderRecord::new(key.clone(), other, Vec::new());
    short.expires = Some(clock.now() + Duration::from_secs(5));
    for record in [short, ProviderRecord::new(key.clone(), local, Vec::new())] {
        assert!(state.add_provider(record, &Broken).is_ok());
    }
    let row = state.providers_row(state.distance(key.as_ref()));
    let bytes = state.overlay.get(row).and_then(|edit| edit.to_bytes());
    // The row is on disk now, and nowhere else.
    drop(state.overlay.begin());
    state.overlay.end();
    clock.advance(Duration::from_secs(10));
    assert_eq!(state.collect(10, &Broken), 1);
    assert_eq!(state.metrics.read_errors, 1);
    assert_eq!(state.collect(10, &Broken), 0, "it is not read all the time");
    assert_eq!((state.providers.len(), state.timetable.len()), (1, 1));
    let disk = OneRow(bytes.expect("it was written"));
    let peers = |state: &mut State| -> Vec<_> {
        let found = state.providers_of(&key, &disk).into_iter();
        found.map(|of| of.provider).collect()
    };
    assert_eq!(peers(&mut state), [local]);
    clock.advance(Duration::from_secs(61));
    assert_eq!(state.collect(10, &disk), 1, "a minute later it is");
    assert_eq!(state.metrics.collected, 1);
    assert_eq!(peers(&mut state), [local]);
    assert_eq!((state.providers.len(), state.timetable.len()), (1, 1));
}
