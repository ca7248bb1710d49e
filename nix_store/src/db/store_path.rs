//! Store paths as rows and as checked values.

use std::collections::BTreeSet;

use nix_core::{
    content_address::ContentAddress,
    hash::{Hash, HashError, Sha256},
    path_info::PathInfo,
    signature::Signature,
    store_path::{self, StoreDir},
};

use crate::{
    db::models::StorePath,
    field::{FieldError, canonical, read, read_list, read_option},
};

impl StorePath {
    /// Returns the row of a path and what is known of it.
    #[must_use]
    pub fn from_path_info(store_dir: &StoreDir, info: &PathInfo) -> Self {
        let print = |path: &store_path::StorePath| store_dir.print(path);
        Self {
            path: print(&info.path),
            nar_hash: info.nar_hash.to_string(),
            nar_size: info.nar_size,
            registration_time: info.registration_time,
            deriver: info.deriver.as_ref().map(print),
            references: info.references.iter().map(print).collect(),
            signatures: info.signatures.iter().map(ToString::to_string).collect(),
            content_address: info.content_address.as_ref().map(ToString::to_string),
            ultimate: info.ultimate,
        }
    }

    /// Returns everything that the row says, checked: paths lie in `store_dir`, and every text is
    /// written as [`from_path_info`](Self::from_path_info) writes it.
    ///
    /// # Errors
    /// Fails at the first field that is malformed, and names it.
    ///
    /// # Examples
    /// ```
    /// use nix_core::{hash::Sha256, path_info::PathInfo};
    /// use nix_store::{StoreDir, db::models::StorePath};
    ///
    /// let dir = StoreDir::default();
    /// let path = dir.parse("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello")?;
    /// let info = PathInfo::new(path, Sha256::of(b"the archive"), 11);
    /// let mut row = StorePath::from_path_info(&dir, &info);
    /// assert_eq!(row.to_path_info(&dir)?, info);
    ///
    /// row.references.push("/gnu/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-guile".to_owned());
    /// assert_eq!(row.to_path_info(&dir).unwrap_err().field, "references[0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_path_info(&self, store_dir: &StoreDir) -> Result<PathInfo, FieldError> {
        Ok(PathInfo {
            path: self.store_path(store_dir)?,
            deriver: self.deriver(store_dir)?,
            nar_hash: self.nar_hash()?,
            nar_size: self.nar_size,
            references: self.references(store_dir)?,
            registration_time: self.registration_time,
            ultimate: self.ultimate,
            signatures: self.signatures()?,
            content_address: self.content_address()?,
        })
    }

    /// Returns the path.
    ///
    /// # Errors
    /// Fails when it is none of `store_dir`.
    pub fn store_path(&self, store_dir: &StoreDir) -> Result<store_path::StorePath, FieldError> {
        read("path", &self.path, |text| store_dir.parse_canonical(text))
    }

    /// Returns the derivation that built the path.
    ///
    /// # Errors
    /// Fails when it is no path of `store_dir`.
    pub fn deriver(
        &self,
        store_dir: &StoreDir,
    ) -> Result<Option<store_path::StorePath>, FieldError> {
        let deriver = self.deriver.as_deref();
        read_option("deriver", deriver, |text| store_dir.parse_canonical(text))
    }

    /// Returns the hash of the archive.
    ///
    /// # Errors
    /// Fails when it is not written `sha256:<nix32>`.
    pub fn nar_hash(&self) -> Result<Sha256, FieldError> {
        read("nar_hash", &self.nar_hash, |text| {
            canonical(text, |text| -> Result<Sha256, HashError> {
                Hash::parse_prefixed(text)?.try_into()
            })
        })
    }

    /// Returns the paths that the files of the path mention.
    ///
    /// # Errors
    /// Fails when one is no path of `store_dir`.
    pub fn references(
        &self,
        store_dir: &StoreDir,
    ) -> Result<BTreeSet<store_path::StorePath>, FieldError> {
        read_list("references", &self.references, |text| {
            store_dir.parse_canonical(text)
        })
    }

    /// Returns who vouches for the path.
    ///
    /// # Errors
    /// Fails when a text is no signature.
    pub fn signatures(&self) -> Result<BTreeSet<Signature>, FieldError> {
        read_list("signatures", &self.signatures, str::parse)
    }

    /// Returns how the content determines the path, where it does.
    ///
    /// # Errors
    /// Fails when the text is no content address, or has its hash not in base 32.
    pub fn content_address(&self) -> Result<Option<ContentAddress>, FieldError> {
        let address = self.content_address.as_deref();
        read_option("content_address", address, |text| {
            canonical(text, str::parse)
        })
    }
}
