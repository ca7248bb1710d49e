//! A record store as the republisher and the inbound worker see it.

use std::time::{Duration, Instant};

use libp2p_identity::PeerId;
use libp2p_kad::{ProviderRecord, Record, RecordKey, store};

use super::{
    handle::KadStore,
    inbound::Sink,
    republish::{Announcement, AnnouncementKind, ReplicaPage, Schedule},
    row::RecordRow,
    schedule::tag,
};
use crate::backends::Backend;

impl<B: Backend> Schedule for KadStore<B> {
    fn due(&self, now: Instant, limit: usize) -> Vec<Announcement> {
        let core = self.core();
        core.look(|state| state.due(now, limit, &**core))
    }

    fn next_due(&self) -> Option<Instant> {
        self.core().lock().state.next_due()
    }

    fn overdue(&self, now: Instant, limit: usize) -> usize {
        let guarded = self.core().lock();
        let now = guarded.state.anchor.unix(now);
        guarded.state.timetable.overdue(now, limit)
    }

    fn reschedule(&self, kind: AnnouncementKind, key: &RecordKey, next: Instant, published: bool) {
        self.core()
            .change(|state| state.reschedule(tag(kind), key, next, published));
    }

    fn record(&self, key: &RecordKey) -> Option<Record> {
        Self::record(self, key)
    }

    fn to_replicate(
        &self,
        now: Instant,
        quiet: Duration,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> ReplicaPage {
        let core = self.core();
        let since = now.checked_sub(quiet).map(|since| core.anchor.unix(since));
        let (places, has_more) = core.page(after, limit);
        let mut page = ReplicaPage::default();
        for (at, row) in places {
            let Some(bytes) = core.row_now(row) else {
                continue;
            };
            let decoded = match RecordRow::decode(row, &bytes) {
                Ok(decoded) => decoded,
                Err(why) => {
                    core.look(|state| state.set_aside(row, Some(at), &**core, why));
                    continue;
                }
            };
            let key = RecordKey::new(&decoded.key);
            page.next = has_more.then(|| key.clone());
            if since.is_some_and(|since| decoded.stored <= since) {
                page.keys.push(key);
            }
        }
        page
    }
}

impl<B: Backend> Sink for KadStore<B> {
    fn record(&self, key: &RecordKey) -> Option<Record> {
        Self::record(self, key)
    }

    fn put_from(&self, source: Option<PeerId>, record: Record) -> store::Result<()> {
        Self::put_from(self, source, record)
    }

    fn add_provider(&self, record: ProviderRecord) -> store::Result<()> {
        self.add_provider_record(record)
    }
}
