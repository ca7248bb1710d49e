//! Rows as Nix writes them.

use std::time::{SystemTime, UNIX_EPOCH};

use nix_core::{path_info::PathInfo, signature::Signature, store_path::StoreDir};
use rusqlite::{Connection, params};

use super::error::{NixDbError, NixDbResult, SqliteContext};

/// A row of `ValidPaths` as Nix writes it.
pub(super) struct PathRow {
    path: String,
    time: i64,
    deriver: Option<String>,
    pub(super) hash: String,
    pub(super) size: Option<i64>,
    pub(super) ultimate: Option<i64>,
    pub(super) signatures: Option<String>,
    pub(super) address: Option<String>,
}

impl PathRow {
    pub(super) fn new(store_dir: &StoreDir, info: &PathInfo) -> NixDbResult<Self> {
        let number = |column, value: u64| {
            i64::try_from(value).map_err(|_| NixDbError::Number {
                path: info.path.clone(),
                column,
            })
        };
        let size = number("narSize", info.nar_size)?;
        let time = match info.registration_time {
            0 => now(),
            time => time,
        };
        Ok(Self {
            path: store_dir.print(&info.path),
            hash: format!("sha256:{}", info.nar_hash.to_base16()),
            time: number("registrationTime", time)?,
            deriver: info.deriver.as_ref().map(|path| store_dir.print(path)),
            size: (size != 0).then_some(size),
            ultimate: info.ultimate.then_some(1),
            signatures: (!info.signatures.is_empty()).then(|| words(&info.signatures)),
            address: info.content_address.as_ref().map(ToString::to_string),
        })
    }

    /// Inserts the row, with this number or with the next one.
    pub(super) fn insert(&self, connection: &Connection, id: Option<i64>) -> NixDbResult<()> {
        let text = "insert into ValidPaths \
                    (id, path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca) \
                    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let mut statement = connection.prepare_cached(text).on("write", "ValidPaths")?;
        let params = params![
            id,
            self.path,
            self.hash,
            self.time,
            self.deriver,
            self.size,
            self.ultimate,
            self.signatures,
            self.address
        ];
        statement.execute(params).on("write", "ValidPaths")?;
        Ok(())
    }
}

/// Returns the seconds since 1970; a clock that stands before that is taken for 0.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |duration| duration.as_secs())
}

/// Returns signatures as one text.
pub(super) fn words<'a>(signatures: impl IntoIterator<Item = &'a Signature>) -> String {
    let texts: Vec<String> = signatures.into_iter().map(ToString::to_string).collect();
    texts.join(" ")
}
