use alloc::{format, string::ToString};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    json::JsonErrorKind, path_info::JsonVersion, signature::SignatureError,
    store_path::StorePathError,
};

const TEXT: &str = "\
StorePath: /nix/store/1w1fff338fvdw53sqgamddn1b2xgds47-own
URL: nar/own.nar.xz
Compression: xz
FileHash: sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73
FileSize: 60
NarHash: sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73
NarSize: 120
References: 00000f338fvdw53sqgamddn1b2xgds47-a 1w1fff338fvdw53sqgamddn1b2xgds47-own
Deriver: zzzzzz7hy3qg1w7hy3qg1w7hy3qg1w7h-own.drv
Sig: a-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==
Sig: a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==
CA: fixed:r:sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73
";

fn parse(text: &str) -> Result<NarInfo, NarInfoError> {
    NarInfo::parse(&StoreDir::default(), text.as_bytes())
}

/// Returns the text without the lines of a key.
fn without(key: &str) -> String {
    let lines = TEXT.split_inclusive('\n');
    let kept = lines.filter(|line| !line.starts_with(&format!("{key}: ")));
    kept.collect()
}

/// Returns the text with another value for a key.
fn with(key: &str, value: &str) -> String {
    let (before, rest) = TEXT.split_once(&format!("{key}: ")).unwrap();
    let (_, after) = rest.split_once('\n').unwrap();
    format!("{before}{key}: {value}\n{after}")
}

#[test]
fn a_text_is_written_as_it_was_read() {
    let info = parse(TEXT).unwrap();
    assert_eq!(info.to_text(&StoreDir::default()), TEXT);
    assert_eq!(info.path_info.nar_size, 120);
    assert_eq!(info.path_info.references.len(), 2);
    assert_eq!((info.url(), info.compression()), ("nar/own.nar.xz", "xz"));
    assert_eq!(info.file_size, Some(60));
    assert_eq!(
        file_name(&info.path_info.path),
        "1w1fff338fvdw53sqgamddn1b2xgds47.narinfo"
    );
}

#[test]
fn the_line_of_references_is_always_written() {
    let keys = ["References", "Deriver", "Sig", "CA", "FileHash", "FileSize"];
    let least: String = TEXT
        .split_inclusive('\n')
        .filter(|line| !keys.iter().any(|key| line.starts_with(key)))
        .collect();
    let written = parse(&least).unwrap().to_text(&StoreDir::default());
    assert_eq!(written, format!("{least}References: \n"));
    assert_eq!(parse(&written), parse(&least));
    // Editors take white space off the end of lines.
    assert_eq!(
        parse(&written.replace("References: ", "References:")),
        parse(&least)
    );
}

#[test]
fn a_missing_or_empty_compression_is_bzip2() {
    for text in [without("Compression"), with("Compression", "")] {
        assert_eq!(parse(&text).unwrap().compression(), "bzip2");
    }
    let unknown = parse(&with("Compression", "squish")).unwrap();
    assert_eq!(unknown.compression(), "squish");
}

#[test]
fn what_does_not_matter_is_passed_over() {
    let expected = parse(TEXT).unwrap();
    for text in [
        format!("{TEXT}Unknown: x\n"),
        format!("Unknown: x\nUnknown: y\n: z\n{TEXT}"),
        format!(
            "{TEXT}Sig: {}\n",
            expected.path_info.signatures.first().unwrap()
        ),
        TEXT.replace("a 1w1f", "a  1w1f"),
        TEXT.replace("StorePath: /nix/store/", "StorePath: /nix//store/./"),
    ] {
        assert_eq!(parse(&text).as_ref(), Ok(&expected), "{text}");
    }
    let no_deriver = parse(&without("Deriver"));
    assert_eq!(parse(&with("Deriver", "unknown-deriver")), no_deriver);
    assert_eq!(no_deriver.unwrap().path_info.deriver, None);
}

#[test]
fn texts_without_a_required_line_are_refused() {
    for key in ["StorePath", "URL", "NarHash", "NarSize"] {
        let text = without(key);
        let expected = NarInfoError {
            position: text.len(),
            reason: NarInfoReason::Missing(key),
        };
        assert_eq!(parse(&text), Err(expected));
    }
    assert_eq!(
        parse(&with("URL", "")).unwrap_err().reason,
        NarInfoReason::Missing("URL")
    );
    assert_eq!(
        parse(&with("NarSize", "0")).unwrap_err().reason,
        NarInfoReason::NarSizeZero
    );
    assert_eq!(
        parse("").unwrap_err().reason,
        NarInfoReason::Missing("StorePath")
    );
}

