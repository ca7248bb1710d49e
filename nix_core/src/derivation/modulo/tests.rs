use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{string::String, vec};
use core::{convert::Infallible, fmt};

use crate::{
    derivation::{DerivationTypeError, InputOutputs},
    store_path::StorePathName,
};

use super::*;

/// Derivations as they are put, by the paths they have.
#[derive(Default)]
struct Store(BTreeMap<StorePath, Derivation>);

impl Store {
    fn put(&mut self, name: &str, outputs: &str, inputs: &[(&StorePath, &str)]) -> StorePath {
        let derivation = read(name, outputs, inputs);
        let path = derivation.path(&StoreDir::default()).expect("a path");
        self.0.insert(path.clone(), derivation);
        path
    }

    /// Puts a derivation whose output paths are filled in.
    fn fill(&mut self, name: &str, outputs: &str, inputs: &[(&StorePath, &str)]) -> StorePath {
        let store_dir = StoreDir::default();
        let derivation = read(name, outputs, inputs);
        let filled = derivation.fill_outputs(&mut DerivationModulo::new(&store_dir, &self.0));
        let filled = filled
            .expect("outputs that can be filled in")
            .into_derivation();
        let path = filled.path(&store_dir).expect("a path");
        self.0.insert(path.clone(), filled);
        path
    }

    fn input(&self, path: &StorePath) -> Result<InputModulo, ModuloError<Infallible>> {
        DerivationModulo::new(&StoreDir::default(), &self.0).input(path)
    }

    fn hash(&self, own: &Derivation) -> Result<Option<Sha256>, ModuloError<Infallible>> {
        DerivationModulo::new(&StoreDir::default(), &self.0).hash(own)
    }
}

const DEFERRED: &str = r#"("out","","","")"#;
const FLOATING: &str = r#"("out","","r:sha256","")"#;
const IMPURE: &str = r#"("out","","r:sha256","impure")"#;

