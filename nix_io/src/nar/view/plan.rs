//! What an archive consists of beside the contents of files, in little memory.

use std::{ffi::OsStr, fs::File, os::unix::ffi::OsStrExt, path::Path};

use super::super::{
    entries::name_in_archive,
    event::Event,
    frame,
    pack::{PackError, PackOptions},
    walk::{Place, Sink, walk},
};
use super::identity::Identity;

/// The number of the root.
pub(super) const ROOT: usize = 0;

/// What a node costs beside its names; a directory is two.
pub(super) const NODE_BYTES_MAX: usize = 72;

const _: () = assert!(size_of::<Node>() <= NODE_BYTES_MAX);

/// The nodes of an archive, from which its words are made again whenever they are asked for.
#[derive(Debug)]
pub(super) struct Plan {
    // Invariant: in the order of the archive, the root first, and none begins where another does.
    nodes: Vec<Node>,
    /// The name on disk and the target of each node, without separators.
    text: Vec<u8>,
    undo_case_renames: bool,
}

#[derive(Debug)]
struct Node {
    /// Where the entry whose node it is begins in the archive.
    begin: u64,
    /// Where its text begins, which ends where that of the next begins.
    text: usize,
    /// The number of the directory it lies in; of the directory, where it is the end of one.
    directory: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    Regular(Identity),
    Symlink { target_bytes: usize },
    Directory,
    DirectoryEnd,
}

impl Plan {
    /// Makes the plan of a tree, and returns the size of its archive with it.
    pub(super) fn new(path: &Path, options: &PackOptions) -> Result<(Self, u64), PackError> {
        let mut planner = Planner::new(options);
        let size = walk(path, options, &mut planner)?;
        let mut plan = planner.plan;
        plan.nodes.shrink_to_fit();
        plan.text.shrink_to_fit();
        Ok((plan, size))
    }

    /// Returns how many nodes there are, the ends of directories among them.
    pub(super) const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns the number of the node that a byte of the archive belongs to, by a binary search.
    pub(super) fn find(&self, position: u64) -> usize {
        let begun = self.nodes.partition_point(|node| node.begin <= position);
        begun.saturating_sub(1)
    }

    /// Returns where a node begins in the archive.
    pub(super) fn begin(&self, number: usize) -> u64 {
        self.node(number).begin
    }

    /// Returns what a regular file was; other nodes are none.
    pub(super) fn regular(&self, number: usize) -> Option<&Identity> {
        match &self.node(number).what {
            What::Regular(identity) => Some(identity),
            _ => None,
        }
    }

    pub(super) fn is_symlink(&self, number: usize) -> bool {
        matches!(self.node(number).what, What::Symlink { .. })
    }

    /// Returns the number of the directory that a node lies in; of the root it is its own.
    pub(super) fn directory(&self, number: usize) -> usize {
        self.node(number).directory
    }

    /// Returns the name of a node on disk; that of the root is empty.
    pub(super) fn name_on_disk(&self, number: usize) -> &OsStr {
        OsStr::from_bytes(self.text(number).0)
    }

    /// Appends the bytes of a node, those of a file up to its contents.
    pub(super) fn head(&self, number: usize, bytes: &mut Vec<u8>) {
        let node = self.node(number);
        if matches!(node.what, What::DirectoryEnd) {
            return frame::close(node.directory == ROOT, bytes);
        }
        let (name, target) = self.text(number);
        if number == ROOT {
            frame::magic(bytes);
        } else {
            frame::entry(name_in_archive(name, self.undo_case_renames), bytes);
        }
        match &node.what {
            What::Regular(file) => frame::regular(file.is_executable(), file.bytes(), bytes),
            What::Symlink { .. } => frame::symlink(target, number == ROOT, bytes),
            What::Directory | What::DirectoryEnd => frame::directory(bytes),
        }
    }

    /// Appends the bytes of a file after its contents.
    pub(super) fn tail(&self, number: usize, bytes: &mut Vec<u8>) {
        if let Some(file) = self.regular(number) {
            frame::regular_end(file.bytes(), number == ROOT, bytes);
        }
    }

    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.text.capacity()
    }

    fn node(&self, number: usize) -> &Node {
        self.nodes.get(number).expect("a number of this plan")
    }

    /// Returns the name on disk and the target of a node.
    fn text(&self, number: usize) -> (&[u8], &[u8]) {
        let node = self.node(number);
        let next = self.nodes.get(number + 1);
        let end = next.map_or(self.text.len(), |next| next.text);
        let target_bytes = match node.what {
            What::Symlink { target_bytes } => target_bytes,
            _ => 0,
        };
        let text = self.text.get(node.text..end).unwrap_or_default();
        text.split_at(text.len().saturating_sub(target_bytes))
    }
}

/// Makes a plan of what a walk finds.
pub(super) struct Planner {
    plan: Plan,
    /// The numbers of the directories on the current path, outermost first.
    open: Vec<usize>,
    /// Where the next node begins in the archive, and its text.
    begin: u64,
    text: usize,
    /// Whether the last file is executable.
    is_executable: bool,
    /// The bytes of the last event, which nobody needs.
    buffer: Vec<u8>,
}

impl Planner {
    pub(super) const fn new(options: &PackOptions) -> Self {
        Self {
            plan: Plan {
                nodes: Vec::new(),
                text: Vec::new(),
                undo_case_renames: options.undo_case_renames,
            },
            open: Vec::new(),
            begin: 0,
            text: 0,
            is_executable: false,
            buffer: Vec::new(),
        }
    }

    /// Lets a node begin here.
    const fn begin(&mut self, begin: u64) {
        self.begin = begin;
        self.text = self.plan.text.len();
    }

    fn push(&mut self, directory: Option<usize>, what: What) {
        self.plan.nodes.push(Node {
            begin: self.begin,
            text: self.text,
            directory: directory.unwrap_or(ROOT),
            what,
        });
    }

    fn push_node(&mut self, what: What) {
        self.push(self.open.last().copied(), what);
    }
}

impl Sink for Planner {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self.buffer.clear();
        &mut self.buffer
    }

    fn event(&mut self, event: Event<'_>, begin: u64) -> Result<(), PackError> {
        match event {
            Event::Entry { .. } => self.begin(begin),
            Event::Directory => {
                let number = self.plan.len();
                self.push_node(What::Directory);
                self.open.push(number);
            }
            Event::DirectoryEnd => {
                self.begin(begin);
                let directory = self.open.pop();
                self.push(directory, What::DirectoryEnd);
            }
            Event::Symlink { target } => {
                self.plan.text.extend_from_slice(target);
                let target_bytes = target.len();
                self.push_node(What::Symlink { target_bytes });
            }
            Event::Regular { executable, .. } => self.is_executable = executable,
            Event::Contents(_) | Event::RegularEnd | Event::End => {}
        }
        Ok(())
    }

    fn name_on_disk(&mut self, name: &[u8]) {
        self.plan.text.extend_from_slice(name);
    }

    /// Looks at a file once more, which has to be as the walk announced it: where the nodes after it
    /// begin depends on that.
    fn contents(&mut self, file: &File, size: u64, place: &Place<'_>) -> Result<(), PackError> {
        let metadata = file.metadata();
        let metadata = metadata.map_err(|source| place.io("inspect", source))?;
        match Identity::of(&metadata) {
            Some(now) if now.bytes() == size && now.is_executable() == self.is_executable => {
                self.push_node(What::Regular(now));
                Ok(())
            }
            _ => Err(place.changed()),
        }
    }
}
