//! Objects on disk that a real Nix built: adding, verifying, collecting.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    options::Options,
    process::{has_nix, netabase, run as run_command, timed},
    race::{self, Goal, Race, Unit},
    shared, skipped,
};

const NIX: &str = "nix-store";

/// How many derivations and files the corpus is made of.
const SIZE: [&str; 2] = ["600", "400"];
const QUICK_SIZE: [&str; 2] = ["50", "30"];

/// Measures work on objects, and returns tables.
#[must_use]
pub fn run(options: &Options) -> String {
    let generator = shared("tools/nix-corpus/gen.sh");
    if !generator.is_file() || !has_nix() {
        return skipped("objects", &generator);
    }
    let folder = tempfile::tempdir_in(&options.folder).unwrap();
    let corpus = Corpus::new(folder.path(), &generator, options.is_quick);
    let races = [
        corpus.adding().run(options.rounds),
        corpus.verifying().run(options.rounds),
        corpus.collecting().run(options.rounds),
    ];
    let goal = |outcome: &race::Outcome| {
        let title = format!("{}, times the speed of Nix", outcome.title());
        Goal::at_least(&title, outcome.times(NIX).unwrap(), 1.0, "times")
    };
    let goals: Vec<Goal> = races.iter().map(goal).collect();
    format!(
        "{} objects, in {}; ours syncs each object that it adds, Nix 2.8 does not.\n\n{}\n{}",
        corpus.objects,
        options.folder.display(),
        race::table(&races),
        race::goals(&goals),
    )
}

/// A store that Nix made, in a directory of its own.
struct Corpus {
    netabase: PathBuf,
    folder: PathBuf,
    /// The directory that its paths are printed with.
    store_dir: String,
    root: PathBuf,
    objects: usize,
    files: Vec<String>,
    made: Cell<u32>,
}

impl Corpus {
    fn new(folder: &Path, generator: &Path, is_quick: bool) -> Self {
        let root = folder.join("corpus");
        let size = if is_quick { QUICK_SIZE } else { SIZE };
        run_command(Command::new("bash").arg(generator).arg(&root).args(size));
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let entries = |path: &Path| {
            fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().path())
        };
        let corpus = Self {
            netabase: netabase(),
            folder: folder.to_owned(),
            store_dir: text(root.join("store")),
            objects: entries(&root.join("store")).count(),
            files: entries(&root.join("src")).map(text).collect(),
            root,
            made: Cell::new(0),
        };
        // Our database of the same objects, in a state directory of its own.
        let db = corpus.root.join("ours/db");
        fs::create_dir_all(&db).unwrap();
        let mut import = Command::new(&corpus.netabase);
        import.args(["import", "nix-db"]);
        import.arg(corpus.root.join("var/nix/db/db.sqlite"));
        import.arg("--db").arg(db.join("netabase.redb"));
        import.args(["--store-dir", &corpus.store_dir]);
        import.arg("--objects").arg(&corpus.store_dir);
        run_command(&mut import);
        corpus
    }

    fn fresh(&self) -> PathBuf {
        self.made.set(self.made.get() + 1);
        self.folder.join(format!("store-{}", self.made.get()))
    }

    /// Returns how a store with these objects is named, with Nix's state or with ours.
    fn name(&self, root: &Path, state: &str) -> String {
        let (dir, root) = (&self.store_dir, root.display());
        format!("local?store={dir}&real={root}/store&state={root}/{state}")
    }

    fn adding(&self) -> Race<'_> {
        let run = |program: &Path, before: &[&str], option: &str| {
            let root = self.fresh();
            let mut arguments = before.to_vec();
            arguments.extend(self.files.iter().map(String::as_str));
            let place = root.to_str().unwrap().to_owned();
            arguments.extend([option, &place]);
            let result = timed(program, &arguments, None);
            remove(&root);
            result
        };
        Race::new("add files and folders", Unit::Things, self.files.len())
            .with_timer("netabase store", move || {
                run(&self.netabase, &["store", "add"], "--store")
            })
            .with_timer(NIX, move || run(Path::new(NIX), &["--add"], "--store"))
    }

    fn verifying(&self) -> Race<'_> {
        Race::new("verify contents", Unit::Things, self.objects)
            .with_timer("netabase store", || {
                let name = self.name(&self.root, "ours");
                let arguments = ["store", "verify", "--check-contents", "--store", &name];
                (0, timed(&self.netabase, &arguments, None).1)
            })
            .with_timer(NIX, || {
                let name = self.name(&self.root, "var/nix");
                let arguments = ["--store", &name, "--verify", "--check-contents"];
                (0, timed(Path::new(NIX), &arguments, None).1)
            })
    }

    /// Collects a copy of the store, in which nothing is a root.
    fn collecting(&self) -> Race<'_> {
        let run = |program: &Path, state: &str, before: &[&str], after: &[&str]| {
            let root = self.fresh();
            run_command(Command::new("cp").arg("-a").arg(&self.root).arg(&root));
            let name = self.name(&root, state);
            let arguments = [before, &["--store", &name], after].concat();
            let (_, seconds) = timed(program, &arguments, None);
            let left = fs::read_dir(root.join("store")).unwrap();
            let is_object = |name: &str| !name.starts_with('.');
            let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let left = left.filter(|name| is_object(name)).count();
            remove(&root);
            (left as u64, seconds)
        };
        Race::new("collect everything", Unit::Things, self.objects)
            .with_timer("netabase store", move || {
                run(&self.netabase, "ours", &["store", "gc"], &[])
            })
            .with_timer(NIX, move || run(Path::new(NIX), "var/nix", &[], &["--gc"]))
    }
}

/// Removes a store, whose directories are read-only.
fn remove(root: &Path) {
    run_command(Command::new("chmod").args(["-R", "u+w"]).arg(root));
    fs::remove_dir_all(root).unwrap();
}
