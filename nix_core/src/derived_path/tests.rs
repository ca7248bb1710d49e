use alloc::{collections::BTreeSet, format, string::ToString, vec::Vec};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::store_path::OutputName;

const FOO: &str = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo.drv";
const BAR: &str = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar";

fn dir() -> StoreDir {
    StoreDir::default()
}

fn path(text: &str) -> StorePath {
    dir().parse(text).expect("a store path")
}

fn name(text: &str) -> OutputName {
    OutputName::new(text).expect("an output name")
}

fn names(texts: &[&str]) -> OutputsSpec {
    let names = texts.iter().map(|text| name(text)).collect();
    OutputNames::new(names)
        .map(OutputsSpec::Names)
        .expect("not empty")
}

#[test]
fn texts_are_split_at_the_last_separator() {
    let foo = SingleDerivedPath::opaque(path(FOO));
    let built = |outputs: &[&str]| {
        let mut outputs = outputs.iter().map(|text| name(text));
        outputs
            .try_fold(foo.clone(), SingleDerivedPath::built)
            .expect("not too deep")
    };
    for (text, expected) in [
        (FOO.to_string(), DerivedPath::Opaque(path(FOO))),
        (BAR.to_string(), DerivedPath::Opaque(path(BAR))),
        (
            format!("{FOO}^*"),
            DerivedPath::Built {
                derivation: foo.clone(),
                outputs: OutputsSpec::All,
            },
        ),
        (
            format!("{FOO}^a,b"),
            DerivedPath::Built {
                derivation: foo.clone(),
                outputs: names(&["a", "b"]),
            },
        ),
        (
            format!("{FOO}^a^b,c"),
            DerivedPath::Built {
                derivation: built(&["a"]),
                outputs: names(&["b", "c"]),
            },
        ),
        (
            format!("{FOO}^a^b^*"),
            DerivedPath::Built {
                derivation: built(&["a", "b"]),
                outputs: OutputsSpec::All,
            },
        ),
    ] {
        assert_eq!(
            DerivedPath::parse(&dir(), &text).as_ref(),
            Ok(&expected),
            "{text}"
        );
        assert_eq!(expected.print(&dir()), text);
        assert_eq!(
            expected.base(),
            &path(text.split('^').next().expect("a part"))
        );
        let legacy = text.replace('^', "!");
        assert_eq!(expected.print_legacy(&dir()), legacy);
        assert_eq!(DerivedPath::parse_legacy(&dir(), &legacy), Ok(expected));
    }
    let single = SingleDerivedPath::parse(&dir(), &format!("{FOO}^a^b"));
    assert_eq!(single, Ok(built(&["a", "b"])));
}

#[test]
fn each_separator_is_no_part_of_the_other_form() {
    let refused = |result: Result<DerivedPath, DerivedPathError>| {
        assert!(
            matches!(result, Err(DerivedPathError::Path(_))),
            "{result:?}"
        );
    };
    refused(DerivedPath::parse(&dir(), &format!("{FOO}!a")));
    refused(DerivedPath::parse_legacy(&dir(), &format!("{FOO}^a")));
}

#[test]
fn refusals_say_where_the_name_is() {
    for (rest, index, byte, position) in [
        ("^a^b c", 2, b' ', 1),
        ("^a,b,%", 4, b'%', 0),
        ("^a b^c", 0, b' ', 1),
        ("^*^a", 0, b'*', 0),
        ("^a,*", 2, b'*', 0),
    ] {
        let source = StorePathNameError::Symbol { position, byte };
        let index = FOO.len() + 1 + index;
        let expected = Err(DerivedPathError::Output { index, source });
        assert_eq!(
            DerivedPath::parse(&dir(), &format!("{FOO}{rest}")),
            expected,
            "{rest}"
        );
    }
    for rest in ["^", "^,", "^a,", "^,a", "^^a", "^a^"] {
        let error = DerivedPath::parse(&dir(), &format!("{FOO}{rest}")).expect_err("refused");
        assert!(
            matches!(error, DerivedPathError::Output { .. }),
            "{rest}: {error}"
        );
    }
    for text in [
        "",
        "^out",
        "foo^out",
        "/nix/store^out",
        "/nix/store/^out",
        "/tmp/x",
    ] {
        let error = DerivedPath::parse(&dir(), text).expect_err("refused");
        assert!(
            matches!(error, DerivedPathError::Path(_)),
            "{text}: {error}"
        );
    }
}

