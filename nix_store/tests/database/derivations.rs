//! Derivations: what they say, their outputs and those who built a path.

use std::collections::BTreeSet;

use nix_core::{
    derivation::{Derivation, DerivationModulo},
    hash::Sha256,
    path_info::PathInfo,
    realisation::{DrvOutput, LegacyDrvOutput, LegacyRealisation, Realisation},
    signature::SecretKey,
    store_path::{OutputName, StoreDir, StorePath, StorePathName},
};
use nix_store::{
    db::{Database, Registration},
    store::{AnyRealisation, Error, RealisationId},
};

use crate::support::{info, object, on_every_engine, path, paths};

const SOURCE: &str = "source";

/// Reads a derivation of a name with an input source, and registers it.
fn register(database: &Database, name: &str, aterm: &[u8]) -> (StorePath, Derivation) {
    let dir = StoreDir::default();
    let drv_name = StorePathName::new(name).unwrap();
    let derivation = Derivation::parse_aterm(&dir, drv_name, aterm).unwrap();
    let path = derivation.path(&dir).unwrap();
    let mut info = PathInfo::new(path.clone(), Sha256::of(aterm), 7);
    let inputs = derivation.inputs.derivations.keys();
    info.references = inputs.chain(&derivation.inputs.sources).cloned().collect();
    let registration = Registration {
        info,
        derivation: Some(derivation.clone()),
    };
    database
        .register(&[object(SOURCE, &[]), registration])
        .unwrap();
    (path, derivation)
}

fn aterm(outputs: &str, inputs: &str, argument: &[u8]) -> Vec<u8> {
    let source = StoreDir::default().print(&path(SOURCE));
    let head = format!(r#"Derive([{outputs}],[{inputs}],["{source}"],"x","/bin/sh",[""#);
    [head.as_bytes(), argument, br#""],[])"#].concat()
}

fn output(name: &str) -> OutputName {
    OutputName::new(name).unwrap()
}

/// An output of the name `out` that lies at the path of a name.
fn at(name: &str) -> String {
    format!(
        r#"("out","{}","","")"#,
        StoreDir::default().print(&path(name))
    )
}

#[test]
fn a_derivation_is_returned_as_it_was_registered() {
    on_every_engine(|database| {
        let (path, derivation) = register(database, "a", &aterm(&at("a"), "", b"-e"));
        assert_eq!(database.derivation(&path).unwrap(), Some(derivation));
    });
}

#[test]
fn outputs_that_are_known_are_told_both_ways() {
    on_every_engine(|database| {
        let (drv, _) = register(database, "a", &aterm(&at("a"), "", b""));
        let (other, _) = register(database, "b", &aterm(&at("a"), "", b""));
        let expected = [(output("out"), Some(path("a")))].into();
        assert_eq!(database.derivation_outputs(&drv).unwrap(), expected);
        let both = BTreeSet::from([drv.clone(), other.clone()]);
        assert_eq!(database.valid_derivers(&path("a")).unwrap(), both);
        database.delete(&[drv.clone()].into()).unwrap();
        assert_eq!(database.valid_derivers(&path("a")).unwrap(), [other].into());
        assert_eq!(database.derivation(&drv).unwrap(), None);
        let error = database.derivation_outputs(&drv).unwrap_err();
        assert!(matches!(error, Error::NotValid { .. }));
        // Nothing of what it said comes back with its path.
        database
            .register(&[PathInfo::new(drv.clone(), Sha256::of(b""), 1).into()])
            .unwrap();
        let error = database.derivation_outputs(&drv).unwrap_err();
        assert!(matches!(error, Error::UnknownDerivation { path } if path == drv));
        assert_eq!(database.derivation(&drv).unwrap(), None);
        // What it says can be told later, and what is told last counts.
        for argument in [&b"\xff"[..], b"-e"] {
            let drv_name = StorePathName::new("a").unwrap();
            let text = aterm(&at("a"), "", argument);
            let said = Derivation::parse_aterm(&StoreDir::default(), drv_name, &text).unwrap();
            let info = database.path_info(&drv).unwrap().unwrap();
            let derivation = Some(said);
            database
                .register(&[Registration {
                    info,
                    derivation: derivation.clone(),
                }])
                .unwrap();
            assert_eq!(database.derivation(&drv).unwrap(), derivation);
            assert_eq!(database.derivation_outputs(&drv).unwrap(), expected);
        }
    });
}

#[test]
fn outputs_are_of_derivations_alone() {
    on_every_engine(|database| {
        let error = database.derivation_outputs(&path("a.drv")).unwrap_err();
        assert!(matches!(error, Error::NotValid { .. }));
        let (_, derivation) = register(database, "a", &aterm(&at("a"), "", b""));
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
        let dynamic = aterm(&at("a"), "", b"");
        let dynamic = String::from_utf8(dynamic).unwrap();
        let inputs = format!(
            r#"[("{}",(["out"],[("out",["dev"])]))]"#,
            StoreDir::default().print(&path("in.drv"))
        );
        let dynamic = dynamic.replacen("Derive(", r#"DrvWithVersion("xp-dyn-drv","#, 1);
        let dynamic = dynamic.replacen("[]", &inputs, 1);
        database.register(&[object("in.drv", &[])]).unwrap();
        for (name, text) in [
            ("bytes", aterm(&at("a"), "", b"\xff")),
            ("dynamic", dynamic.into_bytes()),
        ] {
            let (drv, derivation) = register(database, name, &text);
            assert_eq!(
                database.derivation(&drv).unwrap(),
                Some(derivation),
                "{name}"
            );
            let expected = [(output("out"), Some(path("a")))].into();
            assert_eq!(database.derivation_outputs(&drv).unwrap(), expected);
            assert_eq!(
                database.valid_derivers(&path("a")).unwrap(),
                [drv.clone()].into()
            );
            database.delete(&[drv.clone()].into()).unwrap();
            assert_eq!(database.valid_derivers(&path("a")).unwrap(), [].into());
            assert_eq!(database.derivation(&drv).unwrap(), None);
            // Nothing of what it said comes back with its path.
            let again = PathInfo::new(drv.clone(), Sha256::of(b""), 1);
            database.register(&[again.into()]).unwrap();
            assert_eq!(database.derivation(&drv).unwrap(), None);
            assert_eq!(database.valid_derivers(&path("a")).unwrap(), [].into());
            database.delete(&[drv].into()).unwrap();
        }
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
        let input = format!(
            r#"("{}",["out"])"#,
            StoreDir::default().print(&path("in.drv"))
        );
        let (drv, _) = register(database, "a", &aterm(r#"("out","","","")"#, &input, b""));
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
