//! Folders and files that the operating system does not let be written.
#![cfg(unix)]

use std::{
    env,
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

use netabase_store::{RedbStore, Result, SledStore, StoreOptions};
use netabase_tests::{Customer, ShopDefinition, customer};

type Shop = RedbStore<ShopDefinition>;

/// Tells the test, run again without privileges, the folder that is prepared for it.
const FOLDER_VARIABLE: &str = "NETABASE_READ_ONLY_FOLDER";
/// The user who owns nothing.
const NOBODY: u32 = 65_534;

#[test]
fn a_read_only_folder_is_a_typed_error_and_nothing_is_lost() -> Result<()> {
    if let Some(folder) = env::var_os(FOLDER_VARIABLE) {
        return check_refusals(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = folder.path().join("store");
    Shop::new(&store)?
        .open_tree::<Customer>()
        .put(customer(1))?;
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
    mode(&store, 0o444).expect("it is ours");
    mode(folder.path(), 0o555).expect("it is ours");
    if fs::write(folder.path().join("probe"), "").is_ok() {
        // Nothing is read-only for the superuser: run again as somebody else.
        fs::remove_file(folder.path().join("probe")).expect("it is ours");
        let name = "permissions::a_read_only_folder_is_a_typed_error_and_nothing_is_lost";
        let mut again = Command::new("/proc/self/exe");
        again
            .args(["--exact", name])
            .env(FOLDER_VARIABLE, folder.path());
        again.stdout(Stdio::null()).uid(NOBODY).gid(NOBODY);
        assert!(again.status().expect("the test can be run again").success());
    } else {
        check_refusals(folder.path())?;
    }
    mode(folder.path(), 0o755).expect("it is ours");
    mode(&store, 0o644).expect("it is ours");
    assert_eq!(
        Shop::open(&store)?.open_tree::<Customer>().get(1)?,
        Some(customer(1))
    );
    Ok(())
}

fn check_refusals(folder: &Path) -> Result<()> {
    let refused = Shop::new(folder.join("new"));
    assert!(
        refused.as_ref().is_err_and(|error| error.is_read_only()),
        "{refused:?}"
    );
    let refused = SledStore::<ShopDefinition>::new(folder.join("new"));
    assert!(
        refused.as_ref().is_err_and(|error| error.is_read_only()),
        "{refused:?}"
    );
    let store = folder.join("store");
    let refused = Shop::open(&store);
    assert!(
        refused.as_ref().is_err_and(|error| error.is_read_only()),
        "{refused:?}"
    );
    let reader = Shop::open_with(&store, &StoreOptions::new().read_only(true))?;
    assert_eq!(reader.open_tree::<Customer>().get(1)?, Some(customer(1)));
    let refused = reader.copy_to(folder.join("copy"));
    assert!(
        refused.as_ref().is_err_and(|error| error.is_read_only()),
        "{refused:?}"
    );
    assert_eq!(fs::read_dir(folder).map(Iterator::count).unwrap_or(0), 1);
    Ok(())
}
