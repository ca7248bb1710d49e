//! The definition that the harnesses write: small, so that a commit is few pages, with a change of
//! two models in each transaction, so that half a commit shows.

use std::collections::BTreeMap;

use netabase_store::{Backend, Result, Store, netabase_definition_module};

#[netabase_definition_module(LedgerDefinition, LedgerKeys)]
/// Two models, one with two indexes.
pub mod models {
    use netabase_store::NetabaseModel;
    use serde::{Deserialize, Serialize};

    /// A record with a unique index and one that many share.
    #[derive(NetabaseModel, Serialize, Deserialize, Clone, Debug, PartialEq)]
    #[netabase(LedgerDefinition)]
    pub struct Account {
        /// The number.
        #[primary_key]
        pub id: u64,
        /// Unique.
        #[secondary_key(unique)]
        pub code: String,
        /// Shared.
        #[secondary_key]
        pub group: u32,
        /// In no index.
        pub note: String,
    }

    /// How many transactions there were.
    #[derive(NetabaseModel, Serialize, Deserialize, Clone, Debug, PartialEq)]
    #[netabase(LedgerDefinition)]
    pub struct Total {
        /// Always 0.
        #[primary_key]
        pub id: u8,
        /// The stamp of the last one.
        pub stamp: u64,
    }
}

pub use models::{
    Account, AccountCodeSecondaryKey, AccountGroupSecondaryKey, AccountKey, AccountPrimaryKey,
    AccountSecondaryKeys, LedgerDefinition, LedgerKeys, Total, TotalKey, TotalPrimaryKey,
    TotalSecondaryKeys,
};

/// How many groups accounts are in.
const GROUPS: u64 = 3;

/// Returns the account of that number as the commit with that stamp leaves it, with a note of at
/// least `bytes`.
#[must_use]
pub fn account(id: u64, stamp: u64, bytes: usize) -> Account {
    let mut note = format!("{id} at {stamp}");
    note.extend(std::iter::repeat_n('.', bytes.saturating_sub(note.len())));
    Account {
        id,
        code: format!("{}-{id}", stamp % 5),
        group: u32::try_from(stamp % GROUPS).unwrap_or_default(),
        note,
    }
}

/// What a store holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contents {
    /// The accounts by their numbers.
    pub accounts: BTreeMap<u64, Account>,
    /// The stamp of the last transaction.
    pub stamp: Option<u64>,
}

impl Contents {
    /// Reads a store, and compares its indexes with its records.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn read<B: Backend>(store: &Store<LedgerDefinition, B>) -> Result<Self, String> {
        let found = Self::records(store).map_err(|error| format!("read: {error:?}"))?;
        found.check_indexes(store)?;
        let report = store
            .verify()
            .map_err(|error| format!("verify: {error:?}"))?;
        if report.is_sound() {
            Ok(found)
        } else {
            Err(format!("verify: {:?}", report.problems))
        }
    }

    /// Reads the records of a store.
    ///
    /// # Errors
    /// Fails when the store does.
    pub fn records<B: Backend>(store: &Store<LedgerDefinition, B>) -> Result<Self> {
        let txn = store.begin_read()?;
        let accounts = txn.open_tree::<Account>();
        let accounts = accounts
            .iter()
            .map(|found| found.map(|(AccountPrimaryKey(id), account)| (id, account)));
        let total = txn.open_tree::<Total>().get(0)?;
        Ok(Self {
            accounts: accounts.collect::<Result<_>>()?,
            stamp: total.map(|total| total.stamp),
        })
    }

    /// Compares what the indexes say with what they should, in order.
    fn check_indexes<B: Backend>(&self, store: &Store<LedgerDefinition, B>) -> Result<(), String> {
        let accounts = store.open_tree::<Account>();
        let ids = |keys: Result<Vec<AccountPrimaryKey>>| {
            let keys = keys.map_err(|error| format!("index: {error:?}"))?;
            Ok::<_, String>(keys.into_iter().map(|key| key.0).collect::<Vec<_>>())
        };
        let by_code = accounts.index::<AccountCodeSecondaryKey>().iter().keys();
        let by_group = accounts.index::<AccountGroupSecondaryKey>().iter().keys();
        let (by_code, by_group) = (ids(by_code.collect())?, ids(by_group.collect())?);
        if by_code != self.sorted(|account| account.code.clone()) {
            return Err(format!("the index of codes names {by_code:?}"));
        }
        if by_group != self.sorted(|account| account.group) {
            return Err(format!("the index of groups names {by_group:?}"));
        }
        Ok(())
    }

    fn sorted<K: Ord>(&self, value: impl Fn(&Account) -> K) -> Vec<u64> {
        let mut entries: Vec<_> = self
            .accounts
            .values()
            .map(|account| (value(account), account.id))
            .collect();
        entries.sort();
        entries.into_iter().map(|(_, id)| id).collect()
    }
}
