//! The fields of a row, one after the other, between its format and its checksum.

use std::sync::LazyLock;

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;

use super::{FORMAT, RowError, RowKey};
use crate::{
    checksum::{ROW_CHECKSUM_BYTES, TableSeed},
    records::clock::Unix,
    tables::RECORDS_TABLE,
};

/// The most addresses of a provider that a row may have: a row of more is not ours.
const ADDRESSES_MAX: u32 = 1 << 16;

/// Checks the checksum and the format of a row.
pub(super) fn open(row: RowKey, bytes: &[u8]) -> Result<Reader<'_>, RowError> {
    let (body, sum) = bytes
        .split_last_chunk::<ROW_CHECKSUM_BYTES>()
        .ok_or(RowError::Short)?;
    if SEED.row(&row.bytes(), body) != *sum {
        return Err(RowError::Checksum);
    }
    match body.split_first() {
        Some((&FORMAT, rest)) => Ok(Reader(rest)),
        Some((format, _)) => Err(RowError::Format(*format)),
        None => Err(RowError::Short),
    }
}

static SEED: LazyLock<TableSeed> = LazyLock::new(|| TableSeed::of(RECORDS_TABLE));

/// Writes a row behind what is in a piece of memory.
pub(super) struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
}

/// Returns a row of about so many bytes.
pub(super) fn encoded(
    capacity: usize,
    row: RowKey,
    write: impl FnOnce(&mut Writer<'_>),
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(capacity);
    let mut out = Writer::behind(&mut bytes);
    write(&mut out);
    out.seal(row);
    bytes
}

impl<'a> Writer<'a> {
    pub(super) fn behind(bytes: &'a mut Vec<u8>) -> Self {
        let start = bytes.len();
        bytes.push(FORMAT);
        Self { bytes, start }
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn time(&mut self, time: Unix) {
        self.raw(&time.to_be_bytes());
    }

    pub(super) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.bytes.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub(super) fn count(&mut self, count: usize) {
        let count = u32::try_from(count).expect("what is counted lies in memory many times over");
        self.raw(&count.to_be_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    pub(super) fn peer(&mut self, peer: &PeerId) {
        let hash = peer.as_ref();
        self.count(hash.encoded_len());
        hash.write(&mut *self.bytes)
            .expect("memory takes what is written to it");
    }

    /// Adds the checksum.
    pub(super) fn seal(mut self, row: RowKey) {
        let body = self.bytes.get(self.start..).unwrap_or_default();
        let sum = SEED.row(&row.bytes(), body);
        self.raw(&sum);
    }
}

/// Reads what a [`Writer`] wrote.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], RowError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(RowError::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn time(&mut self) -> Result<Unix, RowError> {
        self.take().map(u64::from_be_bytes)
    }

    pub(super) fn count(&mut self) -> Result<u32, RowError> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, RowError>,
    ) -> Result<Option<T>, RowError> {
        match self.take()? {
            [0] => Ok(None),
            [1] => read(self).map(Some),
            _ => Err(RowError::Field("presence")),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], RowError> {
        let len = usize::try_from(self.count()?).map_err(|_| RowError::Short)?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(RowError::Short)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn peer(&mut self) -> Result<PeerId, RowError> {
        PeerId::from_bytes(self.bytes()?).map_err(|_| RowError::Field("peer"))
    }

    pub(super) fn addresses(&mut self) -> Result<Vec<Multiaddr>, RowError> {
        let count = self.count()?;
        if count > ADDRESSES_MAX {
            return Err(RowError::Field("number of addresses"));
        }
        let mut addresses = Vec::new();
        for _ in 0..count {
            let address = Multiaddr::try_from(self.bytes()?.to_vec());
            addresses.push(address.map_err(|_| RowError::Field("address"))?);
        }
        Ok(addresses)
    }

    pub(super) fn finish(&self) -> Result<(), RowError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(RowError::Trailing)
        }
    }
}
