//! Reading the options of a derivation.

use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::cell::OnceCell;

use super::{
    Derivation, DerivationOptions, InputOutputs, OptionsError, OutputChecks, OutputChecksSpec,
    OutputReference, Placeholder,
};
use crate::{
    derived_path::SingleDerivedPath,
    json::{Cursor, JsonError},
    store_path::{OutputName, StoreDir, StorePath},
};

impl DerivationOptions {
    /// Reads the options out of the structured attributes of a derivation, or out of its variables
    /// if it has none.
    ///
    /// Structured attributes replace the variables: those are not looked at. An
    /// `exportReferencesGraph` in them that is no object is skipped, as Nix does; checks that are
    /// null count as absent.
    ///
    /// # Errors
    /// Fails if an option is not of its type, or a path in it is neither a store path nor the
    /// placeholder of an output among the inputs.
    pub fn of(store_dir: &StoreDir, derivation: &Derivation) -> Result<Self, OptionsError> {
        let paths = Paths {
            store_dir,
            derivation,
            placeholders: OnceCell::new(),
        };
        match derivation
            .structured_attrs()
            .map_err(OptionsError::StructuredAttrs)?
        {
            None => from_env(derivation, &paths),
            Some(attrs) => {
                let attrs = attrs.into_json();
                let read = from_attrs(&Cursor::root(&attrs), &paths);
                read.map_err(OptionsError::StructuredAttrs)
            }
        }
    }
}

fn from_env(derivation: &Derivation, paths: &Paths<'_>) -> Result<DerivationOptions, OptionsError> {
    let env = Env { derivation, paths };
    let defaults = DerivationOptions::default();
    let checks = OutputChecks {
        ignore_self_refs: true,
        allowed_references: env.references("allowedReferences")?,
        disallowed_references: env.references("disallowedReferences")?.unwrap_or_default(),
        allowed_requisites: env.references("allowedRequisites")?,
        disallowed_requisites: env.references("disallowedRequisites")?.unwrap_or_default(),
        max_size: None,
        max_closure_size: None,
    };
    Ok(DerivationOptions {
        output_checks: OutputChecksSpec::ForAllOutputs(checks),
        unsafe_discard_references: BTreeMap::new(),
        pass_as_file: env.word_set("passAsFile")?,
        export_references_graph: env.references_graph()?,
        additional_sandbox_profile: env.text("__sandboxProfile")?.unwrap_or_default().to_owned(),
        no_chroot: env.bool("__noChroot", defaults.no_chroot),
        impure_host_deps: env.word_set("__impureHostDeps")?,
        impure_env_vars: env.word_set("impureEnvVars")?,
        allow_local_networking: env.bool(
            "__darwinAllowLocalNetworking",
            defaults.allow_local_networking,
        ),
        required_system_features: env.word_set("requiredSystemFeatures")?,
        prefer_local_build: env.bool("preferLocalBuild", defaults.prefer_local_build),
        allow_substitutes: env.bool("allowSubstitutes", defaults.allow_substitutes),
    })
}

fn from_attrs<'a>(attrs: &Cursor<'a>, paths: &Paths<'_>) -> Result<DerivationOptions, JsonError> {
    let bool = |name: &'a str, default| match attrs.optional(name)? {
        Some(value) => value.bool(),
        None => Ok(default),
    };
    let strings = |name: &'a str| match attrs.optional(name)? {
        Some(value) => string_set(&value),
        None => Ok(BTreeSet::new()),
    };
    let profile = match attrs.optional("__sandboxProfile")? {
        Some(value) => value.string()?,
        None => "",
    };
    let defaults = DerivationOptions::default();
    Ok(DerivationOptions {
        output_checks: OutputChecksSpec::PerOutput(output_checks(attrs, paths)?),
        unsafe_discard_references: match attrs.optional("unsafeDiscardReferences")? {
            Some(outputs) => by_output(&outputs, Cursor::bool)?,
            None => BTreeMap::new(),
        },
        pass_as_file: BTreeSet::new(),
        export_references_graph: references_graph(attrs, paths)?,
        additional_sandbox_profile: profile.to_owned(),
        no_chroot: bool("__noChroot", defaults.no_chroot)?,
        impure_host_deps: strings("__impureHostDeps")?,
        impure_env_vars: strings("impureEnvVars")?,
        allow_local_networking: bool(
            "__darwinAllowLocalNetworking",
            defaults.allow_local_networking,
        )?,
        required_system_features: strings("requiredSystemFeatures")?,
        prefer_local_build: bool("preferLocalBuild", defaults.prefer_local_build)?,
        allow_substitutes: bool("allowSubstitutes", defaults.allow_substitutes)?,
    })
}

