use alloc::format;

use crate::{derivation::ByteString, store_path::StorePathName};

use super::*;

const DEP: &str = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-dep.drv";
const BUILT: &str = "f1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-dep";

fn path(base_name: &str) -> StorePath {
    StorePath::from_base_name(base_name).expect("a store path")
}

fn read(text: &str) -> Derivation {
    let name = StorePathName::new("x").expect("a name");
    Derivation::parse_aterm(&StoreDir::default(), name, text.as_bytes()).expect(text)
}

type Trace = BTreeMap<(StorePath, OutputName), StorePath>;

fn trace(entries: &[(&str, &str, &str)]) -> Trace {
    let entry = |(drv, output, built): &(&str, &str, &str)| {
        let output = OutputName::new(output).expect("an output name");
        ((path(drv), output), path(built))
    };
    entries.iter().map(entry).collect()
}

fn resolve(derivation: &Derivation, trace: &Trace) -> Result<Derivation, ResolveError<Infallible>> {
    derivation
        .resolve(&StoreDir::default(), trace)
        .map(CheckedDerivation::into_derivation)
}

fn placeholder() -> Placeholder {
    Placeholder::input(&path(DEP), &OutputName::out()).expect("a derivation")
}

#[test]
fn placeholders_are_replaced_wherever_they_stand() {
    let p = placeholder();
    let template = |inputs: &str, p: &str| {
        let env = format!(r#"("K{p}","x"),("__json","{{\"a\":\"{p}/b\"}}"),("k","{p}{p}//1{p}")"#);
        let other = "/0000000000000000000000000000000000000000000000000000";
        let rest = format!(r#""s","{p}/bin/sh",["-{p}","{other}","/"],[{env}]"#);
        format!(r#"Derive([("out","","r:sha256","")],{inputs},{rest})"#)
    };
    let unresolved = format!(r#"[("/nix/store/{DEP}",["out"])],["/nix/store/{DEP}"]"#);
    let resolved = format!(r#"[],["/nix/store/{BUILT}","/nix/store/{DEP}"]"#);
    let before = read(&template(&unresolved, &p.to_string()));
    let after = read(&template(&resolved, &format!("/nix/store/{BUILT}")));
    assert_eq!(resolve(&before, &trace(&[(DEP, "out", BUILT)])), Ok(after));
}

#[test]
fn what_is_not_built_is_named() {
    let text = format!(
        r#"Derive([("out","","r:sha256","")],[("/nix/store/{DEP}",["dev","out"])],[],"s","b",[],[])"#
    );
    let refused = resolve(&read(&text), &trace(&[(DEP, "out", BUILT)]));
    let output = OutputName::new("dev").expect("a name");
    assert_eq!(
        refused,
        Err(ResolveError::NotBuilt {
            derivation: path(DEP),
            output
        })
    );
}

#[test]
fn deferred_outputs_are_filled_in_whatever_their_variable_held() {
    for variable in ["", r#"("out",""),"#, r#"("out","/nix/store/old"),"#] {
        let text = format!(
            r#"Derive([("out","","","")],[("/nix/store/{DEP}",["out"])],[],"s","b",[],[{variable}("z","{}")])"#,
            placeholder(),
        );
        let resolved = resolve(&read(&text), &trace(&[(DEP, "out", BUILT)])).expect(&text);
        let plain = format!(
            r#"Derive([("out","","","")],[],["/nix/store/{BUILT}"],"s","b",[],[("out",""),("z","/nix/store/{BUILT}")])"#
        );
        let none = BTreeMap::new();
        let store_dir = StoreDir::default();
        let filled = read(&plain).fill_outputs(&mut DerivationModulo::new(&store_dir, &none));
        assert_eq!(filled.map(CheckedDerivation::into_derivation), Ok(resolved));
    }
}

#[test]
fn dynamic_outputs_are_followed_through_the_derivations_built() {
    let inner = "i1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-inner.drv";
    let used = r#"(["out"],[("drv",["out"])])"#;
    let drv = OutputName::new("drv").expect("a name");
    let dynamic = Placeholder::input(&path(DEP), &drv)
        .expect("a derivation")
        .dynamic(&OutputName::out());
    let text = format!(
        r#"DrvWithVersion("xp-dyn-drv",[("out","","r:sha256","")],[("/nix/store/{DEP}",{used})],[],"s","{dynamic}",[],[])"#
    );
    let built = "j1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-inner";
    let entries = [
        (DEP, "out", BUILT),
        (DEP, "drv", inner),
        (inner, "out", built),
    ];
    let resolved = resolve(&read(&text), &trace(&entries)).expect("a resolved derivation");
    assert_eq!(
        resolved.builder,
        ByteString::from(format!("/nix/store/{built}"))
    );
    assert_eq!(resolved.inputs.sources, [path(BUILT), path(built)].into());
    assert!(resolved.inputs.derivations.is_empty());

    let refused = resolve(&read(&text), &trace(&entries[..2]));
    let not_built = ResolveError::NotBuilt {
        derivation: path(inner),
        output: OutputName::out(),
    };
    assert_eq!(refused, Err(not_built));
    let entries = [(DEP, "out", BUILT), (DEP, "drv", BUILT)];
    let not_a_derivation = NotADerivation { path: path(BUILT) };
    assert_eq!(
        resolve(&read(&text), &trace(&entries)),
        Err(not_a_derivation.into())
    );
}

#[test]
fn paths_known_before_their_inputs_are_refused() {
    let text = format!(
        r#"Derive([("out","/nix/store/{BUILT}","","")],[("/nix/store/{DEP}",["out"])],[],"s","b",[],[])"#
    );
    let refused = resolve(&read(&text), &trace(&[(DEP, "out", BUILT)]));
    assert!(matches!(
        refused,
        Err(ResolveError::Outputs(CheckError::OutputPath { .. }))
    ));
}

#[test]
fn only_what_waits_for_its_inputs_must_be_resolved() {
    let used = format!(r#"("/nix/store/{DEP}",["out"])"#);
    let dynamic = format!(r#"("/nix/store/{DEP}",([],[("out",["out"])]))"#);
    for (output, inputs, must) in [
        (r#""","r:sha256","""#, "", false),
        (r#""","r:sha256","""#, &*used, true),
        (r#""","r:sha256","impure""#, &used, true),
        (r#""","","""#, &used, true),
        (r#""","","""#, "", false),
        (&format!(r#""/nix/store/{BUILT}","","""#), &used, false),
        (&format!(r#""/nix/store/{BUILT}","","""#), &dynamic, true),
    ] {
        let text = format!(
            r#"DrvWithVersion("xp-dyn-drv",[("out",{output})],[{inputs}],[],"s","b",[],[])"#
        );
        assert_eq!(read(&text).must_resolve(), Ok(must), "{text}");
    }
}
