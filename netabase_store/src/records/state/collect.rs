//! Taking out what has expired, a little at a time.

use libp2p_kad::RecordKey;

use super::{Disk, State};
use crate::records::{
    clock::Unix,
    row::{Place, Provider, ProvidersRow, Tag},
};

/// After how many nanoseconds a row is looked at again that the engine could not read: a minute.
const READ_AGAIN: Unix = 60_000_000_000;

impl State {
    /// Takes out up to `limit` rows of others that have expired, and returns how many it looked at;
    /// fewer than `limit` where nothing expired is left.
    pub(in crate::records) fn collect(&mut self, limit: usize, disk: &dyn Disk) -> usize {
        if self.config.strict || self.failed {
            return 0;
        }
        let now = self.now();
        let mut looked_at = 0;
        while looked_at < limit {
            let Some(at) = self.records.first_expired(now) else {
                break;
            };
            self.metrics.collected += 1;
            self.drop_record(at);
            looked_at += 1;
        }
        while looked_at < limit {
            let Some(at) = self.providers.first_expired(now) else {
                break;
            };
            self.collect_providers(at, disk);
            looked_at += 1;
        }
        looked_at
    }

    /// Takes out the providers of a key that have expired.
    pub(super) fn collect_providers(&mut self, at: Place, disk: &dyn Disk) {
        let (row, now) = (self.providers_row(at), self.now());
        let bytes = match self.row(row, disk) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return self.drop_providers(at),
            Err(_) => {
                // There may be others in it, who live; it must not be looked at all the time.
                self.read_failed();
                return self.providers.postpone(at, now.saturating_add(READ_AGAIN));
            }
        };
        let decoded = match ProvidersRow::decode(row, &bytes) {
            Ok(decoded) => decoded,
            Err(why) => return self.set_aside(row, None, disk, why),
        };
        let mut providers = decoded.providers;
        let before = providers.len();
        let is_own_gone = |of: &Provider| of.peer == self.local && of.is_expired(now);
        if providers.iter().any(is_own_gone) {
            self.withdraw(Tag::Providers, at);
        }
        providers.retain(|provider| !provider.is_expired(now));
        self.metrics.collected += u64::try_from(before - providers.len()).unwrap_or(u64::MAX);
        let key = RecordKey::new(&decoded.key);
        self.write_providers(at, &key, &providers);
    }
}
