//! Bytes as what the Nix commands print: what is read is the same when printed and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nix_store::{StoreDir, derivation_show, path_info, realisation_info};

fuzz_target!(|input: &[u8]| {
    for path in path_info::Reader::new(input) {
        let Ok(path) = path else { break };
        assert!(path.path.starts_with("/nix/store/"));
        let printed = format!("{{\"{}\": {}}}", path.path, path_info::to_json(&path));
        let again = path_info::Reader::new(printed.as_bytes()).next();
        assert_eq!(again.and_then(Result::ok), Some(path));
    }
    let dir = StoreDir::default();
    // Either may refuse the bytes; neither may panic.
    drop(derivation_show::read(input, &dir));
    drop(realisation_info::read(input, &dir));
});