#[test]
fn keys_that_may_stand_once_do() {
    let keys = [
        "StorePath",
        "URL",
        "Compression",
        "FileHash",
        "FileSize",
        "NarHash",
    ];
    for key in keys
        .into_iter()
        .chain(["NarSize", "References", "Deriver", "CA"])
    {
        let line = TEXT.lines().find(|line| line.starts_with(key)).unwrap();
        let expected = NarInfoError {
            position: TEXT.len(),
            reason: NarInfoReason::Duplicate(key),
        };
        assert_eq!(parse(&format!("{TEXT}{line}\n")), Err(expected));
    }
    let twice = format!("References: \nDeriver: unknown-deriver\n{TEXT}");
    assert_eq!(
        parse(&twice).unwrap_err().reason,
        NarInfoReason::Duplicate("References")
    );
}

#[test]
fn lines_that_are_no_key_and_value_are_refused() {
    for line in ["x", "", "Sig:k:AA", "URL:x", " \t", "\r"] {
        let expected = NarInfoError {
            position: TEXT.len(),
            reason: NarInfoReason::NoKey,
        };
        assert_eq!(parse(&format!("{TEXT}{line}\n")), Err(expected), "{line:?}");
    }
    let mut latin = TEXT.as_bytes().to_vec();
    latin[3] = 0xe9;
    let refused = NarInfo::parse(&StoreDir::default(), &latin).unwrap_err();
    assert_eq!(
        (refused.position, refused.reason),
        (3, NarInfoReason::NotUtf8)
    );
}

#[test]
fn values_that_are_not_what_their_key_holds_are_refused() {
    type Expected = fn(&NarInfoReason) -> bool;
    let path: Expected = |reason| matches!(reason, NarInfoReason::Path { .. });
    let hash: Expected = |reason| matches!(reason, NarInfoReason::Hash { .. });
    let size: Expected = |reason| matches!(reason, NarInfoReason::Size { .. });
    let address: Expected = |reason| matches!(reason, NarInfoReason::ContentAddress(_));
    let own = "1w1fff338fvdw53sqgamddn1b2xgds47-own";
    let sha1 = "sha1:0000000000000000000000000000000000000000";
    let cases = [
        ("StorePath", own, path),
        (
            "StorePath",
            "/gnu/store/1w1fff338fvdw53sqgamddn1b2xgds47-own",
            path,
        ),
        (
            "StorePath",
            "/nix/store/1w1fff338fvdw53sqgamddn1b2xgds47-own/bin",
            path,
        ),
        (
            "References",
            "/nix/store/1w1fff338fvdw53sqgamddn1b2xgds47-own",
            path,
        ),
        (
            "References",
            "1w1fff338fvdw53sqgamddn1b2xgds47-own\u{a0}",
            path,
        ),
        ("References", "1w1fff338fvdw53sqgamddn1b2xgds47-own,x", path),
        ("Deriver", "", path),
        ("Deriver", "../1w1fff338fvdw53sqgamddn1b2xgds47-own", path),
        ("NarHash", sha1, hash),
        (
            "NarHash",
            "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
            hash,
        ),
        (
            "NarHash",
            "sha256:zmdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
            hash,
        ),
        ("FileHash", "", hash),
        ("NarSize", "18446744073709551616", size),
        ("NarSize", "-1", size),
        ("NarSize", "+1", size),
        ("NarSize", "1 ", size),
        ("FileSize", "0x10", size),
        ("FileSize", "", size),
        ("CA", "fixed:r:sha256:0", address),
    ];
    for (key, value, expected) in cases {
        let text = with(key, value);
        let error = parse(&text).unwrap_err();
        assert!(expected(&error.reason), "{key} {value:?}: {error:?}");
        assert_eq!(error.position, text.find(&format!("{key}: ")).unwrap());
    }
    let refused = parse(&with("Sig", "k:AA==")).unwrap_err().reason;
    let expected = SignatureError::Length {
        expected: 88,
        actual: 4,
    };
    assert_eq!(refused, NarInfoReason::Signature(expected));
    // Any algorithm will do for the file.
    assert!(parse(&with("FileHash", sha1)).is_ok());
}

/// A real Nix does so, both 2.8 and 2.34.
#[test]
fn an_empty_content_address_is_none_and_no_second_one() {
    assert_eq!(
        parse(&with("CA", "")).unwrap().path_info.content_address,
        None
    );
    let refused = parse(&format!("{TEXT}CA: \n")).unwrap_err();
    assert_eq!(refused.reason, NarInfoReason::Duplicate("CA"));
    assert_eq!(refused.position, TEXT.len());
}

#[test]
fn an_error_says_where_and_leaves_the_cause_to_its_source() {
    let error = parse(&with("Deriver", "x")).unwrap_err();
    let at = TEXT.find("Deriver").unwrap();
    let expected =
        format!("`Deriver` has \"x\", which is no store path of this store (at byte {at})");
    assert_eq!(error.to_string(), expected);
    let source = core::error::Error::source(&error).unwrap();
    assert_eq!(source.downcast_ref(), Some(&StorePathError::Short(1)));
}

#[test]
fn every_truncated_text_is_refused_or_ends_with_a_line() {
    for length in 0..TEXT.len() {
        let read = parse(&TEXT[..length]);
        if TEXT[..length].ends_with('\n') || length == 0 {
            assert!(
                read.is_ok() == (length >= TEXT.find("References").unwrap()),
                "{length}"
            );
        } else {
            assert_eq!(read.unwrap_err().reason, NarInfoReason::Unfinished);
        }
    }
}

