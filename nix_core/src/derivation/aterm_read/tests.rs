use alloc::{format, string::ToString, vec};

use proptest::prelude::*;

use crate::derivation::arb_derivation;

use super::*;

const PATH: &str = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-x";

fn read(text: &[u8]) -> Result<Derivation, AtermError> {
    let name = StorePathName::new("x").expect("a name");
    Derivation::parse_aterm(&StoreDir::default(), name, text)
}

fn read_canonical(text: &[u8]) -> Result<Derivation, AtermError> {
    let name = StorePathName::new("x").expect("a name");
    Derivation::parse_canonical_aterm(&StoreDir::default(), name, text)
}

fn print(derivation: &Derivation) -> Vec<u8> {
    derivation
        .to_aterm(&StoreDir::default())
        .expect("the outputs have paths")
}

/// Reads a text in which `@` marks where the fault is and `P` stands for a path up to its name.
fn refusal(marked: &str) -> AtermReason {
    let marked = marked.replace('P', PATH);
    let position = marked.find('@').expect("a mark");
    let error = read(marked.replace('@', "").as_bytes()).expect_err(&marked);
    assert_eq!(error.position, position, "{marked}: {error:?}");
    error.reason
}

fn dynamic(input: &str) -> String {
    format!(r#"DrvWithVersion("xp-dyn-drv",[],[("{PATH}.drv",{input})],[],"s","b",[],[])"#)
}

#[test]
fn what_nix_writes_is_printed_the_same() {
    for text in [
        r#"Derive([],[],[],"","",[],[])"#.to_string(),
        format!(r#"Derive([("out","{PATH}","","")],[],[],"s","b",[],[])"#),
        r#"Derive([("dev","","",""),("out","","","")],[],[],"s","b",[],[])"#.to_string(),
        r#"Derive([("out","","r:sha256","")],[],[],"s","b",[],[])"#.to_string(),
        r#"Derive([("out","","text:sha256","")],[],[],"s","b",[],[])"#.to_string(),
        r#"Derive([("out","","git:sha1","impure")],[],[],"s","b",[],[])"#.to_string(),
        format!(r#"Derive([],[("{PATH}.drv",["dev","out"])],["{PATH}","{PATH}-y"],"s","b",[],[])"#),
        r#"Derive([],[],[],"s","\"\\\n\r\t",["a","","a"],[("","e"),("A","\\n")])"#.to_string(),
        dynamic(r#"(["out"],[("a",["b"]),("c",([],[("d",["e"])]))])"#),
        dynamic(r#"([],[("a",([],[("b",([],[("c",["d"])])),("e",["f"])]))])"#),
    ] {
        let read = read_canonical(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert_eq!(print(&read), text.as_bytes());
    }
}

#[test]
fn strings_are_bytes() {
    let text = b"Derive([],[],[],\"s\xe9\",\"\xff\",[\"\x00\"],[(\"caf\xe9\",\"\xc3\")])";
    let read = read_canonical(text).expect("a derivation");
    assert_eq!(
        read.env.get(b"caf\xe9".as_slice()),
        Some(&ByteString::from(&b"\xc3"[..]))
    );
    assert_eq!(print(&read), text);
}

#[test]
fn other_spellings_are_read_and_printed_as_nix_would() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (other, canonical) in [
        (
            r#"Derive([("b","","",""),("a","","","")],[],[],"s","b",[],[])"#.to_string(),
            r#"Derive([("a","","",""),("b","","","")],[],[],"s","b",[],[])"#.to_string(),
        ),
        (
            format!(r#"Derive([],[("{PATH}.drv",["b","a"])],["{PATH}z","{PATH}"],"s","",[],[])"#),
            format!(r#"Derive([],[("{PATH}.drv",["a","b"])],["{PATH}","{PATH}z"],"s","",[],[])"#),
        ),
        (
            r#"Derive([],[],[],"s","\b\	",[],[("b",""),("a","")])"#.to_string(),
            r#"Derive([],[],[],"s","b\t",[],[("a",""),("b","")])"#.to_string(),
        ),
        (
            dynamic(r#"["out"]"#),
            format!(r#"Derive([],[("{PATH}.drv",["out"])],[],"s","b",[],[])"#),
        ),
        (
            dynamic(r#"(["out"],[])"#),
            format!(r#"Derive([],[("{PATH}.drv",["out"])],[],"s","b",[],[])"#),
        ),
    ] {
        let read = read(other.as_bytes()).unwrap_or_else(|e| panic!("{other}: {e:?}"));
        assert_eq!(
            String::from_utf8(print(&read)).as_deref(),
            Ok(canonical.as_str())
        );
        let same = other
            .bytes()
            .zip(canonical.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        assert_eq!(
            read_canonical(other.as_bytes()),
            Err(AtermReason::NotCanonical.at(same))
        );
    }
    let out = OutputName::out();
    let hash = Hash::parse_bare(empty, crate::hash::Algorithm::Sha256).expect("a hash");
    let output = DerivationOutput::Fixed(ContentAddress {
        method: crate::content_address::ContentAddressMethod::Flat,
        hash,
    });
    let name = StorePathName::new("x").expect("a name");
    let path = output
        .path(&StoreDir::default(), &name, &out)
        .expect("a path")
        .expect("a path");
    for spelling in [
        empty.to_uppercase(),
        hash.to_bare_text(crate::hash::HashFormat::Nix32),
        hash.to_bare_text(crate::hash::HashFormat::Base64),
    ] {
        let text = |hash: &str| {
            let output = format!(r#"("out","/nix/store/{path}","sha256","{hash}")"#);
            format!(r#"Derive([{output}],[],[],"s","b",[],[])"#)
        };
        let read = read(text(&spelling).as_bytes()).unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!(print(&read), text(empty).as_bytes());
        let refused = read_canonical(text(&spelling).as_bytes()).map_err(|e| e.reason);
        assert_eq!(refused, Err(AtermReason::NotCanonical));
    }
}

#[test]
fn faults_of_form_are_refused_where_they_are() {
    let expected = AtermReason::Expected;
    for (marked, reason) in [
        ("@", expected("Derive(")),
        ("@derive([],[],[],\"\",\"\",[],[])", expected("Derive(")),
        ("Derive(@", expected("[")),
        ("Derive([]@", expected(",")),
        ("Derive([],[],[],\"\",\"\",[],[]@", expected(")")),
        (
            "Derive([],[],[],\"\",\"\",[],[])@\n",
            AtermReason::TrailingBytes,
        ),
        ("Derive([],[],[],\"\",\"\",[@,\"a\"],[])", expected("\"")),
        (
            "Derive([],[],[],\"\",\"\",[\"a\"@\"b\"],[])",
            AtermReason::ListEnd,
        ),
        ("Derive([],[],[],\"\",\"\",[\"a\",@],[])", expected("\"")),
        ("Derive([],[],[],\"\",@\"", AtermReason::UnterminatedString),
        (
            "Derive([],[],[],@\"a\\\"b\",\"\",[],[])",
            AtermReason::EscapedSystem,
        ),
        ("Derive([], @[],[],\"\",\"\",[],[])", expected("[")),
        (
            "DrvWithVersion(@\"invalid-version\",[],[],[],\"\",\"\",[],[])",
            AtermReason::Version("invalid-version".into()),
        ),
    ] {
        let marked = marked.replace(", @", ",@ ");
        assert_eq!(refusal(&marked), reason, "{marked}");
    }
}

#[test]
fn entries_that_are_there_twice_are_refused() {
    for marked in [
        r#"Derive([("a","","",""),(@"a","","","")],[],[],"s","b",[],[])"#,
        r#"Derive([],[("P.drv",["a"]),(@"P.drv",["b"])],[],"s","b",[],[])"#,
        r#"Derive([],[("P.drv",["a",@"a"])],[],"s","b",[],[])"#,
        r#"Derive([],[],["P",@"P"],"s","b",[],[])"#,
        r#"Derive([],[],[],"s","b",[],[("a",""),(@"a","")])"#,
        r#"DrvWithVersion("xp-dyn-drv",[],[("P.drv",([],[("a",["b"]),(@"a",["c"])]))],[],"","",[],[])"#,
    ] {
        assert_eq!(refusal(marked), AtermReason::Duplicate);
    }
}

#[test]
fn impossible_outputs_are_refused() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (fields, accepted) in [
        (r#""",@"","abc""#, "MissingAlgorithm"),
        (r#""P",@"","abc""#, "MissingAlgorithm"),
        (r#"@"P","sha256","""#, "UnexpectedPath"),
        (r#"@"P","sha256","impure""#, "UnexpectedPath"),
        (r#"@"","sha256","H""#, "MissingPath"),
        (r#"@"P","sha256","H""#, "FixedPath"),
        (r#""P","sha256",@"abc""#, "Hash"),
        (r#""P","sha1",@"H""#, "Hash"),
        (r#""",@"sha3","""#, "MethodAlgorithm"),
        (r#""",@"x:sha256","""#, "MethodAlgorithm"),
        (r#""",@"text:sha1","""#, "MethodAlgorithm"),
        (r#""",@"git:md5","""#, "MethodAlgorithm"),
        (r#"@"x","","""#, "StorePath"),
        (r#"@"/nix/store/x","","""#, "StorePath"),
        (
            r#"@"/nix/store//g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-x","","""#,
            "StorePath",
        ),
        (r#"@"P/","","""#, "StorePath"),
        (r#"@"P/bin","","""#, "StorePath"),
    ] {
        let marked = format!(r#"Derive([("out",{fields})],[],[],"s","b",[],[])"#);
        let reason = refusal(&marked.replace('H', empty));
        assert!(
            format!("{reason:?}").starts_with(accepted),
            "{marked}: {reason:?}"
        );
    }
    let marked = r#"Derive([(@"a/b","","","")],[],[],"s","b",[],[])"#;
    assert!(matches!(refusal(marked), AtermReason::OutputName(_)));
    let marked = r#"Derive([(@"","","","")],[],[],"s","b",[],[])"#;
    assert!(matches!(refusal(marked), AtermReason::OutputName(_)));
}

#[test]
fn dynamic_outputs_need_their_version_and_something_used() {
    let marked = r#"Derive([],[("P.drv",@(["out"],[("a",["b"])]))],[],"s","b",[],[])"#;
    assert_eq!(refusal(marked), AtermReason::Expected("["));
    assert_eq!(
        refusal(r#"Derive([],[("P.drv",@[])],[],"s","b",[],[])"#),
        AtermReason::NoOutputsUsed,
    );
    for input in [
        "@[]",
        "@([],[])",
        r#"([],[("a",@[])])"#,
        r#"([],[("a",@([],[]))])"#,
    ] {
        assert_eq!(refusal(&dynamic(input)), AtermReason::NoOutputsUsed);
    }
    for (input, literal) in [
        (r#"([],[("a",["b"]@"#, ")"),
        (r#"([],[("a",["b"])@"#, "])"),
        (r#"([],[("a",["b"]),@"#, "("),
    ] {
        let text = dynamic(input);
        let cut = text.find(input).expect("the input") + input.len();
        let marked = text.get(..cut).expect("ASCII");
        assert_eq!(refusal(marked), AtermReason::Expected(literal));
    }
}

#[test]
fn dynamic_outputs_nest_to_the_maximum_and_no_deeper() {
    let nested = |depth: usize| {
        let open = r#"([],[("a","#.repeat(depth);
        dynamic(&format!(r#"{open}["b"]{}"#, ")])".repeat(depth)))
    };
    let deepest = nested(DYNAMIC_DEPTH_MAX);
    assert_eq!(
        print(&read(deepest.as_bytes()).expect("a derivation")),
        deepest.as_bytes()
    );
    for depth in [DYNAMIC_DEPTH_MAX + 1, 100_000] {
        let error = read(nested(depth).as_bytes()).expect_err("too deep");
        assert_eq!(error.reason, AtermReason::TooDeep);
    }
}

#[test]
fn the_store_directory_is_a_parameter() {
    let text = br#"Derive([],[],["/gnu/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-x"],"s","b",[],[])"#;
    assert!(matches!(
        read(text),
        Err(AtermError {
            reason: AtermReason::StorePath(_),
            ..
        })
    ));
    let gnu = StoreDir::new("/gnu").expect("a store directory");
    let name = StorePathName::new("x").expect("a name");
    let read = Derivation::parse_aterm(&gnu, name, text).expect("a derivation");
    assert_eq!(read.to_aterm(&gnu).as_deref(), Ok(text.as_slice()));
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(derivation in arb_derivation()) {
        let store_dir = StoreDir::default();
        let text = print(&derivation);
        let name = derivation.name.clone();
        let read = Derivation::parse_canonical_aterm(&store_dir, name, &text);
        prop_assert_eq!(read.as_ref(), Ok(&derivation), "{}", text.escape_ascii());
    }

    #[test]
    fn no_text_makes_the_reader_panic(
        derivation in arb_derivation(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        keep in any::<prop::sample::Index>(),
    ) {
        let mut text = print(&derivation);
        for (index, byte) in edits {
            let index = index.index(text.len());
            text[index] = byte;
        }
        text.truncate(keep.index(2 * text.len()));
        if let Ok(derivation) = read(&text) {
            let again = read_canonical(&print(&derivation));
            prop_assert_eq!(again, Ok(derivation));
        }
        let _ = vec![read_canonical(&text)];
    }
}
