//! Types of the `time` crate.
//!
//! - `Date`: the Julian day as a signed integer of 32 bits
//! - `Time`: a byte each for hour, minute and second, then nanoseconds in 32 bits
//! - `PrimitiveDateTime`: its date, then its time
//! - `OffsetDateTime`, `UtcDateTime`: seconds since 1970 in UTC as a signed integer of 64 bits, then
//!   nanoseconds in 32 bits
//! - `Duration`: seconds and nanoseconds, both of the duration's sign, in 64 and 32 bits
//!
//! `OffsetDateTime` compares by instant, so its key keeps the instant and not the offset: it is read
//! back in UTC, or next to UTC where the instant lies outside of the years that UTC can show.

use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, Time, UtcDateTime, UtcOffset};

use crate::{
    key::{KeyError, KeyReader, NetabaseKey, clock::NANOS_PER_SEC},
    schema::{Shape, Types},
};

/// The largest distance from UTC that an offset can have.
const OFFSET_SECS_MAX: i32 = 25 * 3600 + 59 * 60 + 59;

macro_rules! known {
    ($($type:ty, $bytes:literal, $what:literal, $name:literal, $encode:expr, $decode:expr;)*) => {$(
        impl NetabaseKey for $type {
            type Indexed = Self;

            #[inline]
            fn encode_key(&self, out: &mut Vec<u8>) {
                let encode: fn(Self, &mut Vec<u8>) = $encode;
                encode(*self, out);
            }

            #[inline]
            fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
                let at = reader.position();
                let decode: fn(&mut KeyReader<'_>) -> Result<Option<Self>, KeyError> = $decode;
                decode(reader)?.ok_or(KeyError::Invalid { at, what: $what })
            }

            #[inline]
            fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
                reader.skip($bytes, $what)
            }

            fn key_shape(_: &mut Types) -> Shape {
                Shape::Known($name.to_owned())
            }
        }
    )*};
}

known! {
    Date, 4, "date", "date",
        |date, out| date.to_julian_day().encode_key(out),
        |reader| Ok(Date::from_julian_day(i32::decode_key(reader)?).ok());
    Time, 7, "time of day", "time", encode_time, decode_time;
    PrimitiveDateTime, 11, "date and time", "primitive-date-time",
        |both, out| {
            both.date().encode_key(out);
            both.time().encode_key(out);
        },
        |reader| {
            let date = Date::decode_key(reader)?;
            Ok(Some(PrimitiveDateTime::new(date, Time::decode_key(reader)?)))
        };
    OffsetDateTime, 12, "date and time", "offset-date-time",
        |instant, out| encode_parts(instant.unix_timestamp(), instant.nanosecond(), out),
        |reader| {
            let (secs, nanos) = decode_parts(reader)?;
            Ok(instant(secs).and_then(|second| second.replace_nanosecond(nanos).ok()))
        };
    UtcDateTime, 12, "date and time", "utc-date-time",
        |instant, out| encode_parts(instant.unix_timestamp(), instant.nanosecond(), out),
        |reader| {
            let (secs, nanos) = decode_parts(reader)?;
            let second = UtcDateTime::from_unix_timestamp(secs).ok();
            Ok(second.and_then(|second| second.replace_nanosecond(nanos).ok()))
        };
    Duration, 12, "duration", "signed-duration",
        |duration, out| {
            duration.whole_seconds().encode_key(out);
            duration.subsec_nanoseconds().encode_key(out);
        },
        |reader| {
            let secs = i64::decode_key(reader)?;
            let nanos = i32::decode_key(reader)?;
            Ok(signed_duration(secs, nanos))
        };
}

/// Returns the duration, unless the parts differ in sign or are a second too many.
pub(crate) fn signed_duration(secs: i64, nanos: i32) -> Option<Duration> {
    let differ = (secs > 0 && nanos < 0) || (secs < 0 && nanos > 0);
    let valid = nanos.unsigned_abs() < NANOS_PER_SEC && !differ;
    valid.then(|| Duration::new(secs, nanos))
}

fn encode_time(time: Time, out: &mut Vec<u8>) {
    let (hour, minute, second, nanos) = time.as_hms_nano();
    out.extend_from_slice(&[hour, minute, second]);
    nanos.encode_key(out);
}

fn decode_time(reader: &mut KeyReader<'_>) -> Result<Option<Time>, KeyError> {
    let [hour, minute, second] = reader.take("time of day")?;
    let nanos = u32::decode_key(reader)?;
    Ok(Time::from_hms_nano(hour, minute, second, nanos).ok())
}

fn encode_parts(secs: i64, nanos: u32, out: &mut Vec<u8>) {
    secs.encode_key(out);
    nanos.encode_key(out);
}

fn decode_parts(reader: &mut KeyReader<'_>) -> Result<(i64, u32), KeyError> {
    let secs = i64::decode_key(reader)?;
    Ok((secs, u32::decode_key(reader)?))
}

/// Returns the second in UTC, or in the offset that can still show it.
fn instant(secs: i64) -> Option<OffsetDateTime> {
    [0, -OFFSET_SECS_MAX, OFFSET_SECS_MAX]
        .into_iter()
        .find_map(|offset_secs| {
            let local_secs = secs.checked_add(i64::from(offset_secs))?;
            let local = OffsetDateTime::from_unix_timestamp(local_secs).ok()?;
            let offset = UtcOffset::from_whole_seconds(offset_secs).ok()?;
            Some(OffsetDateTime::new_in_offset(
                local.date(),
                local.time(),
                offset,
            ))
        })
}
