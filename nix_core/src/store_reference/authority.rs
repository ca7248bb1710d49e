//! Where on the network a store is.

use alloc::string::String;
use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::{
    error::StoreReferenceError,
    percent::{self, is_common, is_unreserved},
};

/// The user, host and port of a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Authority {
    /// The user.
    pub user: Option<String>,
    /// The password, which only a user has.
    pub password: Option<String>,
    /// The host; an empty name where there is none.
    pub host: Host,
    /// The port.
    pub port: Option<u16>,
}

/// A host, by name or address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A name, or none where it is empty.
    Name(String),
    /// An address of version 4.
    Ipv4(Ipv4Addr),
    /// An address of version 6, and the zone that a link-local one is of, such as `eth0`.
    Ipv6(Ipv6Addr, Option<String>),
}

impl Default for Host {
    fn default() -> Self {
        Self::Name(String::new())
    }
}

impl Authority {
    /// Parses what stands between `://` and the path.
    pub(super) fn parse(text: &str) -> Result<Self, StoreReferenceError> {
        let (user_info, rest) = split_user(text);
        let (host, port) = split_port(rest);
        let (user, password) = user_info.map_or(Ok((None, None)), parse_user)?;
        let (host, port) = (parse_host(host)?, port.map_or(Ok(None), parse_port)?);
        Ok(Self {
            user,
            password,
            host,
            port,
        })
    }

    /// Parses the old form: an address of version 6 without brackets or with a zone after a bare
    /// `%`, and no port.
    pub(super) fn parse_bare_ipv6(text: &str) -> Result<Self, StoreReferenceError> {
        let (user_info, rest) = split_user(text);
        let inside = rest
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let rest = inside.unwrap_or(rest);
        let (address, zone) = match rest.split_once('%') {
            Some((address, zone)) => (address, Some(zone)),
            None => (rest, None),
        };
        let (user, password) = user_info.map_or(Ok((None, None)), parse_user)?;
        let host = ipv6(address, zone.map(String::from))?;
        Ok(Self {
            user,
            password,
            host,
            port: None,
        })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            percent::write(f, user, b"")?;
            if let Some(password) = &self.password {
                f.write_str(":")?;
                percent::write(f, password, b"")?;
            }
            f.write_str("@")?;
        }
        write!(f, "{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => percent::write(f, name, b""),
            Self::Ipv4(address) => write!(f, "{address}"),
            Self::Ipv6(address, None) => write!(f, "[{address}]"),
            Self::Ipv6(address, Some(zone)) => {
                write!(f, "[{address}%25")?;
                percent::write(f, zone, b"")?;
                f.write_str("]")
            }
        }
    }
}

fn split_user(text: &str) -> (Option<&str>, &str) {
    match text.split_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, text),
    }
}

/// Splits at the `:` after the host, which is not one of those inside brackets.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    }
}

type User = (Option<String>, Option<String>);

fn parse_user(text: &str) -> Result<User, StoreReferenceError> {
    if !text.bytes().all(|byte| is_common(byte) || byte == b':') {
        return Err(StoreReferenceError::User);
    }
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    let (user, password) = (
        percent::decode(user)?,
        password.map(percent::decode).transpose()?,
    );
    if is_dangerous(&user) {
        return Err(StoreReferenceError::User);
    }
    Ok((Some(user), password))
}

fn parse_host(text: &str) -> Result<Host, StoreReferenceError> {
    if let Some(inside) = text.strip_prefix('[') {
        let inside = inside.strip_suffix(']').ok_or(StoreReferenceError::Host)?;
        return match inside.split_once("%25") {
            Some((address, zone)) => ipv6(address, Some(percent::decode(zone)?)),
            None => ipv6(inside, None),
        };
    }
    if !text.bytes().all(is_common) {
        return Err(StoreReferenceError::Host);
    }
    let name = percent::decode(text)?;
    if let Ok(address) = name.parse() {
        return Ok(Host::Ipv4(address));
    }
    if is_dangerous(&name) {
        return Err(StoreReferenceError::Host);
    }
    Ok(Host::Name(name))
}

/// Returns whether a program such as `ssh`, given the text as an argument, would take it for an
/// option or read only a part of it.
fn is_dangerous(text: &str) -> bool {
    text.starts_with('-') || text.chars().any(char::is_control)
}

fn ipv6(address: &str, zone: Option<String>) -> Result<Host, StoreReferenceError> {
    let address = address.parse().map_err(|_| StoreReferenceError::Host)?;
    let is_zone = |zone: &String| !zone.is_empty() && zone.bytes().all(is_unreserved);
    if zone.as_ref().is_some_and(|zone| !is_zone(zone)) {
        return Err(StoreReferenceError::Host);
    }
    Ok(Host::Ipv6(address, zone))
}

fn parse_port(text: &str) -> Result<Option<u16>, StoreReferenceError> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| is_number && *port != 0);
    port.map(Some).ok_or(StoreReferenceError::Port)
}
