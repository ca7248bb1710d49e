//! The derivations of a real Nix, with what it built them as.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use nix_core::{
    derivation::{Derivation, DerivationType, JsonLayout},
    path_info::PathInfo,
    store_path::{OutputName, StoreDir, StorePath},
};
use nix_store::{
    drv_files::{DerivationState, DrvDiff, DrvFiles, RecordedBuild, ResultState},
    path_info,
};
use tempfile::TempDir;

use crate::support::done;

/// Two sources that differ in where they come from, and what uses them.
const FETCHED: &str = r#"
let
  drv = name: attrs: derivation ({ inherit name; system = builtins.currentSystem; builder = "/bin/sh"; } // attrs);
  source = url: drv "fetched" {
    inherit url; args = [ "-c" "printf hello > $out" ];
    outputHashMode = "flat"; outputHashAlgo = "sha256"; outputHash = builtins.hashString "sha256" "hello";
  };
  user = url: drv "fetched-user" { src = source url; args = [ "-c" "echo $src > $out" ]; };
in [ (source "http://one") (source "ftp://two") (user "http://one") (user "ftp://two") ]
"#;

/// A store that a real Nix filled.
struct Corpus {
    folder: TempDir,
    store_dir: StoreDir,
    derivations: BTreeMap<StorePath, Derivation>,
    infos: BTreeMap<StorePath, PathInfo>,
}

impl Corpus {
    /// Makes a store, or says why there is none.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("s");
        fs::create_dir(&root).expect("a folder");
        let tools = test_data::nix_corpus(&root)?;
        fs::write(folder.path().join("fetched.nix"), FETCHED).expect("a file");
        let within = |command: &str| {
            let (root, tools) = (root.display(), tools.display());
            bash(&format!("R={root}; . {tools}/env.sh; {command}"))
        };
        let expression = folder.path().join("fetched.nix");
        within(&format!("nix-build --no-out-link {}", expression.display()));
        let json = within("nix path-info --json --all");
        let store = root.join("store");
        let store_dir = StoreDir::new(store.to_str().expect("UTF-8")).expect("a store dir");
        let rows = path_info::Reader::with_store_dir(&*json, store_dir.clone());
        let rows = rows.map(|row| row.expect("a row"));
        let infos = rows.map(|row| row.to_path_info(&store_dir).expect("an info"));
        let infos: BTreeMap<_, _> = infos.map(|info| (info.path.clone(), info)).collect();
        let derivations = infos.keys().filter(|path| path.is_derivation());
        let derivations = derivations.map(|path| (path.clone(), read(&store, &store_dir, path)));
        Some(Self {
            derivations: derivations.collect(),
            infos,
            store_dir,
            folder,
        })
    }

    fn files(&self) -> DrvFiles {
        let state = self.folder.path().join("s/var/nix");
        DrvFiles::open(state, self.store_dir.clone()).expect("the directories")
    }

    fn derivation(&self, path: &StorePath) -> &Derivation {
        self.derivations.get(path).expect("a derivation")
    }

    fn info(&self, path: &StorePath) -> &PathInfo {
        self.infos.get(path).expect("a valid path")
    }

    /// Returns the outputs of a derivation whose paths are known before the build.
    fn built(&self, drv: &Derivation) -> BTreeMap<OutputName, PathInfo> {
        let path = |name: &OutputName| {
            let path = drv.outputs.get(name).expect("an output");
            let path = path.path(&self.store_dir, &drv.name, name);
            path.expect("a path").expect("a path that is known")
        };
        let info = |name: &OutputName| (name.clone(), self.info(&path(name)).clone());
        drv.outputs.keys().map(info).collect()
    }

    /// Returns where Nix says that outputs lie, by the hash modulo of their derivation.
    #[cfg(feature = "nix-db")]
    fn realisations(&self) -> BTreeMap<(String, OutputName), StorePath> {
        let file = self.folder.path().join("s/var/nix/db/db.sqlite");
        let db = rusqlite::Connection::open(file).expect("the database");
        let question = "select drvPath, outputName, path from Realisations r \
                        join ValidPaths v on v.id = r.outputPath";
        let mut question = db.prepare(question).expect("the tables");
        let rows = question.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        let rows = rows.expect("rows").map(|row| row.expect("a row"));
        let realisation = |(hash, output, path): (String, String, String)| {
            let output = OutputName::new(&output).expect("a name");
            ((hash, output), self.store_dir.parse(&path).expect("a path"))
        };
        rows.map(realisation).collect()
    }
}

