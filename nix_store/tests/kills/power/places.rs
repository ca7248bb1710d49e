//! Where the paths and open files of calls lie.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use super::{
    disk::{Inode, Kind, ROOT},
    replay::Replay,
    trace::Call,
};

/// What a process knows of an inode.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) names: BTreeMap<String, Inode>,
    pub(super) bytes: Vec<u8>,
    /// Where it lies, below the root.
    pub(super) path: String,
}

#[derive(Debug, Clone)]
pub(super) enum Target {
    Inside(Inode),
    Outside(PathBuf),
}

/// An open file.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) target: Target,
    pub(super) offset: usize,
    pub(super) appends: bool,
}

/// Where a name lies.
pub(super) enum Place {
    Itself(Inode),
    In(Inode, String),
    Outside(PathBuf),
}

impl Node {
    pub(super) fn new(kind: Kind, path: &str) -> Self {
        Self {
            kind,
            names: BTreeMap::new(),
            bytes: Vec::new(),
            path: path.to_owned(),
        }
    }
}

impl Replay {
    pub(super) fn target(&self, descriptor: u64) -> Target {
        match self.descriptors.get(&descriptor) {
            Some(open) => self.opened[*open].target.clone(),
            // One that it was born with.
            None => Target::Outside(PathBuf::new()),
        }
    }

    pub(super) fn inside(&self, descriptor: u64) -> Option<Inode> {
        match self.target(descriptor) {
            Target::Inside(inode) => Some(inode),
            Target::Outside(_) => None,
        }
    }

    pub(super) fn is_outside(&self, call: &Call) -> bool {
        call.arg(0)
            .parse()
            .is_ok_and(|fd| self.inside(fd).is_none())
    }

    /// Returns where a path leads, relative to an open directory.
    pub(super) fn place(&self, call: &Call, directory: Option<usize>, path: usize) -> Place {
        let path = String::from_utf8(call.bytes(path)).expect("UTF-8");
        let mut path = PathBuf::from(path);
        let mut base = match directory.map(|index| call.arg(index)) {
            Some(fd) if fd != "AT_FDCWD" => self.target(fd.parse().expect("a descriptor")),
            _ => Target::Outside(std::env::current_dir().expect("a directory")),
        };
        if let Ok(rest) = path.strip_prefix("/proc/self/fd") {
            let mut rest = rest.components();
            let fd = rest
                .next()
                .and_then(|fd| fd.as_os_str().to_str()?.parse().ok());
            let rest = rest.as_path().to_owned();
            if let Some(fd) = fd {
                base = self.target(fd);
                path = rest;
            }
        }
        if path.is_absolute() {
            base = Target::Outside(PathBuf::from("/"));
        }
        let (at, below) = match base {
            Target::Inside(inode) => (inode, path),
            Target::Outside(base) => match base.join(&path).strip_prefix(&self.root) {
                Ok(below) => (ROOT, below.to_owned()),
                Err(_) => return Place::Outside(base.join(path)),
            },
        };
        self.walk(call, at, &below)
    }

    fn walk(&self, call: &Call, from: Inode, below: &Path) -> Place {
        let names = below.components().filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_str().expect("UTF-8").to_owned()),
            Component::CurDir => None,
            _ => panic!("a path that leads up: {call:?}"),
        });
        let mut names: Vec<String> = names.collect();
        let Some(last) = names.pop() else {
            return Place::Itself(from);
        };
        let directory = names.iter().fold(from, |at, name| {
            let next = self.nodes[at].names.get(name);
            *next.unwrap_or_else(|| panic!("there is no {name}: {call:?}"))
        });
        assert_eq!(self.nodes[directory].kind, Kind::Directory, "{call:?}");
        Place::In(directory, last)
    }

    /// Returns what has a name; nothing where that is outside.
    pub(super) fn at(&self, call: &Call, directory: Option<usize>, path: usize) -> Option<Inode> {
        match self.place(call, directory, path) {
            Place::Itself(inode) => Some(inode),
            Place::Outside(_) => None,
            Place::In(directory, name) => {
                let inode = self.nodes[directory].names.get(&name);
                Some(*inode.unwrap_or_else(|| panic!("there is no {name}: {call:?}")))
            }
        }
    }
}