/// The variables of a derivation without structured attributes.
struct Env<'a> {
    derivation: &'a Derivation,
    paths: &'a Paths<'a>,
}

impl<'a> Env<'a> {
    fn text(&self, name: &'static str) -> Result<Option<&'a str>, OptionsError> {
        match self.derivation.env.get(name.as_bytes()) {
            Some(value) => value.as_str().map(Some).ok_or(OptionsError::NotUtf8(name)),
            None => Ok(None),
        }
    }

    fn bool(&self, name: &'static str, default: bool) -> bool {
        let value = self.derivation.env.get(name.as_bytes());
        value.map_or(default, |value| *value == "1")
    }

    fn words(&self, name: &'static str) -> Result<impl Iterator<Item = &'a str>, OptionsError> {
        Ok(words(self.text(name)?.unwrap_or_default()))
    }

    fn word_set(&self, name: &'static str) -> Result<BTreeSet<String>, OptionsError> {
        Ok(self.words(name)?.map(str::to_owned).collect())
    }

    fn references(
        &self,
        name: &'static str,
    ) -> Result<Option<BTreeSet<OutputReference>>, OptionsError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let reference = |word: &str| {
            let unknown = || OptionsError::Reference {
                variable: name,
                word: word.to_owned(),
            };
            self.paths.reference(word).ok_or_else(unknown)
        };
        words(text)
            .map(reference)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn references_graph(
        &self,
    ) -> Result<BTreeMap<String, BTreeSet<SingleDerivedPath>>, OptionsError> {
        const NAME: &str = "exportReferencesGraph";
        let mut graph = BTreeMap::new();
        let mut words = self.words(NAME)?;
        while let Some(file) = words.next() {
            let word = words.next().ok_or(OptionsError::OddWords)?;
            if !is_file_name(file) {
                return Err(OptionsError::FileName(file.to_owned()));
            }
            let unknown = || OptionsError::Reference {
                variable: NAME,
                word: word.to_owned(),
            };
            let path = self.paths.path_within(word).ok_or_else(unknown)?;
            graph.insert(file.to_owned(), BTreeSet::from([path]));
        }
        Ok(graph)
    }
}

/// Splits at what Nix takes for white space.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t', '\n', '\r'])
        .filter(|word| !word.is_empty())
}

fn is_file_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let first = text.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && text.bytes().all(is_inner)
}

pub(super) fn string_set(cursor: &Cursor<'_>) -> Result<BTreeSet<String>, JsonError> {
    cursor
        .array()?
        .map(|value| value.string().map(str::to_owned))
        .collect()
}

pub(super) fn by_output<'a, T>(
    cursor: &Cursor<'a>,
    read: impl Fn(&Cursor<'a>) -> Result<T, JsonError>,
) -> Result<BTreeMap<OutputName, T>, JsonError> {
    let outputs = cursor.object()?.map(|(name, value)| {
        let name = OutputName::new(name).map_err(|error| value.error(error))?;
        Ok((name, read(&value)?))
    });
    outputs.collect()
}

fn output_checks(
    attrs: &Cursor<'_>,
    paths: &Paths<'_>,
) -> Result<BTreeMap<OutputName, OutputChecks>, JsonError> {
    let Some(outputs) = attrs.optional("outputChecks")? else {
        return Ok(BTreeMap::new());
    };
    by_output(&outputs, |checks| {
        let size = |name| checks.nullable(name)?.map(|size| size.u64()).transpose();
        let references = |name| {
            let references = checks.nullable(name)?;
            references
                .map(|references| reference_set(&references, paths))
                .transpose()
        };
        Ok(OutputChecks {
            ignore_self_refs: false,
            max_size: size("maxSize")?,
            max_closure_size: size("maxClosureSize")?,
            allowed_references: references("allowedReferences")?,
            disallowed_references: references("disallowedReferences")?.unwrap_or_default(),
            allowed_requisites: references("allowedRequisites")?,
            disallowed_requisites: references("disallowedRequisites")?.unwrap_or_default(),
        })
    })
}

