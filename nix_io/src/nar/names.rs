//! The rules for names and targets, and the names from the root to the node at hand.

#[cfg(unix)]
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{
    NarLimits,
    error::{NameError, TargetError},
};

/// Returns where a node lies, whose names below a root are these.
#[cfg(unix)]
pub(super) fn path<'n>(root: &Path, names: impl Iterator<Item = &'n [u8]>) -> PathBuf {
    let mut path = root.to_owned();
    path.extend(names.map(OsStr::from_bytes));
    path
}

/// Checks the target of a symlink.
pub(super) fn check_target(target: &[u8], limits: &NarLimits) -> Result<(), TargetError> {
    if target.is_empty() {
        return Err(TargetError::Empty);
    }
    if target.len() > limits.target_bytes_max {
        let max = limits.target_bytes_max;
        return Err(TargetError::TooLong { max });
    }
    if target.contains(&0) {
        return Err(TargetError::Nul);
    }
    Ok(())
}

/// Checks that a name is one component of a path, and no other than itself.
pub(super) fn check_name(name: &[u8], limits: &NarLimits) -> Result<(), NameError> {
    if name.len() > limits.name_bytes_max {
        let max = limits.name_bytes_max;
        return Err(NameError::TooLong { max });
    }
    if matches!(name, b"." | b"..") {
        return Err(NameError::Dots);
    }
    match name.iter().find(|&&byte| byte == b'/' || byte == 0) {
        Some(b'/') => Err(NameError::Slash),
        Some(_) => Err(NameError::Nul),
        None if name.is_empty() => Err(NameError::Empty),
        None => Ok(()),
    }
}

/// The name of the last entry of each open directory, outermost first.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// All names, without separators.
    bytes: Vec<u8>,
    /// Where each name begins.
    begins: Vec<usize>,
}

impl Names {
    /// Returns how many directories are open.
    pub(super) const fn depth(&self) -> usize {
        self.begins.len()
    }

    /// Opens a directory.
    pub(super) fn open(&mut self) {
        self.begins.push(self.bytes.len());
    }

    /// Closes the innermost directory.
    pub(super) fn close(&mut self) {
        if let Some(begin) = self.begins.pop() {
            self.bytes.truncate(begin);
        }
    }

    /// Returns the last name in the innermost directory; it is empty before the first.
    pub(super) fn last(&self) -> &[u8] {
        let begin = self.begins.last().copied().unwrap_or(self.bytes.len());
        self.bytes.get(begin..).unwrap_or_default()
    }

    /// Replaces the last name in the innermost directory by one that may follow it.
    pub(super) fn replace(&mut self, name: &[u8], limits: &NarLimits) -> Result<(), NameError> {
        check_name(name, limits)?;
        let last = self.last();
        if name <= last {
            let is_same = name == last;
            return Err(if is_same {
                NameError::Duplicate
            } else {
                NameError::Unsorted
            });
        }
        let kept = self.bytes.len() - last.len();
        self.bytes.truncate(kept);
        self.bytes.extend_from_slice(name);
        Ok(())
    }

    /// Returns the names that lead to the node at hand, which is the innermost directory where
    /// `is_between` its entries.
    pub(super) fn path(&self, is_between: bool) -> impl Iterator<Item = &[u8]> {
        let length = self.depth().saturating_sub(usize::from(is_between));
        let ends = self.begins.iter().skip(1).copied();
        let ends = ends.chain([self.bytes.len()]);
        let spans = self.begins.iter().zip(ends).take(length);
        spans.filter_map(|(&begin, end)| self.bytes.get(begin..end))
    }
}
