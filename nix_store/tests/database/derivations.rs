//! Derivations: what they say, their outputs and those who built a path.

use std::collections::BTreeSet;

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    derivation::{Derivation, DerivationModulo, DerivationOutput},
    hash::{Algorithm, Hash, Sha256},
    path_info::PathInfo,
    realisation::{DrvOutput, LegacyDrvOutput, LegacyRealisation, Realisation},
    signature::SecretKey,
    store_path::{OutputName, References, StoreDir, StorePath, StorePathName},
};
use nix_store::{
    db::{Database, Registration},
    store::{AnyRealisation, Error, RealisationId},
};

use crate::support::{info, object, on_every_engine, path, paths};

const SOURCE: &str = "source";

/// Reads a derivation of a name with an input source, with the outputs that follow from it.
fn read(lookup: &Database, name: &str, aterm: &[u8]) -> Derivation {
    let dir = StoreDir::default();
    let drv_name = StorePathName::new(name).unwrap();
    let derivation = Derivation::parse_aterm(&dir, drv_name, aterm).unwrap();
    let filled = derivation.fill_outputs(&mut DerivationModulo::new(&dir, lookup));
    filled.unwrap().into_derivation()
}

/// Returns what is to be registered of a derivation.
fn registration(derivation: &Derivation) -> Registration {
    let path = derivation.path(&StoreDir::default()).unwrap();
    let mut info = PathInfo::new(path, Sha256::of(b"its archive"), 7);
    let inputs = derivation.inputs.derivations.keys();
    info.references = inputs.chain(&derivation.inputs.sources).cloned().collect();
    let derivation = Some(derivation.clone());
    Registration { info, derivation }
}

fn register(database: &Database, name: &str, aterm: &[u8]) -> (StorePath, Derivation) {
    let derivation = read(database, name, aterm);
    let said = registration(&derivation);
    let path = said.info.path.clone();
    database.register(&[object(SOURCE, &[]), said]).unwrap();
    (path, derivation)
}