#[test]
fn a_store_dir_may_have_a_separator() {
    let dir = StoreDir::new("/a^b!c/store").expect("a store dir");
    for parse in [DerivedPath::parse, DerivedPath::parse_legacy] {
        let opaque = DerivedPath::Opaque(path(BAR));
        assert_eq!(parse(&dir, &opaque.print(&dir)), Ok(opaque));
    }
    let built = DerivedPath::parse(&dir, &format!("{}^x^y", dir.print(&path(FOO))));
    let built = built.expect("a derived path");
    assert_eq!(
        DerivedPath::parse_legacy(&dir, &built.print_legacy(&dir)),
        Ok(built)
    );
}

#[test]
fn outputs_of_outputs_have_an_end() {
    let deep = |depth: usize| format!("{FOO}{}", "^a".repeat(depth));
    let path = SingleDerivedPath::parse(&dir(), &deep(DEPTH_MAX)).expect("as deep as allowed");
    assert_eq!(
        SingleDerivedPath::from_json(&path.to_json()).as_ref(),
        Ok(&path)
    );
    let text = path.to_json().to_string();
    assert!(crate::json::parse_value(text.as_bytes()).is_ok());
    for depth in [DEPTH_MAX + 1, 1_000_000] {
        let refused = SingleDerivedPath::parse(&dir(), &deep(depth));
        assert_eq!(refused, Err(DerivedPathError::Depth));
    }
    assert_eq!(path.clone().built(name("a")), Err(DerivedPathError::Depth));
    let json = json!({ "drvPath": path.to_json(), "output": "a" });
    let error = SingleDerivedPath::from_json(&json).expect_err("too deep");
    assert!(
        error
            .to_string()
            .ends_with("outputs of outputs are nested too deeply"),
        "{error}"
    );
}

#[test]
fn single_paths_are_sorted_as_nix_sorts_them() {
    let texts = [
        BAR.to_string(),
        FOO.to_string(),
        format!("{BAR}^z"),
        format!("{FOO}^a"),
        format!("{FOO}^b"),
        format!("{BAR}^a^a"),
        format!("{FOO}^a^z"),
        format!("{FOO}^b^a"),
    ];
    let parse =
        |text: &alloc::string::String| SingleDerivedPath::parse(&dir(), text).expect("a path");
    let paths: Vec<_> = texts.iter().map(parse).collect();
    assert!(paths.is_sorted(), "{paths:?}");
}

#[test]
fn specs_are_contained_in_one_another() {
    let (a, ab) = (names(&["a"]), names(&["a", "b"]));
    assert!(OutputsSpec::All.contains(&name("x")) && a.contains(&name("a")));
    assert!(!a.contains(&name("b")));
    for (larger, smaller, expected) in [
        (&OutputsSpec::All, &ab, true),
        (&OutputsSpec::All, &OutputsSpec::All, true),
        (&ab, &OutputsSpec::All, false),
        (&ab, &a, true),
        (&a, &ab, false),
    ] {
        assert_eq!(larger.is_superset(smaller), expected, "{larger} {smaller}");
    }
    assert_eq!(a.clone().union(names(&["b"])), ab);
    let set: BTreeSet<_> = [name("a"), name("b")].into();
    let promised = OutputNames::new(set.clone()).expect("not empty");
    assert_eq!(promised.into_inner(), set);
    assert_eq!(OutputNames::new(BTreeSet::new()), None);
    assert_eq!(a.clone().union(OutputsSpec::All), OutputsSpec::All);
    assert_eq!(OutputsSpec::All.union(a), OutputsSpec::All);
}

