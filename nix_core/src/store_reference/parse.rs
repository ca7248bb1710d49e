//! Reading store references.

use alloc::{collections::BTreeMap, format, string::String};

use super::{
    Authority, StoreLocation, StoreReference, StoreReferenceError, StoreUrl,
    percent::{self, is_common},
};
use crate::store_path::canonical;

/// A scheme, and what follows its `:`.
type Split<'t> = (&'t str, &'t str);

impl StoreReference {
    /// Parses a URL, an absolute path, or `auto`, `daemon`, `local`, each with parameters.
    ///
    /// As in Nix: the empty text is `auto`; `"` and space need no quoting in parameters, one without
    /// `=` is left out, and of equal ones the first counts; an IPv6 address of a host needs no
    /// brackets, and then no quoting of the `%` before its zone. A path with the letter of a drive
    /// is one below `/`, on every system.
    ///
    /// # Errors
    /// Fails when the text is none of these, is a relative path, has a fragment, or a character that
    /// must be quoted.
    ///
    /// # Examples
    /// ```
    /// use nix_core::store_reference::StoreReference;
    ///
    /// let reference = StoreReference::parse("ssh://me@fe80::1%eth0?compress=true")?;
    /// assert_eq!(reference.to_string(), "ssh://me@[fe80::1%25eth0]?compress=true");
    /// # Ok::<(), nix_core::store_reference::StoreReferenceError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, StoreReferenceError> {
        Self::parse_from(text, None)
    }

    /// Parses as [`parse`](Self::parse) does, and takes relative paths as from a folder.
    ///
    /// # Errors
    /// Fails as [`parse`](Self::parse) does; relative paths only when the folder is relative, too.
    pub fn parse_in(text: &str, folder: &str) -> Result<Self, StoreReferenceError> {
        Self::parse_from(text, Some(folder))
    }

    fn parse_from(text: &str, folder: Option<&str>) -> Result<Self, StoreReferenceError> {
        if text.contains('#') {
            return Err(StoreReferenceError::Fragment);
        }
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let params = parse_query(query)?;
        let url = |scheme: &str| StoreUrl::new(scheme, Authority::default(), "");
        let location = match base {
            "" | "auto" => StoreLocation::Auto,
            "daemon" if params.is_empty() => StoreLocation::Daemon,
            "daemon" => StoreLocation::Url(url("unix")?),
            "local" if params.is_empty() => StoreLocation::Local,
            "local" => StoreLocation::Url(url("local")?),
            _ => StoreLocation::Url(parse_url_or_path(base, folder)?),
        };
        Ok(Self { location, params })
    }
}

fn parse_url_or_path(base: &str, folder: Option<&str>) -> Result<StoreUrl, StoreReferenceError> {
    match split_scheme(base) {
        _ if is_drive_path(base) => local(&format!("/{}", base.replace('\\', "/"))),
        Some(split) => parse_url(split),
        None if base.contains("://") => Err(StoreReferenceError::Scheme),
        None if base.starts_with('/') => local(base),
        None if base.contains('/') => {
            let folder = folder.ok_or(StoreReferenceError::RelativePath)?;
            local(&format!("{folder}/{base}"))
        }
        None => Err(StoreReferenceError::Form),
    }
}

fn local(path: &str) -> Result<StoreUrl, StoreReferenceError> {
    if !path.starts_with('/') {
        return Err(StoreReferenceError::RelativePath);
    }
    let path = String::from_utf8(canonical(path.as_bytes()));
    let path = path.expect("whole parts of a text were taken out");
    StoreUrl::new("local", Authority::default(), &path)
}

fn parse_url((scheme, rest): Split<'_>) -> Result<StoreUrl, StoreReferenceError> {
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at_checked(rest.find('/').unwrap_or(rest.len())),
        None => Some(("", rest)),
    }
    .ok_or(StoreReferenceError::Form)?;
    let authority = Authority::parse(authority)
        .or_else(|error| Authority::parse_bare_ipv6(authority).map_err(|_| error))?;
    if !path
        .bytes()
        .all(|byte| is_common(byte) || b":@/".contains(&byte))
    {
        return Err(StoreReferenceError::PathSymbol);
    }
    // A slash that is quoted would be another one when it is written again.
    if path.to_ascii_lowercase().contains("%2f") {
        return Err(StoreReferenceError::PathSymbol);
    }
    let path = percent::decode(path)?;
    let is_file = scheme.rsplit('+').next() == Some("file");
    if is_file && authority != Authority::default() {
        return Err(StoreReferenceError::FileHost);
    }
    let path = if is_file && path.is_empty() {
        "/"
    } else {
        &path
    };
    StoreUrl::new(scheme, authority, path)
}

/// Decodes parameters; a text without `=` is none.
fn parse_query(query: &str) -> Result<BTreeMap<String, String>, StoreReferenceError> {
    let is_allowed = |byte: u8| is_common(byte) || b":@/?[]\" ".contains(&byte);
    if !query.bytes().all(is_allowed) {
        return Err(StoreReferenceError::ParamSymbol);
    }
    let mut params = BTreeMap::new();
    for (name, value) in query.split('&').filter_map(|param| param.split_once('=')) {
        let value = percent::decode(value)?;
        params.entry(percent::decode(name)?).or_insert(value);
    }
    Ok(params)
}

/// Splits off a scheme, which no path has before its first `:`.
fn split_scheme(base: &str) -> Option<Split<'_>> {
    base.split_once(':').filter(|(scheme, _)| is_scheme(scheme))
}

/// Returns whether a path begins with the letter of a drive, as `C:\` does.
fn is_drive_path(base: &str) -> bool {
    let letter = base.split_once(":\\").map(|(letter, _)| letter.as_bytes());
    matches!(letter, Some([letter]) if letter.is_ascii_alphabetic())
}

/// Returns whether a text may stand before `://`.
pub(super) fn is_scheme(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_allowed)
}
