//! Processes that work side by side, and disks that are full. Those that die are in `tests/kills`.
//!
//! The other process is this test program again, which runs [`child`] alone.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use nix_store::{
    local::{LocalOptions, LocalStore},
    store::{Error, ReadStore, WriteStore},
};

use crate::support::{
    Folder, Place, archive, check_all, info, missing, name, objects, open, quick, unfinished,
};

/// What a child does, and where.
const TASK: &str = "NETABASE_TEST_TASK";
const ROOT: &str = "NETABASE_TEST_ROOT";

/// Not a test of its own: what the other process does.
#[test]
fn child() {
    let (Some(task), Some(root)) = (std::env::var_os(TASK), std::env::var_os(ROOT)) else {
        return;
    };
    let root = Path::new(&root);
    match task.to_str() {
        Some("same") => add_many(root, "same"),
        Some("full") => meet_the_end_of_the_disk(root),
        _ => panic!("unknown task"),
    }
}

fn start(mut command: Command, task: &str, root: &Path) -> Child {
    command
        .env(TASK, task)
        .env(ROOT, root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

fn program() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program"));
    command.args(["--exact", "crash::child"]);
    command
}

/// Adds what other processes add as well, and what only this one adds.
fn add_many(root: &Path, task: &str) {
    // Begins when the other one has been started too.
    std::io::stdin().read_exact(&mut [0]).expect("told to");
    let store = open(root, &quick());
    for number in 0..25 {
        let contents = format!("{task} {number}");
        store
            .add_text(&name("same"), contents.as_bytes(), &BTreeSet::new())
            .expect("added");
        let own = format!("{number} of {}", std::process::id());
        store
            .add_text(&name("own"), own.as_bytes(), &BTreeSet::new())
            .expect("added");
        let nar = archive(b"shared");
        let added = store.add_nar(&info("shared", &nar), &mut &nar[..]);
        added.expect("added");
    }
}

#[test]
fn two_processes_add_the_same_and_other_objects_at_once() {
    let place = Place::new();
    let root = place.folder.path();
    let mut children = [
        start(program(), "same", root),
        start(program(), "same", root),
    ];
    for child in &mut children {
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(b"x")
            .expect("told");
    }
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
    assert_eq!(check_all(&place.store), 25 + 50 + 1);
    assert_eq!(place.objects().len(), 76);
    assert_eq!(place.unfinished(), [""; 0]);
}

#[test]
fn threads_add_and_delete_the_same_objects_at_once_and_no_file_is_lost() {
    let place = Place::with(&LocalOptions {
        exclusive: true,
        ..quick()
    });
    let nar = archive(b"object");
    let object = info("object", &nar);
    let text = || {
        place
            .store
            .add_text(&name("text"), b"text", &BTreeSet::new())
    };
    let paths = [object.path.clone(), text().expect("added").path].into();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let added = place.store.add_nar(&object, &mut &nar[..]);
                    added.expect("added");
                    text().expect("added");
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..60 {
                place.store.delete(&paths).expect("deleted");
                check_valid(&place.store);
            }
        });
    });
    let valid = check_all(&place.store);
    assert_eq!(place.objects().len(), valid);
    assert_eq!(place.unfinished(), [""; 0]);
}

/// Fails when a path that is valid, and stays so for a moment, has no files.
fn check_valid(store: &LocalStore) {
    for path in store.valid_paths().expect("read") {
        assert!(store.real_path(&path).symlink_metadata().is_ok(), "{path}");
    }
}

/// Adds what does not fit, then what does.
fn meet_the_end_of_the_disk(root: &Path) {
    let store = open(root, &quick());
    let nar = archive_in_memory(8 << 20);
    let error = store.add_nar(&info("large", &nar), &mut &nar[..]);
    assert!(matches!(error, Err(Error::Unpack { .. })), "{error:?}");
    assert_eq!(objects(&store), BTreeSet::new());
    assert_eq!(unfinished(&store), [""; 0]);
    store
        .add_text(&name("small"), b"small", &BTreeSet::new())
        .expect("it fits");
    assert_eq!(check_all(&store), 1);
    fs::write(root.join("done"), "").expect("a file");
}

/// Returns the archive of a file of zeros.
fn archive_in_memory(size: u64) -> Vec<u8> {
    use nix_io::nar::{Encoder, Event, NarLimits};

    let mut encoder = Encoder::new(NarLimits::default());
    let mut bytes = Vec::new();
    let file = Event::Regular {
        executable: false,
        size,
        offset: 0,
    };
    let contents = vec![0; usize::try_from(size).expect("it fits")];
    for event in [file, Event::Contents(&contents), Event::RegularEnd] {
        encoder.encode(event, &mut bytes).expect("an archive");
    }
    bytes
}

fn finishes(child: Child, root: &Path) {
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(root.join("done").exists(), "{said}");
}

#[test]
fn a_file_that_grows_too_large_is_a_typed_error_and_leaves_nothing() {
    let place = Place::new();
    let mut shell = Command::new("bash");
    // In blocks of 1 KiB: 4 MiB a file.
    let script = "trap '' XFSZ; ulimit -f 4096; exec \"$0\" --exact crash::child";
    shell
        .args(["-c", script])
        .arg(std::env::current_exe().expect("a program"));
    finishes(
        start(shell, "full", place.folder.path()),
        place.folder.path(),
    );
    assert_eq!(check_all(&place.store), 1);
}

#[test]
fn a_full_disk_is_a_typed_error_and_leaves_nothing() {
    let folder = Folder::new();
    let mut shell = Command::new("unshare");
    let script = "mount -t tmpfs -o size=6m none \"$1\" || { echo no mount; exit 0; }; \
                  \"$0\" --exact crash::child && test -e \"$1/done\" && echo all done";
    shell.args(["-m", "bash", "-c", script]);
    shell
        .arg(std::env::current_exe().expect("a program"))
        .arg(folder.path());
    if Command::new("unshare")
        .arg("-m")
        .arg("true")
        .output()
        .is_err()
    {
        return missing("there is no unshare");
    }
    let output = start(shell, "full", folder.path())
        .wait_with_output()
        .expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    if said.contains("no mount") || said.is_empty() {
        return missing("a file system cannot be mounted");
    }
    assert!(said.contains("all done"), "{said}");
}
