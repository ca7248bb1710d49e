//! Content addresses as text.

use crate::{
    hash::{canonical_hash, is_algorithm},
    shape::ShapeError,
};

const WHAT: &str = "content address";

/// How the hash of a content address came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Of a file's bytes.
    Flat,
    /// Of the archive.
    Nar,
    /// Of the object as git hashes it.
    Git,
    /// Of a text that may refer to other paths.
    Text,
}

impl Method {
    /// Reads the name that JSON has for it.
    pub(crate) fn parse(name: &str) -> Result<Self, ShapeError> {
        match name {
            "flat" => Ok(Self::Flat),
            "nar" => Ok(Self::Nar),
            "git" => Ok(Self::Git),
            "text" => Ok(Self::Text),
            _ => Err(ShapeError::new(
                "content address method",
                name,
                "is unknown",
            )),
        }
    }

    /// Returns what stands before the hash in a derivation's output.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Flat => "",
            Self::Nar => "r:",
            Self::Git => "git:",
            Self::Text => "text:",
        }
    }

    /// Returns the content address of a hash.
    pub(crate) fn address(self, hash: &str) -> Result<String, ShapeError> {
        let fixed = if self == Self::Text { "" } else { "fixed:" };
        Ok(format!("{fixed}{}{}", self.prefix(), canonical_hash(hash)?))
    }
}

/// Returns a content address as Nix's databases and narinfos have it: `text:sha256:<nix32>` or
/// `fixed:[r:|git:]<algorithm>:<nix32>`.
///
/// # Errors
/// Fails when the text is not a content address; the hash may be in any base.
pub fn canonical_content_address(text: &str) -> Result<String, ShapeError> {
    let (method, hash) = if let Some(hash) = text.strip_prefix("text:") {
        (Method::Text, hash)
    } else if let Some(rest) = text.strip_prefix("fixed:") {
        split_method(rest)
    } else {
        return Err(ShapeError::new(
            WHAT,
            text,
            "begins with neither `text:` nor `fixed:`",
        ));
    };
    method.address(hash)
}

/// Checks how an output is addressed: `[r:|git:|text:]<algorithm>`.
pub(crate) fn check_output_method(text: &str) -> Result<(), ShapeError> {
    let algorithm = match text.strip_prefix("text:") {
        Some(algorithm) => algorithm,
        None => split_method(text).1,
    };
    if is_algorithm(algorithm) {
        Ok(())
    } else {
        Err(ShapeError::new(
            "output method",
            text,
            "is of an unknown algorithm",
        ))
    }
}

fn split_method(text: &str) -> (Method, &str) {
    if let Some(rest) = text.strip_prefix("r:") {
        (Method::Nar, rest)
    } else if let Some(rest) = text.strip_prefix("git:") {
        (Method::Git, rest)
    } else {
        (Method::Flat, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NIX32: &str = "sha256:09ymwqf5i9q7d4dm7x4pjjcqqj0qrcp5lnznbh42gfsci5hcbqqm";
    const HEX: &str = "sha256:15e3c560894cbb27085cf65b5a2ecb18488c999497f4531b6907a7581ce6d527";

    #[test]
    fn every_base_becomes_nix32() {
        for prefix in ["text:", "fixed:", "fixed:r:", "fixed:git:"] {
            let canonical = format!("{prefix}{NIX32}");
            for text in [&canonical, &format!("{prefix}{HEX}")] {
                assert_eq!(canonical_content_address(text).as_ref(), Ok(&canonical));
            }
        }
    }

    #[test]
    fn what_is_no_content_address_is_refused() {
        for text in [
            "",
            "fixed",
            "fixed:",
            "fixed:x:sha256:00",
            "source:sha256:00",
            NIX32,
        ] {
            assert!(canonical_content_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn output_methods_name_an_algorithm() {
        for text in ["sha256", "r:sha256", "git:sha1", "text:sha256"] {
            assert_eq!(check_output_method(text), Ok(()));
        }
        assert!(check_output_method("r:").is_err());
    }
}
