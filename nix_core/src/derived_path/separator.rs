//! The two characters that stand between a derivation and its outputs.

/// What stands between a derivation and its outputs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Separator {
    Caret,
    Exclamation,
}

impl Separator {
    pub(super) const fn as_char(self) -> char {
        match self {
            Self::Caret => '^',
            Self::Exclamation => '!',
        }
    }

    /// Splits a text at the last separator behind every slash.
    ///
    /// No output name has a slash, but the store dir may have a separator.
    pub(super) fn split_last(self, text: &str) -> Option<(&str, &str)> {
        let parts = text.rsplit_once(self.as_char())?;
        (!parts.1.contains('/')).then_some(parts)
    }
}
