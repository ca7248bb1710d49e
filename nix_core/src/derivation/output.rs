//! The outputs of a derivation: kinds and paths.

use crate::{
    content_address::MethodAlgorithm,
    hash::Algorithm,
    store_path::{ComputeError, OutputName, References, StoreDir, StorePath, StorePathName},
};

use super::{DerivationOutput, DerivationType};

impl DerivationOutput {
    /// Returns the store path of the output, if it is known before the build.
    ///
    /// For an input-addressed output this is what the derivation says.
    ///
    /// # Errors
    /// Fails when a fixed output can have no path.
    pub fn path(
        &self,
        store_dir: &StoreDir,
        drv_name: &StorePathName,
        output: &OutputName,
    ) -> Result<Option<StorePath>, ComputeError> {
        match self {
            Self::InputAddressed(path) => Ok(Some(path.clone())),
            Self::Fixed(address) => {
                let name = drv_name.for_output(output).map_err(ComputeError::Name)?;
                store_dir
                    .fixed_path(&name, address, &References::default())
                    .map(Some)
            }
            Self::Floating(_) | Self::Deferred | Self::Impure(_) => Ok(None),
        }
    }

    pub(super) const fn kind(&self) -> (DerivationType, Option<Algorithm>) {
        match self {
            Self::InputAddressed(_) => (DerivationType::InputAddressed, None),
            Self::Deferred => (DerivationType::Deferred, None),
            Self::Fixed(address) => (DerivationType::Fixed, Some(address.hash.algorithm())),
            Self::Floating(how) => (DerivationType::Floating, Some(how.algorithm)),
            Self::Impure(how) => (DerivationType::Impure, Some(how.algorithm)),
        }
    }

    /// Returns how the contents are hashed, unless the output is input-addressed.
    pub(super) fn method_algorithm(&self) -> Option<MethodAlgorithm> {
        match self {
            Self::InputAddressed(_) | Self::Deferred => None,
            Self::Fixed(address) => Some(address.method_algorithm()),
            Self::Floating(how) | Self::Impure(how) => Some(*how),
        }
    }
}