fn reference_set(
    cursor: &Cursor<'_>,
    paths: &Paths<'_>,
) -> Result<BTreeSet<OutputReference>, JsonError> {
    let reference = |value: Cursor<'_>| {
        let reference = paths.reference(value.string()?);
        reference.ok_or_else(|| {
            value.invalid("no store path, no placeholder of an input and no output name")
        })
    };
    cursor.array()?.map(reference).collect()
}

fn references_graph(
    attrs: &Cursor<'_>,
    paths: &Paths<'_>,
) -> Result<BTreeMap<String, BTreeSet<SingleDerivedPath>>, JsonError> {
    let mut graph = BTreeMap::new();
    let files = attrs.optional("exportReferencesGraph")?;
    let Some(files) = files.filter(|files| files.value().is_object()) else {
        return Ok(graph);
    };
    for (file, value) in files.object()? {
        let mut set = BTreeSet::new();
        // Arrays may nest; the order does not count.
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            if value.value().is_array() {
                open.extend(value.array()?);
                continue;
            }
            let path = paths.path_within(value.string()?);
            let unknown = || value.invalid("no store path and no placeholder of an input");
            set.insert(path.ok_or_else(unknown)?);
        }
        graph.insert(file.to_owned(), set);
    }
    Ok(graph)
}

/// The objects that an option can name.
struct Paths<'a> {
    store_dir: &'a StoreDir,
    derivation: &'a Derivation,
    /// The outputs among the inputs by their placeholders, made when first asked for.
    placeholders: OnceCell<BTreeMap<String, SingleDerivedPath>>,
}

impl Paths<'_> {
    fn reference(&self, text: &str) -> Option<OutputReference> {
        if let Ok(path) = self.store_dir.parse(text) {
            return Some(OutputReference::Path(path.into()));
        }
        match self.placeholder(text) {
            Some(path) => Some(OutputReference::Path(path)),
            None => OutputName::new(text).ok().map(OutputReference::Own),
        }
    }

    /// Returns the object that a path points to or into.
    fn path_within(&self, text: &str) -> Option<SingleDerivedPath> {
        let inside = text.strip_prefix(self.store_dir.as_str());
        let Some(inside) = inside.and_then(|inside| inside.strip_prefix('/')) else {
            return self.placeholder(text);
        };
        let base_name = inside.split('/').next()?;
        StorePath::from_base_name(base_name)
            .ok()
            .map(SingleDerivedPath::opaque)
    }

    /// Returns the output among the inputs whose placeholder begins the path.
    fn placeholder(&self, text: &str) -> Option<SingleDerivedPath> {
        let end = text
            .strip_prefix('/')?
            .find('/')
            .map_or(text.len(), |at| at + 1);
        let placeholders = self
            .placeholders
            .get_or_init(|| placeholders(self.derivation));
        placeholders.get(text.get(..end)?).cloned()
    }
}

/// An input, the placeholder of the derivation that it is if that is not built, and what is used.
type Used<'a> = (SingleDerivedPath, Option<Placeholder>, &'a InputOutputs);

fn placeholders(derivation: &Derivation) -> BTreeMap<String, SingleDerivedPath> {
    let mut all = BTreeMap::new();
    let inputs = derivation.inputs.derivations.iter();
    let mut open: Vec<Used<'_>> = inputs
        .map(|(path, used)| (SingleDerivedPath::opaque(path.clone()), None, used))
        .collect();
    while let Some((derivation, placeholder, used)) = open.pop() {
        let output_of = |output: &OutputName| {
            let placeholder = match placeholder {
                Some(placeholder) => placeholder.dynamic(output),
                // Only derivations have placeholders.
                None => Placeholder::input(derivation.base(), output).ok()?,
            };
            // No text is the placeholder of an output so deep that it has no form.
            let path = derivation.clone().built(output.clone()).ok()?;
            Some((path, placeholder))
        };
        for (path, placeholder) in used.outputs.iter().filter_map(output_of) {
            all.insert(placeholder.to_string(), path);
        }
        for (output, used) in &used.dynamic {
            open.extend(output_of(output).map(|(path, found)| (path, Some(found), used)));
        }
    }
    all
}

#[cfg(test)]
mod tests;