#[test]
fn installables_are_split_at_the_last_caret() {
    let explicit = ExtendedOutputsSpec::Explicit;
    for (text, expected) in [
        ("foo", ("foo", ExtendedOutputsSpec::Default)),
        ("foo^*", ("foo", explicit(OutputsSpec::All))),
        ("foo^bar", ("foo", explicit(names(&["bar"])))),
        ("foo^bar,baz", ("foo", explicit(names(&["bar", "baz"])))),
        (
            "foo^bar^bar,baz",
            ("foo^bar", explicit(names(&["bar", "baz"]))),
        ),
        ("foo^bar^*", ("foo^bar", explicit(OutputsSpec::All))),
        ("^a", ("", explicit(names(&["a"])))),
    ] {
        let parsed = ExtendedOutputsSpec::parse(text).expect("an installable");
        assert_eq!(parsed, expected);
        assert_eq!(format!("{}{}", parsed.0, parsed.1), text);
    }
    for (text, at) in [
        ("foo^", 4),
        ("foo^b ar", 4),
        ("^^", 2),
        ("foo^*,a", 4),
        ("foo^a,,b", 6),
    ] {
        let refused = ExtendedOutputsSpec::parse(text);
        assert!(
            matches!(refused, Err(DerivedPathError::Output { index, .. }) if index == at),
            "{text}: {refused:?}"
        );
    }
}

#[test]
fn json_of_another_shape_is_refused() {
    let base = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo.drv";
    for (value, message) in [
        (json!(null), "expected a string, found null"),
        (
            json!(FOO),
            "the hash part is malformed: byte 0x2f at position 0 is not a digit of base 32",
        ),
        (json!({ "drvPath": base }), "at .outputs: missing field"),
        (json!({ "outputs": ["a"] }), "at .drvPath: missing field"),
        (
            json!({ "drvPath": base, "outputs": [] }),
            "at .outputs: no output is named",
        ),
        (
            json!({ "drvPath": base, "outputs": "a" }),
            "at .outputs: expected an array, found a string",
        ),
        (
            json!({ "drvPath": base, "outputs": ["a", "*"] }),
            "at .outputs[1]: the name has byte 0x2a at position 0, which is not allowed",
        ),
        (
            json!({ "drvPath": base, "outputs": ["a"], "x": 0 }),
            "at .x: unknown field",
        ),
        (
            json!({ "drvPath": { "drvPath": base, "output": 1 }, "outputs": ["a"] }),
            "at .drvPath.output: expected a string, found a number",
        ),
        (
            json!({ "drvPath": { "drvPath": base, "outputs": ["b"] }, "outputs": ["a"] }),
            "at .drvPath.outputs: unknown field",
        ),
    ] {
        let error = DerivedPath::from_json(&value).expect_err("refused");
        assert_eq!(error.to_string(), message, "{value}");
    }
    assert!(ExtendedOutputsSpec::from_json(&json!([])).is_err());
    let default = ExtendedOutputsSpec::Default;
    assert_eq!(default.to_json(), Value::Null);
    assert_eq!(ExtendedOutputsSpec::from_json(&Value::Null), Ok(default));
}

#[test]
fn the_oldest_form_has_no_derivations_as_objects() {
    for (derived, text) in [
        (BAR.to_string(), BAR.to_string()),
        (format!("{FOO}^*"), FOO.to_string()),
        (format!("{FOO}^b,a"), format!("{FOO}!a,b")),
    ] {
        let derived = DerivedPath::parse(&dir(), &derived).expect("a derived path");
        let old = StorePathWithOutputs::try_from(&derived).expect("it has an old form");
        assert_eq!(old.display(&dir()).to_string(), text);
        assert_eq!(
            StorePathWithOutputs::parse(&dir(), &text).as_ref(),
            Ok(&old)
        );
        assert_eq!(DerivedPath::from(old), derived);
    }
    for (derived, error) in [
        (FOO.to_string(), WithOutputsError::DerivationItself),
        (format!("{FOO}^a^b"), WithOutputsError::Dynamic),
        (format!("{BAR}^*"), WithOutputsError::NotADerivation),
    ] {
        let derived = DerivedPath::parse(&dir(), &derived).expect("a derived path");
        assert_eq!(StorePathWithOutputs::try_from(&derived), Err(error));
    }
    let skipped = StorePathWithOutputs::parse(&dir(), &format!("{FOO}!,a,,b,")).expect("names");
    assert_eq!(skipped.outputs, [name("a"), name("b")].into());
    for (rest, index) in [("!*", 0), ("!a,*", 2), ("!a,,bc,d e", 6)] {
        let refused = StorePathWithOutputs::parse(&dir(), &format!("{FOO}{rest}"));
        let at = FOO.len() + 1 + index;
        assert!(
            matches!(refused, Err(DerivedPathError::Output { index, .. }) if index == at),
            "{rest}: {refused:?}"
        );
    }
    assert!(StorePathWithOutputs::parse(&dir(), &format!("{FOO}!a!b")).is_err());
}