#[test]
fn texts_with_line_breaks_make_no_narinfo() {
    let info = parse(TEXT).unwrap().path_info;
    let url = NarInfo::new(info.clone(), "x\nSig: y", "xz").unwrap_err();
    assert_eq!(url, NarInfoReason::LineBreak("URL"));
    let compression = NarInfo::new(info.clone(), "x", "xz\n").unwrap_err();
    assert_eq!(compression, NarInfoReason::LineBreak("Compression"));
    assert_eq!(
        NarInfo::new(info, "", "xz").unwrap_err(),
        NarInfoReason::Missing("URL")
    );
}

#[test]
fn json_without_a_file_is_no_narinfo() {
    let dir = StoreDir::default();
    let info = parse(TEXT).unwrap();
    let own = &info.path_info.path;
    for (key, value) in [
        ("url", json!(null)),
        ("url", json!("")),
        ("url", json!("a\nb")),
        ("compression", json!(1)),
        ("downloadHash", json!("sha256:x")),
        ("downloadSize", json!(-1)),
        ("narSize", json!("1")),
    ] {
        let mut json = info.to_json(&dir, JsonVersion::V3);
        json[key] = value;
        let error = NarInfo::from_json(&dir, own, &json).unwrap_err();
        assert_eq!(error.path(), format!(".{key}"));
    }
    let json = info.path_info.to_json(&dir, JsonVersion::V3);
    let error = NarInfo::from_json(&dir, own, &json).unwrap_err();
    assert_eq!(
        (error.path(), error.kind()),
        (".url", &JsonErrorKind::Missing)
    );
}

#[test]
fn cache_infos_are_read_as_nix_reads_them() {
    let read = |text: &str| CacheInfo::parse(text.as_bytes());
    let text = "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n";
    let info = CacheInfo {
        store_dir: Some(StoreDir::default()),
        want_mass_query: Some(true),
        priority: Some(40),
    };
    assert_eq!(read(text), Ok(info.clone()));
    assert_eq!(info.to_text(), text);
    let loose = "\nno colon\nX: y\nPriority:40\nWantMassQuery:  1 \r\nStoreDir: /nix/store";
    assert_eq!(read(loose), Ok(info));
    assert_eq!(read(""), Ok(CacheInfo::default()));
    assert_eq!(CacheInfo::default().to_text(), "");

    let store_dir = read("StoreDir: nix\n").unwrap_err();
    assert!(matches!(
        store_dir,
        CacheInfoError::StoreDir { line: 1, .. }
    ));
    let wanted = read("\nWantMassQuery: yes\n");
    assert_eq!(wanted, Err(CacheInfoError::WantMassQuery { line: 2 }));
    let priority = read("Priority: -1\n").unwrap_err();
    assert!(matches!(priority, CacheInfoError::Priority { line: 1, .. }));
    for (key, line) in [
        ("StoreDir", "/s"),
        ("WantMassQuery", "0"),
        ("Priority", "1"),
    ] {
        let twice = format!("{key}: {line}\n{key}: {line}\n");
        assert_eq!(
            read(&twice),
            Err(CacheInfoError::Duplicate { line: 2, key })
        );
    }
    let refused = CacheInfo::parse(b"a\xff");
    assert_eq!(refused, Err(CacheInfoError::NotUtf8 { position: 1 }));
}

proptest! {
    #[test]
    fn narinfos_are_read_as_they_are_written(info in arb_narinfo()) {
        let dir = StoreDir::new("/some/where").unwrap();
        let text = info.to_text(&dir);
        let read = NarInfo::parse(&dir, text.as_bytes()).unwrap();
        prop_assert_eq!(&read, &info);
        prop_assert_eq!(read.to_text(&dir), text);
        for version in [JsonVersion::V1, JsonVersion::V2, JsonVersion::V3] {
            let json = info.to_json(&dir, version);
            let read = NarInfo::from_json(&dir, &info.path_info.path, &json);
            prop_assert_eq!(read, Ok(info.clone()));
        }
    }

    #[test]
    fn cache_infos_are_read_as_they_are_written(wanted: Option<bool>, priority: Option<u64>) {
        let info = CacheInfo {
            store_dir: priority.map(|_| StoreDir::default()),
            want_mass_query: wanted,
            priority,
        };
        prop_assert_eq!(CacheInfo::parse(info.to_text().as_bytes()), Ok(info));
    }

    #[test]
    fn a_flipped_bit_is_another_narinfo_or_refused(at in 0..TEXT.len(), bit in 0..8) {
        let mut text = TEXT.as_bytes().to_vec();
        text[at] ^= 1_u8 << bit;
        let dir = StoreDir::default();
        if let Ok(read) = NarInfo::parse(&dir, &text) {
            prop_assert_eq!(NarInfo::parse(&dir, read.to_text(&dir).as_bytes()), Ok(read));
        }
    }
}
