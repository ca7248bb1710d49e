//! From the calls of a process to steps on a disk.
//!
//! Calls that may change files and are not known here make the test fail, as do those that change
//! files in a way that a trace does not show.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::{
    disk::{Inode, Kind, Op, ROOT, Step},
    places::{Node, Open, Place, Target},
    trace::{Call, bytes, split},
};

/// What the process says stands before what it says of its work.
const MARK: &str = "child says ";

/// What is taken from the permissions that a file is made with.
const UMASK: u32 = 0o022;

/// Calls that change no file.
const HARMLESS: &[&str] = &[
    "access",
    "bind",
    "brk",
    "connect",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "eventfd2",
    "exit",
    "exit_group",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fgetxattr",
    "flistxattr",
    "flock",
    "fstat",
    "fstatfs",
    "getcwd",
    "getdents64",
    "getsockname",
    "getsockopt",
    "getxattr",
    "kill",
    "lgetxattr",
    "listen",
    "llistxattr",
    "lstat",
    "newfstatat",
    "pidfd_open",
    "pipe2",
    "poll",
    "ppoll",
    "pread64",
    "preadv",
    "readlink",
    "readlinkat",
    "recvfrom",
    "rt_sigqueueinfo",
    "sendto",
    "setsockopt",
    "shutdown",
    "socket",
    "socketpair",
    "stat",
    "statfs",
    "statx",
    "tgkill",
    "tkill",
    "wait4",
    "waitid",
];

/// Takes one call after the other.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(super) root: PathBuf,
    pub(super) nodes: Vec<Node>,
    pub(super) opened: Vec<Open>,
    pub(super) descriptors: HashMap<u64, usize>,
    steps: Vec<Step>,
    /// How many steps there were after each call.
    ends: Vec<usize>,
    has_begun: bool,
}

/// Returns the steps of a process on what lies in a folder, which was empty before.
pub(crate) fn steps(root: &Path, calls: &[Call]) -> Vec<Step> {
    let mut replay = Replay {
        root: root.to_owned(),
        nodes: vec![Node::new(Kind::Directory, "")],
        opened: Vec::new(),
        descriptors: HashMap::new(),
        steps: Vec::new(),
        ends: Vec::new(),
        has_begun: false,
    };
    for call in calls {
        if let Some(result) = call.result {
            replay.take(call, result);
        }
        replay.ends.push(replay.steps.len());
    }
    replay.steps
}

impl Replay {
    fn take(&mut self, call: &Call, result: u64) {
        match call.name.as_str() {
            "open" => self.open(call, result, None, 0),
            "openat" => self.open(call, result, Some(0), 1),
            "close" => drop(self.descriptors.remove(&call.number(0))),
            "dup" | "dup2" | "dup3" => self.duplicate(call, result),
            "fcntl" if call.arg(1).starts_with("F_DUPFD") => self.duplicate(call, result),
            "read" | "readv" => self.advance(call, result),
            "lseek" => self.seek(call, result),
            "write" => self.write(call, call.bytes(1), None, result),
            "pwrite64" => self.write(call, call.bytes(1), Some(size(call.number(3))), result),
            "writev" => self.write(call, vector(call.arg(1)), None, result),
            "copy_file_range" => self.copy(call, result),
            "ftruncate" => self.truncate(call),
            "fallocate" => self.allocate(call),
            "fsync" => self.sync(call, true),
            "fdatasync" => self.sync(call, false),
            "sync" | "syncfs" => self.sync_all(call),
            "fchmod" => self.change_mode(call, self.inside(call.number(0)), 1),
            "chmod" => self.change_mode(call, self.at(call, None, 0), 1),
            "fchmodat" | "fchmodat2" => self.change_mode(call, self.at(call, Some(0), 1), 2),
            "utimensat" => self.change_time(call),
            "mkdir" => self.make(call, None, 0, Kind::Directory, 1),
            "mkdirat" => self.make(call, Some(0), 1, Kind::Directory, 2),
            "symlink" => self.symlink(call, None, 1),
            "symlinkat" => self.symlink(call, Some(1), 2),
            "link" => self.link(call, [None, None], [0, 1]),
            "linkat" => self.link(call, [Some(0), Some(2)], [1, 3]),
            "unlink" | "rmdir" => self.unlink(call, None, 0),
            "unlinkat" => self.unlink(call, Some(0), 1),
            "rename" => self.rename(call, [None, None], [0, 1], false),
            "renameat" => self.rename(call, [Some(0), Some(2)], [1, 3], false),
            "renameat2" => {
                let exchanges = call.has_flag(4, "RENAME_EXCHANGE");
                self.rename(call, [Some(0), Some(2)], [1, 3], exchanges);
            }
            "bind" if call.arg(1).contains("AF_UNIX") => self.bind(call),
            "execve" if !self.has_begun => self.has_begun = true,
            "clone" | "clone3" if call.args.iter().any(|arg| arg.contains("CLONE_FILES")) => {}
            "ioctl" if !call.arg(1).starts_with("FI") && !call.arg(1).starts_with("FS_") => {}
            "fcntl" => {}
            "mmap" => self.map(call),
            "fchown" | "fchownat" | "sync_file_range" if self.is_outside(call) => {}
            name if HARMLESS.contains(&name) => {}
            _ => panic!("a call that may change files: {call:?}"),
        }
    }

