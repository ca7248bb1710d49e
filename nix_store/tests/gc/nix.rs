//! The same corpus collected by a real Nix and by us.

use std::{collections::BTreeSet, fs, io::BufReader, os::unix::fs::symlink, process::Command};

use nix_core::{
    derivation::Derivation,
    store_path::{StoreDir, StorePath},
};
use nix_store::{
    db::Registration,
    gc::{self, GcOptions, RootLink},
    local::{LocalStore, StoreLayout},
    path_info,
};

use crate::support::{Place, collect, entries, open};

/// A corpus that a real Nix made, and roots in it.
struct Corpus {
    place: Place,
    infos: Vec<Registration>,
}

impl Corpus {
    /// Makes one, or says why there is none.
    fn new() -> Option<Self> {
        let place = Place::new();
        test_data::nix_corpus(&place.path("nix"))?;
        let mut corpus = Self {
            place,
            infos: Vec::new(),
        };
        corpus.infos = corpus.registrations();
        corpus.make_roots();
        Some(corpus)
    }

    fn store_dir(&self) -> StoreDir {
        let path = self.place.path("nix/store");
        StoreDir::new(path.to_str().expect("UTF-8")).expect("a store dir")
    }

    /// Runs a command of Nix on a copy of the corpus.
    fn nix(&self, copy: &str, program: &str, arguments: &[&str]) -> String {
        let (own, root) = (self.place.path("nix"), self.place.path(copy));
        let store = format!(
            "local?store={0}/store&real={1}/store&state={1}/var/nix&log={1}/var/log",
            own.display(),
            root.display(),
        );
        let output = Command::new(program)
            .args(["--store", &store])
            .args(arguments)
            .env_remove("NIX_PATH")
            .env("HOME", own.join("home"))
            .env("XDG_CACHE_HOME", own.join("cache"))
            .env("NIX_CONF_DIR", own.join("etc"))
            .output()
            .expect("Nix starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Returns the paths among what Nix printed. It prints, and removes, names that are none too.
    fn paths(&self, text: &str) -> BTreeSet<StorePath> {
        let dir = self.store_dir();
        text.lines()
            .filter_map(|line| dir.parse(line).ok())
            .collect()
    }

    /// Reads what Nix knows of all paths.
    fn registrations(&self) -> Vec<Registration> {
        let dir = self.store_dir();
        let json = self.nix("nix", "nix", &["path-info", "--json", "--all"]);
        let reader =
            path_info::Reader::with_store_dir(BufReader::new(json.as_bytes()), dir.clone());
        let infos = reader.map(|row| row.expect("a row").to_path_info(&dir).expect("an info"));
        let registration = |info: nix_core::path_info::PathInfo| {
            let name = info.path.to_name().without_derivation_suffix();
            let derivation = name.filter(|_| info.path.is_derivation()).map(|name| {
                let text = fs::read(self.place.path("nix/store").join(info.path.base_name()));
                Derivation::parse_aterm(&dir, name, &text.expect("a file")).expect("a derivation")
            });
            Registration { info, derivation }
        };
        infos.map(registration).collect()
    }

    /// Makes roots of all kinds, and leftovers.
    fn make_roots(&self) {
        let infos = self.infos.iter().map(|object| &object.info);
        let is_output = |info: &&nix_core::path_info::PathInfo| {
            info.content_address.is_none() && info.path.name().starts_with("node")
        };
        let mut outputs: Vec<_> = infos
            .clone()
            .filter(is_output)
            .map(|info| &info.path)
            .collect();
        assert!(outputs.len() > 20, "the corpus has nodes");
        // By name, so that they are the same wherever the corpus lies.
        outputs.sort_by_key(|path| (path.name().len(), path.name()));
        let output = |number: usize| *outputs.get(number).expect("there are more than 20");
        let drv = infos
            .clone()
            .filter(|info| info.path.name().starts_with("node"));
        let drv = drv
            .map(|info| &info.path)
            .filter(|path| path.is_derivation());
        let mut drvs: Vec<_> = drv.collect();
        drvs.sort_by_key(|path| (path.name().len(), path.name()));
        let full = |path: &StorePath| self.store_dir().print(path);
        let state = self.place.path("nix/var/nix");
        let out = self.place.path("result");
        let out = out.to_str().expect("UTF-8");
        self.nix(
            "nix",
            "nix-store",
            &["--add-root", out, "--realise", &full(output(3))],
        );
        let stale = self.place.path("stale");
        let stale = stale.to_str().expect("UTF-8");
        self.nix(
            "nix",
            "nix-store",
            &["--add-root", stale, "--realise", &full(output(4))],
        );
        fs::remove_file(stale).expect("a link");
        symlink(full(output(7)), state.join("gcroots/permanent")).expect("a link");
        symlink(
            full(drvs.last().expect("a derivation")),
            state.join("gcroots/derivation"),
        )
        .expect("a link");
        fs::create_dir_all(state.join("profiles/deep")).expect("a folder");
        symlink(
            full(output(9)) + "/bin/x",
            state.join("profiles/deep/p-1-link"),
        )
        .expect("a link");
        symlink("p-1-link", state.join("profiles/deep/p")).expect("a link");
        let source = infos
            .clone()
            .find(|info| info.path.name() == "f00002")
            .expect("a source");
        fs::write(state.join("gcroots").join(source.path.base_name()), "").expect("a file");
        let gone = full(&crate::support::unknown("gone"));
        symlink(gone, state.join("gcroots/invalid")).expect("a link");
        let store = self.place.path("nix/store");
        fs::create_dir(store.join("tmp-4000000000-1")).expect("a folder");
        fs::write(store.join("no path"), "").expect("a file");
        let lock = format!("{}.lock", output(7).base_name());
        fs::write(store.join(lock), "").expect("a file");
    }

    fn copy(&self, name: &str) {
        let copied = Command::new("cp")
            .arg("-a")
            .arg(self.place.path("nix"))
            .arg(self.place.path(name))
            .status();
        assert!(copied.expect("cp").success());
    }

    fn layout(&self, copy: &str) -> StoreLayout {
        StoreLayout {
            store_dir: self.store_dir(),
            real_store_dir: self.place.path(copy).join("store"),
            state_dir: self.place.path(copy).join("var/nix"),
        }
    }

    /// Opens a copy with a database of ours.
    fn ours(&self, copy: &str) -> LocalStore {
        self.copy(copy);
        let store = open(self.layout(copy));
        store
            .database()
            .register(&self.infos)
            .expect("they are registered");
        store
    }
}

fn roots_of_ours(corpus: &Corpus, store: &LocalStore) -> BTreeSet<String> {
    let found = gc::find_roots(store).expect("roots");
    let roots = found
        .roots
        .iter()
        .filter(|root| matches!(root.link, RootLink::File(_)));
    let dir = corpus.store_dir();
    roots
        .map(|root| format!("{} -> {}", root.link, dir.print(&root.target)))
        .collect()
}

fn roots_of_nix(corpus: &Corpus, copy: &str) -> BTreeSet<String> {
    let printed = corpus.nix(copy, "nix-store", &["--gc", "--print-roots"]);
    let lines = printed
        .lines()
        .filter(|line| line.starts_with('/') && !line.starts_with("/proc"));
    lines.map(str::to_owned).collect()
}

#[test]
fn roots_live_paths_and_dead_paths_are_nixs_and_the_same_set_is_deleted() {
    let Some(corpus) = Corpus::new() else {
        return;
    };
    let mut sizes = BTreeSet::new();
    for (keep_derivations, keep_outputs) in
        [(true, false), (true, true), (false, false), (false, true)]
    {
        let text = |value: bool| if value { "true" } else { "false" };
        let settings = [
            "--option",
            "keep-derivations",
            text(keep_derivations),
            "--option",
            "keep-outputs",
            text(keep_outputs),
        ];
        let gc_of_nix = |copy: &str, what: &[&str]| {
            corpus.nix(
                copy,
                "nix-store",
                &[&["--gc"], what, &settings[..]].concat(),
            )
        };
        let options = GcOptions {
            keep_derivations,
            keep_outputs,
            beside_nix: true,
            slice: 7,
            ..GcOptions::default()
        };
        let store = corpus.ours("ours");
        corpus.copy("theirs");
        assert_eq!(
            roots_of_ours(&corpus, &store),
            roots_of_nix(&corpus, "ours")
        );
        assert!(roots_of_ours(&corpus, &store).len() >= 5);
        let live = corpus.paths(&gc_of_nix("theirs", &["--print-live"]));
        assert_eq!(gc::live(&store, &options).expect("paths"), live);
        let dead = corpus.paths(&gc_of_nix("theirs", &["--print-dead"]));
        assert_eq!(gc::dead(&store, &options).expect("paths"), dead);
        sizes.insert(live.len());

        gc_of_nix("theirs", &[]);
        let report = collect(&store, &options);
        let theirs = corpus.paths(&corpus.nix("theirs", "nix", &["path-info", "--all"]));
        assert_eq!(store.database().valid_paths().expect("paths"), theirs);
        assert_eq!(report.paths, corpus.infos.len() - theirs.len());
        let names = |copy: &str| entries(&corpus.place.path(copy).join("store"));
        assert_eq!(names("ours"), names("theirs"));
        let auto = |copy: &str| entries(&corpus.place.path(copy).join("var/nix/gcroots/auto"));
        assert_eq!(auto("ours"), auto("theirs"));
        drop(store);
        for copy in ["ours", "theirs"] {
            let removed = Command::new("rm")
                .arg("-rf")
                .arg(corpus.place.path(copy))
                .status();
            assert!(removed.expect("rm").success());
        }
    }
    assert_eq!(sizes.len(), 4, "the settings differ: {sizes:?}");
}

#[test]
fn nix_heeds_our_roots() {
    let Some(corpus) = Corpus::new() else {
        return;
    };
    let store = corpus.ours("ours");
    let mut unrooted = gc::dead(&store, &GcOptions::default())
        .expect("paths")
        .into_iter();
    let mut next = || {
        unrooted
            .find(|path| path.name().starts_with("f000"))
            .expect("a dead path")
    };
    let [permanent, indirect, temporary] = [next(), next(), next()];
    gc::add_root(&store, "ours", &permanent).expect("a root");
    let link = corpus.place.path("ours-result");
    let auto = gc::add_link(&store, &link, &indirect).expect("a root");
    // Nix would have named the indirect root so.
    let full = corpus.store_dir().print(&indirect);
    corpus.nix(
        "ours",
        "nix-store",
        &[
            "--add-root",
            link.to_str().expect("UTF-8"),
            "--realise",
            &full,
        ],
    );
    let links = fs::read_dir(auto.parent().expect("a folder"))
        .expect("a folder")
        .flatten();
    let links =
        links.filter(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == link));
    assert_eq!(links.count(), 1);
    let roots = gc::TempRoots::open(&corpus.layout("ours")).expect("temporary roots");
    roots.add(&temporary).expect("a root");

    corpus.nix("ours", "nix-store", &["--gc"]);
    let left = corpus.paths(&corpus.nix("ours", "nix", &["path-info", "--all"]));
    for path in [permanent, indirect, temporary] {
        assert!(left.contains(&path), "{path}");
        assert!(store.real_path(&path).exists(), "{path}");
    }
    assert!(left.len() < corpus.infos.len());
}
