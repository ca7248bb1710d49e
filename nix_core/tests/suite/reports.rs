//! What reports against Nix say of texts and JSON: numbers that wrap around, nesting without end,
//! names that are too long, digits with bits beyond the last byte, keys that stand twice.

use std::{fmt::Debug, thread};

use nix_core::{
    build_result::BuildResult,
    content_address::ContentAddress,
    derivation::{
        AtermReason, DYNAMIC_DEPTH_MAX, Derivation, DerivationOptions, StructuredAttrs,
        read_derivations,
    },
    derived_path::{DerivedPath, DerivedPathError, SingleDerivedPath, StorePathWithOutputs},
    hash::{Algorithm, Hash},
    json::parse_value,
    narinfo::{CacheInfo, NarInfo, NarInfoReason},
    path_info::{PathInfo, listing_from_json},
    realisation::{BuildTrace, DrvOutput, LegacyDrvOutput, LegacyRealisation, Realisation},
    signature::TrustedKeys,
    store_path::{OutputName, StoreDir, StorePath, StorePathName},
    store_reference::StoreReference,
};

const HASH: &str = "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
const PART: &str = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q";
/// The largest number of 64 bits, and those that are not one.
const LARGEST: &str = "18446744073709551615";
const NO_NUMBERS: [&str; 6] = [
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "-1",
    "1.5",
    "1e30",
    "\"1\"",
];

fn narinfo(name: &str, nar_size: &str, file_size: &str) -> Result<NarInfo, NarInfoReason> {
    let text = format!(
        "StorePath: /nix/store/{PART}-{name}\nURL: a\nCompression: none\nFileSize: {file_size}\n\
        NarHash: sha256:{HASH}\nNarSize: {nar_size}\nReferences: {PART}-{name}\n"
    );
    let info = NarInfo::parse(&StoreDir::default(), text.as_bytes());
    if let Ok(info) = &info {
        assert_eq!(info.to_text(&StoreDir::default()), text);
    }
    info.map_err(|error| error.reason)
}

fn path_info(name: &str, nar_size: &str, time: &str) -> Result<PathInfo, impl Debug + use<>> {
    let json = format!(
        r#"{{"path":"/nix/store/{PART}-{name}","narHash":"sha256:{HASH}","narSize":{nar_size},
        "registrationTime":{time},"references":[]}}"#
    );
    let value = parse_value(json.as_bytes()).expect("JSON");
    PathInfo::from_keyed_json(&StoreDir::default(), &value)
}

fn derivation(text: &[u8]) -> Result<Derivation, AtermReason> {
    let name = StorePathName::new("a").expect("a name");
    let read = Derivation::parse_aterm(&StoreDir::default(), name, text);
    read.map_err(|error| error.reason)
}

#[test]
fn cve_2026_110449_numbers_are_64_bits_or_refused_in_texts() {
    let info = narinfo("a", LARGEST, LARGEST).expect("64 bits");
    assert_eq!(info.path_info.nar_size, u64::MAX);
    assert_eq!(info.file_size, Some(u64::MAX));
    let cache = |priority: &str| CacheInfo::parse(format!("Priority: {priority}\n").as_bytes());
    assert_eq!(cache(LARGEST).map(|info| info.priority), Ok(Some(u64::MAX)));
    for number in NO_NUMBERS {
        assert!(narinfo("a", number, "1").is_err(), "{number}");
        assert!(narinfo("a", "1", number).is_err(), "{number}");
        assert!(cache(number).is_err(), "{number}");
    }
    let port = |port: &str| StoreReference::parse(&format!("ssh://host:{port}"));
    assert!(port("65535").is_ok());
    for number in ["65536", "4294967318", "18446744073709551638", "-22"] {
        assert!(port(number).is_err(), "{number}");
    }
}