    fn step(&mut self, inode: Inode, op: Op) {
        let path = self.nodes[inode].path.clone();
        let begun = self.steps.len();
        self.steps.push(Step { op, path, begun });
    }

    /// Returns how many steps there were when a call began.
    fn begun(&self, call: &Call) -> usize {
        let before = call.begun.checked_sub(1);
        before.map_or(0, |last| self.ends[last])
    }

    fn open(&mut self, call: &Call, result: u64, directory: Option<usize>, path: usize) {
        let has = |flag| call.has_flag(path + 1, flag);
        assert!(!has("O_TMPFILE"), "a file without a name: {call:?}");
        let target = match self.place(call, directory, path) {
            Place::Itself(inode) => Target::Inside(inode),
            Place::Outside(path) => Target::Outside(path),
            Place::In(at, name) => match self.nodes[at].names.get(&name) {
                Some(inode) => Target::Inside(*inode),
                None => {
                    assert!(has("O_CREAT"), "there is no {name}: {call:?}");
                    let mode = u32::try_from(call.number(path + 2)).expect("a mode");
                    Target::Inside(self.give_birth(at, name, Kind::File, mode & !UMASK))
                }
            },
        };
        if let Target::Inside(inode) = target {
            let is_symlink = matches!(self.nodes[inode].kind, Kind::Symlink(_));
            assert!(
                !is_symlink || has("O_NOFOLLOW"),
                "through a symlink: {call:?}"
            );
            if has("O_TRUNC") {
                self.set_length(inode, 0);
            }
        }
        let appends = has("O_APPEND");
        self.opened.push(Open {
            target,
            offset: 0,
            appends,
        });
        self.descriptors.insert(result, self.opened.len() - 1);
    }

    fn give_birth(&mut self, at: Inode, name: String, kind: Kind, mode: u32) -> Inode {
        let inode = self.nodes.len();
        let path = join(&self.nodes[at].path, &name);
        self.nodes.push(Node::new(kind.clone(), &path));
        self.step(inode, Op::Make { inode, kind, mode });
        self.name(inode, vec![(at, name, Some(inode))]);
        inode
    }

    /// Gives and takes names.
    fn name(&mut self, about: Inode, names: Vec<(Inode, String, Option<Inode>)>) {
        self.step(about, Op::Names(names.clone()));
        for (at, name, inode) in names {
            match inode {
                Some(inode) => {
                    let path = join(&self.nodes[at].path, &name);
                    self.nodes[at].names.insert(name, inode);
                    self.move_to(inode, path);
                }
                None => drop(self.nodes[at].names.remove(&name)),
            }
        }
    }

    fn move_to(&mut self, inode: Inode, path: String) {
        let below = self.nodes[inode].names.clone();
        for (name, inode) in below {
            self.move_to(inode, join(&path, &name));
        }
        self.nodes[inode].path = path;
    }

