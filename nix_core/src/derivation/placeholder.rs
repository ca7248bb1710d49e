//! Placeholders: the texts that stand in a derivation for store paths not yet known.

use core::fmt;

use crate::{
    hash::{Sha256, compress_hash},
    nix32,
    store_path::{OutputName, StorePath},
};

/// The length of the printed form: a slash and a SHA-256 in nix32.
pub(super) const PLACEHOLDER_LEN: usize = 1 + nix32::encoded_len(32);

/// A text in the place of a store path; its [`Display`](fmt::Display) form is that text.
///
/// # Examples
/// ```
/// use nix_core::{derivation::Placeholder, store_path::OutputName};
///
/// assert_eq!(
///     Placeholder::own(&OutputName::out()).to_string(),
///     "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9",
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Placeholder(Sha256);

/// The store path should be that of a derivation, but its name does not end in `.drv`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} is not a derivation")]
pub struct NotADerivation {
    /// The path.
    pub path: StorePath,
}

impl Placeholder {
    /// Returns the placeholder by which a derivation names its own output.
    #[must_use]
    pub fn own(output: &OutputName) -> Self {
        Self::of(format_args!("nix-output:{}", output.as_str()))
    }

    /// Returns the placeholder of an output of another derivation that is not built yet.
    ///
    /// # Errors
    /// Fails when the path is not that of a derivation.
    pub fn input(derivation: &StorePath, output: &OutputName) -> Result<Self, NotADerivation> {
        let not_a_derivation = || NotADerivation {
            path: derivation.clone(),
        };
        let name = derivation
            .name()
            .strip_suffix(".drv")
            .ok_or_else(not_a_derivation)?;
        let hash_part = derivation.hash_part();
        Ok(match output.as_str() {
            "out" => Self::of(format_args!("nix-upstream-output:{hash_part}:{name}")),
            output => Self::of(format_args!(
                "nix-upstream-output:{hash_part}:{name}-{output}"
            )),
        })
    }

    /// Returns the placeholder of an output of the derivation that this one stands for.
    #[must_use]
    pub fn dynamic(&self, output: &OutputName) -> Self {
        let parent = nix32::encode(&compress_hash::<20>(&self.0.0));
        Self::of(format_args!(
            "nix-computed-output:{parent}:{}",
            output.as_str()
        ))
    }

    fn of(text: fmt::Arguments<'_>) -> Self {
        Self(Sha256::of(alloc::fmt::format(text).as_bytes()))
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", nix32::encode(&self.0.0))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn drv(base_name: &str) -> StorePath {
        StorePath::from_base_name(base_name).expect("a store path")
    }

    fn output(name: &str) -> OutputName {
        OutputName::new(name).expect("an output name")
    }

    #[test]
    fn own_placeholders_are_those_nix_prints() {
        for (name, placeholder) in [
            (
                "out",
                "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9",
            ),
            (
                "dev",
                "/02qcpld1y6xhs5gz9bchpxaw0xdhmsp5dv88lh25r2ss44kh8dxz",
            ),
            (
                "bin",
                "/04f3da1kmbr67m3gzxikmsl4vjz5zf777sv6m14ahv22r65aac9m",
            ),
        ] {
            assert_eq!(Placeholder::own(&output(name)).to_string(), placeholder);
            assert_eq!(placeholder.len(), PLACEHOLDER_LEN);
        }
    }

    #[test]
    fn input_placeholders_are_those_nix_prints() {
        let path = drv("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo.drv");
        let placeholder = Placeholder::input(&path, &OutputName::out()).expect("a derivation");
        assert_eq!(
            placeholder.to_string(),
            "/0c6rn30q4frawknapgwq386zq358m8r6msvywcvc89n6m5p2dgbz",
        );
    }

    #[test]
    fn dynamic_placeholders_are_those_nix_prints() {
        let path = drv("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo.drv.drv");
        let parent = Placeholder::input(&path, &OutputName::out()).expect("a derivation");
        assert_eq!(
            parent.dynamic(&OutputName::out()).to_string(),
            "/0gn6agqxjyyalf0dpihgyf49xq5hqxgw100f0wydnj6yqrhqsb3w",
        );
    }

    #[test]
    fn only_derivations_have_outputs() {
        let path = drv("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo");
        let refused = Placeholder::input(&path, &OutputName::out());
        assert_eq!(refused, Err(NotADerivation { path }));
    }
}