#[test]
fn cve_2026_110449_numbers_are_64_bits_or_refused_in_json() {
    let info = path_info("a", LARGEST, LARGEST).expect("64 bits");
    assert_eq!(info.nar_size, u64::MAX);
    assert_eq!(info.registration_time, u64::MAX);
    let result = |number: &str| {
        let json = format!(
            r#"{{"success":false,"status":"TimedOut","errorMsg":"","isNonDeterministic":false,
            "timesBuilt":0,"startTime":{number},"stopTime":0,"cpuUser":null,"cpuSystem":null}}"#
        );
        BuildResult::from_json(&parse_value(json.as_bytes()).expect("JSON"))
    };
    assert_eq!(
        result(LARGEST).map(|result| result.start_time),
        Ok(u64::MAX)
    );
    for number in NO_NUMBERS {
        assert!(path_info("a", number, "1").is_err(), "{number}");
        assert!(path_info("a", "1", number).is_err(), "{number}");
        assert!(result(number).is_err(), "{number}");
    }
}

/// Runs on a stack of so many bytes, which recursion on hostile input overflows.
fn with_stack(bytes: usize, run: fn()) {
    let thread = thread::Builder::new().stack_size(bytes);
    let thread = thread.spawn(run).expect("a thread");
    thread.join().expect("the stack is enough");
}

#[test]
fn cve_2026_44028_no_text_nests_deeper_than_the_stack() {
    with_stack(128 << 10, || {
        let input = format!(r#"("/nix/store/{PART}-a.drv",([],[("out","#);
        let head = format!(r#"DrvWithVersion("xp-dyn-drv",[("out","","r:sha256","")],[{input}"#);
        let bomb = [head.as_bytes(), &b"([],[(\"out\",".repeat(100_000)].concat();
        assert_eq!(derivation(&bomb), Err(AtermReason::TooDeep));

        let dir = StoreDir::default();
        let path = format!("/nix/store/{PART}-a.drv{}", "^out".repeat(100_000));
        let refused = Err(DerivedPathError::Depth);
        assert_eq!(SingleDerivedPath::parse(&dir, &path), refused);
        assert!(DerivedPath::parse(&dir, &path).is_err());
    });
}

#[test]
fn cve_2026_44028_no_json_nests_deeper_than_the_stack() {
    // The parser of JSON calls itself, but no more than 128 times.
    with_stack(1 << 20, || {
        for level in [
            "[",
            "{\"a\":",
            "{\"drvPath\":",
            "{\"dynamicOutputs\":{\"out\":",
        ] {
            let bomb = level.repeat(100_000);
            assert!(parse_value(bomb.as_bytes()).is_err());
            assert!(StructuredAttrs::parse(bomb.as_bytes()).is_err());
        }
        // As deep as JSON is read, where every reader is asked.
        let dir = StoreDir::default();
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"drvPath\":", "}")] {
            let text = format!("{}0{}", open.repeat(126), close.repeat(126));
            let value = parse_value(text.as_bytes()).expect("JSON");
            assert!(Derivation::from_json(&dir, None, &value).is_err());
            assert!(read_derivations(&dir, &value).is_err());
            assert!(DerivationOptions::from_json(&value).is_err());
            assert!(SingleDerivedPath::from_json(&value).is_err());
            assert!(DerivedPath::from_json(&value).is_err());
            assert!(listing_from_json(&dir, &value).is_err());
            assert!(Realisation::from_json(&value).is_err());
            assert!(LegacyRealisation::from_json(&value).is_err());
            assert!(BuildTrace::from_json(&value).is_err());
        }
    });
}

#[test]
fn dynamic_outputs_as_deep_as_allowed_need_no_stack() {
    with_stack(128 << 10, || {
        let open = "([],[(\"out\",".repeat(DYNAMIC_DEPTH_MAX);
        let close = ")])".repeat(DYNAMIC_DEPTH_MAX);
        let text = format!(
            "DrvWithVersion(\"xp-dyn-drv\",[(\"out\",\"\",\"r:sha256\",\"\")],\
            [(\"/nix/store/{PART}-a.drv\",{open}[\"out\"]{close})],[],\"s\",\"b\",[],[])"
        );
        let read = derivation(text.as_bytes()).expect("it is as deep as allowed");
        let printed = read.to_aterm(&StoreDir::default()).expect("it is read");
        assert_eq!(printed, text.as_bytes());
    });
}

