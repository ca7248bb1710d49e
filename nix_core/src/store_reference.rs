//! Store references: the texts that say which store is meant, such as `daemon`,
//! `/mnt?read-only=true` or `ssh-ng://builder`.
//!
//! A text is a URL, or one of the short forms `auto`, `daemon`, `local` and a path, each with
//! parameters after `?`. Reading one touches nothing: what `auto` means, and what a parameter means
//! to a kind of store, is for others to say.

mod authority;
mod error;
mod parse;
mod percent;

use alloc::{collections::BTreeMap, string::String};
use core::fmt;

pub use self::{
    authority::{Authority, Host},
    error::StoreReferenceError,
};

/// Which store is meant, and how it is to be opened.
///
/// # Examples
/// ```
/// use nix_core::store_reference::{StoreLocation, StoreReference};
///
/// let reference = StoreReference::parse("/mnt/my store?read-only=true")?;
/// let StoreLocation::Url(url) = &reference.location else { panic!("a path is a URL") };
/// assert_eq!((url.scheme(), url.path()), ("local", "/mnt/my store"));
/// assert_eq!(reference.params["read-only"], "true");
/// assert_eq!(reference.to_string(), "local:///mnt/my%20store?read-only=true");
/// # Ok::<(), nix_core::store_reference::StoreReferenceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreReference {
    /// Where the store is.
    pub location: StoreLocation,
    /// Its parameters, decoded.
    pub params: BTreeMap<String, String>,
}

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreLocation {
    /// Whichever is there: the local store where it can be written, else the daemon.
    Auto,
    /// The daemon at its usual socket; with parameters it is written `unix://`.
    Daemon,
    /// The store at its usual place; with parameters it is written `local://`.
    Local,
    /// What a URL says.
    Url(StoreUrl),
}

/// The scheme, authority and path of a store's URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreUrl {
    /// Invariant: as RFC 3986 has it.
    scheme: String,
    authority: Authority,
    /// Invariant: empty, or begins with `/`; no byte of it is zero.
    path: String,
}

impl StoreUrl {
    /// Puts a URL together; the path is meant as it is, not percent-encoded.
    ///
    /// # Errors
    /// Fails when the scheme is not a letter and then letters, digits, `+`, `-` and `.`, or the path
    /// is neither empty nor absolute, or has a zero byte.
    pub fn new(
        scheme: &str,
        authority: Authority,
        path: &str,
    ) -> Result<Self, StoreReferenceError> {
        if !parse::is_scheme(scheme) {
            return Err(StoreReferenceError::Scheme);
        }
        if !path.is_empty() && !path.starts_with('/') {
            return Err(StoreReferenceError::RelativePath);
        }
        if path.contains('\0') {
            return Err(StoreReferenceError::PathSymbol);
        }
        let (scheme, path) = (scheme.into(), path.into());
        Ok(Self {
            scheme,
            authority,
            path,
        })
    }

    /// Returns the kind of the store, as `local`, `unix`, `ssh-ng` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns where on the network it is; nowhere in particular for local ones.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns the path, decoded: empty, or beginning with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)?;
        percent::write(f, &self.path, percent::KEPT_IN_PATH)
    }
}

/// Writes the URL, or the short form, and the parameters, sorted by name.
impl fmt::Display for StoreReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.location, self.params.is_empty()) {
            (StoreLocation::Auto, _) => f.write_str("auto")?,
            (StoreLocation::Daemon, true) => f.write_str("daemon")?,
            (StoreLocation::Daemon, false) => f.write_str("unix://")?,
            (StoreLocation::Local, true) => f.write_str("local")?,
            (StoreLocation::Local, false) => f.write_str("local://")?,
            (StoreLocation::Url(url), _) => write!(f, "{url}")?,
        }
        for (at, (name, value)) in self.params.iter().enumerate() {
            f.write_str(if at == 0 { "?" } else { "&" })?;
            percent::write(f, name, percent::KEPT_IN_QUERY)?;
            f.write_str("=")?;
            percent::write(f, value, percent::KEPT_IN_QUERY)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
