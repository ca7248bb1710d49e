//! Types that are known by name, as text that names each of their values exactly.
//!
//! - `duration`, `signed-duration`: `1.5s`
//! - `system-time`, `utc-date-time`: `2024-02-29T12:00:00.5Z`; `primitive-date-time` without the `Z`,
//!   `offset-date-time` with `+02:00` or `+02:00:30` in its place
//! - `date`, `time`: what stands before and after the `T`
//! - `uuid`, `ipv4-address`, `ipv6-address`, `ip-address`, `socket-address`: as everywhere
//!
//! The bytes are told in `value/known.rs`, `value/time.rs`, `key/clock.rs` and `key/time.rs`; nothing
//! here needs the crates whose types they are.

use std::{
    fmt::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use super::calendar::{self, DateTime, Time};
use crate::{
    key::{KeyError, KeyReader, NetabaseKey},
    value::{NetabaseValue, ValueError, ValueReader, ValueWriter},
};

const NANOS_PER_SEC: u32 = 1_000_000_000;

/// The largest distance from UTC that an offset can have.
const OFFSET_SECS_MAX: u32 = 25 * 3600 + 59 * 60 + 59;

const TOO_FAR: &str = "a date too far away to be stored";

/// Reads a value of the type `name`.
pub(super) fn decode_value(name: &str, reader: &mut ValueReader<'_>) -> Result<String, ValueError> {
    let start = reader.clone();
    let invalid = || start.error(format!("no `{name}` begins here"));
    Ok(match name {
        "uuid" => uuid_text(&reader.take_array()?),
        "ipv4-address" => Ipv4Addr::decode_value(reader)?.to_string(),
        "ipv6-address" => Ipv6Addr::decode_value(reader)?.to_string(),
        "ip-address" => IpAddr::decode_value(reader)?.to_string(),
        "socket-address" => SocketAddr::decode_value(reader)?.to_string(),
        "duration" => duration_text(Duration::decode_value(reader)?),
        "system-time" => {
            let since = Duration::decode_value(reader)?;
            let secs = i64::try_from(since.as_secs()).map_err(|_| invalid())?;
            calendar::instant(secs, since.subsec_nanos()).to_string() + "Z"
        }
        "signed-duration" => {
            let (secs, nanos) = (i64::decode_value(reader)?, i32::decode_value(reader)?);
            signed_text(secs, nanos).ok_or_else(invalid)?
        }
        "date" => calendar::date_text(i32::decode_value(reader)?.into()),
        "time" => decode_time(reader)?.ok_or_else(invalid)?.to_string(),
        "primitive-date-time" | "utc-date-time" | "offset-date-time" => {
            let day = i32::decode_value(reader)?.into();
            let time = decode_time(reader)?.ok_or_else(invalid)?;
            let local = DateTime { day, time };
            match name {
                "primitive-date-time" => local.to_string(),
                "utc-date-time" => local.to_string() + "Z",
                _ => {
                    let offset = i32::decode_value(reader)?;
                    local.to_string() + &offset_text(offset).ok_or_else(invalid)?
                }
            }
        }
        _ => return Err(reader.error(unknown(name))),
    })
}

/// Writes a value of the type `name`.
pub(super) fn encode_value(
    name: &str,
    text: &str,
    writer: &mut ValueWriter<'_>,
) -> Result<(), ValueError> {
    match parse(name, text) {
        Some(Known::Uuid(bytes)) => writer.bytes(&bytes),
        Some(Known::V4(ip)) => ip.encode_value(writer)?,
        Some(Known::V6(ip)) => ip.encode_value(writer)?,
        Some(Known::Ip(ip)) => ip.encode_value(writer)?,
        Some(Known::Socket(socket)) => socket.encode_value(writer)?,
        Some(Known::Duration(duration)) => duration.encode_value(writer)?,
        Some(Known::SignedDuration(secs, nanos)) => {
            secs.encode_value(writer)?;
            nanos.encode_value(writer)?;
        }
        Some(Known::SystemTime(at)) => {
            let since = at.since_epoch();
            let nanos = at.time.nanos;
            match u64::try_from(since) {
                Ok(secs) => Duration::new(secs, nanos).encode_value(writer)?,
                Err(_) => return Err(writer.error("a system time before 1970")),
            }
        }
        Some(Known::Date(day)) => encode_day(day, writer)?,
        Some(Known::Time(time)) => encode_time(time, writer)?,
        Some(Known::DateTime(at)) | Some(Known::Utc(at)) => {
            encode_day(at.day, writer)?;
            encode_time(at.time, writer)?;
        }
        Some(Known::Offset(at, offset)) => {
            encode_day(at.day, writer)?;
            encode_time(at.time, writer)?;
            offset.encode_value(writer)?;
        }
        None => return Err(writer.error(no_such(name, text))),
    }
    Ok(())
}

/// Reads a key of the type `name`.
pub(super) fn decode_key(name: &str, reader: &mut KeyReader<'_>) -> Result<String, KeyError> {
    let at = reader.position();
    let invalid = |what| KeyError::Invalid { at, what };
    Ok(match name {
        "uuid" => uuid_text(&reader.take("UUID")?),
        "duration" => duration_text(Duration::decode_key(reader)?),
        "system-time" => {
            let nanos = i128::decode_key(reader)?;
            let per_sec = i128::from(NANOS_PER_SEC);
            let secs = i64::try_from(nanos.div_euclid(per_sec));
            let part = u32::try_from(nanos.rem_euclid(per_sec));
            let (Ok(secs), Ok(part)) = (secs, part) else {
                return Err(invalid("system time"));
            };
            calendar::instant(secs, part).to_string() + "Z"
        }
        "signed-duration" => {
            let (secs, nanos) = (i64::decode_key(reader)?, i32::decode_key(reader)?);
            signed_text(secs, nanos).ok_or(invalid("duration"))?
        }
        "date" => calendar::date_text(i32::decode_key(reader)?.into()),
        "time" => time_key(reader)?.to_string(),
        "primitive-date-time" => {
            let day = i32::decode_key(reader)?.into();
            DateTime {
                day,
                time: time_key(reader)?,
            }
            .to_string()
        }
        "utc-date-time" | "offset-date-time" => {
            let (secs, nanos) = (i64::decode_key(reader)?, u32::decode_key(reader)?);
            if nanos >= NANOS_PER_SEC {
                return Err(invalid("date and time"));
            }
            let zone = if name == "utc-date-time" {
                "Z"
            } else {
                "+00:00"
            };
            calendar::instant(secs, nanos).to_string() + zone
        }
        _ => return Err(invalid("type that is known here as a key")),
    })
}

/// Writes a key of the type `name`.
pub(super) fn encode_key(name: &str, text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    match parse(name, text) {
        Some(Known::Uuid(bytes)) => out.extend_from_slice(&bytes),
        Some(Known::Duration(duration)) => duration.encode_key(out),
        Some(Known::SignedDuration(secs, nanos)) => {
            secs.encode_key(out);
            nanos.encode_key(out);
        }
        Some(Known::SystemTime(at)) => {
            let nanos = at.since_epoch() * i128::from(NANOS_PER_SEC);
            (nanos + i128::from(at.time.nanos)).encode_key(out);
        }
        Some(Known::Date(day)) => day_key(day, out)?,
        Some(Known::Time(time)) => push_time(time, out),
        Some(Known::DateTime(at)) => {
            day_key(at.day, out)?;
            push_time(at.time, out);
        }
        Some(Known::Utc(at)) => push_instant(at, 0, out)?,
        Some(Known::Offset(at, offset)) => push_instant(at, offset, out)?,
        _ => return Err(no_such(name, text)),
    }
    Ok(())
}

/// What a text names.
enum Known {
    Uuid([u8; 16]),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Ip(IpAddr),
    Socket(SocketAddr),
    Duration(Duration),
    SignedDuration(i64, i32),
    SystemTime(DateTime),
    Date(i64),
    Time(Time),
    DateTime(DateTime),
    Utc(DateTime),
    Offset(DateTime, i32),
}

fn parse(name: &str, text: &str) -> Option<Known> {
    Some(match name {
        "uuid" => Known::Uuid(parse_uuid(text)?),
        "ipv4-address" => Known::V4(text.parse().ok()?),
        "ipv6-address" => Known::V6(text.parse().ok()?),
        "ip-address" => Known::Ip(text.parse().ok()?),
        "socket-address" => Known::Socket(text.parse().ok()?),
        "duration" => {
            let (secs, nanos) = calendar::parse_seconds(text.strip_suffix('s')?)?;
            Known::Duration(Duration::new(secs, nanos))
        }
        "signed-duration" => parse_signed(text.strip_suffix('s')?)?,
        "system-time" => Known::SystemTime(DateTime::parse(text.strip_suffix('Z')?)?),
        "date" => Known::Date(calendar::parse_date(text)?),
        "time" => Known::Time(Time::parse(text)?),
        "primitive-date-time" => Known::DateTime(DateTime::parse(text)?),
        "utc-date-time" => Known::Utc(DateTime::parse(text.strip_suffix('Z')?)?),
        "offset-date-time" => {
            let sign_at = text.rfind(['+', '-'])?;
            let (local, offset) = text.split_at_checked(sign_at)?;
            Known::Offset(DateTime::parse(local)?, parse_offset(offset)?)
        }
        _ => return None,
    })
}

fn parse_signed(text: &str) -> Option<Known> {
    let (magnitude, is_negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let (secs, nanos) = calendar::parse_seconds(magnitude)?;
    let nanos = nanos.cast_signed();
    if is_negative {
        Some(Known::SignedDuration(
            0_i64.checked_sub_unsigned(secs)?,
            -nanos,
        ))
    } else {
        Some(Known::SignedDuration(i64::try_from(secs).ok()?, nanos))
    }
}

fn duration_text(duration: Duration) -> String {
    format!(
        "{}{}s",
        duration.as_secs(),
        calendar::fraction(duration.subsec_nanos())
    )
}

fn signed_text(secs: i64, nanos: i32) -> Option<String> {
    let differ = (secs > 0 && nanos < 0) || (secs < 0 && nanos > 0);
    if differ || nanos.unsigned_abs() >= NANOS_PER_SEC {
        return None;
    }
    let sign = if secs < 0 || nanos < 0 { "-" } else { "" };
    let fraction = calendar::fraction(nanos.unsigned_abs());
    Some(format!("{sign}{}{fraction}s", secs.unsigned_abs()))
}

fn offset_text(offset: i32) -> Option<String> {
    let secs = offset.unsigned_abs();
    if secs > OFFSET_SECS_MAX {
        return None;
    }
    let sign = if offset < 0 { '-' } else { '+' };
    let mut text = format!("{sign}{:02}:{:02}", secs / 3600, secs / 60 % 60);
    if !secs.is_multiple_of(60) {
        // Writing to a string does not fail.
        let _ = write!(text, ":{:02}", secs % 60);
    }
    Some(text)
}

fn parse_offset(text: &str) -> Option<i32> {
    let is_negative = text.starts_with('-');
    let mut parts = text
        .get(1..)?
        .split(':')
        .map(|part| calendar::digits(part, 2));
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let secs = parts.next().unwrap_or(Some(0))?;
    let total = hours * 3600 + minutes * 60 + secs;
    if parts.next().is_some() || minutes > 59 || secs > 59 || total > OFFSET_SECS_MAX.into() {
        return None;
    }
    let total = i32::try_from(total).ok()?;
    Some(if is_negative { -total } else { total })
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (position, byte) in bytes.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let number = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
    let bytes = number.to_be_bytes();
    (uuid_text(&bytes) == text.to_ascii_lowercase()).then_some(bytes)
}

fn decode_time(reader: &mut ValueReader<'_>) -> Result<Option<Time>, ValueError> {
    let [hour, minute, second] = reader.take_array()?;
    let nanos = reader.get_u32()?;
    Ok(Time {
        hour,
        minute,
        second,
        nanos,
    }
    .checked())
}

fn encode_time(time: Time, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
    writer.bytes(&[time.hour, time.minute, time.second]);
    time.nanos.encode_value(writer)
}

fn encode_day(day: i64, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
    match i32::try_from(day) {
        Ok(day) => day.encode_value(writer),
        Err(_) => Err(writer.error(TOO_FAR)),
    }
}

fn time_key(reader: &mut KeyReader<'_>) -> Result<Time, KeyError> {
    let at = reader.position();
    let [hour, minute, second] = reader.take("time of day")?;
    let nanos = u32::decode_key(reader)?;
    let time = Time {
        hour,
        minute,
        second,
        nanos,
    }
    .checked();
    time.ok_or(KeyError::Invalid {
        at,
        what: "time of day",
    })
}

fn day_key(day: i64, out: &mut Vec<u8>) -> Result<(), String> {
    let day = i32::try_from(day).map_err(|_| TOO_FAR)?;
    day.encode_key(out);
    Ok(())
}

fn push_time(time: Time, out: &mut Vec<u8>) {
    out.extend_from_slice(&[time.hour, time.minute, time.second]);
    time.nanos.encode_key(out);
}

fn push_instant(local: DateTime, offset_secs: i32, out: &mut Vec<u8>) -> Result<(), String> {
    let secs = i64::try_from(local.since_epoch() - i128::from(offset_secs));
    secs.map_err(|_| TOO_FAR)?.encode_key(out);
    local.time.nanos.encode_key(out);
    Ok(())
}

fn no_such(name: &str, text: &str) -> String {
    format!("{text:?} is no `{name}` that is known here")
}

fn unknown(name: &str) -> String {
    format!("the type `{name}` is not known here")
}
