//! The models of a definition, as readers of records.

use std::{fmt, marker::PhantomData};

use libp2p_kad::RecordKey;

use super::{Address, RecordError};
use crate::{
    definition::{ModelVisitor, NetabaseDefinitionTrait},
    envelope,
    error::Result,
    model::NetabaseModelTrait,
    tables::{Layout, RowTable},
};

/// What is needed to read records of all models.
pub(super) struct Models<D> {
    layout: Layout,
    definition: PhantomData<fn() -> D>,
}

impl<D: NetabaseDefinitionTrait> Models<D> {
    pub(super) fn new() -> Self {
        Self {
            layout: Layout::new(&D::schema()),
            definition: PhantomData,
        }
    }

    /// Reads a record.
    pub(super) fn decode(&self, key: &RecordKey, value: &[u8]) -> Result<D, RecordError> {
        let mut decode = Decode {
            layout: &self.layout,
            address: Address::parse(key)?,
            value,
            decoded: None,
        };
        D::__visit_models(&mut decode).map_err(RecordError::store)?;
        let Decode {
            address, decoded, ..
        } = decode;
        decoded.unwrap_or_else(|| Err(address.unknown_model()))
    }
}

impl<D> fmt::Debug for Models<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models").finish_non_exhaustive()
    }
}

/// Reads the value by the model that the address names.
struct Decode<'a, D> {
    layout: &'a Layout,
    address: Address<'a>,
    value: &'a [u8],
    decoded: Option<Result<D, RecordError>>,
}

impl<D> ModelVisitor<D> for Decode<'_, D> {
    fn visit<M: NetabaseModelTrait<D>>(&mut self) -> Result<()> {
        if !self.address.names(M::DISCRIMINANT) {
            return Ok(());
        }
        if let Some(model) = self.layout.model(M::DISCRIMINANT) {
            let decoded = decode_as::<D, M>(&model.rows, self.address.primary, self.value);
            self.decoded = Some(decoded.map(M::__into_definition));
        }
        Ok(())
    }
}

/// Reads a value of the model `M`.
///
/// The checksum is no proof against a liar, who computes one as well: that the record belongs under
/// its key is checked by the record itself.
pub(super) fn decode_as<D, M: NetabaseModelTrait<D>>(
    rows: &RowTable,
    primary: &[u8],
    value: &[u8],
) -> Result<M, RecordError> {
    let model = M::DISCRIMINANT;
    if let Some([_, high, low]) = value.first_chunk() {
        let (found, expected) = (u16::from_be_bytes([*high, *low]), rows.version);
        if found != expected {
            return Err(RecordError::SchemaVersion {
                model,
                found,
                expected,
            });
        }
    }
    let decoded =
        envelope::decode::<D, M>(rows, primary, value).map_err(|source| RecordError::Damaged {
            model,
            source: Box::new(source),
        })?;
    let mut own = Vec::new();
    decoded.__encode_primary_key(&mut own);
    if own != primary {
        return Err(RecordError::OtherKey { model });
    }
    Ok(decoded)
}
