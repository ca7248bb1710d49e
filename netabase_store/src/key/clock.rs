//! `Duration` and `SystemTime`.
//!
//! - `Duration`: seconds, then nanoseconds below 10^9, as unsigned integers of 64 and 32 bits
//! - `SystemTime`: nanoseconds since 1970 as a signed integer of 128 bits

use std::time::{Duration, SystemTime};

use crate::{
    key::{KeyError, KeyReader, NetabaseKey},
    schema::{Shape, Types},
};

pub(super) const NANOS_PER_SEC: u32 = 1_000_000_000;

impl NetabaseKey for Duration {
    type Indexed = Self;

    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        self.as_secs().encode_key(out);
        self.subsec_nanos().encode_key(out);
    }

    #[inline]
    fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        let at = reader.position();
        let secs = u64::decode_key(reader)?;
        let nanos = u32::decode_key(reader)?;
        if nanos >= NANOS_PER_SEC {
            return Err(KeyError::Invalid {
                at,
                what: "duration",
            });
        }
        Ok(Self::new(secs, nanos))
    }

    #[inline]
    fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
        reader.skip(12, "duration")
    }

    fn key_shape(_: &mut Types) -> Shape {
        Shape::Known("duration".to_owned())
    }
}

impl NetabaseKey for SystemTime {
    type Indexed = Self;

    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        // 2^64 seconds are less than 2^94 nanoseconds, so no sum or negation overflows.
        let nanos = match self.duration_since(Self::UNIX_EPOCH) {
            Ok(after) => signed_nanos(after),
            Err(before) => -signed_nanos(before.duration()),
        };
        nanos.encode_key(out);
    }

    #[inline]
    fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        let at = reader.position();
        let nanos = i128::decode_key(reader)?;
        let time = unsigned_duration(nanos.unsigned_abs()).and_then(|distance| {
            if nanos < 0 {
                Self::UNIX_EPOCH.checked_sub(distance)
            } else {
                Self::UNIX_EPOCH.checked_add(distance)
            }
        });
        time.ok_or(KeyError::Invalid {
            at,
            what: "system time",
        })
    }

    #[inline]
    fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
        reader.skip(16, "system time")
    }

    fn key_shape(_: &mut Types) -> Shape {
        Shape::Known("system-time".to_owned())
    }
}

fn signed_nanos(distance: Duration) -> i128 {
    i128::from(distance.as_secs()) * i128::from(NANOS_PER_SEC) + i128::from(distance.subsec_nanos())
}

fn unsigned_duration(nanos: u128) -> Option<Duration> {
    let secs = u64::try_from(nanos / u128::from(NANOS_PER_SEC)).ok()?;
    let nanos = u32::try_from(nanos % u128::from(NANOS_PER_SEC)).ok()?;
    Some(Duration::new(secs, nanos))
}
