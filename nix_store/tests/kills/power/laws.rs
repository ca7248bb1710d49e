//! What the model of a disk and the reader of traces promise.

use std::{collections::BTreeMap, panic, path::Path};

use super::{
    disk::{Disk, Inode, Kind, Op, PAGE_BYTES, Promise, ROOT, State, Step},
    replay::steps,
    trace::parse,
};

const STORE: Inode = 1;
const FILE: Inode = 2;

fn at(name: &str, inode: Option<Inode>) -> Op {
    Op::Names(vec![(STORE, name.to_owned(), inode)])
}

fn sync(inode: Inode, has_metadata: bool) -> Op {
    Op::Sync {
        inode,
        has_metadata,
    }
}

/// Returns a disk with an empty directory on it, which has taken more steps.
fn disk(promise: Promise, ops: Vec<Op>) -> Disk {
    let (inode, kind, mode) = (STORE, Kind::Directory, 0o755);
    let store = Op::Names(vec![(ROOT, "store".to_owned(), Some(STORE))]);
    let begin = [Op::Make { inode, kind, mode }, store, Op::SyncAll];
    let mut disk = Disk::new(promise);
    for (number, op) in begin.into_iter().chain(ops).enumerate() {
        let (path, begun) = (String::new(), number);
        disk.take(number, &Step { op, path, begun });
    }
    disk
}

fn file(pages: u8) -> Vec<Op> {
    let (inode, kind, mode) = (FILE, Kind::File, 0o600);
    let bytes: Vec<u8> = (1..=pages).flat_map(|page| [page; PAGE_BYTES]).collect();
    let (offset, length) = (0, bytes.len());
    vec![
        Op::Make { inode, kind, mode },
        at("file", Some(FILE)),
        Op::Length { inode, length },
        Op::Write {
            inode,
            offset,
            bytes,
        },
    ]
}

fn with(mut ops: Vec<Op>, more: impl IntoIterator<Item = Op>) -> Vec<Op> {
    ops.extend(more);
    ops
}

/// Returns what is certain to be on a disk.
fn certain(disk: &Disk, inode: Inode) -> State {
    disk.image(&vec![false; disk.pending()])
        .state(inode)
        .clone()
}

fn names(disk: &Disk) -> Vec<String> {
    certain(disk, STORE).names.into_keys().collect()
}

#[test]
fn a_synced_file_has_its_contents_and_permissions_but_no_name() {
    let mode = Op::Mode {
        inode: FILE,
        mode: 0o444,
    };
    let disk = disk(Promise::Nothing, with(file(2), [mode, sync(FILE, true)]));
    let state = certain(&disk, FILE);
    assert_eq!((state.bytes.len(), state.mode), (2 * PAGE_BYTES, 0o444));
    assert!(names(&disk).is_empty());
}

#[test]
fn a_sync_of_contents_leaves_out_permissions() {
    let mode = Op::Mode {
        inode: FILE,
        mode: 0o444,
    };
    let disk = disk(Promise::Nothing, with(file(1), [mode, sync(FILE, false)]));
    let state = certain(&disk, FILE);
    assert_eq!((state.bytes.len(), state.mode), (PAGE_BYTES, 0o600));
}

#[test]
fn a_synced_directory_has_its_names_but_not_the_contents_of_files() {
    let disk = disk(Promise::Nothing, with(file(1), [sync(STORE, true)]));
    assert_eq!(names(&disk), ["file"]);
    assert_eq!(certain(&disk, FILE).bytes, [0; 0]);
}

#[test]
fn a_rename_is_on_the_disk_once_its_directory_was_synced() {
    let names = vec![
        (STORE, "new".to_owned(), Some(FILE)),
        (STORE, "file".to_owned(), None),
    ];
    let renamed = with(file(1), [sync(STORE, true), Op::Names(names)]);
    let before = disk(Promise::Nothing, renamed.clone());
    assert_eq!(self::names(&before), ["file"]);
    // Half of it may be there, if not where names keep their order.
    let first = [false, false, true, false];
    assert_eq!(before.image(&first).state(STORE).names.len(), 2);
    let ordered = disk(Promise::Ordered, renamed.clone());
    assert_eq!(ordered.image(&first).state(STORE).names.len(), 1);
    let after = disk(Promise::Nothing, with(renamed, [sync(STORE, true)]));
    assert_eq!(self::names(&after), ["new"]);
}

#[test]
fn a_removal_that_was_not_synced_may_come_back() {
    let removed = with(file(1), [sync(STORE, true), at("file", None)]);
    let disk = disk(Promise::Nothing, removed);
    assert_eq!(names(&disk), ["file"]);
    assert!(
        disk.image(&vec![true; disk.pending()])
            .state(STORE)
            .names
            .is_empty()
    );
}

