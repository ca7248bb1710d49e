//! The validator of typed records.

use std::{cmp::Ordering, fmt, sync::Arc, time::SystemTime};

use libp2p_kad::RecordKey;

use super::models::Models;
use crate::{
    definition::NetabaseDefinitionTrait,
    records::validate::{Rejection, Validator},
};

type Accept<D> = dyn Fn(&D) -> Result<(), Rejection> + Send + Sync;
type Newer<D> = dyn Fn(&D, &D) -> Ordering + Send + Sync;

/// Takes records that are whole, of a model of `D`, and under their own key.
///
/// Anybody can write such a record. What proves its author, such as a signature among its fields,
/// is checked by [`accept`](Self::accept); without one, every peer may replace every record. Clones
/// share their rules. One definition has the namespace: two of one DHT need models of different
/// names.
pub struct TypedValidator<D> {
    models: Arc<Models<D>>,
    accept: Option<Arc<Accept<D>>>,
    newer: Option<Arc<Newer<D>>>,
}

impl<D: NetabaseDefinitionTrait> TypedValidator<D> {
    /// Makes a validator that accepts every whole record and orders records by their bytes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            models: Arc::new(Models::new()),
            accept: None,
            newer: None,
        }
    }

    /// Sets what a record has to fulfil besides being whole.
    #[must_use]
    pub fn accept(
        mut self,
        accept: impl Fn(&D) -> Result<(), Rejection> + Send + Sync + 'static,
    ) -> Self {
        self.accept = Some(Arc::new(accept));
        self
    }

    /// Sets which of two records of a key is the newer: the greater one.
    #[must_use]
    pub fn newer(mut self, newer: impl Fn(&D, &D) -> Ordering + Send + Sync + 'static) -> Self {
        self.newer = Some(Arc::new(newer));
        self
    }
}

impl<D: NetabaseDefinitionTrait> Validator for TypedValidator<D> {
    fn validate(&self, key: &RecordKey, value: &[u8], _: SystemTime) -> Result<(), Rejection> {
        let decoded = self.models.decode(key, value).map_err(Rejection::invalid)?;
        self.accept
            .as_ref()
            .map_or(Ok(()), |accept| accept(&decoded))
    }

    /// A value that can be read is greater than one that cannot.
    fn compare(&self, key: &RecordKey, left: &[u8], right: &[u8]) -> Ordering {
        let left = self.models.decode(key, left);
        let right = self.models.decode(key, right);
        match (left, right, &self.newer) {
            (Ok(left), Ok(right), Some(newer)) => newer(&left, &right),
            (left, right, _) => left.is_ok().cmp(&right.is_ok()),
        }
    }
}

impl<D: NetabaseDefinitionTrait> Default for TypedValidator<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D> Clone for TypedValidator<D> {
    fn clone(&self) -> Self {
        Self {
            models: Arc::clone(&self.models),
            accept: self.accept.clone(),
            newer: self.newer.clone(),
        }
    }
}

impl<D> fmt::Debug for TypedValidator<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedValidator").finish_non_exhaustive()
    }
}
