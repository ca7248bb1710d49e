//! The workload that every engine and layer is measured with: records like a store path's info,
//! with four indexes, one of them over a list.

#![expect(
    clippy::indexing_slicing,
    reason = "a benchmark stops at a bug of its own"
)]
#![expect(clippy::unwrap_used, reason = "a benchmark stops at a bug of its own")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "the sizes of a benchmark are small"
)]
#![expect(clippy::cast_sign_loss, reason = "the sizes of a benchmark are small")]
#![expect(
    clippy::missing_panics_doc,
    reason = "a benchmark stops at a bug of its own"
)]
#![expect(
    missing_docs,
    reason = "a benchmark's parts are named as what they measure"
)]

pub mod contest;
pub mod group;
pub mod layout;
pub mod naive;
#[cfg(feature = "nix")]
pub mod nix;
pub mod pages;
#[cfg(feature = "peers")]
pub mod peers;
pub mod plan;
#[cfg(feature = "records")]
pub mod records;
pub mod recovery;
pub mod report;
pub mod same_layout;
#[cfg(feature = "share")]
pub mod share;
pub mod sled_raw;
#[cfg(any(feature = "records", feature = "share"))]
pub mod table;
pub mod typed;

use bincode::{Decode, Encode};

/// How many bytes of pages every engine may keep in memory: what the typed store gives it.
pub const CACHE_BYTES: usize = netabase_store::CACHE_BYTES_DEFAULT;

/// One record, with the codec's own derive: what a hand-written store would keep.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Default)]
pub struct Record {
    pub path: String,
    pub nar_hash: String,
    pub nar_size: u64,
    pub registration_time: u64,
    pub deriver: Option<String>,
    pub references: Vec<String>,
    pub signatures: Vec<String>,
    pub content_address: Option<String>,
}

/// A layer that holds records, hand-written or typed. Every write is one durable transaction;
/// every read decodes its records and returns a sum over them, so that nothing is left out.
pub trait Layer: Sized {
    /// Records in the layer's own type.
    type Input;
    /// What stays open between reads.
    type Held;

    /// Whether the records are still there when the layer is created again in the same folder.
    const PERSISTS: bool = true;

    fn create(folder: &std::path::Path) -> Self;
    fn prepare(records: &[Record]) -> Self::Input;
    fn put_batch(&self, records: Self::Input);
    /// Stores each record in a durable transaction of its own.
    fn put_each(&self, records: Self::Input);
    fn update_batch(&self, paths: &[&str], add_time: u64);
    fn update_unindexed(&self, paths: &[&str], add_size: u64);
    fn delete_batch(&self, paths: &[&str]);
    fn hold(&self) -> Self::Held;
    fn gets(&self, held: &Self::Held, paths: &[&str]) -> u64;
    fn get_own_txn(&self, path: &str) -> u64;
    fn by_deriver(&self, held: &Self::Held, deriver: &str) -> u64;
    /// Visits keys only.
    fn referrers(&self, held: &Self::Held, path: &str) -> u64;
    fn time_range(&self, held: &Self::Held, from: u64, to: u64) -> u64;
    /// Visits keys only.
    fn time_range_keys(&self, held: &Self::Held, from: u64, to: u64) -> u64;
    fn iterate(&self, held: &Self::Held) -> u64;
}

impl Record {
    /// What a reader sums up.
    #[must_use]
    pub fn sum(&self) -> u64 {
        sum(&self.path, self.nar_size, &self.references)
    }
}

/// A number that depends on every part of a record that is allocated.
#[must_use]
pub fn sum(path: &str, nar_size: u64, references: &[String]) -> u64 {
    let references: usize = references.iter().map(String::len).sum();
    nar_size + (path.len() + references) as u64
}

/// A small generator, the same on every machine.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for end in (1..things.len()).rev() {
            things.swap(end, self.below(end as u64 + 1) as usize);
        }
    }

    fn unit(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

pub(crate) fn nix32(random: &mut Random, length: usize) -> String {
    const DIGITS: &[u8] = b"0123456789abcdfghijklmnpqrsvwxyz";
    (0..length)
        .map(|_| char::from(DIGITS[random.below(32) as usize]))
        .collect()
}

/// Returns `count` records: paths of about 60 bytes, 3.8 references on average with a Zipf-like
/// choice of targets, five records a deriver, four in five with one.
#[must_use]
pub fn records(count: usize, seed: u64) -> Vec<Record> {
    let mut random = Random::new(seed);
    let mut paths: Vec<String> = Vec::with_capacity(count);
    let mut records = Vec::with_capacity(count);
    let mut deriver = None;
    for number in 0..count {
        let hash = nix32(&mut random, 32);
        let length = 6 + random.below(10) as usize;
        let path = format!("/nix/store/{hash}-{}-{number}", nix32(&mut random, length));
        if number % 5 == 0 {
            let hash = nix32(&mut random, 32);
            let has_deriver = random.below(5) != 0;
            deriver = has_deriver.then(|| format!("/nix/store/{hash}-package-{number}.drv"));
        }
        let wanted = ((-random.unit().max(1e-9).ln()) * 4.5) as usize;
        let mut references: Vec<String> = (0..wanted.min(20).min(number))
            .map(|_| paths[((number as f64).powf(random.unit()) as usize).min(number - 1)].clone())
            .collect();
        references.sort();
        references.dedup();
        records.push(Record {
            nar_hash: format!("sha256:{}", nix32(&mut random, 52)),
            nar_size: random.below(1 << 26),
            registration_time: 1_700_000_000 + number as u64,
            deriver: deriver.clone(),
            references,
            signatures: vec![format!("cache.example.org-1:{}", nix32(&mut random, 86))],
            content_address: None,
            path: path.clone(),
        });
        paths.push(path);
    }
    records
}

/// Encodes a record with the codec alone.
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    out.clear();
    bincode::encode_into_std_write(record, out, bincode::config::standard()).unwrap();
}

/// Decodes what [`encode`] wrote.
#[must_use]
pub fn decode(bytes: &[u8]) -> Record {
    bincode::decode_from_slice(bytes, bincode::config::standard())
        .unwrap()
        .0
}
