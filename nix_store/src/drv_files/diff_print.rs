//! Differences of derivations as text and as JSON.

use std::fmt;

use nix_core::derivation::ByteString;
use serde_json::{Value, json};

use super::diff::{Difference, DrvDiff, Place};

impl DrvDiff {
    /// Returns the differences as an array of `{"part": .., "key": .., "from": .., "to": ..}`, where
    /// `key` says which variable, argument or path of the part; what is not there is `null`.
    ///
    /// Bytes that are no UTF-8 are shown as U+FFFD.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.differences.iter().map(Difference::to_json).collect()
    }
}

impl Difference {
    fn to_json(&self) -> Value {
        let key = match &self.place {
            Place::Name | Place::System | Place::Builder => Value::Null,
            Place::Arg(number) => json!(number),
            Place::Variable(name) => text(name),
            Place::Source(path) | Place::Input(path) => json!(path.base_name()),
            Place::Output(name) => json!(name.as_str()),
        };
        json!({
            "part": self.place.part(),
            "key": key,
            "from": self.from.as_ref().map(text),
            "to": self.to.as_ref().map(text),
        })
    }
}

impl Place {
    /// Returns what kind of part it is.
    const fn part(&self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::System => "system",
            Self::Builder => "builder",
            Self::Arg(_) => "argument",
            Self::Variable(_) => "variable",
            Self::Source(_) => "source",
            Self::Input(_) => "input",
            Self::Output(_) => "output",
        }
    }
}

/// Writes the part and, where there are several of the kind, which one.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.part())?;
        match self {
            Self::Name | Self::System | Self::Builder => Ok(()),
            Self::Arg(number) => write!(f, " {number}"),
            Self::Variable(name) => write!(f, " {name:?}"),
            Self::Source(path) | Self::Input(path) => write!(f, " {path}"),
            Self::Output(name) => write!(f, " {name}"),
        }
    }
}

/// Writes the part on one line, and below it what was there and what is, quoted, each on one line.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.place)?;
        for (sign, value) in [('-', &self.from), ('+', &self.to)] {
            if let Some(value) = value {
                writeln!(f, "{sign} {value:?}")?;
            }
        }
        Ok(())
    }
}

/// Writes all differences, one after the other; equal derivations give no text.
impl fmt::Display for DrvDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut differences = self.differences.iter();
        differences.try_for_each(|difference| difference.fmt(f))
    }
}

fn text(value: &ByteString) -> Value {
    String::from_utf8_lossy(value).into()
}