/// Objects of a store are read-only, which keeps all but root from removing them.
impl Drop for Corpus {
    fn drop(&mut self) {
        let mut chmod = Command::new("chmod");
        // What cannot be opened up stays behind, and fails no test.
        let _ = chmod.args(["-R", "u+w"]).arg(self.folder.path()).status();
    }
}

fn read(store: &Path, store_dir: &StoreDir, path: &StorePath) -> Derivation {
    let text = fs::read(store.join(path.base_name())).expect("a derivation");
    let name = path.to_name().without_derivation_suffix().expect("a name");
    Derivation::parse_aterm(store_dir, name, &text).expect("a derivation")
}

/// Runs a command and returns what it printed.
fn bash(command: &str) -> Vec<u8> {
    let mut bash = Command::new("bash");
    let output = bash.args(["-ec", command]).stdin(Stdio::null()).output();
    let output = output.expect("bash starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {error}");
    output.stdout
}

#[test]
fn every_build_of_a_real_nix_is_recorded_under_the_hash_that_nix_gives_it() {
    let Some(corpus) = Corpus::new() else { return };
    let files = corpus.files();
    let (mut recorded, mut waiting) = (BTreeMap::new(), Vec::new());
    for (path, drv) in &corpus.derivations {
        match drv.derivation_type().expect("a type") {
            DerivationType::InputAddressed | DerivationType::Fixed => {
                let outputs = corpus.built(drv);
                let build = done(files.record(&corpus.derivations, drv, &outputs));
                recorded.insert(path.clone(), build);
            }
            _ => waiting.push(path.clone()),
        }
    }
    assert!(recorded.len() >= 68, "{}", recorded.len());
    // The seven of the expression, and what Nix resolved two of them to.
    assert_eq!(waiting.len(), 9);
    check_paths(&corpus, &recorded);
    check_fetched(&corpus, &recorded);
    for build in recorded.values() {
        let checked = files.check(&corpus.derivations, &build.build_hash);
        checked.expect("the right name");
    }
    let listing = files.list().expect("what lies there is sound");
    assert!(listing.foreign.is_empty(), "{:?}", listing.foreign);
    // Of the two sources and their two users, one each.
    assert_eq!(listing.build_hashes.len(), recorded.len() - 2);
    #[cfg(feature = "nix-db")]
    check_realisations(&corpus, &recorded, &waiting);
}

/// Every input-addressed path follows from the name of the file, and what lies there reads back.
fn check_paths(corpus: &Corpus, recorded: &BTreeMap<StorePath, RecordedBuild>) {
    let files = corpus.files();
    let mut computed = 0;
    for (path, build) in recorded {
        let drv = corpus.derivation(path);
        if drv.derivation_type() == Ok(DerivationType::InputAddressed) {
            let digest = build.build_hash.digest();
            for (name, info) in corpus.built(drv) {
                let follows = corpus.store_dir.output_path(&drv.name, &name, digest);
                assert_eq!(follows.expect("a path"), info.path);
                computed += 1;
            }
        }
        let found = files
            .get(&build.build_hash)
            .expect("what lies there is sound")
            .expect("a file");
        if build.derivation == DerivationState::Written {
            assert_eq!(found.derivation, *drv, "{path}");
        }
        let outputs = files
            .outputs(&build.build_hash)
            .expect("what lies there is sound")
            .expect("outputs");
        assert!(!outputs.is_not_reproducible(), "{path}");
    }
    assert!(computed >= 87, "{computed}");
}

