//! Derivations as rows and as values of which every text is checked.

use std::collections::BTreeMap;

use nix_core::{
    derivation::{self, ByteString, DerivationInputs, InputOutputs},
    store_path::{OutputName, StoreDir, StorePath, StorePathName},
};

use crate::{
    db::models::{Derivation, DerivationOutput, InputDerivation},
    field::{FieldError, FieldErrorKind, read, read_list},
};

impl Derivation {
    /// Returns the row of a derivation that lies at `path`.
    ///
    /// A fixed output has its path in the row too, which follows from its hash.
    ///
    /// # Errors
    /// Fails on what a row cannot say: strings that are not UTF-8, and dynamic outputs of inputs.
    /// Fails also where the path has another name, and on a fixed output that can have no path.
    pub fn from_derivation(
        store_dir: &StoreDir,
        path: &StorePath,
        of: &derivation::Derivation,
    ) -> Result<Self, FieldError> {
        check_name(path, &of.name)?;
        let outputs = of.outputs.iter().enumerate().map(|(at, (name, output))| {
            DerivationOutput::new(store_dir, &of.name, name, output)
                .map_err(|error| error.within(&format!("outputs[{at}]")))
        });
        let inputs = &of.inputs;
        let derivations = inputs.derivations.iter().enumerate();
        let args = of.args.iter().enumerate();
        let env = of.env.iter().map(|(name, value)| {
            let name = text("env", name)?;
            let value = text(&format!("env.{name}"), value)?;
            Ok((name, value))
        });
        Ok(Self {
            path: store_dir.print(path),
            name: of.name.to_string(),
            outputs: outputs.collect::<Result<_, _>>()?,
            input_derivations: derivations
                .map(|(at, (path, used))| InputDerivation::new(store_dir, at, path, used))
                .collect::<Result<_, _>>()?,
            input_sources: inputs.sources.iter().map(|p| store_dir.print(p)).collect(),
            system: text("system", &of.system)?,
            builder: text("builder", &of.builder)?,
            args: args
                .map(|(at, arg)| text(&format!("args[{at}]"), arg))
                .collect::<Result<_, _>>()?,
            env: env.collect::<Result<_, _>>()?,
        })
    }

    /// Returns everything that the row says but its path, which [`store_path`](Self::store_path)
    /// returns; output paths are what the row says, as in any
    /// [`Derivation`](derivation::Derivation).
    ///
    /// # Errors
    /// Fails at the first field that is malformed or at odds with another one, and names it.
    ///
    /// # Examples
    /// ```
    /// use nix_core::{derivation::Derivation, store_path::StorePathName};
    /// use nix_store::{StoreDir, db::models};
    ///
    /// let dir = StoreDir::default();
    /// let text = br#"Derive([("out","","r:sha256","")],[],[],"x86_64-linux","/bin/sh",[],[])"#;
    /// let derivation = Derivation::parse_aterm(&dir, StorePathName::new("hello")?, text)?;
    /// let path = derivation.path(&dir)?;
    /// let row = models::Derivation::from_derivation(&dir, &path, &derivation)?;
    /// assert_eq!(row.to_derivation(&dir)?, derivation);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_derivation(
        &self,
        store_dir: &StoreDir,
    ) -> Result<derivation::Derivation, FieldError> {
        let name = read("name", &self.name, StorePathName::new)?;
        check_name(&self.store_path(store_dir)?, &name)?;
        let bytes = |text: &String| ByteString::from(text.as_str());
        let env = self.env.iter();
        Ok(derivation::Derivation {
            outputs: self.read_outputs(store_dir, &name)?,
            inputs: DerivationInputs {
                sources: read_list("input_sources", &self.input_sources, |text| {
                    store_dir.parse_canonical(text)
                })?,
                derivations: self.read_inputs(store_dir)?,
            },
            name,
            system: bytes(&self.system),
            builder: bytes(&self.builder),
            args: self.args.iter().map(bytes).collect(),
            env: env.map(|(key, value)| (bytes(key), bytes(value))).collect(),
        })
    }

    /// Returns the path of the derivation itself.
    ///
    /// # Errors
    /// Fails when it is none of `store_dir`.
    pub fn store_path(&self, store_dir: &StoreDir) -> Result<StorePath, FieldError> {
        read("path", &self.path, |text| store_dir.parse_canonical(text))
    }

    fn read_outputs(
        &self,
        store_dir: &StoreDir,
        drv_name: &StorePathName,
    ) -> Result<BTreeMap<OutputName, derivation::DerivationOutput>, FieldError> {
        let mut outputs = BTreeMap::new();
        for (at, output) in self.outputs.iter().enumerate() {
            let read = output.read(store_dir, drv_name);
            let (name, value) = read.map_err(|error| error.within(&format!("outputs[{at}]")))?;
            if outputs.insert(name, value).is_some() {
                let (field, kind) = (format!("outputs[{at}].name"), FieldErrorKind::Twice);
                return Err(FieldError::new(field, &output.name, kind));
            }
        }
        Ok(outputs)
    }

    fn read_inputs(
        &self,
        store_dir: &StoreDir,
    ) -> Result<BTreeMap<StorePath, InputOutputs>, FieldError> {
        let mut inputs = BTreeMap::new();
        for (at, input) in self.input_derivations.iter().enumerate() {
            let within = |error: FieldError| error.within(&format!("input_derivations[{at}]"));
            let path = read("path", &input.path, |text| store_dir.parse_canonical(text));
            let outputs = read_list("outputs", &input.outputs, OutputName::new);
            let used = InputOutputs {
                outputs: outputs.map_err(within)?,
                dynamic: BTreeMap::new(),
            };
            if inputs.insert(path.map_err(within)?, used).is_some() {
                let twice = FieldError::new("path", &input.path, FieldErrorKind::Twice);
                return Err(within(twice));
            }
        }
        Ok(inputs)
    }
}

impl InputDerivation {
    fn new(
        store_dir: &StoreDir,
        at: usize,
        path: &StorePath,
        used: &InputOutputs,
    ) -> Result<Self, FieldError> {
        let path = store_dir.print(path);
        if !used.dynamic.is_empty() {
            let field = format!("input_derivations[{at}]");
            return Err(FieldError::new(field, &path, FieldErrorKind::Dynamic));
        }
        let outputs = used.outputs.iter().map(ToString::to_string).collect();
        Ok(Self { path, outputs })
    }
}

/// Checks that the path of a derivation has its name and `.drv`.
fn check_name(path: &StorePath, name: &StorePathName) -> Result<(), FieldError> {
    if path.to_name().without_derivation_suffix().as_ref() == Some(name) {
        return Ok(());
    }
    let kind = FieldErrorKind::OtherName;
    Err(FieldError::new("name", name.as_str(), kind))
}

fn text(field: &str, bytes: &ByteString) -> Result<String, FieldError> {
    let not_utf8 = || {
        let shown = bytes.escape_ascii().to_string();
        FieldError::new(field, &shown, FieldErrorKind::NotUtf8)
    };
    bytes.as_str().map(str::to_owned).ok_or_else(not_utf8)
}