    fn duplicate(&mut self, call: &Call, result: u64) {
        match self.descriptors.get(&call.number(0)).copied() {
            Some(open) => drop(self.descriptors.insert(result, open)),
            None => drop(self.descriptors.remove(&result)),
        }
    }

    fn advance(&mut self, call: &Call, result: u64) {
        if let Some(open) = self.descriptors.get(&call.number(0)) {
            self.opened[*open].offset += size(result);
        }
    }

    fn seek(&mut self, call: &Call, result: u64) {
        if let Some(open) = self.descriptors.get(&call.number(0)) {
            self.opened[*open].offset = size(result);
        }
    }

    fn write(&mut self, call: &Call, mut bytes: Vec<u8>, offset: Option<usize>, result: u64) {
        bytes.truncate(size(result));
        let open = self.descriptors.get(&call.number(0)).copied();
        let Some(inode) = self.inside(call.number(0)) else {
            return self.mark(&bytes);
        };
        let open = open.expect("it is inside");
        let at = offset.unwrap_or_else(|| match self.opened[open].appends {
            true => self.nodes[inode].bytes.len(),
            false => self.opened[open].offset,
        });
        if offset.is_none() {
            self.opened[open].offset = at + bytes.len();
        }
        self.put(inode, at, bytes);
    }

    fn put(&mut self, inode: Inode, offset: usize, bytes: Vec<u8>) {
        let end = offset + bytes.len();
        if end > self.nodes[inode].bytes.len() {
            self.set_length(inode, end);
        }
        self.nodes[inode].bytes[offset..end].copy_from_slice(&bytes);
        self.step(
            inode,
            Op::Write {
                inode,
                offset,
                bytes,
            },
        );
    }

    fn mark(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if let Some((_, said)) = text.split_once(MARK) {
            self.step(ROOT, Op::Mark(said.trim_end().to_owned()));
        }
    }

    fn copy(&mut self, call: &Call, result: u64) {
        let (from, to) = (call.number(0), call.number(2));
        let Some(inode) = self.inside(to) else {
            return self.advance(call, result);
        };
        let is_plain = call.arg(1) == "NULL" && call.arg(3) == "NULL";
        let source = self.inside(from).filter(|_| is_plain);
        let source = source.unwrap_or_else(|| panic!("a copy of what is not known: {call:?}"));
        let [read, written] = [from, to].map(|fd| self.descriptors[&fd]);
        let [begin, at] = [read, written].map(|open| self.opened[open].offset);
        let count = size(result);
        let bytes = self.nodes[source].bytes[begin..begin + count].to_vec();
        self.opened[read].offset += count;
        self.opened[written].offset += count;
        self.put(inode, at, bytes);
    }

    fn set_length(&mut self, inode: Inode, length: usize) {
        self.nodes[inode].bytes.resize(length, 0);
        self.step(inode, Op::Length { inode, length });
    }

    fn truncate(&mut self, call: &Call) {
        if let Some(inode) = self.inside(call.number(0)) {
            self.set_length(inode, size(call.number(1)));
        }
    }

    fn allocate(&mut self, call: &Call) {
        if let Some(inode) = self.inside(call.number(0)) {
            assert_eq!(call.arg(1), "0", "{call:?}");
            let end = size(call.number(2) + call.number(3));
            if end > self.nodes[inode].bytes.len() {
                self.set_length(inode, end);
            }
        }
    }

    fn sync(&mut self, call: &Call, has_metadata: bool) {
        let begun = self.begun(call);
        if let Some(inode) = self.inside(call.number(0)) {
            self.step(
                inode,
                Op::Sync {
                    inode,
                    has_metadata,
                },
            );
            self.steps.last_mut().expect("it is there").begun = begun;
        }
    }

    fn sync_all(&mut self, call: &Call) {
        let begun = self.begun(call);
        self.step(ROOT, Op::SyncAll);
        self.steps.last_mut().expect("it is there").begun = begun;
    }

    fn change_mode(&mut self, call: &Call, inode: Option<Inode>, mode: usize) {
        if let Some(inode) = inode {
            let mode = u32::try_from(call.number(mode)).expect("a mode");
            self.step(inode, Op::Mode { inode, mode });
        }
    }

