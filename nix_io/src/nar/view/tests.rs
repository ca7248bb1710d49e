use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use super::{
    View, ViewError,
    held::VIEW_OPEN_MAX,
    plan::{NODE_BYTES_MAX, Planner, ROOT},
};
use crate::nar::{
    PackError, PackOptions,
    event::Event,
    pack,
    walk::{Place, Sink, walk},
};

const FILES: usize = 20_000;
const FOLDERS: usize = 20;

/// Returns which files below a folder this process has open, where the system tells.
fn open_below(folder: &Path) -> Option<Vec<PathBuf>> {
    let descriptors = fs::read_dir("/proc/self/fd").ok()?;
    // Other tests close theirs meanwhile.
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    Some(targets.filter(|path| path.starts_with(folder)).collect())
}

const fn is_shared_between_threads<T: Send + Sync>() {}

const _: () = is_shared_between_threads::<View>();

#[test]
fn twenty_thousand_files_cost_little_memory_and_few_descriptors() {
    let scratch = tempfile::tempdir().expect("a folder");
    let tree = scratch.path().join("tree");
    let mut name_bytes = 0;
    for folder in 0..FOLDERS {
        let folder = tree.join(folder.to_string());
        fs::create_dir_all(&folder).expect("a folder");
        for file in 0..FILES / FOLDERS {
            let name = format!("file-{file}");
            name_bytes += name.len();
            fs::write(folder.join(name), file.to_string()).expect("a file");
        }
    }
    let mut archive = Vec::new();
    pack(&tree, &mut archive, &PackOptions::default()).expect("a tree");
    let view = View::open(&tree, &PackOptions::default()).expect("a tree");
    let open = || open_below(&tree).map(|open| open.len());
    assert!(matches!(open(), None | Some(1)));

    let folder_bytes = 2 * (FOLDERS + 1) * (NODE_BYTES_MAX + 2);
    assert!(view.plan.memory_bytes() <= FILES * NODE_BYTES_MAX + name_bytes + folder_bytes);
    assert!(view.plan.memory_bytes() <= FILES * 100 + name_bytes);

    let mut bytes = vec![0; 100_000];
    for (number, expected) in archive.chunks(bytes.len()).enumerate() {
        let bytes = &mut bytes[..expected.len()];
        let offset = (number * 100_000) as u64;
        view.read_exact_at(offset, bytes).expect("a range");
        assert!(bytes == expected, "at {offset}");
        assert!(open().is_none_or(|open| open == 1 + VIEW_OPEN_MAX));
    }
    drop(view);
    assert!(matches!(open(), None | Some(0)));
}

#[test]
fn what_was_used_last_is_held_and_the_root_always() {
    let scratch = tempfile::tempdir().expect("a folder");
    for name in 0..=VIEW_OPEN_MAX {
        fs::write(scratch.path().join(format!("{name:02}")), "x").expect("a file");
    }
    let view = View::open(scratch.path(), &PackOptions::default()).expect("a tree");
    let read = |number| view.file(number).map(drop).expect("a file");
    (1..=VIEW_OPEN_MAX).for_each(read);
    // The first is used again, so that the second has to go.
    read(1);
    read(VIEW_OPEN_MAX + 1);
    let held = |number| view.held.get(number).is_some();
    assert!(held(ROOT));
    assert!(held(1));
    assert!(!held(2));
    assert!((3..=VIEW_OPEN_MAX + 1).all(held));
}

/// Looks at a file alone, and returns what a read of it gives during which it is changed so.
fn changed_during_a_read(change: impl FnOnce(&File)) -> Result<(), ViewError> {
    let scratch = tempfile::tempdir().expect("a folder");
    let path = scratch.path().join("file");
    fs::write(&path, [7; 100]).expect("a file");
    let writable = File::options().write(true).open(&path).expect("a file");
    writable.set_modified(UNIX_EPOCH).expect("a time");
    let view = View::open(&path, &PackOptions::default()).expect("a file");
    let identity = view.plan.regular(ROOT).expect("a file");
    view.read_unchanged(ROOT, identity, |file| {
        change(&writable);
        file.read_exact_at(&mut [0; 100], 0)
    })
}

#[test]
fn a_file_that_changes_while_it_is_read_is_refused() {
    let changes: [fn(&File); 3] = [
        |file| file.write_all_at(&[8; 100], 0).expect("a file"),
        |file| file.set_len(200).expect("a file"),
        |file| file.set_len(10).expect("a file"),
    ];
    assert!(changed_during_a_read(|_| {}).is_ok());
    for change in changes {
        let error = changed_during_a_read(change).expect_err("it changed");
        assert!(error.is_changed(), "{error:?}");
    }
}

#[test]
fn a_file_that_changed_is_not_even_read() {
    let scratch = tempfile::tempdir().expect("a folder");
    let path = scratch.path().join("file");
    fs::write(&path, [7; 100]).expect("a file");
    let view = View::open(&path, &PackOptions::default()).expect("a file");
    let identity = view.plan.regular(ROOT).expect("a file");
    fs::write(&path, [7; 101]).expect("a file");
    let read = view.read_unchanged(ROOT, identity, |_| panic!("it is read"));
    assert!(read.expect_err("it changed").is_changed());
}

/// Makes a plan, and does something to each file after the walk looked at it.
struct Meddler<F>(Planner, F);

impl<F: Fn(&File)> Sink for Meddler<F> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self.0.buffer()
    }

    fn event(&mut self, event: Event<'_>, begin: u64) -> Result<(), PackError> {
        self.0.event(event, begin)
    }

    fn name_on_disk(&mut self, name: &[u8]) {
        self.0.name_on_disk(name);
    }

    fn contents(&mut self, file: &File, size: u64, place: &Place<'_>) -> Result<(), PackError> {
        (self.1)(file);
        self.0.contents(file, size, place)
    }
}

#[test]
fn a_file_that_changes_while_it_is_looked_at_is_refused() {
    let scratch = tempfile::tempdir().expect("a folder");
    let path = scratch.path().join("file");
    fs::write(&path, [7; 100]).expect("a file");
    let options = PackOptions::default();
    let open = |meddle: fn(&File)| {
        walk(
            &path,
            &options,
            &mut Meddler(Planner::new(&options), meddle),
        )
    };
    assert!(open(|_| {}).is_ok());
    let executable = open(|file| {
        let mode = fs::Permissions::from_mode(0o700);
        file.set_permissions(mode).expect("a mode");
    });
    assert!(matches!(executable, Err(PackError::Changed { path: changed }) if changed == path));
}
