//! The hash by which a build is known, whatever the kind of its outputs.

use crate::hash::Sha256;

use super::{
    super::{Derivation, DerivationType},
    DerivationLookup, DerivationModulo, ModuloError, Rule, UnhashableError, has_dynamic_inputs,
};

impl<L: DerivationLookup + ?Sized> DerivationModulo<'_, L> {
    /// Returns the hash modulo fixed outputs, the derivation's own outputs masked, that says what is
    /// to be built: derivations that must build the same have the same one.
    ///
    /// For an input-addressed derivation it is [`hash`](Self::hash), for a fixed one that of its
    /// content address and path, whatever fetches it, and for others that of the masked ATerm. There
    /// is none while an input is deferred; [`Derivation::resolve`] makes a derivation that has one.
    ///
    /// # Errors
    /// Fails as [`DerivationModulo::input`].
    ///
    /// # Examples
    /// ```
    /// use std::collections::BTreeMap;
    /// use nix_core::{
    ///     derivation::{Derivation, DerivationModulo},
    ///     store_path::{OutputName, StoreDir, StorePathName},
    /// };
    ///
    /// let store_dir = StoreDir::default();
    /// let text = br#"Derive([("out","","","")],[],[],"x86_64-linux","/bin/sh",[],[("out","")])"#;
    /// let drv = Derivation::parse_aterm(&store_dir, StorePathName::new("hello")?, text)?;
    /// let others = BTreeMap::new();
    /// let mut modulo = DerivationModulo::new(&store_dir, &others);
    /// let hash = modulo.build_hash(&drv)?.expect("nothing is deferred");
    /// let filled = drv.fill_outputs(&mut modulo)?;
    /// assert_eq!(modulo.build_hash(&filled)?, Some(hash));
    /// let path = store_dir.output_path(&filled.name, &OutputName::out(), hash)?;
    /// assert_eq!(filled.output_paths()[&OutputName::out()], path);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build_hash(
        &mut self,
        own: &Derivation,
    ) -> Result<Option<Sha256>, ModuloError<L::Error>> {
        match own.derivation_type().map_err(UnhashableError::from)? {
            DerivationType::Fixed => Ok(self.fixed(own).map_err(UnhashableError::from)?),
            _ if has_dynamic_inputs(own) => Ok(None),
            DerivationType::InputAddressed
            | DerivationType::Deferred
            | DerivationType::Floating
            | DerivationType::Impure => {
                let text = self.masked(own, Rule::Current)?;
                Ok(text.map(|text| Sha256::of(&text)))
            }
        }
    }
}
