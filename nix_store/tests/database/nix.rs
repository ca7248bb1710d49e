//! What a real Nix has is answered as it answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::BufReader,
    process::{Command, Stdio},
};

use nix_core::{
    derivation::DerivationOutput,
    graph::PathGraph,
    path_info::PathInfo,
    realisation::LegacyRealisation,
    store_path::{StoreDir, StorePath},
};
use nix_store::{
    db::{Database, Registration},
    derivation_show, path_info,
    store::{AnyRealisation, Direction},
};
use tempfile::TempDir;

use crate::support::{missing, on_every_engine};

/// How many of the real paths are registered; references come before referrers.
const REAL_PATHS: usize = 800;

/// A store that a real Nix filled.
struct Nix {
    root: TempDir,
    dir: StoreDir,
}

impl Nix {
    fn new() -> Option<Self> {
        let root = TempDir::new().unwrap();
        let path = root.path().canonicalize().unwrap();
        test_data::nix_corpus(&path)?;
        let dir = StoreDir::new(path.join("store").to_str().unwrap()).unwrap();
        Some(Self { root, dir })
    }

    fn says(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let root = self.root.path().canonicalize().unwrap();
        let output = Command::new(program)
            .args(arguments)
            .env_remove("NIX_REMOTE")
            .env("NIX_STORE_DIR", root.join("store"))
            .env("NIX_STATE_DIR", root.join("var/nix"))
            .env("NIX_LOG_DIR", root.join("var/log"))
            .env("NIX_CONF_DIR", root.join("etc"))
            .env("NIX_USER_CONF_FILES", root.join("etc/user.conf"))
            .env("HOME", root.join("home"))
            .env("XDG_CACHE_HOME", root.join("cache"))
            .stderr(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{program} {arguments:?}");
        output.stdout
    }

    fn lines(&self, program: &str, arguments: &[&str]) -> Vec<String> {
        let text = String::from_utf8(self.says(program, arguments)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Returns what `nix-store -q` says of a path.
    fn query(&self, what: &str, path: &StorePath) -> BTreeSet<String> {
        let lines = self.lines("nix-store", &["-q", what, &self.dir.print(path)]);
        lines
            .into_iter()
            .filter(|line| line != "unknown-deriver")
            .collect()
    }

    fn print(&self, paths: impl IntoIterator<Item = StorePath>) -> BTreeSet<String> {
        paths
            .into_iter()
            .map(|path| self.dir.print(&path))
            .collect()
    }

    /// Returns every valid path, derivations with what they say.
    fn objects(&self) -> Vec<Registration> {
        let json = self.says("nix", &["path-info", "--json", "--all"]);
        let rows = path_info::Reader::with_store_dir(&*json, self.dir.clone());
        let infos = rows.map(|row| row.unwrap().to_path_info(&self.dir).unwrap());
        let infos: Vec<PathInfo> = infos.collect();
        let drvs = infos.iter().filter(|info| info.path.is_derivation());
        let drvs: Vec<_> = drvs.map(|info| self.dir.print(&info.path)).collect();
        let mut arguments = vec!["show-derivation"];
        arguments.extend(drvs.iter().map(String::as_str));
        let json = self.says("nix", &arguments);
        let rows = derivation_show::read(&*json, &self.dir).unwrap();
        let mut derivations: BTreeMap<_, _> = rows
            .iter()
            .map(|row| (row.path.as_str(), row.to_derivation(&self.dir).unwrap()))
            .collect();
        let object = |info: PathInfo| {
            let derivation = derivations.remove(self.dir.print(&info.path).as_str());
            Registration { info, derivation }
        };
        infos.into_iter().map(object).collect()
    }

    /// Returns the rows that Nix has of outputs that it built.
    fn realisations(&self) -> Option<Vec<AnyRealisation>> {
        let db = self.root.path().join("var/nix/db/db.sqlite");
        let select = "select r.drvPath || '!' || r.outputName, v.path from Realisations r \
                      join ValidPaths v on r.outputPath = v.id";
        let arguments = ["-separator", " ", db.to_str().unwrap(), select];
        if Command::new("sqlite3").arg("--version").output().is_err() {
            missing("there is no sqlite3");
            return None;
        }
        let read = |line: String| {
            let (id, path) = line.split_once(' ').unwrap();
            let path = self.dir.parse(path).unwrap();
            AnyRealisation::Hash(LegacyRealisation::new(id.parse().unwrap(), path))
        };
        Some(
            self.lines("sqlite3", &arguments)
                .into_iter()
                .map(read)
                .collect(),
        )
    }

    /// Returns what `nix-store --dump-db` prints, by the database.
    fn dump(&self, database: &Database) -> String {
        let mut dump = String::new();
        let each = &mut |info: PathInfo| {
            let deriver = info.deriver.map(|path| self.dir.print(&path));
            let references = self.print(info.references);
            let mut lines = vec![
                self.dir.print(&info.path),
                info.nar_hash.to_base16(),
                info.nar_size.to_string(),
                deriver.unwrap_or_default(),
                references.len().to_string(),
            ];
            lines.extend(references);
            dump.push_str(&(lines.join("\n") + "\n"));
            Ok(())
        };
        database.for_each_path(each).unwrap();
        dump
    }
}

#[test]
fn a_real_store_is_answered_as_nix_answers() {
    let Some(nix) = Nix::new() else {
        return;
    };
    let objects = nix.objects();
    let database = Database::memory(nix.dir.clone());
    database.register(&objects).unwrap();
    let dump = String::from_utf8(nix.says("nix-store", &["--dump-db"])).unwrap();
    assert_eq!(nix.dump(&database), dump);

    for Registration { info, derivation } in objects.iter().step_by(objects.len() / 8) {
        let path = &info.path;
        let referrers = nix.print(database.referrers(path).unwrap());
        assert_eq!(referrers, nix.query("--referrers", path));
        let deriver = database
            .path_info(path)
            .unwrap()
            .and_then(|info| info.deriver);
        assert_eq!(nix.print(deriver), nix.query("--deriver", path));
        for (direction, what) in [
            (Direction::References, "--requisites"),
            (Direction::Referrers, "--referrers-closure"),
        ] {
            let closure = database.closure(&[path.clone()].into(), direction).unwrap();
            assert_eq!(nix.print(closure), nix.query(what, path));
        }
        // Of others Nix does not say which outputs are known.
        let stated = |output: &DerivationOutput| {
            matches!(
                output,
                DerivationOutput::InputAddressed(_) | DerivationOutput::Fixed(_)
            )
        };
        if derivation
            .as_ref()
            .is_some_and(|of| of.outputs.values().all(stated))
        {
            let outputs = database.derivation_outputs(path).unwrap();
            let known = outputs.into_values().flatten();
            assert_eq!(nix.print(known), nix.query("--outputs", path));
        }
    }
    check_realisations(&nix, &database, &objects);
}

/// Whatever Nix built by content is found through its derivation.
fn check_realisations(nix: &Nix, database: &Database, objects: &[Registration]) {
    let Some(realisations) = nix.realisations() else {
        return;
    };
    for realisation in &realisations {
        database.register_realisation(realisation).unwrap();
    }
    let mut outputs = BTreeSet::new();
    for object in objects.iter().filter(|object| object.derivation.is_some()) {
        let known = database.derivation_outputs(&object.info.path).unwrap();
        outputs.extend(known.into_values().flatten());
    }
    assert!(!realisations.is_empty());
    for realisation in realisations {
        assert!(
            outputs.contains(realisation.out_path()),
            "{}",
            realisation.out_path()
        );
    }
}

#[test]
fn closures_of_real_paths_are_those_of_their_graph() {
    let Some(data) = test_data::shared("data/store-paths.jsonl.zst") else {
        return;
    };
    let unpacked = Command::new("zstd")
        .arg("-dc")
        .stdin(File::open(data).unwrap())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut unpacked) = unpacked else {
        return missing("there is no zstd");
    };
    let reader = BufReader::new(unpacked.stdout.take().unwrap());
    let dir = StoreDir::default();
    let rows = path_info::Reader::new(reader).take(REAL_PATHS);
    let infos: Vec<_> = rows
        .map(|row| row.unwrap().to_path_info(&dir).unwrap())
        .collect();
    unpacked.kill().unwrap();
    unpacked.wait().unwrap();
    let edges = |info: &PathInfo| (info.path.clone(), info.references.clone());
    let graph = PathGraph::new(infos.iter().map(edges)).unwrap();
    on_every_engine(|database| {
        let objects: Vec<_> = infos.iter().cloned().map(Registration::from).collect();
        database.register(&objects).unwrap();
        for info in infos.iter().step_by(200) {
            let start = BTreeSet::from([info.path.clone()]);
            let down = database.closure(&start, Direction::References).unwrap();
            assert_eq!(down, graph.closure(&start).unwrap());
            let up = database.closure(&start, Direction::Referrers).unwrap();
            assert_eq!(up, graph.referrers_closure(&start).unwrap());
        }
    });
}
