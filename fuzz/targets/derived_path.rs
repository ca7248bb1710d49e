//! Bytes as derived paths and output specs, in every form: what is read is the same when printed and
//! read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nix_core::{
    derived_path::{
        DerivedPath, ExtendedOutputsSpec, OutputsSpec, SingleDerivedPath, StorePathWithOutputs,
    },
    json::parse_value,
    store_path::StoreDir,
};

fn check_single(dir: &StoreDir, path: &SingleDerivedPath) {
    assert_eq!(
        SingleDerivedPath::parse(dir, &path.print(dir)).as_ref(),
        Ok(path)
    );
    let legacy = path.print_legacy(dir);
    assert_eq!(
        SingleDerivedPath::parse_legacy(dir, &legacy).as_ref(),
        Ok(path)
    );
    let text = path.to_json().to_string();
    let value = parse_value(text.as_bytes()).expect("it prints JSON");
    assert_eq!(SingleDerivedPath::from_json(&value).as_ref(), Ok(path));
}

fn check(dir: &StoreDir, path: &DerivedPath) {
    assert_eq!(DerivedPath::parse(dir, &path.print(dir)).as_ref(), Ok(path));
    let legacy = path.print_legacy(dir);
    assert_eq!(DerivedPath::parse_legacy(dir, &legacy).as_ref(), Ok(path));
    let text = path.to_json().to_string();
    let value = parse_value(text.as_bytes()).expect("it prints JSON");
    assert_eq!(DerivedPath::from_json(&value).as_ref(), Ok(path));
    if let Ok(old) = StorePathWithOutputs::try_from(path) {
        assert_eq!(&DerivedPath::from(old), path);
    }
}

fn check_text(dir: &StoreDir, text: &str) {
    let paths = [
        DerivedPath::parse(dir, text),
        DerivedPath::parse_legacy(dir, text),
    ];
    for path in paths.into_iter().flatten() {
        check(dir, &path);
    }
    let singles = [
        SingleDerivedPath::parse(dir, text),
        SingleDerivedPath::parse_legacy(dir, text),
    ];
    for path in singles.into_iter().flatten() {
        check_single(dir, &path);
        check(dir, &path.into());
    }
    if let Ok(path) = StorePathWithOutputs::parse(dir, text) {
        let shown = path.display(dir).to_string();
        assert_eq!(StorePathWithOutputs::parse(dir, &shown), Ok(path));
    }
    if let Ok(outputs) = text.parse::<OutputsSpec>() {
        assert_eq!(outputs.to_string().parse(), Ok(outputs));
    }
    if let Ok((rest, outputs)) = ExtendedOutputsSpec::parse(text) {
        let printed = format!("{rest}{outputs}");
        assert_eq!(ExtendedOutputsSpec::parse(&printed), Ok((rest, outputs)));
    }
}

fuzz_target!(|input: &[u8]| {
    let dir = StoreDir::default();
    if let Ok(text) = str::from_utf8(input) {
        check_text(&dir, text);
    }
    let Ok(value) = parse_value(input) else {
        return;
    };
    if let Ok(path) = DerivedPath::from_json(&value) {
        check(&dir, &path);
    }
    if let Ok(path) = SingleDerivedPath::from_json(&value) {
        check_single(&dir, &path);
    }
    if let Ok(outputs) = OutputsSpec::from_json(&value) {
        assert_eq!(OutputsSpec::from_json(&outputs.to_json()), Ok(outputs));
    }
});