/// Reads a derivation with these outputs and input derivations.
fn read(name: &str, outputs: &str, inputs: &[(&StorePath, &str)]) -> Derivation {
    let mut inputs: Vec<String> = inputs
        .iter()
        .map(|(path, used)| format!(r#"("/nix/store/{path}",{used})"#))
        .collect();
    inputs.sort();
    let dynamic = inputs.iter().any(|input| input.contains('('));
    let start = if dynamic {
        r#"DrvWithVersion("xp-dyn-drv","#
    } else {
        "Derive("
    };
    let text = format!(
        r#"{start}[{outputs}],[{}],[],"s","{name}",[],[])"#,
        inputs.join(",")
    );
    let name = StorePathName::new(name).expect("a name");
    Derivation::parse_aterm(&StoreDir::default(), name, text.as_bytes()).expect(&text)
}

fn fixed(builder: &str) -> Derivation {
    let mut fixed = read("x", DEFERRED, &[]);
    let address = "fixed:sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s";
    let address = DerivationOutput::Fixed(address.parse().expect("a content address"));
    fixed.outputs.insert(OutputName::out(), address);
    fixed.builder = builder.into();
    fixed
}

fn put_fixed(store: &mut Store, builder: &str) -> StorePath {
    let fixed = fixed(builder);
    let path = fixed.path(&StoreDir::default()).expect("a path");
    store.0.insert(path.clone(), fixed);
    path
}

#[test]
fn a_fixed_output_hashes_the_same_however_it_is_obtained() {
    let mut store = Store::default();
    let (a, b) = (put_fixed(&mut store, "a"), put_fixed(&mut store, "b"));
    assert_ne!(a, b);
    let text = "fixed:out:sha256:\
        ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad:\
        /nix/store/wg5dqh07jh5lgg9nvzq5skm9i3qkhl00-x";
    assert_eq!(
        store.input(&a),
        Ok(InputModulo::Fixed(Sha256::of(text.as_bytes())))
    );
    assert_eq!(store.input(&a), store.input(&b));
}

#[test]
fn inputs_of_one_hash_merge_the_names_used() {
    let mut store = Store::default();
    let (a, b) = (put_fixed(&mut store, "a"), put_fixed(&mut store, "b"));
    let outputs = r#"("dev","","",""),("out","","","")"#;
    let a = store.fill("i", outputs, &[(&a, r#"["out"]"#)]);
    let b = store.fill("i", outputs, &[(&b, r#"["out"]"#)]);
    assert_ne!(a, b);
    let parent = |inputs: &[(&StorePath, &str)]| store.hash(&read("p", DEFERRED, inputs));
    let joined = parent(&[(&a, r#"["dev","out"]"#)]).expect("a hash");
    assert!(joined.is_some());
    let split = [(r#"["dev"]"#, r#"["out"]"#), (r#"["out"]"#, r#"["dev"]"#)];
    for (of_a, of_b) in split {
        assert_eq!(parent(&[(&a, of_a), (&b, of_b)]), Ok(joined));
    }
    assert_ne!(parent(&[(&a, r#"["out"]"#)]), Ok(joined));
}

#[test]
fn inputs_sort_by_hash_and_not_by_path() {
    let mut store = Store::default();
    let paths: Vec<_> = (0..12)
        .map(|n| store.fill(&format!("i{n}"), DEFERRED, &[]))
        .collect();
    let used: Vec<_> = paths.iter().map(|path| (path, r#"["out"]"#)).collect();
    let parent = read("p", DEFERRED, &used);
    let mut hashes: Vec<_> = paths
        .iter()
        .map(|path| match store.input(path) {
            Ok(InputModulo::Regular(hash)) => hash.to_base16(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(!hashes.is_sorted());
    hashes.sort();
    let inputs: Vec<_> = hashes
        .iter()
        .map(|hash| format!(r#"("{hash}",["out"])"#))
        .collect();
    let text = format!(
        r#"Derive([{DEFERRED}],[{}],[],"s","p",[],[])"#,
        inputs.join(",")
    );
    let aterm = DerivationModulo::new(&StoreDir::default(), &store.0).aterm(&parent);
    assert_eq!(aterm, Ok(Some(text.into_bytes())));
}

#[test]
fn own_paths_and_their_variables_are_masked_but_only_for_the_own_hash() {
    let mut store = Store::default();
    let mut own = read("a", DEFERRED, &[]);
    own.env = BTreeMap::from([("out".into(), "".into()), ("x".into(), "y".into())]);
    let store_dir = StoreDir::default();
    let filled = own
        .clone()
        .fill_outputs(&mut DerivationModulo::new(&store_dir, &store.0));
    let filled = filled
        .expect("outputs that can be filled in")
        .into_derivation();
    assert_ne!(filled, own);
    assert_eq!(store.hash(&filled), store.hash(&own));
    let text = br#"Derive([("out","","","")],[],[],"s","a",[],[("out",""),("x","y")])"#;
    assert_eq!(store.hash(&own), Ok(Some(Sha256::of(text))));

    let path = filled.path(&store_dir).expect("a path");
    let text = filled.to_aterm(&store_dir).expect("an ATerm");
    store.0.insert(path.clone(), filled);
    assert_eq!(
        store.input(&path),
        Ok(InputModulo::Regular(Sha256::of(&text)))
    );
}

#[test]
fn what_depends_on_an_output_not_yet_known_is_deferred() {
    for (outputs, used) in [
        (FLOATING, r#"["out"]"#),
        (IMPURE, r#"["out"]"#),
        (DEFERRED, r#"["out"]"#),
        (FLOATING, r#"([],[("out",["out"])])"#),
    ] {
        let mut store = Store::default();
        let input = store.put("i.drv", outputs, &[]);
        let parent = read("p", DEFERRED, &[(&input, used)]);
        assert_eq!(store.hash(&parent), Ok(None), "{outputs} {used}");
        let parent = store.put("p", DEFERRED, &[(&input, used)]);
        let above = read("q", DEFERRED, &[(&parent, r#"["out"]"#)]);
        assert_eq!(store.hash(&above), Ok(None), "{outputs} {used}");
        assert_eq!(
            store.input(&parent),
            Ok(InputModulo::Deferred),
            "{outputs} {used}"
        );
    }
    let mut store = Store::default();
    let input = store.fill("i", DEFERRED, &[]);
    let dynamic = read("p", DEFERRED, &[(&input, r#"(["out"],[("out",["out"])])"#)]);
    assert_eq!(store.hash(&dynamic), Ok(None));
    let ready = read("p", DEFERRED, &[(&input, r#"["out"]"#)]);
    assert!(store.hash(&ready).expect("a hash").is_some());
}

#[test]
fn content_addressed_derivations_have_no_hash_of_their_own() {
    let store = Store::default();
    for outputs in [FLOATING, IMPURE] {
        assert_eq!(store.hash(&read("a", outputs, &[])), Ok(None));
    }
    assert_eq!(store.hash(&fixed("a")), Ok(None));
}

#[test]
fn realisations_of_older_versions_have_a_hash_through_deferred_inputs() {
    let mut store = Store::default();
    let floating = store.put("f", FLOATING, &[]);
    let parent = read("p", DEFERRED, &[(&floating, r#"["out"]"#)]);
    let store_dir = StoreDir::default();
    let mut modulo = DerivationModulo::new(&store_dir, &store.0);
    let text = r#"Derive([("out","","r:sha256","")],[],[],"s","f",[],[])"#;
    let input = Sha256::of(text.as_bytes());
    assert_eq!(modulo.realisation_hash(&store.0[&floating]), Ok(input));
    let hash = input.to_base16();
    let text = format!(r#"Derive([("out","","","")],[("{hash}",["out"])],[],"s","p",[],[])"#);
    assert_eq!(
        modulo.realisation_hash(&parent),
        Ok(Sha256::of(text.as_bytes()))
    );
    let impure = read("i", IMPURE, &[]);
    assert_eq!(modulo.realisation_hash(&impure), Ok(Sha256::of(b"impure")));
    assert_eq!(modulo.hash(&parent), Ok(None));
}

#[test]
fn a_build_hash_is_that_of_the_masked_outputs_for_every_kind() {
    let mut store = Store::default();
    let (a, b) = (put_fixed(&mut store, "a"), put_fixed(&mut store, "b"));
    let build_hash = |own: &Derivation| {
        DerivationModulo::new(&StoreDir::default(), &store.0)
            .build_hash(own)
            .expect("what can be hashed")
    };
    assert_eq!(
        store.input(&a),
        Ok(InputModulo::Fixed(build_hash(&fixed("a")).unwrap()))
    );
    assert_eq!(build_hash(&fixed("a")), build_hash(&fixed("b")));

    let on = |outputs: &str, input: &StorePath| {
        build_hash(&read("p", outputs, &[(input, r#"["out"]"#)])).expect("a hash")
    };
    for outputs in [DEFERRED, FLOATING, IMPURE] {
        assert_eq!(on(outputs, &a), on(outputs, &b), "{outputs}");
    }
    assert_ne!(on(DEFERRED, &a), on(FLOATING, &a));
    assert_ne!(on(IMPURE, &a), on(FLOATING, &a));
    let plain = read("p", DEFERRED, &[(&a, r#"["out"]"#)]);
    assert_eq!(store.hash(&plain), Ok(build_hash(&plain)));
    let floating = read("p", FLOATING, &[(&a, r#"["out"]"#)]);
    let former = DerivationModulo::new(&StoreDir::default(), &store.0).realisation_hash(&floating);
    assert_eq!(former.ok(), build_hash(&floating));
    let text = format!(
        r#"Derive([{FLOATING}],[("{}",["out"])],[],"s","p",[],[])"#,
        match store.input(&a) {
            Ok(InputModulo::Fixed(hash)) => hash.to_base16(),
            other => panic!("{other:?}"),
        }
    );
    assert_eq!(build_hash(&floating), Some(Sha256::of(text.as_bytes())));
}

#[test]
fn what_waits_for_a_build_has_no_build_hash_yet() {
    let mut store = Store::default();
    let floating = store.put("f", FLOATING, &[]);
    let plain = store.fill("i", DEFERRED, &[]);
    let dynamic = r#"(["out"],[("out",["out"])])"#;
    for outputs in [DEFERRED, FLOATING, IMPURE] {
        for (input, used, known) in [
            (&floating, r#"["out"]"#, false),
            (&plain, r#"["out"]"#, true),
            (&plain, dynamic, false),
        ] {
            let own = read("p", outputs, &[(input, used)]);
            let store_dir = StoreDir::default();
            let found = DerivationModulo::new(&store_dir, &store.0).build_hash(&own);
            assert_eq!(
                found.map(|hash| hash.is_some()),
                Ok(known),
                "{outputs} {used}"
            );
        }
    }
}

#[test]
fn faults_below_name_the_derivation() {
    let mut store = Store::default();
    let missing = read("m", DEFERRED, &[])
        .path(&StoreDir::default())
        .expect("a path");
    let used = r#"["out"]"#;
    let parent = read("p", DEFERRED, &[(&missing, used)]);
    assert_eq!(
        store.hash(&parent),
        Err(ModuloError::Missing { path: missing })
    );

    let input = store.fill("i", DEFERRED, &[]);
    let parent = read("p", DEFERRED, &[(&input, r#"["dev"]"#)]);
    let output = OutputName::new("dev").expect("a name");
    let no_output = ModuloError::NoOutput {
        path: input.clone(),
        output,
    };
    assert_eq!(store.hash(&parent), Err(no_output));

    for (outputs, fault) in [
        ("", DerivationTypeError::NoOutputs),
        (
            r#"("a","","",""),("b","","sha256","")"#,
            DerivationTypeError::Mixed,
        ),
        (
            r#"("a","","sha1",""),("b","","sha256","")"#,
            DerivationTypeError::Algorithms,
        ),
    ] {
        let path = store.put("bad", outputs, &[]);
        let parent = read("p", DEFERRED, &[(&path, used)]);
        let source = UnhashableError::Type(fault);
        assert_eq!(
            store.hash(&parent),
            Err(ModuloError::Input { path, source })
        );
        let own = read("bad", outputs, &[]);
        assert_eq!(
            store.hash(&own),
            Err(ModuloError::Own(UnhashableError::Type(fault)))
        );
    }
}

#[test]
fn a_derivation_below_itself_is_refused() {
    let mut store = Store::default();
    let names = ["a", "b", "c"];
    let paths: Vec<_> = names
        .iter()
        .map(|name| {
            read(name, DEFERRED, &[])
                .path(&StoreDir::default())
                .expect("a path")
        })
        .collect();
    for (index, name) in names.iter().enumerate() {
        let next = &paths[(index + 1) % paths.len()];
        let out = format!(
            r#"("out","/nix/store/{}","","")"#,
            paths[0].base_name().replace(".drv", "")
        );
        store.0.insert(
            paths[index].clone(),
            read(name, &out, &[(next, r#"["out"]"#)]),
        );
    }
    assert_eq!(
        store.input(&paths[0]),
        Err(ModuloError::Cycle {
            path: paths[0].clone()
        })
    );
}

#[test]
fn a_fault_leaves_the_memo_as_it_was() {
    let mut store = Store::default();
    let used = r#"["out"]"#;
    let missing = read("m", DEFERRED, &[])
        .path(&StoreDir::default())
        .expect("a path");
    let ready = store.fill("i", DEFERRED, &[]);
    let out = r#"("out","/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-x","","")"#;
    let parent = store.put("p", out, &[(&missing, used), (&ready, used)]);
    let above = store.put("q", out, &[(&parent, used)]);
    let store_dir = StoreDir::default();
    let mut modulo = DerivationModulo::new(&store_dir, &store.0);
    for path in [&above, &parent, &above] {
        let refused = ModuloError::Missing {
            path: missing.clone(),
        };
        assert_eq!(modulo.input(path), Err(refused));
    }
    assert!(matches!(modulo.input(&ready), Ok(InputModulo::Regular(_))));
}

/// Refuses to look up anything twice.
struct Once<'a>(
    &'a BTreeMap<StorePath, Derivation>,
    core::cell::RefCell<BTreeSet<StorePath>>,
);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("asked twice")]
struct Twice;

impl DerivationLookup for Once<'_> {
    type Error = Twice;

    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>, Twice> {
        if !self.1.borrow_mut().insert(path.clone()) {
            return Err(Twice);
        }
        Ok(self.0.get(path).map(Cow::Borrowed))
    }
}

impl fmt::Debug for Once<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Once")
    }
}

#[test]
fn every_input_is_looked_up_once() {
    let mut store = Store::default();
    let mut last = store.fill("0", DEFERRED, &[]);
    let mut all = vec![last.clone()];
    for n in 1..40 {
        let used: Vec<_> = all.iter().map(|path| (path, r#"["out"]"#)).collect();
        last = store.fill(&format!("{n}"), DEFERRED, &used);
        all.push(last.clone());
    }
    let lookup = Once(&store.0, core::cell::RefCell::default());
    let store_dir = StoreDir::default();
    let mut modulo = DerivationModulo::new(&store_dir, &lookup);
    let hash = modulo.input(&last).expect("a hash");
    assert_eq!(modulo.input(&last), Ok(hash));
    assert_eq!(lookup.1.borrow().len(), all.len());

    let path = read("m", DEFERRED, &[]).path(&store_dir).expect("a path");
    lookup.1.borrow_mut().insert(path.clone());
    assert_eq!(
        modulo.input(&path),
        Err(ModuloError::Lookup {
            path,
            source: Twice
        })
    );
}

/// A chain of derivations under made-up paths, and the path of the one that depends on all others.
fn chain(len: u32) -> (BTreeMap<StorePath, Derivation>, StorePath) {
    let name = StorePathName::new("n.drv").expect("a name");
    let path = |n: u32| {
        let mut digest = [0; 20];
        digest[..4].copy_from_slice(&n.to_be_bytes());
        StorePath::new(digest, &name)
    };
    let mut next = read("n", DEFERRED, &[]);
    next.outputs
        .insert(OutputName::out(), DerivationOutput::InputAddressed(path(0)));
    let mut chain = BTreeMap::from([(path(0), next.clone())]);
    for n in 1..len {
        let used = InputOutputs {
            outputs: BTreeSet::from([OutputName::out()]),
            dynamic: BTreeMap::new(),
        };
        next.inputs.derivations = BTreeMap::from([(path(n - 1), used)]);
        chain.insert(path(n), next.clone());
    }
    (chain, path(len - 1))
}

#[test]
fn a_chain_of_100_000_needs_no_stack() {
    let store_dir = StoreDir::default();
    let (chain, top) = chain(100_000);
    let mut modulo = DerivationModulo::new(&store_dir, &chain);
    let hash = modulo.input(&top).expect("a hash");
    let (chain, top) = self::chain(3);
    let mut modulo = DerivationModulo::new(&store_dir, &chain);
    assert_ne!(modulo.input(&top), Ok(hash));
}

#[test]
fn a_short_chain_hashes_as_spelled_out() {
    let (chain, top) = chain(3);
    let mut inputs = String::new();
    let mut hash = Sha256::of(b"");
    for _ in 0..3 {
        let path = StorePathName::new("n.drv").expect("a name");
        let path = StoreDir::default().print(&StorePath::new([0; 20], &path));
        let text = format!(r#"Derive([("out","{path}","","")],[{inputs}],[],"s","n",[],[])"#);
        hash = Sha256::of(text.as_bytes());
        inputs = format!(r#"("{}",["out"])"#, hash.to_base16());
    }
    let modulo = DerivationModulo::new(&StoreDir::default(), &chain).input(&top);
    assert_eq!(modulo, Ok(InputModulo::Regular(hash)));
}
