//! Taking out what has expired, a little at a time.

use libp2p_kad::RecordKey;

use super::{Disk, State};
use crate::records::row::{Place, ProvidersRow};

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
        let row = self.providers_row(at);
        let Ok(Some(bytes)) = self.row(row, disk) else {
            // Unreadable: it is of no use to anybody, and must not be looked at for ever.
            self.read_failed();
            self.drop_providers(at);
            return;
        };
        let decoded = match ProvidersRow::decode(row, &bytes) {
            Ok(decoded) => decoded,
            Err(why) => return self.set_aside(row, None, disk, why),
        };
        let now = self.now();
        let mut providers = decoded.providers;
        let before = providers.len();
        providers.retain(|provider| !provider.is_expired(now));
        self.metrics.collected += u64::try_from(before - providers.len()).unwrap_or(u64::MAX);
        let key = RecordKey::new(&decoded.key);
        self.write_providers(at, &key, &providers);
    }
}
