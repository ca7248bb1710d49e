//! The folder that all paths of a store begin with, and the shape of those paths.

use std::fmt;

use crate::{base::is_nix32, shape::ShapeError};

/// How many characters the hash part of a path has.
pub(crate) const HASH_PART_LEN: usize = 32;

/// The longest name of a store path.
const NAME_LEN_MAX: usize = 211;

const WHAT: &str = "store path";

/// The folder of a store, `/nix/store` by default: all its paths are
/// `<store dir>/<32 characters>-<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreDir(String);

impl StoreDir {
    /// Takes an absolute path without a slash at its end.
    ///
    /// # Errors
    /// Fails when the path is not that.
    pub fn new(path: &str) -> Result<Self, ShapeError> {
        let error = |why| Err(ShapeError::new("store dir", path, why));
        if !path.starts_with('/') {
            return error("is not absolute");
        }
        if path
            .split('/')
            .skip(1)
            .any(|part| matches!(part, "" | "." | ".."))
        {
            return error("has an empty part, `.` or `..`");
        }
        Ok(Self(path.to_owned()))
    }

    /// Returns the path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks a full path and returns its base name, `<32 characters>-<name>`.
    ///
    /// # Errors
    /// Fails when the path lies elsewhere, or its base name has not that shape.
    pub fn base_name<'p>(&self, path: &'p str) -> Result<&'p str, ShapeError> {
        let inside = path
            .strip_prefix(&*self.0)
            .and_then(|rest| rest.strip_prefix('/'));
        let Some(base_name) = inside else {
            return Err(ShapeError::new(WHAT, path, "is not in the store dir"));
        };
        check_base_name(base_name).map_err(|why| ShapeError::new(WHAT, path, why))?;
        Ok(base_name)
    }

    /// Returns the full path of a text that is a full path or a base name.
    ///
    /// # Errors
    /// Fails when it is neither, as [`base_name`](Self::base_name) does.
    pub fn full_path(&self, text: &str) -> Result<String, ShapeError> {
        if text.starts_with('/') {
            self.base_name(text)?;
            return Ok(text.to_owned());
        }
        check_base_name(text).map_err(|why| ShapeError::new(WHAT, text, why))?;
        Ok(format!("{}/{text}", self.0))
    }
}

impl Default for StoreDir {
    fn default() -> Self {
        Self("/nix/store".to_owned())
    }
}

impl fmt::Display for StoreDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the hash part and the name of a path, whichever store it is of.
pub(crate) fn split_path(path: &str) -> Option<(&str, &str)> {
    let base_name = path
        .rsplit_once('/')
        .map_or(path, |(_, base_name)| base_name);
    let (hash_part, rest) = base_name.split_at_checked(HASH_PART_LEN)?;
    Some((hash_part, rest.strip_prefix('-')?))
}

/// Returns whether a text begins as a full path or a base name does.
pub(crate) fn is_path_like(text: &str) -> bool {
    let hash_part = text.as_bytes().first_chunk::<HASH_PART_LEN>();
    text.starts_with('/') || hash_part.is_some_and(|part| part.iter().all(|b| is_nix32(*b)))
}

fn check_base_name(base_name: &str) -> Result<(), &'static str> {
    if base_name.contains('/') {
        return Err("points into a store path");
    }
    let Some((hash_part, name)) = split_path(base_name) else {
        return Err("has no hash part of 32 characters and `-`");
    };
    if !hash_part.bytes().all(is_nix32) {
        return Err("has a hash part that is not base 32");
    }
    if name.is_empty() {
        return Err("has no name");
    }
    if name.len() > NAME_LEN_MAX {
        return Err("has a name of more than 211 characters");
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"+-._?=".contains(&b);
    if !name.bytes().all(allowed) {
        return Err("has a character in its name that is not allowed");
    }
    if matches!(name.split('-').next(), Some("." | "..")) {
        return Err("has a name that begins with `.` or `..` as a part");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q";

    fn check(base_name: &str, expected: Result<(), &str>) {
        assert_eq!(check_base_name(base_name), expected, "{base_name}");
    }

    #[test]
    fn names_have_the_characters_and_dots_that_nix_allows() {
        for name in [
            "a",
            "hello-2.12",
            "+._?=-Z9",
            ".gitignore",
            "...",
            "...-",
            "...a",
            "-",
        ] {
            check(&format!("{HASH}-{name}"), Ok(()));
        }
        check(&format!("{HASH}-{}", "x".repeat(211)), Ok(()));
        let long = format!("{HASH}-{}", "x".repeat(212));
        check(&long, Err("has a name of more than 211 characters"));
        for name in [".", "..", ".-a", "..-1"] {
            let dots = Err("has a name that begins with `.` or `..` as a part");
            check(&format!("{HASH}-{name}"), dots);
        }
        for name in ["a b", "a*", "\u{e9}", "a\0"] {
            let symbol = Err("has a character in its name that is not allowed");
            check(&format!("{HASH}-{name}"), symbol);
        }
        check(&format!("{HASH}-"), Err("has no name"));
    }

    #[test]
    fn hash_parts_are_32_characters_of_base_32() {
        check("", Err("has no hash part of 32 characters and `-`"));
        check(HASH, Err("has no hash part of 32 characters and `-`"));
        check(
            &format!("{}-a", &HASH[1..]),
            Err("has no hash part of 32 characters and `-`"),
        );
        check(
            &format!("{}-a", HASH.replace('g', "e")),
            Err("has a hash part that is not base 32"),
        );
        check(
            &format!("{}-a", "\u{e9}".repeat(16)),
            Err("has a hash part that is not base 32"),
        );
    }

    #[test]
    fn paths_lie_in_the_store_dir_itself() {
        let nix = StoreDir::default();
        let path = format!("/nix/store/{HASH}-a");
        assert_eq!(nix.full_path(&path).as_ref(), Ok(&path));
        assert_eq!(nix.full_path(&format!("{HASH}-a")).as_ref(), Ok(&path));
        for other in [
            format!("/gnu/store/{HASH}-a"),
            format!("/nix/storex/{HASH}-a"),
        ] {
            assert_eq!(
                nix.full_path(&other).map_err(|e| e.why),
                Err("is not in the store dir")
            );
        }
        assert!(nix.full_path(&format!("{path}/bin")).is_err());
        assert!(nix.full_path(&format!("/nix/store/x/{HASH}-a")).is_err());
    }

    #[test]
    fn a_store_dir_is_absolute_and_plain() {
        assert!(StoreDir::new("/scratch/store").is_ok());
        for path in [
            "",
            "nix/store",
            "/",
            "/nix/store/",
            "/nix//store",
            "/nix/../store",
        ] {
            assert!(StoreDir::new(path).is_err(), "{path}");
        }
    }
}
