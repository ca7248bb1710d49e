//! Computes store paths as Nix does, without Nix and without a store.
//!
//! `cargo run --example nix_paths`: the path of a text, of a file by its hash, and of everything
//! that the derivations of the bundled sample build, each compared with what a real Nix computed.

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::{collections::BTreeSet, error::Error, fs};

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    derivation::{DerivationModulo, read_derivations},
    hash::{Algorithm, Hash, Sha256},
    store_path::{References, StoreDir, StorePathName},
};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = StoreDir::default();

    // builtins.toFile "greeting" "hello"
    let name = StorePathName::new("greeting")?;
    let text = dir.text_path(&name, Sha256::of(b"hello"), &BTreeSet::new());
    println!("text            {}", dir.display(&text));
    assert_eq!(
        text.base_name(),
        "5akl8zsmda0yrr63v4khwgskih2g2hsh-greeting"
    );

    // nix-store --add-fixed sha256, of a file with the same content
    let hash = Hash::of(Algorithm::Sha256, b"hello");
    let address = ContentAddress::new(ContentAddressMethod::Flat, hash)?;
    let fixed = dir.fixed_path(&name, &address, &References::default())?;
    println!("{address} {}", dir.display(&fixed));

    // Where the outputs of derivations go follows from everything that they are built from.
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/sample/derivations.json"
    );
    let json = serde_json::from_slice(&fs::read(file)?)?;
    let derivations = read_derivations(&dir, &json)?;
    let mut modulo = DerivationModulo::new(&dir, &derivations);
    let (mut known, mut deferred) = (0, 0);
    for (path, derivation) in &derivations {
        assert_eq!(&derivation.path(&dir)?, path);
        let computed = derivation.output_paths(&mut modulo)?;
        for (output, how) in &derivation.outputs {
            match how.path(&dir, &derivation.name, output)? {
                Some(stated) => {
                    assert_eq!(computed.get(output), Some(&stated));
                    known += 1;
                }
                None => deferred += 1,
            }
        }
    }
    println!(
        "{} derivations: {known} output paths are those of Nix, {deferred} are known once built",
        derivations.len()
    );
    Ok(())
}
