//! What a node announces when it starts, and again before that is forgotten.

use std::{collections::BTreeSet, time::Duration};

use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_remote::peers::announcement::announceable;
use nix_store::{
    local::LocalStore,
    store::{Direction, ReadStore},
};
use tokio::{task::spawn_blocking, time::interval};

use super::{PeerError, answer::Answering};
use crate::error::{Error, Result, with_causes};

/// How often the announcements are renewed, which are believed for two days.
const EVERY: Duration = Duration::from_secs(12 * 60 * 60);

/// Announces all in the closures of some roots that may be announced, and goes on doing so.
pub(super) async fn keep_announced(answering: &Answering, roots: BTreeSet<StorePath>) {
    let mut times = interval(EVERY);
    loop {
        times.tick().await;
        if let Err(error) = announce_roots(answering, &roots).await {
            tracing::warn!(error = error.line(), "nothing was announced");
        }
    }
}

async fn announce_roots(answering: &Answering, roots: &BTreeSet<StorePath>) -> Result<()> {
    let dir = answering.store.store_dir();
    let infos = read(&answering.store, roots).await?;
    let allowed = announceable(&infos, roots, dir, &answering.trusted);
    let allowed = allowed.map_err(PeerError::Policy)?;
    let (mut announced, mut failed) = (0_usize, 0_usize);
    for object in &allowed {
        let path = &object.info.path;
        match answering.node.announce(path).await {
            Ok(_) => announced += 1,
            Err(error) => {
                failed += 1;
                let (path, error) = (dir.display(path), with_causes(&error));
                tracing::warn!(%path, error, "a path was not announced");
            }
        }
    }
    let private = infos.len() - allowed.len();
    tracing::info!(announced, private, failed, "the roots are announced");
    Ok(())
}

/// Reads what the store knows of the closures of paths.
async fn read(store: &LocalStore, roots: &BTreeSet<StorePath>) -> Result<Vec<PathInfo>> {
    let (store, roots) = (store.clone(), roots.clone());
    let read = spawn_blocking(move || {
        let mut infos = Vec::new();
        for path in store.closure(&roots, Direction::References)? {
            infos.extend(store.path_info(&path)?);
        }
        Ok(infos)
    });
    read.await.unwrap_or_else(|error| {
        Err(Error::Bug {
            message: error.to_string(),
        })
    })
}
