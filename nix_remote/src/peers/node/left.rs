//! What fetches of earlier times have left, which is shared from the start.

use libp2p::{
    PeerId,
    kad::{ProviderRecord, RecordKey, store::Error},
};

use super::{
    behaviour::Records,
    shares::{Shares, Source},
    spool::{Left, hex},
};
use crate::peers::{
    announcement::provider_key,
    transfer::{Blob, GroupSet, ResumeRecord, Server},
};

/// Shares what is left of fetches, where what is fetched is shared at all, and takes back what was
/// said of archives that are not there any more. Objects of the store are shared by now.
pub(super) fn share_left(
    left: Left,
    is_shared: bool,
    (records, local): (&Records, PeerId),
    shares: &mut Shares,
    server: &mut Server<PeerId>,
) {
    let whole = left.whole.into_iter().map(|blob| {
        let held = GroupSet::full(blob.groups());
        (Source::File, ResumeRecord { blob, held })
    });
    let parts = left.parts.into_iter().map(|part| (Source::Part, part));
    let mut gone = left.removed;
    for (source, ResumeRecord { blob, held }) in whole.chain(parts) {
        let root = *blob.root();
        if shares.is_whole(&root) {
            continue;
        }
        // What is whole need not be fetched again, shared or not.
        if is_shared || matches!(source, Source::File) {
            shares.add_file(root, source);
        }
        if !is_shared {
            gone.insert(root);
            continue;
        }
        server.share(blob, held);
        if let Err(error) = provide(records, local, &blob) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(root = %hex(&root), error, "cannot say that an archive is here");
        }
    }
    for root in gone.iter().filter(|root| !shares.has_object(root)) {
        take_back(records, local, root);
    }
}

/// Says that a node has an archive, or some of it.
pub(super) fn provide(records: &Records, local: PeerId, blob: &Blob) -> Result<(), Error> {
    let key = provider_key(blob.root()).to_vec();
    records.add_provider_record(ProviderRecord::new(key, local, Vec::new()))
}

/// Says no more that a node has an archive; what others keep expires.
pub(super) fn take_back(records: &Records, local: PeerId, root: &[u8; 32]) {
    let key = RecordKey::from(provider_key(root).to_vec());
    records.remove_provider_record(&key, &local);
}
