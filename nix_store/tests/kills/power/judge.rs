//! What has to hold of a store after a loss of power.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use nix_core::{derivation::DerivationModulo, store_path::StorePath};
use nix_io::nar::{self, PackOptions};
use nix_store::{
    drv_files::BuildHash,
    local::LocalStore,
    store::{ArchiveHasher, ReadStore, WriteStore},
    verify::{Problem, VerifyOptions, verify},
};

use super::{
    disk::{Op, Step},
    workload::open,
};
use crate::{
    place::{check_derivations, check_links, check_temporaries, names},
    sample::{derivation, describe, name},
};

/// What the process had said of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Valid,
    /// It was being deleted.
    Deleting,
    Gone,
    /// Somebody spoiled its files.
    Damaged,
}

/// What the process had said before the power failed.
#[derive(Debug, Default, Clone)]
pub(crate) struct Account {
    paths: BTreeMap<StorePath, Said>,
    roots: BTreeMap<String, StorePath>,
    builds: BTreeSet<u64>,
    /// What the link beside the store leads to, which is a root.
    linked: Option<StorePath>,
}

/// What is wrong with a store.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It cannot be opened or read.
    Unreadable(String),
    /// What is valid is not whole.
    Damaged(String),
    /// What was valid is not any more.
    Lost(String),
    /// What was deleted is valid.
    Revived(String),
    /// A root is gone.
    Unrooted(String),
    /// A build has no files that tell of it.
    Unrecorded(String),
    /// It cannot be used on.
    Stuck(String),
    /// Anything else, which was asserted.
    Refuted,
}

impl Account {
    /// Hears what a step says.
    pub(crate) fn hear(&mut self, step: &Step) {
        if let Op::Mark(said) = &step.op {
            self.note(said);
        }
    }

    /// Takes note of what a process said.
    pub(crate) fn note(&mut self, said: &str) {
        let mut words = said.split(' ');
        let word = words.next().unwrap_or_default();
        let mut path = || {
            let path = words.next_back().expect("a path");
            StorePath::from_base_name(path).expect("a path")
        };
        match word {
            "valid" => drop(self.paths.insert(path(), Said::Valid)),
            "deleting" => drop(self.paths.insert(path(), Said::Deleting)),
            "gone" => drop(self.paths.insert(path(), Said::Gone)),
            "damaging" => drop(self.paths.insert(path(), Said::Damaged)),
            "rooted" => {
                let path = path();
                let root = words.next().expect("its name").to_owned();
                self.roots.insert(root, path);
            }
            "linked" => self.linked = Some(path()),
            "built" => {
                let number = words.next().expect("a number");
                self.builds.insert(number.parse().expect("a number"));
            }
            // What is gone may come back.
            "adding" => self.paths.retain(|_, said| *said != Said::Gone),
            _ => {}
        }
    }

    /// Opens a store as after a loss of power, and says what is wrong.
    pub(crate) fn judge(&self, root: &Path) -> Result<(), Fault> {
        let unreadable = |error| Fault::Unreadable(format!("{error:?}"));
        let store = open(root).map_err(unreadable)?;
        let valid = store.valid_paths().map_err(unreadable)?;
        self.verify(&store)?;
        for (path, said) in &self.paths {
            match (said, valid.contains(path)) {
                (Said::Valid | Said::Damaged, false) => return Err(Fault::Lost(path.to_string())),
                (Said::Gone, true) => return Err(Fault::Revived(path.to_string())),
                _ => {}
            }
        }
        self.check_roots(&store)?;
        self.check_builds(&store)?;
        check_temporaries(store.layout());
        check_links(&store.layout().links_dir());
        check_derivations(&store);
        use_on(&store)
    }

    fn verify(&self, store: &LocalStore) -> Result<(), Fault> {
        let options = VerifyOptions {
            check_contents: true,
            ..VerifyOptions::default()
        };
        let report = verify(store, &options, &mut |_| {});
        let mut problems = report
            .map_err(|error| Fault::Unreadable(format!("{error:?}")))?
            .problems;
        let is_expected = |problem: &Problem| {
            let said = problem.path().and_then(|path| self.paths.get(path));
            let is_leftover = matches!(problem, Problem::Leftover { .. });
            is_leftover || said == Some(&Said::Damaged)
        };
        problems.retain(|problem| !is_expected(problem));
        match problems.first() {
            None => Ok(()),
            Some(problem) => Err(Fault::Damaged(format!("{problem:?}"))),
        }
    }

    fn check_roots(&self, store: &LocalStore) -> Result<(), Fault> {
        let roots = store.layout().state_dir.join("gcroots");
        let leads_to = |link: &Path, name: &str| {
            let target = fs::read_link(link);
            target.is_ok_and(|target| target.ends_with(name))
        };
        for (root, path) in &self.roots {
            if !leads_to(&roots.join(root), path.base_name()) {
                return Err(Fault::Unrooted(root.clone()));
            }
        }
        if let Some(path) = &self.linked {
            let link = store.layout().state_dir.with_file_name("result");
            let auto = roots.join("auto");
            let mut indirect = names(&auto).into_iter();
            let is_root = indirect.any(|name| leads_to(&auto.join(name), "result"));
            if !is_root || !leads_to(&link, path.base_name()) {
                return Err(Fault::Unrooted(link.display().to_string()));
            }
        }
        Ok(())
    }

    fn check_builds(&self, store: &LocalStore) -> Result<(), Fault> {
        for number in &self.builds {
            let none = BTreeMap::new();
            let mut modulo = DerivationModulo::new(store.store_dir(), &none);
            let (derivation, output) = derivation(store.store_dir(), *number);
            let hash = BuildHash::of(&mut modulo, &derivation).expect("it can be hashed");
            let files = store.drv_files().expect("derivation files");
            let outputs = files.outputs(&hash.expect("a hash"));
            let outputs = outputs.map_err(|error| Fault::Unrecorded(format!("{error:?}")))?;
            let outputs = outputs.ok_or_else(|| Fault::Unrecorded("no outputs".to_owned()))?;
            let results = outputs.results();
            let mut built = results.iter().flat_map(|result| result.values());
            if !built.any(|built| built.path == output) {
                return Err(Fault::Unrecorded(format!("{outputs:?}")));
            }
        }
        Ok(())
    }
}

/// Adds what may have been interrupted, and something new.
fn use_on(store: &LocalStore) -> Result<(), Fault> {
    let stuck = |error| Fault::Stuck(format!("{error:?}"));
    let archive = super::varied_archive();
    let object = describe("varied", archive);
    store.add_nar(&object, &mut &archive[..]).map_err(stuck)?;
    let text = store.add_text(&name("after"), b"it goes on", &BTreeSet::new());
    let text = text.map_err(stuck)?;
    for info in [object, text] {
        let mut hasher = ArchiveHasher::of_info(&info).map_err(stuck)?;
        let real = store.real_path(&info.path);
        let packed = nar::pack(real, &mut hasher, &PackOptions::default());
        packed.map_err(|error| Fault::Stuck(format!("{error:?}")))?;
        let measured = hasher.finish();
        measured.check(store.store_dir(), &info).map_err(stuck)?;
    }
    Ok(())
}
