//! Types that tools know by name.
//!
//! - `duration`: seconds and nanoseconds, both unsigned
//! - `system-time`: the duration since 1970; an earlier time has no stored form
//! - `ipv4-address`, `ipv6-address`: 4 or 16 bytes
//! - `ip-address`, `socket-address`: a variant, 0 for IPv4 or 1 for IPv6, then the address, then
//!   for a socket its port as an unsigned integer
//! - `uuid`: 16 bytes

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    time::{Duration, SystemTime},
};

use crate::{
    schema::{Shape, Types},
    value::{NetabaseValue, ValueError, ValueReader, ValueWriter},
};

const NANOS_PER_SEC: u32 = 1_000_000_000;

/// Implements `NetabaseValue` for a type that is written and read by two functions.
macro_rules! known {
    ($($type:ty, $name:literal, $bytes_min:literal, $encode:expr, $decode:expr;)*) => {$(
        impl NetabaseValue for $type {
            const BYTES_MIN: usize = $bytes_min;

            #[inline]
            fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
                let encode: fn(&mut ValueWriter<'_>, &Self) -> Result<(), ValueError> = $encode;
                encode(writer, self)
            }

            #[inline]
            fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
                let decode: fn(&mut ValueReader<'_>) -> Result<Self, ValueError> = $decode;
                decode(reader)
            }

            fn value_shape(_: &mut Types) -> Shape {
                Shape::Known($name.to_owned())
            }
        }
    )*};
}
#[cfg(feature = "time")]
pub(super) use known;

known! {
    Duration, "duration", 2, encode_duration, decode_duration;
    SystemTime, "system-time", 2, encode_system_time, decode_system_time;
    Ipv4Addr, "ipv4-address", 4,
        |writer, ip| {
            writer.bytes(&ip.octets());
            Ok(())
        },
        |reader| reader.take_array::<4>().map(Self::from);
    Ipv6Addr, "ipv6-address", 16,
        |writer, ip| {
            writer.bytes(&ip.octets());
            Ok(())
        },
        |reader| reader.take_array::<16>().map(Self::from);
    IpAddr, "ip-address", 5, encode_ip, decode_ip;
    SocketAddr, "socket-address", 6, encode_socket, decode_socket;
}

#[cfg(feature = "uuid")]
known! {
    uuid::Uuid, "uuid", 16,
        |writer, uuid| {
            writer.bytes(uuid.as_bytes());
            Ok(())
        },
        |reader| reader.take_array().map(Self::from_bytes);
}

fn encode_duration(writer: &mut ValueWriter<'_>, value: &Duration) -> Result<(), ValueError> {
    writer.put_u64(value.as_secs());
    writer.put_u64(u64::from(value.subsec_nanos()));
    Ok(())
}

fn decode_duration(reader: &mut ValueReader<'_>) -> Result<Duration, ValueError> {
    let secs = reader.get_u64()?;
    let nanos = reader.get_u32()?;
    if nanos >= NANOS_PER_SEC {
        return Err(reader.error(format!("{nanos} nanoseconds are a second or more")));
    }
    Ok(Duration::new(secs, nanos))
}

fn encode_system_time(writer: &mut ValueWriter<'_>, value: &SystemTime) -> Result<(), ValueError> {
    match value.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(duration) => encode_duration(writer, &duration),
        Err(_) => Err(writer.error("a system time before 1970 has no stored form")),
    }
}

fn decode_system_time(reader: &mut ValueReader<'_>) -> Result<SystemTime, ValueError> {
    let duration = decode_duration(reader)?;
    let time = SystemTime::UNIX_EPOCH.checked_add(duration);
    time.ok_or_else(|| reader.error("a system time that this platform cannot represent"))
}

fn encode_ip(writer: &mut ValueWriter<'_>, value: &IpAddr) -> Result<(), ValueError> {
    match value {
        IpAddr::V4(ip) => {
            writer.variant(0);
            ip.encode_value(writer)
        }
        IpAddr::V6(ip) => {
            writer.variant(1);
            ip.encode_value(writer)
        }
    }
}

fn decode_ip(reader: &mut ValueReader<'_>) -> Result<IpAddr, ValueError> {
    match reader.variant()? {
        0 => Ipv4Addr::decode_value(reader).map(IpAddr::V4),
        1 => Ipv6Addr::decode_value(reader).map(IpAddr::V6),
        other => Err(reader.unknown_variant(other, "IpAddr")),
    }
}

fn encode_socket(writer: &mut ValueWriter<'_>, value: &SocketAddr) -> Result<(), ValueError> {
    match value {
        SocketAddr::V4(_) => {}
        SocketAddr::V6(v6) if v6.flowinfo() == 0 && v6.scope_id() == 0 => {}
        SocketAddr::V6(_) => {
            return Err(writer.error("a socket address with a flow or a scope has no stored form"));
        }
    }
    encode_ip(writer, &value.ip())?;
    value.port().encode_value(writer)
}

fn decode_socket(reader: &mut ValueReader<'_>) -> Result<SocketAddr, ValueError> {
    let ip = decode_ip(reader)?;
    let port = reader.get_u16()?;
    Ok(match ip {
        IpAddr::V4(ip) => SocketAddr::V4(SocketAddrV4::new(ip, port)),
        IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, 0)),
    })
}