    fn change_time(&mut self, call: &Call) {
        let inode = match call.arg(1) {
            "NULL" => self.inside(call.number(0)),
            _ => self.at(call, Some(0), 1),
        };
        if let Some(inode) = inode {
            let is_object = call.arg(2).contains("{tv_sec=1, tv_nsec=0}");
            self.step(inode, Op::Time { inode, is_object });
        }
    }

    fn make(&mut self, call: &Call, at: Option<usize>, path: usize, kind: Kind, mode: usize) {
        if let Place::In(at, name) = self.place(call, at, path) {
            let mode = u32::try_from(call.number(mode)).expect("a mode");
            self.give_birth(at, name, kind, mode & !UMASK);
        }
    }

    fn symlink(&mut self, call: &Call, at: Option<usize>, path: usize) {
        if let Place::In(at, name) = self.place(call, at, path) {
            self.give_birth(at, name, Kind::Symlink(call.bytes(0)), 0o777);
        }
    }

    fn bind(&mut self, call: &Call) {
        let path = call.arg(1).split_once("sun_path=").expect("a path").1;
        let path = Call {
            args: vec![path.trim_end_matches('}').to_owned()],
            name: call.name.clone(),
            ..*call
        };
        self.make_socket(&path);
    }

    fn make_socket(&mut self, path: &Call) {
        if let Place::In(at, name) = self.place(path, None, 0) {
            self.give_birth(at, name, Kind::Socket, 0o755);
        }
    }

    fn link(&mut self, call: &Call, at: [Option<usize>; 2], paths: [usize; 2]) {
        let target = self.place(call, at[1], paths[1]);
        let Place::In(to, name) = target else {
            return;
        };
        let inode = self.at(call, at[0], paths[0]);
        let inode = inode.unwrap_or_else(|| panic!("a link from outside: {call:?}"));
        self.name(inode, vec![(to, name, Some(inode))]);
    }

    fn unlink(&mut self, call: &Call, at: Option<usize>, path: usize) {
        if let Place::In(at, name) = self.place(call, at, path) {
            let inode = self.nodes[at].names[&name];
            self.name(inode, vec![(at, name, None)]);
        }
    }

    fn rename(&mut self, call: &Call, at: [Option<usize>; 2], paths: [usize; 2], exchanges: bool) {
        let [from, to] = [0, 1].map(|end| self.place(call, at[end], paths[end]));
        let (Place::In(from, old), Place::In(to, new)) = (&from, &to) else {
            let are_outside = matches!((from, to), (Place::Outside(_), Place::Outside(_)));
            assert!(are_outside, "across the border: {call:?}");
            return;
        };
        let inode = self.nodes[*from].names[old];
        let there = self.nodes[*to].names.get(new).copied();
        if there == Some(inode) {
            // Two links of one file stay as they are.
            return;
        }
        let left = there.filter(|_| exchanges);
        let names = vec![(*to, new.clone(), Some(inode)), (*from, old.clone(), left)];
        self.name(inode, names);
    }

    /// What is written by a mapping is in no trace.
    fn map(&self, call: &Call) {
        let is_shared = call.arg(3).contains("MAP_SHARED");
        let file = call.arg(4).parse().ok().and_then(|fd| self.inside(fd));
        assert!(!is_shared || file.is_none(), "a shared mapping: {call:?}");
    }
}

fn join(directory: &str, name: &str) -> String {
    match directory {
        "" => name.to_owned(),
        directory => format!("{directory}/{name}"),
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).expect("it is in memory")
}

/// Returns the bytes of a list of buffers.
fn vector(list: &str) -> Vec<u8> {
    let list = list.trim_start_matches('[').trim_end_matches(']');
    let buffers = split(list);
    let bytes = buffers.iter().flat_map(|buffer| {
        let (_, base) = buffer.split_once("iov_base=").expect("a buffer");
        let (base, _) = base.split_once(", iov_len").expect("its length");
        bytes(base)
    });
    bytes.collect()
}