fn aterm(outputs: &str, inputs: &str, argument: &[u8]) -> Vec<u8> {
    let source = StoreDir::default().print(&path(SOURCE));
    let head = format!(r#"Derive([{outputs}],[{inputs}],["{source}"],"x","/bin/sh",[""#);
    [head.as_bytes(), argument, br#""],[])"#].concat()
}

/// An input derivation of which the output `out` is used.
fn input(path: &StorePath) -> String {
    format!(r#"("{}",["out"])"#, StoreDir::default().print(path))
}

fn output(name: &str) -> OutputName {
    OutputName::new(name).unwrap()
}

/// An output that follows from the derivation.
const OUT: &str = r#"("out","","","")"#;

/// An output whose content is known, which is of derivations of the name `a`, and where it lies.
fn fixed() -> (String, StorePath) {
    let dir = StoreDir::default();
    let hash = Hash::of(Algorithm::Sha256, b"contents");
    let address = ContentAddress::new(ContentAddressMethod::Flat, hash).unwrap();
    let name = StorePathName::new("a").unwrap();
    let path = dir
        .fixed_path(&name, &address, &References::default())
        .unwrap();
    let (text, hash) = (dir.print(&path), Sha256::of(b"contents").to_base16());
    (format!(r#"("out","{text}","sha256","{hash}")"#), path)
}

/// Where the output `out` of a derivation lies.
fn out_path(derivation: &Derivation) -> StorePath {
    let path = derivation.outputs[&output("out")].path(
        &StoreDir::default(),
        &derivation.name,
        &output("out"),
    );
    path.unwrap().unwrap()
}

#[test]
fn a_derivation_is_returned_as_it_was_registered() {
    on_every_engine(|database| {
        let (path, derivation) = register(database, "a", &aterm(OUT, "", b"-e"));
        assert_eq!(database.derivation(&path).unwrap(), Some(derivation));
    });
}

#[test]
fn outputs_that_are_known_are_told_both_ways() {
    on_every_engine(|database| {
        let (out, at) = fixed();
        let (drv, said) = register(database, "a", &aterm(&out, "", b"1"));
        let (other, other_said) = register(database, "a", &aterm(&out, "", b"2"));
        let expected = [(output("out"), Some(at.clone()))].into();
        assert_eq!(database.derivation_outputs(&drv).unwrap(), expected);
        let both = BTreeSet::from([drv.clone(), other.clone()]);
        assert_eq!(database.valid_derivers(&at).unwrap(), both);
        database.delete(&[drv.clone()].into()).unwrap();
        assert_eq!(database.valid_derivers(&at).unwrap(), [other].into());
        assert_eq!(database.derivation(&drv).unwrap(), None);
        let error = database.derivation_outputs(&drv).unwrap_err();
        assert!(matches!(error, Error::NotValid { .. }));
        // Nothing of what it said comes back with its path.
        let info = registration(&said).info;
        database.register(&[info.clone().into()]).unwrap();
        let error = database.derivation_outputs(&drv).unwrap_err();
        assert!(matches!(error, Error::UnknownDerivation { path } if path == drv));
        assert_eq!(database.derivation(&drv).unwrap(), None);
        // What it says can be told later, and nothing else.
        for (derivation, is_right) in [(other_said, false), (said, true)] {
            let info = info.clone();
            let derivation = Some(derivation);
            let told = database.register(&[Registration { info, derivation }]);
            assert_eq!(told.is_ok(), is_right);
            assert_eq!(database.derivation(&drv).unwrap().is_some(), is_right);
        }
        assert_eq!(database.derivation_outputs(&drv).unwrap(), expected);
    });
}

#[test]
fn outputs_are_of_derivations_alone() {
    on_every_engine(|database| {
        let error = database.derivation_outputs(&path("a.drv")).unwrap_err();
        assert!(matches!(error, Error::NotValid { .. }));
        let (_, derivation) = register(database, "a", &aterm(OUT, "", b""));
        let error = database.derivation_outputs(&path(SOURCE)).unwrap_err();
        assert!(matches!(error, Error::NotADerivation { .. }));
        for name in ["plain", "b.drv"] {
            let wrong = Registration {
                info: info(name, &[]),
                derivation: Some(derivation.clone()),
            };
            let error = database.register(&[wrong]).unwrap_err();
            let is_right = match name {
                "plain" => matches!(error, Error::NotADerivation { .. }),
                _ => matches!(&error, Error::Row { source, .. } if source.field == "name"),
            };
            assert!(is_right, "{name}: {error}");
            assert!(!database.is_valid(&path(name)).unwrap());
        }
    });
}

#[test]
fn a_derivation_that_no_row_can_say_is_kept_as_text() {
    on_every_engine(|database| {
        let (out, at) = fixed();
        let dynamic = String::from_utf8(aterm(&out, "", b"")).unwrap();
        let inputs = format!(
            r#"[("{}",(["out"],[("out",["dev"])]))]"#,
            StoreDir::default().print(&path("in.drv"))
        );
        let dynamic = dynamic.replacen("Derive(", r#"DrvWithVersion("xp-dyn-drv","#, 1);
        let dynamic = dynamic.replacen("[]", &inputs, 1);
        database.register(&[object("in.drv", &[])]).unwrap();
        for text in [aterm(&out, "", b"\xff"), dynamic.into_bytes()] {
            let (drv, derivation) = register(database, "a", &text);
            let said = registration(&derivation);
            assert_eq!(database.derivation(&drv).unwrap(), Some(derivation));
            let expected = [(output("out"), Some(at.clone()))].into();
            assert_eq!(database.derivation_outputs(&drv).unwrap(), expected);
            assert_eq!(database.valid_derivers(&at).unwrap(), [drv.clone()].into());
            database.delete(&[drv.clone()].into()).unwrap();
            assert_eq!(database.valid_derivers(&at).unwrap(), [].into());
            assert_eq!(database.derivation(&drv).unwrap(), None);
            // Nothing of what it said comes back with its path.
            database.register(&[said.info.into()]).unwrap();
            assert_eq!(database.derivation(&drv).unwrap(), None);
            assert_eq!(database.valid_derivers(&at).unwrap(), [].into());
            database.delete(&[drv].into()).unwrap();
        }
    });
}

/// Registers what is refused, and returns why; nothing of it stays.
fn refused(database: &Database, objects: &[Registration]) -> Error {
    let before = database.valid_paths().unwrap();
    let error = database.register(objects).unwrap_err();
    assert_eq!(database.valid_paths().unwrap(), before);
    error
}

#[test]
fn a_derivation_that_claims_the_output_of_another_is_refused() {
    on_every_engine(|database| {
        let (victim, honest) = register(database, "victim", &aterm(OUT, "", b""));
        let taken = out_path(&honest);
        let right = read(database, "victim", &aterm(OUT, "", b"evil"));
        let mut crafted = right.clone();
        let claim = DerivationOutput::InputAddressed(taken.clone());
        crafted.outputs.insert(output("out"), claim);
        let text = StoreDir::default().print(&taken);
        crafted.env.insert("out".into(), text.into());

        let said = registration(&crafted);
        let error = refused(database, std::slice::from_ref(&said));
        let Error::DerivationOutputs { path, source } = error else {
            panic!("{error:?}");
        };
        assert_eq!(path, said.info.path);
        let text = source.to_string();
        let expected = out_path(&right);
        let message = format!("the output out has the path {taken}, it should be {expected}");
        assert_eq!(text, message);
        assert_eq!(database.valid_derivers(&taken).unwrap(), [victim].into());
        assert_eq!(database.derivation(&path).unwrap(), None);

        // Nor under the path of the honest one, nor beside what is right.
        let mut elsewhere = registration(&right);
        elsewhere.derivation = Some(crafted);
        let error = refused(database, &[object("x", &[]), elsewhere]);
        assert!(matches!(error, Error::DerivationPath { .. }), "{error:?}");
        database.register(&[registration(&right)]).unwrap();
    });
}

#[test]
fn derivations_may_come_together_in_any_order() {
    on_every_engine(|database| {
        let known = Database::memory(StoreDir::default());
        let mut objects = vec![object(SOURCE, &[])];
        let mut inputs = String::new();
        for name in ["a", "b", "c"] {
            let (path, said) = register(&known, name, &aterm(OUT, &inputs, b""));
            inputs = input(&path);
            objects.insert(0, registration(&said));
        }
        // The last one needs the others, which are absent.
        let alone = [objects[0].clone(), object(SOURCE, &[])];
        let error = refused(database, &alone);
        assert!(
            matches!(error, Error::ReferenceNotValid { .. }),
            "{error:?}"
        );
        database.register(&objects).unwrap();
        objects.rotate_left(1);
        database.register(&objects).unwrap();
    });
}

#[test]
fn what_uses_a_derivation_that_is_unknown_is_refused() {
    on_every_engine(|database| {
        database
            .register(&[object("in.drv", &[]), object(SOURCE, &[])])
            .unwrap();
        let aterm = aterm(OUT, &input(&path("in.drv")), b"");
        let name = StorePathName::new("a").unwrap();
        let said = Derivation::parse_aterm(&StoreDir::default(), name, &aterm).unwrap();
        let said = registration(&said);
        let error = refused(database, std::slice::from_ref(&said));
        let is_missing = matches!(&error, Error::DerivationOutputs { path, source }
            if *path == said.info.path && source.to_string() == "hash the derivation modulo fixed outputs");
        assert!(is_missing, "{error:?}");
    });
}

#[test]
fn floating_outputs_are_known_through_realisations_of_either_kind() {
    on_every_engine(|database| {
        let dir = StoreDir::default();
        let floating = r#"("dev","","r:sha256",""),("out","","r:sha256","")"#;
        let (below, _) = register(database, "below", &aterm(floating, "", b"1"));
        let input = format!(r#"("{}",["dev"])"#, dir.print(&below));
        let (drv, derivation) = register(database, "above", &aterm(floating, &input, b"2"));
        let nothing = [(output("dev"), None), (output("out"), None)].into();
        assert_eq!(database.derivation_outputs(&drv).unwrap(), nothing);

        let drv_hash = DerivationModulo::new(&dir, database).realisation_hash(&derivation);
        let old = LegacyRealisation::new(
            LegacyDrvOutput {
                drv_hash: drv_hash.unwrap(),
                output_name: output("dev"),
            },
            path("dev"),
        );
        let new = Realisation::new(
            DrvOutput {
                drv_path: drv.clone(),
                output_name: output("out"),
            },
            path("out"),
        );
        let both = [AnyRealisation::Hash(old), AnyRealisation::Path(new)];
        for realisation in &both {
            let error = database.register_realisation(realisation).unwrap_err();
            assert!(matches!(error, Error::NotValid { .. }), "{error}");
        }
        database
            .register(&[object("dev", &[]), object("out", &[])])
            .unwrap();
        for realisation in &both {
            database.register_realisation(realisation).unwrap();
            let found = database.realisation(&realisation.id()).unwrap();
            assert_eq!(found.as_ref(), Some(realisation));
        }
        assert_eq!(database.realisations().unwrap().len(), 2);
        let known = [("dev", Some(path("dev"))), ("out", Some(path("out")))];
        let known = known.map(|(name, path)| (output(name), path)).into();
        assert_eq!(database.derivation_outputs(&drv).unwrap(), known);
        assert_eq!(
            database.valid_derivers(&path("out")).unwrap(),
            [drv.clone()].into()
        );

        // They go with the paths.
        database.delete(&paths(["dev", "out"])).unwrap();
        assert_eq!(database.realisations().unwrap(), []);
        assert_eq!(database.derivation_outputs(&drv).unwrap(), nothing);
    });
}

#[test]
fn an_output_below_an_unknown_derivation_is_unknown() {
    on_every_engine(|database| {
        database
            .register(&[object("in.drv", &[]), object("x", &[])])
            .unwrap();
        let floating = aterm(r#"("out","","r:sha256","")"#, &input(&path("in.drv")), b"");
        let (drv, _) = register(database, "a", &floating);
        let id = format!("sha256:{}!out", "0".repeat(64)).parse().unwrap();
        let realisation = AnyRealisation::Hash(LegacyRealisation::new(id, path("x")));
        database.register_realisation(&realisation).unwrap();
        let expected = [(output("out"), None)].into();
        assert_eq!(database.derivation_outputs(&drv).unwrap(), expected);
    });
}

#[test]
fn a_realisation_takes_signatures_and_refuses_another_path() {
    on_every_engine(|database| {
        database
            .register(&[object("x", &[]), object("y", &[])])
            .unwrap();
        let id = DrvOutput {
            drv_path: path("a.drv"),
            output_name: output("out"),
        };
        let key = |name: &str, seed| SecretKey::from_seed(name.parse().unwrap(), &[seed; 32]);
        for (name, seed) in [("one-1", 1), ("two-1", 2)] {
            let mut said = Realisation::new(id.clone(), path("x"));
            said.sign(&key(name, seed));
            database
                .register_realisation(&AnyRealisation::Path(said))
                .unwrap();
        }
        let other = AnyRealisation::Path(Realisation::new(id.clone(), path("y")));
        let error = database.register_realisation(&other).unwrap_err();
        assert!(matches!(error, Error::Realisation(_)), "{error}");
        let found = database.realisation(&RealisationId::Path(id)).unwrap();
        let Some(AnyRealisation::Path(found)) = found else {
            panic!("{found:?}");
        };
        assert_eq!(
            (found.value.out_path, found.value.signatures.len()),
            (path("x"), 2)
        );
        // Neither a derivation that is not valid, nor a hash, is a deriver.
        let id = format!("sha256:{}!out", "0".repeat(64)).parse().unwrap();
        let old = AnyRealisation::Hash(LegacyRealisation::new(id, path("x")));
        database.register_realisation(&old).unwrap();
        assert_eq!(database.valid_derivers(&path("x")).unwrap(), [].into());
        database.register(&[object("a.drv", &[])]).unwrap();
        assert_eq!(
            database.valid_derivers(&path("x")).unwrap(),
            paths(["a.drv"])
        );
    });
}
