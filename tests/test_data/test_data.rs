//! Where tests find what lies beside the project, and what they do where it is missing: they say so
//! and are skipped, or fail where nothing may be missing. Only for `[dev-dependencies]`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Names the folder of the test data, if it does not lie beside the project.
const FOLDER_VARIABLE: &str = "NETABASE_SHARED";

/// Says how large a store is that a real Nix fills.
const CORPUS_VARIABLE: &str = "NETABASE_CORPUS";

/// Is set where nothing may be missing.
const ALL_VARIABLE: &str = "NETABASE_REQUIRE_ALL";

/// Returns a file or folder of the test data beside the project, or nothing, having said so.
///
/// # Panics
/// Panics where it is missing and nothing may be.
///
/// # Examples
///
/// ```
/// if let Some(path) = test_data::shared("conformance/nix") {
///     assert!(path.is_dir());
///     assert_eq!(path, test_data::folder().join("conformance/nix"));
/// }
/// ```
#[must_use]
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = folder().join(name);
    if path.exists() {
        return Some(path);
    }
    missing(&format!("there is no {}", path.display()));
    None
}

/// Returns the folder of the test data, which need not be there.
#[must_use]
pub fn folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    env::var_os(FOLDER_VARIABLE).map_or(beside, PathBuf::from)
}

/// Has a real Nix fill a store below a folder, with files, derivations and what they build, and returns
/// where the tools lie that did; or nothing, having said why.
///
/// It has 201 objects, or 1,947 where `NETABASE_CORPUS` is `large`, and is the same every time but for
/// the store's directory.
///
/// # Panics
/// Panics where Nix fails, and where something is missing and nothing may be.
#[must_use]
pub fn nix_corpus(root: &Path) -> Option<PathBuf> {
    let tools = shared("tools/nix-corpus")?;
    if Command::new("nix-store").arg("--version").output().is_err() {
        missing("there is no Nix");
        return None;
    }
    let is_large = env::var(CORPUS_VARIABLE).is_ok_and(|size| size == "large");
    let [nodes, files] = if is_large { [600, 400] } else { [50, 30] };
    let mut generator = Command::new("bash");
    let generator = generator.arg(tools.join("gen.sh")).arg(root);
    let made = generator.args([nodes, files].map(|count: u16| count.to_string()));
    let made = made.output();
    assert!(
        made.as_ref().is_ok_and(|made| made.status.success()),
        "{made:?}"
    );
    Some(tools)
}

/// Says why a test is skipped.
///
/// # Panics
/// Panics where nothing may be missing.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub fn missing(why: &str) {
    assert!(!is_all_required(), "{why}");
    eprintln!("skipped: {why}");
}

/// Returns whether nothing may be missing.
#[must_use]
pub fn is_all_required() -> bool {
    env::var_os(ALL_VARIABLE).is_some()
}
