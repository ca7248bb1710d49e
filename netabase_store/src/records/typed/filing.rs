//! Typed records in and out of the typed trees.

use std::sync::Arc;

use libp2p_kad::{Record, RecordKey};

use super::{Address, RecordError, TypedRecord, models::decode_as};
use crate::{
    backends::{Backend, Snapshot},
    definition::{ModelVisitor, NetabaseDefinitionTrait},
    error::Result,
    inner::Inner,
    model::NetabaseModelTrait,
    store::Store,
    write::{Scratch, Write},
};

/// What became of a record that was to be filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filed {
    /// There was none under its primary key.
    New,
    /// It took the place of another one.
    Replaced,
    /// The same one was there; nothing was written.
    Same,
    /// A newer one is there; nothing was written.
    Older,
    /// It is no record of this definition; nothing was written.
    Foreign,
}

impl<D: NetabaseDefinitionTrait, B: Backend> Store<D, B> {
    /// Puts a typed record into its tree, with its indexes, in one transaction.
    ///
    /// Validate it before: whatever it says is stored, be it older than what is there. It waits for
    /// the writer and the disk, so it does not belong on a swarm task.
    ///
    /// # Errors
    /// Fails when a record of one of the models is damaged or of another schema version, when a
    /// unique index has its value for another record, or when the engine fails.
    pub fn file_record(&self, record: &Record) -> Result<Filed, RecordError> {
        self.file_if(record, &|_| true)
    }

    /// Returns the record to publish for what is stored under a primary key.
    ///
    /// # Errors
    /// Fails when the engine does, or as [`TypedRecord::to_record`] does.
    pub fn publishable<M: NetabaseModelTrait<D>>(
        &self,
        key: impl Into<M::PrimaryKey>,
    ) -> Result<Option<Record>, RecordError> {
        let found = self.open_tree::<M>().get(key).map_err(RecordError::store)?;
        found
            .map(|model| TypedRecord::<D>::to_record(&model))
            .transpose()
    }

    /// Files a record unless `replaces` spares the row that stands in its place.
    pub(super) fn file_if(
        &self,
        record: &Record,
        replaces: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Filed, RecordError> {
        let address = match Address::parse(&record.key) {
            Ok(address) => address,
            Err(_foreign) => return Ok(Filed::Foreign),
        };
        let mut file = File {
            inner: &self.inner,
            address,
            value: &record.value,
            replaces,
            filed: Ok(Filed::Foreign),
        };
        D::__visit_models(&mut file).map_err(RecordError::store)?;
        file.filed
    }

    /// Returns the row that a key names, as it stands in its tree.
    pub(super) fn filed_row(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, RecordError> {
        let Ok(address) = Address::parse(key) else {
            return Ok(None);
        };
        let mut models = self.inner.layout.models.iter();
        let Some(model) = models.find(|model| address.names(&model.rows.name)) else {
            return Ok(None);
        };
        let snapshot = self.inner.snapshot().map_err(RecordError::store)?;
        let row = snapshot.get(model.rows.id, address.primary, |row| row.to_vec());
        row.map_err(RecordError::store)
    }
}

/// Files the value by the model that the address names.
struct File<'a, B: Backend> {
    inner: &'a Arc<Inner<B>>,
    address: Address<'a>,
    value: &'a [u8],
    replaces: &'a dyn Fn(&[u8]) -> bool,
    filed: Result<Filed, RecordError>,
}

impl<D, B: Backend> ModelVisitor<D> for File<'_, B> {
    fn visit<M: NetabaseModelTrait<D>>(&mut self) -> Result<()> {
        if self.address.names(M::DISCRIMINANT) {
            self.filed = self.file::<D, M>();
        }
        Ok(())
    }
}

impl<B: Backend> File<'_, B> {
    fn file<D, M: NetabaseModelTrait<D>>(&self) -> Result<Filed, RecordError> {
        let Some(model) = self.inner.layout.model(M::DISCRIMINANT) else {
            return Ok(Filed::Foreign);
        };
        let record = decode_as::<D, M>(&model.rows, self.address.primary, self.value)?;
        let core = self.inner.begin().map_err(RecordError::store)?;
        let found = core.get(model.rows.id, self.address.primary, |row| self.place(row));
        let filed = found.map_err(RecordError::store)?.unwrap_or(Filed::New);
        if matches!(filed, Filed::Same | Filed::Older) {
            return Ok(filed);
        }
        let written = Scratch::with(|scratch| {
            scratch.new.fill::<D, M>(model, &record)?;
            Write::<D, M, B>::new(&core, model).put(scratch)
        });
        written
            .and_then(|()| core.commit(self.inner.durability))
            .map_err(RecordError::store)?;
        Ok(filed)
    }

    /// Says what the record is to the row in its place.
    fn place(&self, row: &[u8]) -> Filed {
        if row == self.value {
            Filed::Same
        } else if (self.replaces)(row) {
            Filed::Replaced
        } else {
            Filed::Older
        }
    }
}
