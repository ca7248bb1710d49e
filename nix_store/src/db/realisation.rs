//! Realisations as rows and as checked values, of both kinds.

use nix_core::{
    realisation::{self, DrvOutput, LegacyDrvOutput, LegacyRealisation},
    store_path::{OutputName, StoreDir},
};

use crate::{
    db::models::Realisation,
    field::{FieldError, FieldErrorKind, canonical, read, read_list},
};

impl Realisation {
    /// Returns the row of a realisation that names its derivation by path, as since Nix 2.35.
    #[must_use]
    pub fn from_realisation(store_dir: &StoreDir, of: &realisation::Realisation) -> Self {
        let signatures = of.value.signatures.iter().map(ToString::to_string);
        Self {
            derivation: store_dir.print(&of.key.drv_path),
            output: of.key.output_name.to_string(),
            out_path: store_dir.print(&of.value.out_path),
            signatures: signatures.collect(),
            dependent_realisations: [].into(),
        }
    }

    /// Returns the row of a realisation that names its derivation by hash, as up to Nix 2.34.
    #[must_use]
    pub fn from_legacy_realisation(store_dir: &StoreDir, of: &LegacyRealisation) -> Self {
        let dependent = of.dependent_realisations.iter();
        Self {
            derivation: format!("sha256:{}", of.id.drv_hash.to_base16()),
            output: of.id.output_name.to_string(),
            out_path: store_dir.print(&of.out_path),
            signatures: of.signatures.iter().map(ToString::to_string).collect(),
            dependent_realisations: dependent
                .map(|(id, path)| (id.to_string(), store_dir.print(path)))
                .collect(),
        }
    }

    /// Returns whether the row names its derivation by hash, as up to Nix 2.34.
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        !self.derivation.starts_with('/')
    }

    /// Returns what a row that names its derivation by path says, checked.
    ///
    /// # Errors
    /// Fails at the first field that is malformed, and at `derivation` where the row
    /// [is legacy](Self::is_legacy).
    pub fn to_realisation(
        &self,
        store_dir: &StoreDir,
    ) -> Result<realisation::Realisation, FieldError> {
        let parse = |text: &str| store_dir.parse_canonical(text);
        if let Some(id) = self.dependent_realisations.keys().next() {
            let field = "dependent_realisations";
            return Err(FieldError::new(field, id, FieldErrorKind::Dependent));
        }
        let key = DrvOutput {
            drv_path: read("derivation", &self.derivation, parse)?,
            output_name: read("output", &self.output, OutputName::new)?,
        };
        let out_path = read("out_path", &self.out_path, parse)?;
        let mut of = realisation::Realisation::new(key, out_path);
        of.value.signatures = read_list("signatures", &self.signatures, str::parse)?;
        Ok(of)
    }

    /// Returns what a row that names its derivation by hash says, checked.
    ///
    /// # Errors
    /// Fails at the first field that is malformed, and at `derivation` where the row is not
    /// [legacy](Self::is_legacy).
    pub fn to_legacy_realisation(
        &self,
        store_dir: &StoreDir,
    ) -> Result<LegacyRealisation, FieldError> {
        let parse_id = |text: &str| canonical::<LegacyDrvOutput, _>(text, str::parse);
        let parse_path = |text: &str| store_dir.parse_canonical(text);
        read("output", &self.output, OutputName::new)?;
        let id = format!("{}!{}", self.derivation, self.output);
        let id = parse_id(&id);
        let id = id.map_err(|kind| FieldError::new("derivation", &self.derivation, kind))?;
        let out_path = read("out_path", &self.out_path, parse_path)?;
        let mut of = LegacyRealisation::new(id, out_path);
        of.signatures = read_list("signatures", &self.signatures, str::parse)?;
        for (id, path) in &self.dependent_realisations {
            let field = "dependent_realisations";
            let id = read(field, id, parse_id)?;
            let path = read(field, path, parse_path)?;
            of.dependent_realisations.insert(id, path);
        }
        Ok(of)
    }
}