/// What differs only in where a source comes from is one build.
fn check_fetched(corpus: &Corpus, recorded: &BTreeMap<StorePath, RecordedBuild>) {
    for name in ["fetched", "fetched-user"] {
        let named = recorded
            .iter()
            .filter(|(path, _)| corpus.derivation(path).name.as_str() == name);
        let (paths, builds): (Vec<&StorePath>, Vec<&RecordedBuild>) = named.unzip();
        let ([one, two], [first, second]) = (&paths[..], &builds[..]) else {
            panic!("{paths:?}");
        };
        assert_eq!(first.build_hash, second.build_hash);
        let states = [first.derivation, second.derivation];
        assert_eq!(states, [DerivationState::Written, DerivationState::Other]);
        assert_eq!(second.result, ResultState::Known);
        let diff = DrvDiff::between(corpus.derivation(one), corpus.derivation(two));
        let text = JsonLayout::COMPACT.print(&diff.to_json());
        if name == "fetched" {
            assert_eq!(diff.differences.len(), 1, "{diff}");
            assert!(text.contains(r#""key":"url""#), "{text}");
        } else {
            assert_eq!(diff.differences.len(), 2, "{diff}");
            assert!(text.contains(r#""part":"input""#), "{text}");
        }
    }
}

/// Nix 2.8 names the realisations of every derivation by the hash that is the build hash, of
/// resolved ones too.
#[cfg(feature = "nix-db")]
fn check_realisations(
    corpus: &Corpus,
    recorded: &BTreeMap<StorePath, RecordedBuild>,
    waiting: &[StorePath],
) {
    use nix_core::derivation::DerivationModulo;
    use nix_store::drv_files::{BuildHash, Recorded};

    let (files, known) = (corpus.files(), corpus.realisations());
    let base16 = |hash: BuildHash| format!("sha256:{}", hash.digest().to_base16());
    let mut compared = 0;
    for (path, build) in recorded {
        for (name, info) in corpus.built(corpus.derivation(path)) {
            // Nix registers no realisation of what it found to be there already.
            if let Some(found) = known.get(&(base16(build.build_hash), name)) {
                assert_eq!(*found, info.path, "{path}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 90, "{compared}");
    let mut modulo = DerivationModulo::new(&corpus.store_dir, &corpus.derivations);
    let mut trace = BTreeMap::new();
    for path in corpus.derivations.keys() {
        let drv = corpus.derivation(path);
        let hash = modulo.realisation_hash(drv).expect("a hash");
        for name in drv.outputs.keys() {
            let key = (format!("sha256:{}", hash.to_base16()), name.clone());
            if let Some(found) = known.get(&key) {
                trace.insert((path.clone(), name.clone()), found.clone());
            }
        }
    }
    assert!(trace.len() > 90, "{}", trace.len());
    let (mut deferred, mut done_now) = (0, 0);
    for path in waiting {
        let mut drv = corpus.derivation(path).clone();
        if BuildHash::of(&mut modulo, &drv).expect("a hash").is_none() {
            let none = BTreeMap::new();
            let recorded = files
                .record(&corpus.derivations, &drv, &none)
                .expect("what lies there is sound");
            assert_eq!(recorded, Recorded::Deferred);
            let resolved = drv.resolve::<BTreeMap<_, _>>(&corpus.store_dir, &trace);
            drv = resolved.expect("all inputs are built").into_derivation();
            deferred += 1;
        }
        let hash = BuildHash::of(&mut modulo, &drv).expect("a hash");
        let hash = hash.expect("nothing is deferred any more");
        let info = |name: &OutputName| {
            let path = known.get(&(base16(hash), name.clone()));
            let path = path.expect("Nix knows the hash");
            (name.clone(), corpus.info(path).clone())
        };
        let outputs = drv.outputs.keys().map(info).collect();
        let build = done(files.record(&corpus.derivations, &drv, &outputs));
        assert_eq!(build.build_hash, hash);
        files
            .check(&corpus.derivations, &hash)
            .expect("the right name");
        done_now += 1;
    }
    assert_eq!((deferred, done_now), (4, 9));
}
