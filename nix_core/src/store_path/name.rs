//! Names of store paths and of outputs.

use alloc::{format, sync::Arc};
use core::{borrow::Borrow, fmt, str::FromStr};

use super::{DERIVATION_SUFFIX, error::StorePathNameError};

/// The longest name, in bytes.
pub(super) const NAME_LEN_MAX: usize = 211;

/// The output whose name does not become part of a path.
const OUT: &str = "out";

/// The name of a store path: 1 to 211 characters of `0-9a-zA-Z+-._?=`.
///
/// Neither the name nor what stands before its first `-` is `.` or `..`. A cheap clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePathName(Arc<str>);

/// The name of an output of a derivation, by the rules of [`StorePathName`].
///
/// Output names sort by their bytes. A cheap clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputName(Arc<str>);

impl StorePathName {
    /// Checks a name.
    ///
    /// # Errors
    /// Fails when it is empty, too long, or has a character or a part that is not allowed.
    ///
    /// # Examples
    /// ```
    /// use nix_core::store_path::{StorePathName, StorePathNameError};
    ///
    /// assert!(StorePathName::new(".gitignore").is_ok());
    /// assert_eq!(StorePathName::new(".-a"), Err(StorePathNameError::Dots));
    /// ```
    pub fn new(name: &str) -> Result<Self, StorePathNameError> {
        check(name.as_bytes())?;
        Ok(Self(name.into()))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of an output's path, where this is the name of the derivation without
    /// `.drv`: the same for `out`, else with `-` and the output.
    ///
    /// # Errors
    /// Fails when the two together are too long.
    ///
    /// # Examples
    /// ```
    /// use nix_core::store_path::{OutputName, StorePathName};
    ///
    /// let name = StorePathName::new("hello-2.12")?;
    /// assert_eq!(name.for_output(&OutputName::out())?, name);
    /// assert_eq!(name.for_output(&OutputName::new("dev")?)?.as_str(), "hello-2.12-dev");
    /// # Ok::<(), nix_core::store_path::StorePathNameError>(())
    /// ```
    pub fn for_output(&self, output: &OutputName) -> Result<Self, StorePathNameError> {
        if output.as_str() == OUT {
            return Ok(self.clone());
        }
        Self::new(&format!("{self}-{output}"))
    }

    /// Returns the name with `.drv` after it, that of the derivation's own path.
    ///
    /// # Errors
    /// Fails when it is then too long.
    pub fn with_derivation_suffix(&self) -> Result<Self, StorePathNameError> {
        Self::new(&format!("{self}{DERIVATION_SUFFIX}"))
    }

    /// Returns the name without `.drv` at its end, if it ends so and something valid is left.
    #[must_use]
    pub fn without_derivation_suffix(&self) -> Option<Self> {
        Self::new(self.0.strip_suffix(DERIVATION_SUFFIX)?).ok()
    }
}

impl OutputName {
    /// Checks a name.
    ///
    /// # Errors
    /// Fails as [`StorePathName::new`] does.
    pub fn new(name: &str) -> Result<Self, StorePathNameError> {
        check(name.as_bytes())?;
        Ok(Self(name.into()))
    }

    /// Returns the name `out`.
    #[must_use]
    pub fn out() -> Self {
        Self(OUT.into())
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks the bytes of a name.
pub(super) fn check(name: &[u8]) -> Result<(), StorePathNameError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._?=".contains(&byte);
    if name.is_empty() {
        return Err(StorePathNameError::Empty);
    }
    if name.len() > NAME_LEN_MAX {
        return Err(StorePathNameError::Long(name.len()));
    }
    if let Some((position, &byte)) = name.iter().enumerate().find(|(_, byte)| !allowed(**byte)) {
        return Err(StorePathNameError::Symbol { position, byte });
    }
    let first_part = name.split(|byte| *byte == b'-').next();
    if matches!(first_part, Some(b"." | b"..")) {
        return Err(StorePathNameError::Dots);
    }
    Ok(())
}

/// Implements what both kinds of names share.
macro_rules! name_traits {
    ($name:ident) => {
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = StorePathNameError;

            fn from_str(text: &str) -> Result<Self, StorePathNameError> {
                Self::new(text)
            }
        }
    };
}

name_traits!(StorePathName);
name_traits!(OutputName);

/// Generates names, mostly short ones.
#[cfg(any(test, feature = "test"))]
fn arb_text() -> impl proptest::strategy::Strategy<Value = alloc::string::String> {
    use proptest::prelude::*;

    let texts = prop_oneof![
        9 => "[0-9a-zA-Z+._?=-]{1,20}",
        1 => "[0-9a-zA-Z+._?=-]{1,180}",
    ];
    texts.prop_filter("a valid name", |text| check(text.as_bytes()).is_ok())
}

/// Generates any name of a store path that leaves place for an output's.
#[cfg(any(test, feature = "test"))]
pub fn arb_store_path_name() -> impl proptest::strategy::Strategy<Value = StorePathName> {
    use proptest::strategy::Strategy;

    arb_text().prop_map(|text| StorePathName(text.into()))
}

/// Generates any name of an output.
#[cfg(any(test, feature = "test"))]
pub fn arb_output_name() -> impl proptest::strategy::Strategy<Value = OutputName> {
    use proptest::prelude::*;

    let texts = prop_oneof![Just("out"), Just("dev"), Just("lib")].prop_map(Into::into);
    let any = "[0-9a-zA-Z+_?=][0-9a-zA-Z+._?=-]{0,20}";
    prop_oneof![texts, any].prop_map(|text: alloc::string::String| OutputName(text.into()))
}