#[test]
fn pages_get_to_the_disk_one_by_one_and_never_newer_in_part() {
    let rewrite = Op::Write {
        inode: FILE,
        offset: 1,
        bytes: vec![7],
    };
    let disk = disk(Promise::Nothing, with(file(2), [rewrite]));
    // Name, length, two pages, and the first one again.
    assert_eq!(disk.pending(), 5);
    let second = disk.image(&[false, true, false, true, false]);
    assert_eq!(second.state(FILE).bytes[0], 0);
    assert_eq!(second.state(FILE).bytes[PAGE_BYTES], 2);
    let newer = disk.image(&[false, true, false, false, true]);
    assert_eq!(newer.state(FILE).bytes[..3], [1, 7, 1]);
    let short = disk.image(&[true, false, true, true, true]);
    assert!(short.state(FILE).bytes.is_empty());
}

#[test]
fn a_sync_covers_nothing_that_came_after_it_began() {
    let mut disk = disk(Promise::Nothing, file(1));
    let (op, path, begun) = (sync(FILE, true), String::new(), 3);
    disk.take(7, &Step { op, path, begun });
    assert!(certain(&disk, FILE).bytes.is_empty());
}

#[test]
fn any_sync_brings_names_to_a_disk_that_keeps_their_order() {
    let disk = disk(Promise::Ordered, with(file(1), [sync(ROOT, true)]));
    assert_eq!(names(&disk), ["file"]);
    assert!(certain(&disk, FILE).bytes.is_empty());
}

/// Prints text as the tracer does.
fn hex(text: &str) -> String {
    let bytes: String = text.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("\"{bytes}\"")
}

fn replay(lines: &[String]) -> Vec<Step> {
    let lines: Vec<_> = lines.iter().map(|line| format!("7 {line}\n")).collect();
    steps(Path::new("/watched"), &parse(&lines.concat()))
}

fn opened() -> String {
    let path = hex("/watched/file");
    format!("openat(AT_FDCWD, {path}, O_RDWR|O_CREAT|O_CLOEXEC, 0666) = 3")
}

#[test]
fn calls_become_steps_with_what_they_are_about() {
    let calls = [
        opened(),
        format!("write(3, {}, 5) = 2", hex("hello")),
        "fsync(3 <unfinished ...>".to_owned(),
        format!("write(1, {}, 20) = 20", hex("child says valid it\n")),
        "<... fsync resumed>)            = 0".to_owned(),
        "close(3) = 0".to_owned(),
        "fsync(3) = 0".to_owned(),
        "openat(AT_FDCWD, \"\\x2f\", O_RDONLY) = -1 ENOENT (No such file or directory)".to_owned(),
    ];
    let steps = replay(&calls);
    let written = steps.iter().find_map(|step| match &step.op {
        Op::Write { bytes, .. } => Some((step.path.as_str(), bytes.as_slice())),
        _ => None,
    });
    // A short write is as long as the call says.
    assert_eq!(written, Some(("file", &b"he"[..])));
    let syncs = steps
        .iter()
        .filter(|step| matches!(step.op, Op::Sync { .. }));
    let syncs: BTreeMap<_, _> = syncs.map(|step| (step.path.as_str(), step.begun)).collect();
    assert_eq!(syncs, BTreeMap::from([("file", 4)]));
    assert!(
        steps
            .iter()
            .any(|step| matches!(&step.op, Op::Mark(said) if said == "valid it"))
    );
}

#[test]
fn a_number_that_another_thread_is_given_while_it_is_closed_is_that_of_the_new_file() {
    let lines = [
        format!("7 {}", opened()),
        "7 close(3 <unfinished ...>".to_owned(),
        format!(
            "8 openat(AT_FDCWD, {}, O_RDWR|O_CREAT, 0666) = 3",
            hex("/watched/other")
        ),
        "7 <... close resumed>)           = 0".to_owned(),
        "8 fsync(3)                       = 0".to_owned(),
    ];
    let steps = steps(Path::new("/watched"), &parse(&lines.join("\n")));
    let syncs = steps
        .iter()
        .filter(|step| matches!(step.op, Op::Sync { .. }));
    let synced: Vec<_> = syncs.map(|step| step.path.as_str()).collect();
    assert_eq!(synced, ["other"]);
}

#[test]
fn calls_that_may_change_files_unseen_are_refused() {
    let calls = [
        "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3, 0) = 0x7f0000000000".to_owned(),
        "setxattr(3, 0, 0) = 0".to_owned(),
        "io_uring_setup(8, {}) = 5".to_owned(),
        "fork() = 8".to_owned(),
        "sendfile(3, 4, NULL, 5) = 5".to_owned(),
        "ioctl(3, FICLONE, 4) = 0".to_owned(),
        "copy_file_range(4, NULL, 3, NULL, 5, 0) = 5".to_owned(),
        "fallocate(3, FALLOC_FL_PUNCH_HOLE, 0, 5) = 0".to_owned(),
        format!(
            "openat(AT_FDCWD, {}, O_RDWR|O_TMPFILE, 0600) = 4",
            hex("/watched")
        ),
        format!(
            "rename({}, {}) = 0",
            hex("/watched/file"),
            hex("/elsewhere")
        ),
        format!("link({}, {}) = 0", hex("/elsewhere"), hex("/watched/link")),
    ];
    for call in calls {
        let refused = panic::catch_unwind(|| replay(&[opened(), call.clone()]));
        assert!(refused.is_err(), "{call}");
    }
}
