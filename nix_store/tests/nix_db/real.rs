//! Beside a real Nix, on a store that it made.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use netabase_store::MemoryStore;
use nix_core::{
    hash::{Hash, Sha256},
    path_info::PathInfo,
    store_path::{StoreDir, StorePath},
};
use nix_store::{
    db::models::{self, StoreDefinition},
    local::StoreLayout,
    nix_db::{ExportOptions, ImportOptions, NixDbOptions, NixStore, StoreDb, export, import},
    store::{ArchiveHasher, Direction, ReadStore},
};
use rusqlite::{Connection, types::Value};
use tempfile::TempDir;

use crate::support::everything;

/// A store that a real Nix filled.
struct Corpus {
    folder: TempDir,
    tools: PathBuf,
}

/// The one that tests use at once; the last of them removes it.
static CORPUS: Mutex<Weak<Corpus>> = Mutex::new(Weak::new());

impl Corpus {
    fn new() -> Option<Arc<Self>> {
        let mut current = CORPUS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(corpus) = current.upgrade() {
            return Some(corpus);
        }
        let folder = tempfile::tempdir().unwrap();
        let tools = test_data::nix_corpus(folder.path())?;
        let corpus = Arc::new(Self { folder, tools });
        *current = Arc::downgrade(&corpus);
        Some(corpus)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn store_dir(&self) -> StoreDir {
        StoreDir::new(self.path("store").to_str().unwrap()).unwrap()
    }

    fn db(&self) -> StoreDb {
        self.open(&self.path("var/nix/db/db.sqlite"))
    }

    fn open(&self, path: &Path) -> StoreDb {
        let options = NixDbOptions {
            store_dir: self.store_dir(),
            ..NixDbOptions::default()
        };
        StoreDb::open(path, &options).unwrap()
    }

    fn store(&self) -> NixStore {
        let layout = StoreLayout {
            store_dir: self.store_dir(),
            real_store_dir: self.path("store"),
            state_dir: self.path("var/nix"),
        };
        NixStore::new(self.db(), layout)
    }

    /// Runs a Nix over the objects and the database in `state`.
    fn run(&self, state: &Path, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_remove("NIX_REMOTE")
            .env_remove("NIX_PATH");
        command
            .env("NIX_STORE_DIR", self.path("store"))
            .env("NIX_STATE_DIR", state);
        command
            .env("NIX_LOG_DIR", self.path("var/log"))
            .env("NIX_LOCALSTATE_DIR", self.path("var"));
        command
            .env("NIX_CONF_DIR", self.path("etc"))
            .env("HOME", self.path("home"));
        command
            .env("XDG_CACHE_HOME", self.path("cache"))
            .output()
            .unwrap()
    }

    /// Returns what a query printed.
    fn ask(&self, state: &Path, arguments: &[&str]) -> String {
        let output = self.run(state, "nix-store", arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn state(&self) -> PathBuf {
        self.path("var/nix")
    }

    fn parse(&self, lines: &str) -> BTreeSet<StorePath> {
        lines
            .lines()
            .map(|line| self.store_dir().parse(line).unwrap())
            .collect()
    }
}

impl Drop for Corpus {
    fn drop(&mut self) {
        // Directories of objects are read-only, which only the superuser removes as they are.
        let mut change = Command::new("chmod");
        let _ = change.args(["-R", "u+w"]).arg(self.folder.path()).output();
    }
}

/// What `nix-store --dump-db` prints of a path.
#[derive(Debug, PartialEq, Eq)]
struct Dumped {
    hash: Sha256,
    size: u64,
    deriver: Option<StorePath>,
    references: BTreeSet<StorePath>,
}

impl Dumped {
    fn of(info: &PathInfo) -> Self {
        Self {
            hash: info.nar_hash,
            size: info.nar_size,
            deriver: info.deriver.clone(),
            references: info.references.clone(),
        }
    }
}

fn read_dump(dump: &str, dir: &StoreDir) -> BTreeMap<StorePath, Dumped> {
    let mut lines = dump.lines();
    let mut all = BTreeMap::new();
    while let Some(path) = lines.next() {
        let mut next = || lines.next().unwrap();
        let hash: Sha256 = Hash::parse(&format!("sha256:{}", next()), None)
            .unwrap()
            .try_into()
            .unwrap();
        let size = next().parse().unwrap();
        let deriver = Some(next()).filter(|text| !text.is_empty());
        let deriver = deriver.map(|text| dir.parse(text).unwrap());
        let count: usize = next().parse().unwrap();
        let references = (0..count).map(|_| dir.parse(next()).unwrap()).collect();
        let dumped = Dumped {
            hash,
            size,
            deriver,
            references,
        };
        assert!(all.insert(dir.parse(path).unwrap(), dumped).is_none());
    }
    all
}

#[test]
fn a_live_database_answers_as_nix_does() {
    let Some(corpus) = Corpus::new() else { return };
    let (state, dir, store) = (corpus.state(), corpus.store_dir(), corpus.store());
    let dumped = read_dump(&corpus.ask(&state, &["--dump-db"]), &dir);
    assert!(dumped.len() > 150, "{}", dumped.len());
    let (paths, realisations) = everything(store.db()).unwrap();
    let said = paths
        .iter()
        .map(|(path, info)| (path.clone(), Dumped::of(info)));
    assert_eq!(said.collect::<BTreeMap<_, _>>(), dumped);
    assert_eq!(
        store.valid_paths().unwrap(),
        dumped.keys().cloned().collect()
    );
    assert!(realisations.len() > 50);
    for (path, info) in &paths {
        assert_eq!(store.path_info(path).unwrap().as_ref(), Some(info));
        let refers = dumped
            .iter()
            .filter(|(_, other)| other.references.contains(path));
        let referrers: BTreeSet<_> = refers.map(|(referrer, _)| referrer.clone()).collect();
        assert_eq!(store.referrers(path).unwrap(), referrers);
    }
    for path in dumped.keys().step_by(67) {
        let ask = |question| corpus.parse(&corpus.ask(&state, &["-q", question, &dir.print(path)]));
        let closure = |direction| store.closure(&[path.clone()].into(), direction).unwrap();
        assert_eq!(store.referrers(path).unwrap(), ask("--referrers"));
        assert_eq!(closure(Direction::References), ask("--requisites"));
        assert_eq!(closure(Direction::Referrers), ask("--referrers-closure"));
    }
}

#[test]
fn outputs_are_those_that_nix_prints_and_built_ones_are_known_through_realisations() {
    let Some(corpus) = Corpus::new() else { return };
    let (dir, store) = (corpus.store_dir(), corpus.store());
    let drvs: Vec<_> = store
        .valid_paths()
        .unwrap()
        .into_iter()
        .filter(StorePath::is_derivation)
        .collect();
    let mut known = BTreeSet::new();
    let mut questions = vec!["-q".to_owned(), "--outputs".to_owned()];
    let mut realised = 0;
    for drv in &drvs {
        let outputs = store.derivation_outputs(drv).unwrap();
        let in_db = store.db().derivation_outputs(drv).unwrap();
        if in_db.is_empty() {
            // Floating: Nix prints them only once it can resolve, so they are held to what it built.
            for path in outputs.values().flatten() {
                assert!(store.is_valid(path).unwrap(), "{path}");
                realised += 1;
            }
            continue;
        }
        questions.push(dir.print(drv));
        for (name, path) in &outputs {
            assert_eq!(in_db.get(name), path.as_ref());
            known.extend(path.clone());
            let derivers = store.valid_derivers(path.as_ref().unwrap()).unwrap();
            assert!(derivers.contains(drv));
        }
    }
    let questions: Vec<_> = questions.iter().map(String::as_str).collect();
    assert_eq!(
        known,
        corpus.parse(&corpus.ask(&corpus.state(), &questions))
    );
    assert!(realised >= 8, "{realised}");
}

#[test]
fn the_archive_of_every_object_has_the_hash_that_nix_registered() {
    let Some(corpus) = Corpus::new() else { return };
    let store = corpus.store();
    for path in store.valid_paths().unwrap() {
        let info = store.path_info(&path).unwrap().unwrap();
        let mut hasher = ArchiveHasher::new();
        assert_eq!(store.write_nar(&path, &mut hasher).unwrap(), info.nar_size);
        assert_eq!(hasher.finish().nar_hash, info.nar_hash);
    }
}

/// Returns the rows of a query as SQLite has them.
fn raw(path: &Path, query: &str) -> Vec<Vec<Value>> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    let count = statement.column_count();
    let rows = statement.query_map([], |row| (0..count).map(|at| row.get(at)).collect());
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// The rows of every table, without the numbers that a database is free to choose.
const ROWS: [&str; 5] = [
    "select path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca \
     from ValidPaths order by path",
    "select a.path, b.path from Refs r join ValidPaths a on a.id = r.referrer \
     join ValidPaths b on b.id = r.reference order by 1, 2",
    "select v.path, o.id, o.path from DerivationOutputs o join ValidPaths v on v.id = o.drv \
     order by 1, 2",
    "select r.drvPath, r.outputName, v.path, r.signatures from Realisations r \
     join ValidPaths v on v.id = r.outputPath order by 1, 2",
    "select a.drvPath, a.outputName, b.drvPath, b.outputName from RealisationsRefs r \
     join Realisations a on a.id = r.referrer join Realisations b on b.id = r.realisationReference \
     order by 1, 2, 3, 4",
];

/// Imports the corpus and exports it into a new state directory.
fn exported(corpus: &Corpus) -> (TempDir, PathBuf) {
    let trees = MemoryStore::<StoreDefinition>::new();
    let options = ImportOptions {
        real_store_dir: Some(corpus.path("store")),
    };
    let report = import(&corpus.db(), &trees, &options, &mut |_| {}).unwrap();
    assert_eq!(
        (report.derivations_missing, report.derivations_unfit),
        (0, 0)
    );
    let rows = trees.open_tree::<models::StorePath>().len().unwrap();
    assert_eq!(rows, corpus.db().valid_paths().unwrap().len() as u64);
    let state = tempfile::tempdir().unwrap();
    std::fs::create_dir(state.path().join("db")).unwrap();
    let path = state.path().join("db/db.sqlite");
    let options = ExportOptions {
        store_dir: corpus.store_dir(),
        ..ExportOptions::default()
    };
    let report = export(&trees, &path, &options, &mut |_| {}).unwrap();
    assert_eq!(report.derivations_unknown, 0);
    (state, path)
}

#[test]
fn what_is_exported_has_the_rows_and_the_schema_of_nix() {
    let Some(corpus) = Corpus::new() else { return };
    let (_state, path) = exported(&corpus);
    let own = corpus.path("var/nix/db/db.sqlite");
    for query in ROWS {
        let rows = raw(&own, query);
        assert!(!rows.is_empty());
        assert_eq!(raw(&path, query), rows, "{query}");
    }
    // The texts of a schema differ in spaces and comments; what SQLite makes of them does not.
    for query in [
        "select type, name, tbl_name from sqlite_schema order by 1, 2, 3",
        "select m.name, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk from sqlite_schema m, \
         pragma_table_info(m.name) c where m.type = 'table' order by m.name, c.cid",
        "select m.name, f.\"table\", f.\"from\", f.\"to\", f.on_update, f.on_delete \
         from sqlite_schema m, pragma_foreign_key_list(m.name) f order by 1, 3",
        "select m.name, i.name, i.\"unique\", i.partial, x.seqno, x.name from sqlite_schema m, \
         pragma_index_list(m.name) i, pragma_index_info(i.name) x order by 1, 2, 5",
        "select journal_mode from pragma_journal_mode",
        "select name, seq from sqlite_sequence order by 1",
    ] {
        assert_eq!(raw(&path, query), raw(&own, query), "{query}");
    }
    for name in ["schema", "ca-schema"] {
        let read = |folder: &Path| std::fs::read(folder.with_file_name(name)).unwrap();
        assert_eq!(read(&path), read(&own));
    }
}

#[test]
fn nix_opens_queries_verifies_and_builds_on_what_is_exported() {
    let Some(corpus) = Corpus::new() else { return };
    let (state, _) = exported(&corpus);
    let (own, state) = (corpus.state(), state.path());
    assert_eq!(
        corpus.ask(state, &["--dump-db"]),
        corpus.ask(&own, &["--dump-db"])
    );
    let valid = corpus.db().valid_paths().unwrap();
    for path in valid.iter().step_by(101) {
        let path = corpus.store_dir().print(path);
        for question in ["--referrers", "--deriver", "--valid-derivers"] {
            // 2.8 does not know the last one and says so on both sides.
            let ask = |state: &Path| {
                corpus
                    .run(state, "nix-store", &["-q", question, &path])
                    .stdout
            };
            assert_eq!(ask(state), ask(&own), "{question} {path}");
        }
    }
    let verified = corpus.run(state, "nix-store", &["--verify", "--check-contents"]);
    assert!(verified.status.success(), "{verified:?}");
    let said = String::from_utf8(verified.stderr).unwrap();
    assert!(
        !said.contains("error") && !said.contains("modified"),
        "{said}"
    );
    // Everything that ca.nix asks for was built: the realisations say where it lies.
    let file = corpus.tools.join("ca.nix");
    let build = |state: &Path| {
        let arguments = ["--no-out-link", file.to_str().unwrap()];
        let built = corpus.run(state, "nix-build", &arguments);
        assert!(built.status.success(), "{built:?}");
        let said = String::from_utf8(built.stderr).unwrap();
        assert!(!said.contains("building '"), "{said}");
        built.stdout
    };
    assert_eq!(build(state), build(&own));
}
