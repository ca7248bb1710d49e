//! How two derivations differ, part by part.

use std::{collections::BTreeMap, fmt::Write, iter};

use nix_core::{
    derivation::{ByteString, Derivation, DerivationOutput, InputOutputs, JsonLayout},
    store_path::{OutputName, StorePath},
};

/// How two derivations differ: nothing where they are equal.
///
/// The parts come in the order of [`Place`]. Comparing costs time in proportion to the derivations'
/// sizes.
///
/// # Examples
/// ```
/// use nix_core::{derivation::Derivation, store_path::{StoreDir, StorePathName}};
/// use nix_store::drv_files::DrvDiff;
///
/// let parse = |system: &str| {
///     let text = format!(r#"Derive([("out","","","")],[],[],"{system}","/bin/sh",[],[])"#);
///     let name = StorePathName::new("hello").expect("a name");
///     Derivation::parse_aterm(&StoreDir::default(), name, text.as_bytes())
/// };
/// let diff = DrvDiff::between(&parse("x86_64-linux")?, &parse("aarch64-linux")?);
/// assert_eq!(diff.to_string(), "system\n- \"x86_64-linux\"\n+ \"aarch64-linux\"\n");
/// # Ok::<(), nix_core::derivation::AtermError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrvDiff {
    /// The differences.
    pub differences: Vec<Difference>,
}

/// One part of a derivation that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which part.
    pub place: Place,
    /// What the first derivation has there, if anything.
    pub from: Option<ByteString>,
    /// What the second one has there, if anything.
    pub to: Option<ByteString>,
}

/// A part of a derivation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The name.
    Name,
    /// The system.
    System,
    /// The program.
    Builder,
    /// An argument. The number, from 0, is that in the longer list; what both begin and end with is
    /// left out before the rest is compared one by one.
    Arg(usize),
    /// A variable.
    Variable(ByteString),
    /// A store path used as it is; its text is the path.
    Source(StorePath),
    /// An input derivation; its text says the outputs used, separated by spaces, those of dynamic
    /// outputs as `outer^inner`.
    Input(StorePath),
    /// An output; its text is the JSON of version 4.
    Output(OutputName),
}

impl DrvDiff {
    /// Compares two derivations.
    #[must_use]
    pub fn between(from: &Derivation, to: &Derivation) -> Self {
        let mut diff = Self::default();
        diff.compare(Place::Name, &name_of(from), &name_of(to));
        diff.compare(Place::System, &from.system, &to.system);
        diff.compare(Place::Builder, &from.builder, &to.builder);
        diff.args(&from.args, &to.args);
        diff.maps(
            &from.env,
            &to.env,
            |key| Place::Variable(key.clone()),
            ByteString::clone,
        );
        let sources = |drv: &Derivation| -> BTreeMap<StorePath, ByteString> {
            let text = |path: &StorePath| (path.clone(), path.base_name().into());
            drv.inputs.sources.iter().map(text).collect()
        };
        let place = |path: &StorePath| Place::Source(path.clone());
        diff.maps(&sources(from), &sources(to), place, ByteString::clone);
        let (from_inputs, to_inputs) = (&from.inputs.derivations, &to.inputs.derivations);
        let place = |path: &StorePath| Place::Input(path.clone());
        diff.maps(from_inputs, to_inputs, place, used_text);
        let place = |name: &OutputName| Place::Output(name.clone());
        diff.maps(&from.outputs, &to.outputs, place, output_text);
        diff
    }

    /// Returns whether the derivations are equal.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }

    fn push(&mut self, place: Place, from: Option<ByteString>, to: Option<ByteString>) {
        self.differences.push(Difference { place, from, to });
    }

    fn compare(&mut self, place: Place, from: &ByteString, to: &ByteString) {
        if from != to {
            self.push(place, Some(from.clone()), Some(to.clone()));
        }
    }

    fn args(&mut self, from: &[ByteString], to: &[ByteString]) {
        let before = iter::zip(from, to).take_while(|(a, b)| a == b).count();
        let (from, to) = (from.iter().skip(before), to.iter().skip(before));
        let after = iter::zip(from.clone().rev(), to.clone().rev());
        let after = after.take_while(|(a, b)| a == b).count();
        let left = (from.len() - after, to.len() - after);
        let mut from = from.take(left.0).cloned();
        let mut to = to.take(left.1).cloned();
        for number in before..before + left.0.max(left.1) {
            let (from, to) = (from.next(), to.next());
            if from != to {
                self.push(Place::Arg(number), from, to);
            }
        }
    }

    fn maps<K: Ord, V: PartialEq>(
        &mut self,
        from: &BTreeMap<K, V>,
        to: &BTreeMap<K, V>,
        place: impl Fn(&K) -> Place,
        text: impl Fn(&V) -> ByteString,
    ) {
        let mut keys: Vec<&K> = from.keys().chain(to.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let (from, to) = (from.get(key), to.get(key));
            if from != to {
                self.push(place(key), from.map(&text), to.map(&text));
            }
        }
    }
}

fn name_of(derivation: &Derivation) -> ByteString {
    derivation.name.as_str().into()
}

fn output_text(output: &DerivationOutput) -> ByteString {
    JsonLayout::COMPACT.print(&output.to_json()).into()
}

fn used_text(used: &InputOutputs) -> ByteString {
    let mut text = String::new();
    let mut open = vec![(String::new(), used)];
    while let Some((outer, used)) = open.pop() {
        for output in &used.outputs {
            let space = if text.is_empty() { "" } else { " " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{space}{outer}{output}");
        }
        let inner = used.dynamic.iter().rev();
        open.extend(inner.map(|(output, used)| (format!("{outer}{output}^"), used)));
    }
    text.into()
}
