//! Two realisations that cannot both be true of one build.

use super::{Announcement, Signers, VerifyError};

/// Two signed announcements that give one output two paths.
///
/// Either the build is not deterministic or somebody lies. Both announcements are kept whole, so
/// whoever is shown them can check the signatures, also after they have expired.
///
/// Invariant: both are realisations of one output with different paths, and both signatures hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    output: String,
    left: Announcement,
    right: Announcement,
}

impl Conflict {
    /// Compares what two announcements say; `None` where they do not contradict each other.
    ///
    /// Costs the check of two signatures where they do.
    ///
    /// # Errors
    /// Fails where they contradict each other and a signature does not hold: that is evidence of
    /// nothing.
    pub fn between(left: &Announcement, right: &Announcement) -> Result<Option<Self>, VerifyError> {
        let (one, other) = (left.statement().output(), right.statement().output());
        let (Some((output, left_path)), Some((other, right_path))) = (one, other) else {
            return Ok(None);
        };
        if output != other || left_path == right_path {
            return Ok(None);
        }
        left.verify_signature(Signers::Any)?;
        right.verify_signature(Signers::Any)?;
        Ok(Some(Self {
            output,
            left: left.clone(),
            right: right.clone(),
        }))
    }

    /// Returns the text of the output that would have two paths.
    #[must_use]
    pub fn output(&self) -> &str {
        &self.output
    }

    /// Returns both announcements, in the order in which they were compared.
    #[must_use]
    pub fn announcements(&self) -> [&Announcement; 2] {
        [&self.left, &self.right]
    }

    /// Tells whether one signer said both.
    #[must_use]
    pub fn is_equivocation(&self) -> bool {
        self.left.signer() == self.right.signer()
    }
}