proptest! {
    #[test]
    fn every_form_of_a_derived_path_is_read_again(path in arb_derived_path()) {
        let dir = dir();
        prop_assert_eq!(DerivedPath::parse(&dir, &path.print(&dir)), Ok(path.clone()));
        let legacy = DerivedPath::parse_legacy(&dir, &path.print_legacy(&dir));
        prop_assert_eq!(legacy, Ok(path.clone()));
        prop_assert_eq!(DerivedPath::from_json(&path.to_json()), Ok(path.clone()));
        if let Ok(old) = StorePathWithOutputs::try_from(&path) {
            prop_assert_eq!(DerivedPath::from(old), path);
        }
    }

    #[test]
    fn every_form_of_a_single_path_is_read_again(path in arb_single_derived_path()) {
        let dir = dir();
        prop_assert_eq!(SingleDerivedPath::parse(&dir, &path.print(&dir)), Ok(path.clone()));
        let legacy = path.print_legacy(&dir);
        prop_assert_eq!(SingleDerivedPath::parse_legacy(&dir, &legacy), Ok(path.clone()));
        prop_assert_eq!(SingleDerivedPath::from_json(&path.to_json()), Ok(path.clone()));
        let derived = DerivedPath::from(path.clone());
        prop_assert_eq!(derived.print(&dir), path.print(&dir));
    }

    #[test]
    fn every_form_of_a_spec_is_read_again(spec in arb_outputs_spec()) {
        prop_assert_eq!(spec.to_string().parse(), Ok(spec.clone()));
        prop_assert_eq!(OutputsSpec::from_json(&spec.to_json()), Ok(spec.clone()));
        let explicit = ExtendedOutputsSpec::Explicit(spec.clone());
        prop_assert_eq!(explicit.to_json(), spec.to_json());
        prop_assert_eq!(ExtendedOutputsSpec::from_json(&spec.to_json()), Ok(explicit));
    }

    #[test]
    fn the_oldest_form_is_read_again(path in arb_store_path_with_outputs()) {
        let text = path.display(&dir()).to_string();
        prop_assert_eq!(StorePathWithOutputs::parse(&dir(), &text), Ok(path));
    }

    #[test]
    fn what_is_read_prints_as_something_that_reads_the_same(
        rest in "[!^,*a-c/. -]{0,12}", derivation in any::<bool>(),
    ) {
        let text = format!("{}{rest}", if derivation { FOO } else { BAR });
        for (parse, print) in FORMS {
            if let Ok(path) = parse(&dir(), &text) {
                prop_assert_eq!(parse(&dir(), &print(&path, &dir())), Ok(path));
            }
        }
        let _refused = StorePathWithOutputs::parse(&dir(), &text);
    }
}

type Parse = fn(&StoreDir, &str) -> Result<DerivedPath, DerivedPathError>;
type Print = fn(&DerivedPath, &StoreDir) -> alloc::string::String;
const FORMS: [(Parse, Print); 2] = [
    (DerivedPath::parse, DerivedPath::print),
    (DerivedPath::parse_legacy, DerivedPath::print_legacy),
];
