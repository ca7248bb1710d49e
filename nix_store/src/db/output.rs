//! Outputs of derivations as parts of rows.

use nix_core::{
    content_address::{ContentAddress, MethodAlgorithm},
    derivation,
    hash::Hash,
    store_path::{OutputName, StoreDir, StorePathName},
};

use crate::{
    db::models::DerivationOutput,
    field::{FieldError, FieldErrorKind, canonical, read, read_option},
};

/// What stands in place of a hash where the output is built anew each time, as in derivations.
const IMPURE: &str = "impure";

impl DerivationOutput {
    pub(super) fn new(
        store_dir: &StoreDir,
        drv_name: &StorePathName,
        name: &OutputName,
        of: &derivation::DerivationOutput,
    ) -> Result<Self, FieldError> {
        let path = of.path(store_dir, drv_name, name);
        let path = path.map_err(|error| FieldError::new("path", name.as_str(), error))?;
        let (method, hash) = match of {
            derivation::DerivationOutput::Fixed(address) => (
                Some(address.method_algorithm()),
                Some(address.hash.to_string()),
            ),
            derivation::DerivationOutput::Floating(how) => (Some(*how), None),
            derivation::DerivationOutput::Impure(how) => (Some(*how), Some(IMPURE.to_owned())),
            derivation::DerivationOutput::InputAddressed(_)
            | derivation::DerivationOutput::Deferred => (None, None),
        };
        Ok(Self {
            name: name.to_string(),
            path: path.map(|path| store_dir.print(&path)),
            method: method.map(|how| how.aterm()),
            hash,
        })
    }

    pub(super) fn read(
        &self,
        store_dir: &StoreDir,
        drv_name: &StorePathName,
    ) -> Result<(OutputName, derivation::DerivationOutput), FieldError> {
        let name = read("name", &self.name, OutputName::new)?;
        let path = read_option("path", self.path.as_deref(), |text| {
            store_dir.parse_canonical(text)
        })?;
        let how = read_option("method", self.method.as_deref(), |text| {
            MethodAlgorithm::from_aterm(text)
        })?;
        let output = match (path, how, self.hash.as_deref()) {
            (Some(path), None, None) => derivation::DerivationOutput::InputAddressed(path),
            (None, None, None) => derivation::DerivationOutput::Deferred,
            (None, Some(how), None) => derivation::DerivationOutput::Floating(how),
            (None, Some(how), Some(IMPURE)) => derivation::DerivationOutput::Impure(how),
            (stated, Some(how), Some(hash)) => {
                let fixed = derivation::DerivationOutput::Fixed(read_fixed(how, hash)?);
                let path = fixed.path(store_dir, drv_name, &name);
                let path = path.map_err(|error| FieldError::new("hash", hash, error))?;
                if let (Some(stated), Some(path)) = (stated, path)
                    && stated != path
                {
                    let text = store_dir.print(&stated);
                    return Err(FieldError::new(
                        "path",
                        &text,
                        FieldErrorKind::OtherPath(path),
                    ));
                }
                fixed
            }
            _ => return Err(FieldError::new("name", &self.name, FieldErrorKind::NoKind)),
        };
        Ok((name, output))
    }
}

fn read_fixed(how: MethodAlgorithm, text: &str) -> Result<ContentAddress, FieldError> {
    read("hash", text, |text| {
        let parse = |text: &str| Hash::parse(text, Some(how.algorithm));
        let hash = canonical(text, parse)?;
        ContentAddress::new(how.method, hash).map_err(FieldErrorKind::from)
    })
}
