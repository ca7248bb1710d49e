//! How derivations differ.

use nix_core::{
    derivation::{Derivation, DerivationOutput, InputOutputs, JsonLayout},
    store_path::{OutputName, StorePath, StorePathName},
};
use nix_store::drv_files::{DrvDiff, Place as Part};
use serde_json::json;

use crate::support::{Place, Store, built, done, floating, plain};

fn shown(from: &Derivation, to: &Derivation) -> String {
    DrvDiff::between(from, to).to_string()
}

fn path(name: &str) -> StorePath {
    let base_name = format!("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-{name}");
    StorePath::from_base_name(&base_name).expect("a base name")
}

#[test]
fn every_part_that_differs_is_told_and_no_other() {
    let from = plain("hello", &[]);
    assert!(DrvDiff::between(&from, &from).is_empty());
    assert_eq!(shown(&from, &from), "");
    let check = |change: &dyn Fn(&mut Derivation), expected: &str| {
        let mut to = from.clone();
        change(&mut to);
        assert_eq!(shown(&from, &to), expected);
    };
    check(
        &|drv| drv.name = StorePathName::new("bye").unwrap(),
        "name\n- \"hello\"\n+ \"bye\"\n",
    );
    check(
        &|drv| drv.system = "i686-linux".into(),
        "system\n- \"x86_64-linux\"\n+ \"i686-linux\"\n",
    );
    check(
        &|drv| drv.builder = "/bin/\u{1b}[31m".into(),
        "builder\n- \"/bin/sh\"\n+ \"/bin/\\u{1b}[31m\"\n",
    );
    check(
        &|drv| drop(drv.env.insert("src".into(), "a\nb".into())),
        "variable \"src\"\n+ \"a\\nb\"\n",
    );
    check(
        &|drv| drop(drv.env.remove(&b"name"[..])),
        "variable \"name\"\n- \"hello\"\n",
    );
    check(
        &|drv| drop(drv.env.insert("name".into(), b"caf\xe9".as_slice().into())),
        "variable \"name\"\n- \"hello\"\n+ \"caf\\xe9\"\n",
    );
    check(
        &|drv| drv.inputs.sources.extend([path("source")]),
        "source g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-source\n+ \"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-source\"\n",
    );
    let out = OutputName::out();
    let stated = DerivationOutput::InputAddressed(path("hello"));
    check(
        &|drv| drop(drv.outputs.insert(out.clone(), stated.clone())),
        "output out\n- \"{}\"\n+ \"{\\\"path\\\":\\\"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello\\\"}\"\n",
    );
    check(
        &|drv| {
            let dev = OutputName::new("dev").unwrap();
            drv.outputs.insert(dev, DerivationOutput::Deferred);
        },
        "output dev\n+ \"{}\"\n",
    );
}

#[test]
fn arguments_are_compared_between_what_both_begin_and_end_with() {
    let with = |args: &str| {
        let mut drv = plain("hello", &[]);
        drv.args = args.split_whitespace().map(Into::into).collect();
        drv
    };
    let check = |from: &str, to: &str, expected: &[(usize, Option<&str>, Option<&str>)]| {
        let diff = DrvDiff::between(&with(from), &with(to));
        let found: Vec<_> = diff
            .differences
            .iter()
            .map(|difference| match &difference.place {
                Part::Arg(number) => {
                    let text = |side: &Option<nix_core::derivation::ByteString>| {
                        side.as_ref().map(|text| text.as_str().unwrap().to_owned())
                    };
                    (*number, text(&difference.from), text(&difference.to))
                }
                other => panic!("{other}"),
            })
            .collect();
        let owned = |text: &Option<&str>| text.map(str::to_owned);
        let expected: Vec<_> = expected
            .iter()
            .map(|(number, from, to)| (*number, owned(from), owned(to)))
            .collect();
        assert_eq!(found, expected, "{from} -> {to}");
    };
    check("a b c", "a x b c", &[(1, None, Some("x"))]);
    check("a x b c", "a b c", &[(1, Some("x"), None)]);
    check("", "a", &[(0, None, Some("a"))]);
    check("a a a", "a a", &[(2, Some("a"), None)]);
    check("a b c", "a x c", &[(1, Some("b"), Some("x"))]);
    check(
        "a b",
        "x y z",
        &[
            (0, Some("a"), Some("x")),
            (1, Some("b"), Some("y")),
            (2, None, Some("z")),
        ],
    );
    check(
        "a m b",
        "x m y",
        &[(0, Some("a"), Some("x")), (2, Some("b"), Some("y"))],
    );
}

#[test]
fn inputs_say_which_outputs_are_used() {
    let (from, mut to) = (plain("hello", &[&floating("base")]), plain("hello", &[]));
    let (path, _) = from.inputs.derivations.iter().next().expect("an input");
    let removed = format!("input {path}\n- \"out\"\n");
    assert_eq!(shown(&from, &to), removed);
    let name = |name: &str| OutputName::new(name).unwrap();
    let leaf = |names: &[&str]| InputOutputs {
        outputs: names.iter().map(|text| name(text)).collect(),
        ..InputOutputs::default()
    };
    let mut used = leaf(&["dev", "out"]);
    let mut inner = leaf(&["bin"]);
    inner.dynamic.insert(name("drv"), leaf(&["a", "b"]));
    used.dynamic.insert(name("gen"), inner);
    to.inputs.derivations.insert(path.clone(), used);
    let changed = format!("input {path}\n- \"out\"\n+ \"dev out gen^bin gen^drv^a gen^drv^b\"\n");
    assert_eq!(shown(&from, &to), changed);
}

#[test]
fn differences_are_json_too() {
    let mut to = plain("hello", &[]);
    to.args.push("more".into());
    to.env.insert("name".into(), "bye".into());
    let diff = DrvDiff::between(&plain("hello", &[]), &to);
    let expected = json!([
        {"part": "argument", "key": 2, "from": null, "to": "more"},
        {"part": "variable", "key": "name", "from": "hello", "to": "bye"},
    ]);
    assert_eq!(
        diff.to_json(),
        expected,
        "{}",
        JsonLayout::COMPACT.print(&diff.to_json())
    );
}

#[test]
fn derivations_are_compared_by_their_build_hashes() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let (one, two) = (store.put(plain("one", &[])), store.put(plain("two", &[])));
    let hash = |drv: &_| done(files.record(&store.0, drv, &built(drv, b""))).build_hash;
    let diff = files.diff(&hash(&one), &hash(&two)).unwrap();
    assert_eq!(diff, DrvDiff::between(&one, &two));
    assert_eq!(diff.differences[0].place, Part::Name);
    assert!(files.diff(&hash(&one), &hash(&one)).unwrap().is_empty());
}
