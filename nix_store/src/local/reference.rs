//! Layouts by the texts that name stores.

use std::path::PathBuf;

use nix_core::{
    store_path::{StoreDir, StoreDirError},
    store_reference::{StoreLocation, StoreReference, StoreReferenceError},
};

use super::StoreLayout;

/// The parameters of a local store that this library knows.
const KNOWN: [&str; 5] = ["read-only", "real", "root", "state", "store"];

/// A local store that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalReference {
    /// Where its files lie.
    pub layout: StoreLayout,
    /// Whether it may only be read.
    pub read_only: bool,
}

/// A text that names no local store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocalReferenceError {
    /// The text is no store reference.
    #[error("read the store reference {text:?}")]
    Syntax {
        /// The text.
        text: String,
        /// What is wrong with it.
        #[source]
        source: StoreReferenceError,
    },
    /// The store is of another kind.
    #[error("{text:?} is no local store")]
    NotLocal {
        /// The text.
        text: String,
    },
    /// A parameter means nothing to a local store.
    #[error("a local store has no parameter {name:?}")]
    UnknownParameter {
        /// The parameter.
        name: String,
    },
    /// A parameter is neither `true` nor `false`.
    #[error("{name} is {value:?}, which is neither true nor false")]
    NotABoolean {
        /// The parameter.
        name: String,
        /// What it says.
        value: String,
    },
    /// The directory that paths are printed with is none.
    #[error("the store directory {text:?}")]
    StoreDir {
        /// The text.
        text: String,
        /// What is wrong with it.
        #[source]
        source: StoreDirError,
    },
}

impl LocalReference {
    /// Reads `local`, a path, or a URL such as `local?root=/mnt&read-only=true`.
    ///
    /// The parameters are those of Nix: `root` for everything, `store` for the directory that paths
    /// are printed with, `real` for the one that objects lie in, `state` for databases and roots,
    /// and `read-only`. A path, relative ones too, is a `root`.
    ///
    /// # Errors
    /// Fails on other kinds of stores, unknown parameters, and parameters that are malformed.
    ///
    /// # Examples
    /// ```
    /// use nix_store::local::LocalReference;
    ///
    /// let mnt = LocalReference::parse("local?root=/mnt&read-only=true")?;
    /// assert_eq!(mnt.layout.real_store_dir, std::path::Path::new("/mnt/nix/store"));
    /// assert!(mnt.read_only);
    /// assert_eq!(LocalReference::parse("/mnt")?.layout, mnt.layout);
    /// # Ok::<(), nix_store::local::LocalReferenceError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, LocalReferenceError> {
        let not_local = || LocalReferenceError::NotLocal {
            text: text.to_owned(),
        };
        let is_url = text == "local" || text.starts_with("local?") || text.contains("://");
        if !is_url && !text.contains('?') {
            let layout = StoreLayout::below(text, StoreDir::default());
            return Ok(Self {
                layout,
                read_only: false,
            });
        }
        let reference = StoreReference::parse(text);
        let reference = reference.map_err(|source| LocalReferenceError::Syntax {
            text: text.to_owned(),
            source,
        })?;
        let root = match &reference.location {
            StoreLocation::Local => None,
            StoreLocation::Url(url) if url.scheme() == "local" => {
                Some(url.path()).filter(|path| !path.is_empty())
            }
            _ => return Err(not_local()),
        };
        let unknown = |name: &&String| !KNOWN.contains(&name.as_str());
        if let Some(name) = reference.params.keys().find(unknown) {
            let name = name.clone();
            return Err(LocalReferenceError::UnknownParameter { name });
        }
        let param = |name: &str| reference.params.get(name).map(String::as_str);
        Ok(Self {
            layout: layout(root, param)?,
            read_only: boolean("read-only", param("read-only"))?,
        })
    }
}

fn layout<'a>(
    root: Option<&'a str>,
    param: impl Fn(&str) -> Option<&'a str>,
) -> Result<StoreLayout, LocalReferenceError> {
    let store_dir = match param("store") {
        Some(text) => StoreDir::new(text).map_err(|source| LocalReferenceError::StoreDir {
            text: text.to_owned(),
            source,
        })?,
        None => StoreDir::default(),
    };
    let mut layout = match param("root").or(root).filter(|root| !root.is_empty()) {
        Some(root) => StoreLayout::below(root, store_dir),
        None => StoreLayout {
            real_store_dir: PathBuf::from(store_dir.as_str()),
            state_dir: PathBuf::from("/nix/var/nix"),
            store_dir,
        },
    };
    if let Some(real) = param("real") {
        layout.real_store_dir = PathBuf::from(real);
    }
    if let Some(state) = param("state") {
        layout.state_dir = PathBuf::from(state);
    }
    Ok(layout)
}

fn boolean(name: &str, value: Option<&str>) -> Result<bool, LocalReferenceError> {
    match value {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(value) => Err(LocalReferenceError::NotABoolean {
            name: name.to_owned(),
            value: value.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parsed(text: &str) -> LocalReference {
        LocalReference::parse(text).unwrap()
    }

    #[test]
    fn every_directory_has_its_parameter() {
        let found = parsed("local?store=/a/store&real=/b&state=/c");
        assert_eq!(found.layout.store_dir.as_str(), "/a/store");
        assert_eq!(found.layout.real_store_dir, Path::new("/b"));
        assert_eq!(found.layout.state_dir, Path::new("/c"));
        assert!(!found.read_only);
        let alone = parsed("local?store=/a/store");
        assert_eq!(alone.layout.real_store_dir, Path::new("/a/store"));
        assert_eq!(alone.layout.state_dir, Path::new("/nix/var/nix"));
        assert_eq!(parsed("local://").layout, parsed("local").layout);
    }

    #[test]
    fn a_path_is_a_root() {
        let below = StoreLayout::below("some/where", StoreDir::default());
        assert_eq!(parsed("some/where").layout, below);
        let read_only = parsed("/mnt/a b?read-only=1");
        assert_eq!(
            read_only.layout.state_dir,
            Path::new("/mnt/a b/nix/var/nix")
        );
        assert!(read_only.read_only);
        assert_eq!(parsed("local:///mnt").layout, parsed("/mnt").layout);
    }

    #[test]
    fn what_is_no_local_store_is_refused() {
        let refused = |text| LocalReference::parse(text).unwrap_err();
        for text in ["https://cache.nixos.org", "ssh-ng://builder", "unix://"] {
            let expected = LocalReferenceError::NotLocal { text: text.into() };
            assert_eq!(refused(text), expected);
        }
        assert_eq!(
            refused("local?rot=/mnt").to_string(),
            "a local store has no parameter \"rot\""
        );
        assert!(
            refused("local?read-only=maybe")
                .to_string()
                .contains("neither true nor false")
        );
        assert!(matches!(
            refused("local?store=relative"),
            LocalReferenceError::StoreDir { .. }
        ));
    }
}
