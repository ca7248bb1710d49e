//! What a binary cache says of itself.

use alloc::{format, string::String};
use core::num::ParseIntError;

use crate::store_path::{StoreDir, StoreDirError};

/// The contents of `nix-cache-info`.
///
/// # Examples
/// ```
/// use nix_core::narinfo::CacheInfo;
///
/// let text = "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n";
/// let info = CacheInfo::parse(text.as_bytes())?;
/// assert_eq!(info.priority, Some(40));
/// assert_eq!(info.to_text(), text);
/// # Ok::<(), nix_core::narinfo::CacheInfoError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheInfo {
    /// The store that the cache is of. A client of another store can use nothing of it.
    pub store_dir: Option<StoreDir>,
    /// Whether the cache takes queries for many paths at once.
    pub want_mass_query: Option<bool>,
    /// The rank among caches; a lower number is asked earlier.
    pub priority: Option<u64>,
}

/// Why a text is no `nix-cache-info`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheInfoError {
    /// The text is not UTF-8.
    #[error("the text is not UTF-8 at byte {position}")]
    NotUtf8 {
        /// The byte of the text.
        position: usize,
    },
    /// A line that may stand once stands twice.
    #[error("line {line} has `{key}` for the second time")]
    Duplicate {
        /// The line, counted from 1.
        line: usize,
        /// The key of the line.
        key: &'static str,
    },
    /// The store directory is none.
    #[error("`StoreDir` in line {line} is no store directory")]
    StoreDir {
        /// The line, counted from 1.
        line: usize,
        /// Why.
        #[source]
        source: StoreDirError,
    },
    /// The wish for mass queries is neither 0 nor 1.
    #[error("`WantMassQuery` in line {line} is neither 0 nor 1")]
    WantMassQuery {
        /// The line, counted from 1.
        line: usize,
    },
    /// The priority is no whole number below 2^64.
    #[error("`Priority` in line {line} is no number")]
    Priority {
        /// The line, counted from 1.
        line: usize,
        /// Why.
        #[source]
        source: ParseIntError,
    },
}

impl CacheInfo {
    /// Reads the text.
    ///
    /// As in Nix, lines without `:` and unknown keys are passed over, and white space around a value
    /// is no part of it.
    ///
    /// # Errors
    /// Fails where a known key stands twice or holds something else.
    pub fn parse(text: &[u8]) -> Result<Self, CacheInfoError> {
        let text = str::from_utf8(text).map_err(|error| CacheInfoError::NotUtf8 {
            position: error.valid_up_to(),
        })?;
        let mut info = Self::default();
        for (index, text) in text.lines().enumerate() {
            if let Some((key, value)) = text.split_once(':') {
                info.read(index + 1, key, value.trim_ascii())?;
            }
        }
        Ok(info)
    }

    /// Writes the text, with a line for everything that is known.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        if let Some(dir) = &self.store_dir {
            text.push_str(&format!("StoreDir: {dir}\n"));
        }
        if let Some(wanted) = self.want_mass_query {
            text.push_str(&format!("WantMassQuery: {}\n", u8::from(wanted)));
        }
        if let Some(priority) = self.priority {
            text.push_str(&format!("Priority: {priority}\n"));
        }
        text
    }

    fn read(&mut self, line: usize, key: &str, value: &str) -> Result<(), CacheInfoError> {
        let duplicate = |key, stood: bool| match stood {
            true => Err(CacheInfoError::Duplicate { line, key }),
            false => Ok(()),
        };
        match key {
            "StoreDir" => {
                duplicate("StoreDir", self.store_dir.is_some())?;
                let dir = StoreDir::new(value);
                let dir = dir.map_err(|source| CacheInfoError::StoreDir { line, source })?;
                self.store_dir = Some(dir);
            }
            "WantMassQuery" => {
                duplicate("WantMassQuery", self.want_mass_query.is_some())?;
                self.want_mass_query = match value {
                    "0" => Some(false),
                    "1" => Some(true),
                    _ => return Err(CacheInfoError::WantMassQuery { line }),
                };
            }
            "Priority" => {
                duplicate("Priority", self.priority.is_some())?;
                let priority = value.parse();
                let priority =
                    priority.map_err(|source| CacheInfoError::Priority { line, source })?;
                self.priority = Some(priority);
            }
            _ => {}
        }
        Ok(())
    }
}
