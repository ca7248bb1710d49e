//! A real Nix on the same objects.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use nix_core::path_info::PathInfo;
use nix_store::{
    StoreDir,
    local::{LocalStore, StoreLayout},
    optimise::{OptimiseOptions, OptimiseReport, optimise},
    path_info::Reader,
    store::WriteStore,
    verify::{VerifyOptions, verify},
};

use crate::support::{Place, assert_canonical, options, partition};

/// A store that a real Nix filled, in the folder that its paths are printed with.
struct Nix {
    place: Place,
}

impl Nix {
    /// Makes the corpus, or says why there is none.
    fn new() -> Option<Self> {
        let nix = Self {
            place: Place::new(),
        };
        test_data::nix_corpus(&nix.root())?;
        Some(nix)
    }

    fn root(&self) -> PathBuf {
        self.place.path("nix")
    }

    fn store_dir(&self) -> PathBuf {
        self.root().join("store")
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Output {
        let root = self.root();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_remove("NIX_PATH")
            .env_remove("NIX_REMOTE");
        command.env("NIX_STORE_DIR", root.join("store"));
        command.env("NIX_STATE_DIR", root.join("var/nix"));
        command.env("NIX_LOG_DIR", root.join("var/log"));
        command.env("NIX_LOCALSTATE_DIR", root.join("var"));
        command.env("NIX_CONF_DIR", root.join("etc"));
        command.env("NIX_USER_CONF_FILES", root.join("etc/user.conf"));
        command.env("HOME", root.join("home"));
        command.env("XDG_CACHE_HOME", root.join("cache"));
        succeeded(command.output().expect("Nix starts"))
    }

    /// Opens a store of ours over the objects of Nix, with a database of its own.
    fn ours(&self, infos: &[PathInfo]) -> LocalStore {
        let layout = StoreLayout {
            store_dir: self.logical(),
            real_store_dir: self.store_dir(),
            state_dir: self.root().join("ours"),
        };
        let store = LocalStore::open(layout, &options()).expect("a store");
        store.register(infos).expect("objects of Nix");
        store
    }

    fn logical(&self) -> StoreDir {
        let folder = self.store_dir();
        StoreDir::new(folder.to_str().expect("UTF-8")).expect("a store's directory")
    }

    fn infos(&self) -> Vec<PathInfo> {
        let printed = self
            .command("nix", &["path-info", "--json", "--all"])
            .stdout;
        let rows = Reader::with_store_dir(&printed[..], self.logical());
        let info = |row: Result<nix_store::db::models::StorePath, _>| {
            let row = row.expect("a row");
            row.to_path_info(&self.logical()).expect("an info")
        };
        rows.map(info).collect()
    }

    /// Keeps a copy of everything beside the store.
    fn copy(&self, from: &str, to: &str) {
        let (from, to) = (self.place.path(from), self.place.path(to));
        let mut command = Command::new("cp");
        succeeded(
            command
                .arg("-a")
                .arg(from)
                .arg(to)
                .output()
                .expect("cp starts"),
        );
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.place.path(from), self.place.path(to)).expect("a folder");
    }
}

fn succeeded(output: Output) -> Output {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    output
}

fn run(store: &LocalStore) -> OptimiseReport {
    optimise(store, &OptimiseOptions::default(), &mut |_| {}).expect("nothing refuses")
}

fn assert_sound(store: &LocalStore) {
    let options = VerifyOptions {
        check_contents: true,
        ..VerifyOptions::default()
    };
    let report = verify(store, &options, &mut |_| {}).expect("a store that can be read");
    assert!(
        report
            .problems
            .iter()
            .all(|problem| problem.path().is_none()),
        "{:?}",
        report.problems
    );
}

#[test]
fn optimise_makes_the_partition_that_nix_makes_and_each_goes_on_with_the_links_of_the_other() {
    let Some(nix) = Nix::new() else { return };
    let infos = nix.infos();
    assert!(infos.len() > 150);
    nix.copy("nix", "copy");
    let single = partition(&nix.store_dir()).len();

    nix.command("nix-store", &["--optimise"]);
    let theirs = partition(&nix.store_dir());
    assert!(theirs.len() < single);
    let after_nix = run(&nix.ours(&infos));
    assert_eq!(
        (after_nix.first, after_nix.linked, after_nix.skipped),
        (0, 0, 0)
    );
    assert_eq!(partition(&nix.store_dir()), theirs);

    nix.rename("nix", "theirs");
    nix.rename("copy", "nix");
    let store = nix.ours(&infos);
    let report = run(&store);
    assert!(report.linked > 20 && report.bytes_saved > 0, "{report:?}");
    let ours = partition(&nix.store_dir());
    assert_eq!(ours, theirs);
    assert_eq!(run(&store).linked, 0);
    assert_sound(&store);

    nix.command("nix-store", &["--verify", "--check-contents"]);
    nix.command("nix", &["store", "verify", "--all", "--no-trust"]);
    nix.command("nix-store", &["--optimise"]);
    assert_eq!(partition(&nix.store_dir()), ours);
    assert_sound(&store);
    assert_canonical(&nix.store_dir());
}
