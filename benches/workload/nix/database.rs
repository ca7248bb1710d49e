//! A database of real paths: loading it, and asking it.

use std::{
    cell::Cell,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use nix_core::{hash::HashFormat, path_info::PathInfo, store_path::StoreDir};

use super::{
    options::Options,
    process::{has_nix, netabase, run as run_command, timed},
    race::{self, Goal, Race, Unit},
    shared, signatures, skipped,
};

const PATH_INFO: &str = "netabase import path-info";
const NIX_DB: &str = "netabase import nix-db";
const LOAD_DB: &str = "nix-store --load-db";
const QUERY: &str = "nix-store -q";

/// How many times as fast as Nix loading, the referrers of one path and their closure are to be.
const LOAD_TIMES: f64 = 20.0;
const REFERRERS_TIMES: f64 = 50.0;
const CLOSURE_TIMES: f64 = 30.0;
const LOAD_ROUNDS_MAX: usize = 3;

/// Measures a database whose files lie in memory, and returns tables.
#[must_use]
pub fn run(options: &Options) -> String {
    measure(options, &options.folder)
}

/// Measures a database whose files lie on a disk, and returns tables.
#[must_use]
pub fn run_on_disk(options: &Options) -> String {
    measure(options, &options.disk)
}

fn measure(options: &Options, place: &Path) -> String {
    let paths = shared("data/store-paths.jsonl.zst");
    if !paths.is_file() || !has_nix() {
        return skipped("database", &paths);
    }
    let folder = tempfile::tempdir_in(place).unwrap();
    let infos = signatures::read(&paths, 1);
    let asked = most_used(&infos);
    let places = Places::new(folder.path(), &paths, &infos);
    let loading = places
        .loading(infos.len())
        .run(options.rounds.min(LOAD_ROUNDS_MAX));
    let referrers = places.asking("referrers", &asked).run(options.rounds);
    let closure = places
        .asking("referrers-closure", &asked)
        .run(options.rounds);

    let times = |title: &str, times: Option<f64>, bound| {
        Goal::at_least(
            &format!("{title}, times the speed of Nix"),
            times.unwrap(),
            bound,
            "times",
        )
    };
    let goals = [
        times(NIX_DB, loading.times(LOAD_DB), LOAD_TIMES),
        times(PATH_INFO, loading.times_of(PATH_INFO, LOAD_DB), LOAD_TIMES),
        times("referrers", referrers.times(QUERY), REFERRERS_TIMES),
        times("referrers-closure", closure.times(QUERY), CLOSURE_TIMES),
    ];
    format!(
        "{} paths, asked for {asked}, in {}.\n\n{}\n{}",
        infos.len(),
        place.display(),
        race::table(&[loading, referrers, closure]),
        race::goals(&goals),
    )
}

/// Where everything lies.
struct Places {
    netabase: PathBuf,
    json: String,
    /// What `nix-store --dump-db` would print.
    dump: PathBuf,
    sqlite: String,
    folder: PathBuf,
    /// How many stores were made, so that each is new.
    made: Cell<u32>,
    /// The store that is asked.
    db: String,
    root: String,
}

impl Places {
    fn new(folder: &Path, json: &Path, infos: &[PathInfo]) -> Self {
        let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let places = Self {
            netabase: netabase(),
            json: json.to_str().unwrap().to_owned(),
            dump: folder.join("dump"),
            sqlite: at("db.sqlite"),
            folder: folder.to_owned(),
            made: Cell::new(0),
            db: at("asked.redb"),
            root: at("asked"),
        };
        fs::write(&places.dump, dump(infos)).unwrap();
        let ours = |arguments: &[&str]| run_command(Command::new(&places.netabase).args(arguments));
        ours(&["import", "path-info", &places.json, "--db", &places.db]);
        ours(&["export", "nix-db", &places.sqlite, "--db", &places.db]);
        places.load(&places.root);
        places
    }

    /// Loads the paths into a store of Nix.
    fn load(&self, root: &str) -> (u64, f64) {
        let arguments = ["--store", root, "--load-db"];
        timed(Path::new("nix-store"), &arguments, Some(&self.dump))
    }

    fn fresh(&self) -> String {
        self.made.set(self.made.get() + 1);
        let place = self.folder.join(format!("store-{}", self.made.get()));
        place.to_str().unwrap().to_owned()
    }

    fn loading(&self, paths: usize) -> Race<'_> {
        let ours = |what: &str, input: &str| {
            let db = self.fresh();
            let (_, seconds) = timed(&self.netabase, &["import", what, input, "--db", &db], None);
            fs::remove_file(db).unwrap();
            (0, seconds)
        };
        Race::new("load", Unit::Things, paths)
            .with_timer(NIX_DB, move || ours("nix-db", &self.sqlite))
            .with_timer(PATH_INFO, move || ours("path-info", &self.json))
            .with_timer(LOAD_DB, || {
                let root = self.fresh();
                let (_, seconds) = self.load(&root);
                fs::remove_dir_all(root).unwrap();
                (0, seconds)
            })
    }

    fn asking(&self, question: &'static str, path: &str) -> Race<'_> {
        let path = path.to_owned();
        let same = path.clone();
        Race::new(question, Unit::Work, 1)
            .with_timer("netabase query", move || {
                timed(
                    &self.netabase,
                    &["query", question, &path, "--db", &self.db],
                    None,
                )
            })
            .with_timer(QUERY, move || {
                let option = format!("--{question}");
                let arguments = ["--store", &self.root, "-q", &option, &same];
                timed(Path::new("nix-store"), &arguments, None)
            })
    }
}

/// Returns the path that most others refer to.
fn most_used(infos: &[PathInfo]) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for reference in infos.iter().flat_map(|info| &info.references) {
        *counts.entry(reference).or_insert(0_u32) += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count).unwrap();
    StoreDir::default().print(most.0)
}

/// Returns what `nix-store --dump-db` prints of the paths.
fn dump(infos: &[PathInfo]) -> String {
    let dir = StoreDir::default();
    let mut text = String::new();
    for info in infos {
        let hash = nix_core::hash::Hash::from(info.nar_hash).to_bare_text(HashFormat::Base16);
        let deriver = info.deriver.as_ref().map(|path| dir.print(path));
        let (path, deriver) = (dir.print(&info.path), deriver.unwrap_or_default());
        let (size, count) = (info.nar_size, info.references.len());
        writeln!(text, "{path}\n{hash}\n{size}\n{deriver}\n{count}").unwrap();
        for reference in &info.references {
            writeln!(text, "{}", dir.display(reference)).unwrap();
        }
    }
    text
}