#[test]
fn names_of_211_bytes_are_read_and_names_of_212_refused_in_every_form() {
    let dir = StoreDir::default();
    for (len, fits) in [(211, true), (212, false), (100_000, false)] {
        let name = "n".repeat(len);
        let base = format!("{PART}-{name}");
        let full = format!("/nix/store/{base}");
        assert_eq!(StorePathName::new(&name).is_ok(), fits);
        assert_eq!(OutputName::new(&name).is_ok(), fits);
        assert_eq!(StorePath::from_base_name(&base).is_ok(), fits);
        assert_eq!(dir.parse(&full).is_ok(), fits);
        assert_eq!(dir.parse_canonical(&full).is_ok(), fits);
        assert_eq!(narinfo(&name, "1", "1").is_ok(), fits);
        assert_eq!(path_info(&name, "1", "1").is_ok(), fits);
        let source = format!(r#"Derive([("out","","","")],[],["{full}"],"s","b",[],[])"#);
        assert_eq!(derivation(source.as_bytes()).is_ok(), fits);
        let output = format!(r#"Derive([("{name}","","","")],[],[],"s","b",[],[])"#);
        assert_eq!(derivation(output.as_bytes()).is_ok(), fits);
        assert_eq!(DerivedPath::parse(&dir, &full).is_ok(), fits);
        let outputs = format!("/nix/store/{PART}-a.drv^{name}");
        assert_eq!(DerivedPath::parse(&dir, &outputs).is_ok(), fits);
        let outputs = outputs.replace('^', "!");
        assert_eq!(StorePathWithOutputs::parse(&dir, &outputs).is_ok(), fits);
        assert_eq!(format!("{base}^out").parse::<DrvOutput>().is_ok(), fits);
    }
}

#[test]
fn base_32_with_bits_beyond_the_last_byte_is_refused_in_every_form() {
    for (first, fits) in [('0', true), ('1', true), ('2', false), ('z', false)] {
        let digits = format!("{first}{}", "z".repeat(51));
        let text = format!("sha256:{digits}");
        assert_eq!(Hash::parse(&text, None).is_ok(), fits);
        assert_eq!(Hash::parse_bare(&digits, Algorithm::Blake3).is_ok(), fits);
        assert_eq!(
            format!("fixed:r:{text}").parse::<ContentAddress>().is_ok(),
            fits
        );
        assert_eq!(
            format!("{text}!out").parse::<LegacyDrvOutput>().is_ok(),
            fits
        );
        let info = format!(
            "StorePath: /nix/store/{PART}-a\nURL: a\nNarHash: {text}\nNarSize: 1\nReferences: \n"
        );
        let info = NarInfo::parse(&StoreDir::default(), info.as_bytes());
        assert_eq!(info.is_ok(), fits);
    }
    // 512 bits leave three, 160 bits none.
    let sha512 = |first| format!("sha512:{first}{}", "z".repeat(102));
    assert!(Hash::parse(&sha512('3'), None).is_ok());
    assert!(Hash::parse(&sha512('4'), None).is_err());
    assert!(Hash::parse(&format!("sha1:{}", "z".repeat(32)), None).is_ok());
}

#[test]
fn keys_that_stand_twice_are_refused_where_either_could_count() {
    let drv = |outputs: &str, inputs: &str, env: &str| {
        let text = format!(r#"Derive([{outputs}],[{inputs}],[],"s","b",[],[{env}])"#);
        derivation(text.as_bytes())
    };
    let out = r#"("out","","","")"#;
    let input = format!(r#"("/nix/store/{PART}-a.drv",["out"])"#);
    let var = r#"("a","1")"#;
    assert!(drv(out, &input, var).is_ok());
    let twice = |entry: &str| format!("{entry},{entry}");
    for (outputs, inputs, env) in [
        (&*twice(out), &*input, var),
        (out, &twice(&input), var),
        (out, &input, &twice(var)),
        (out, &input, r#"("a","1"),("b",""),("a","2")"#),
    ] {
        assert_eq!(drv(outputs, inputs, env), Err(AtermReason::Duplicate));
    }

    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let other = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let keys = |text: String| text.parse::<TrustedKeys>();
    assert!(keys(format!("k:{other}")).is_ok());
    assert!(keys(format!("k:{other} k:{key}")).is_err());
}
