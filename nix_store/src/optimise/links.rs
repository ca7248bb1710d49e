//! The directory of links, and how a file comes to share the disk with others.
//!
//! - `.links/<nix32>`: a hard link of every file of that archive hash, as Nix has it.
//! - `.links/<two characters>/<nix32>`: the same, where links are sharded.
//!
//! A link gets its name by one rename or link of a file that was looked at under a private name, so
//! that nobody finds one that is not whole.

use std::{
    collections::HashSet,
    ffi::{CStr, CString, OsStr},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use nix_core::{hash::Sha256, nix32, store_path::StorePath};
use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, Stat},
    io::Errno,
};

use super::{
    content::Opened,
    options::LinksLayout,
    tree::{DIRECTORY_FLAGS, Node, failed, io_failed, is_canonical, is_same_file, is_same_state},
    writable::{Opening, Writable},
};
use crate::store::{Error, Result};

/// How often a file is tried again because others changed its link meanwhile.
const ATTEMPTS_MAX: usize = 16;

/// How many characters of a hash name a shard.
const SHARD_CHARS: usize = 2;

const LINKS_MODE: Mode = Mode::RWXU
    .union(Mode::RGRP)
    .union(Mode::XGRP)
    .union(Mode::ROTH)
    .union(Mode::XOTH);

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is the first of its content, or the first of a new generation of its link.
    First {
        /// Whether a link that had other content than its name says made room for it.
        is_repair: bool,
    },
    /// It is now the same as another.
    Linked { bytes_saved: u64 },
    /// It was so before.
    Already,
    /// It is changed or deleted by others just now.
    Changed,
    /// The file system links it no more often.
    Full,
}

/// The links of a store.
pub(crate) struct Links<'a> {
    dir: OwnedFd,
    path: PathBuf,
    /// A directory for links that have no final name yet, which nobody else uses.
    temp: BorrowedFd<'a>,
    layout: LinksLayout,
    /// The files that have a link.
    inodes: HashSet<u64>,
    /// How many temporary names were given.
    given: u64,
    /// The object whose directories are made writable.
    opening: Opening<'a>,
}

/// What a file takes the name of its hash from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Nothing,
    /// A link that cannot be linked any more often.
    Full,
    /// One that is not what its name says.
    Wrong,
}

/// What has the name of a hash.
enum Found {
    Nothing,
    Link(Opened),
    /// Neither a file nor a symlink.
    Other,
}

/// Where a link lies.
struct Place {
    /// The shard, when there are some.
    shard: Option<OwnedFd>,
    name: CString,
}

impl<'a> Links<'a> {
    /// Opens the links in a store's directory.
    pub(crate) fn open(
        store: BorrowedFd<'_>,
        path: PathBuf,
        temp: BorrowedFd<'a>,
        layout: LinksLayout,
        fsync: bool,
    ) -> Result<Self> {
        let name = path.file_name().unwrap_or_default();
        let dir = make_directory(store, name, &path)?;
        Ok(Self {
            dir,
            path,
            temp,
            layout,
            inodes: HashSet::new(),
            given: 0,
            opening: Opening::new(temp, fsync),
        })
    }

    /// Says of which object the files are that come next.
    pub(crate) fn begin(&mut self, object: &StorePath) -> Result<()> {
        let ended = self.opening.begin(object);
        ended.map_err(failed("forget the object before", &self.path))
    }

    /// Whether the directories of this object have to be synced before the next one.
    pub(crate) fn has_unsynced(&self) -> bool {
        self.opening.is_to_be_synced()
    }

    /// Finds out which files have a link, so that they need not be read again. Memory is some bytes
    /// a link.
    pub(crate) fn list(&mut self) -> Result<()> {
        let (inodes, shards) = list(&self.dir).map_err(failed("list", &self.path))?;
        self.inodes.extend(inodes);
        for name in shards {
            let path = self.path.join(OsStr::from_bytes(name.to_bytes()));
            let shard = rustix::fs::openat(&self.dir, &name, DIRECTORY_FLAGS, Mode::empty());
            let shard = shard.map_err(failed("open", &path))?;
            let (inodes, _) = list(&shard).map_err(failed("list", &path))?;
            self.inodes.extend(inodes);
        }
        Ok(())
    }

    /// Whether a file has a link, as far as is known.
    pub(crate) fn knows(&self, stat: &Stat) -> bool {
        stat.st_nlink > 1 && self.inodes.contains(&stat.st_ino)
    }

    /// Makes a file share the disk with others of the same hash, or others with it later.
    pub(crate) fn share(
        &mut self,
        node: &Node<'_>,
        file: &mut Opened,
        hash: &Sha256,
    ) -> Result<Outcome> {
        let place = self.place(hash)?;
        for _ in 0..ATTEMPTS_MAX {
            let done = match self.find(&place)? {
                Found::Nothing => self.insert(node, file, &place, Over::Nothing)?,
                Found::Other => self.insert(node, file, &place, Over::Wrong)?,
                Found::Link(mut link) => self.join(node, file, hash, &place, &mut link)?,
            };
            if let Some(outcome) = done {
                if !matches!(outcome, Outcome::Changed | Outcome::Full) {
                    self.note(&place)?;
                }
                return Ok(outcome);
            }
        }
        Ok(Outcome::Changed)
    }

    /// Links a file to a link that is there, or has it take the link's name; nothing where others
    /// were faster.
    fn join(
        &mut self,
        node: &Node<'_>,
        file: &mut Opened,
        hash: &Sha256,
        place: &Place,
        link: &mut Opened,
    ) -> Result<Option<Outcome>> {
        if is_same_file(&link.stat, &file.stat) {
            return Ok(Some(Outcome::Already));
        }
        // Owners can make their files writable again.
        let is_sound = is_canonical(&link.stat) && link.stat.st_uid == file.stat.st_uid;
        let equal = if is_sound {
            file.is_equal(link)
        } else {
            Ok(false)
        };
        if !equal.map_err(io_failed("compare", node.path))? {
            let now = file.nar_hash().map_err(io_failed("read", node.path))?;
            return match now == Some(*hash) {
                true => self.insert(node, file, place, Over::Wrong),
                false => Ok(Some(Outcome::Changed)),
            };
        }
        let temp = self.temp_name();
        match rustix::fs::linkat(
            self.at(place),
            &place.name,
            self.temp,
            &temp,
            AtFlags::empty(),
        ) {
            Ok(()) => {}
            Err(Errno::MLINK) => return self.insert(node, file, place, Over::Full),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.failed("link", place)(error)),
        }
        let linked = self.replace(node, file, link, &temp);
        self.discard(&temp, node)?;
        linked
    }

    /// Puts a link that is in the private directory in the place of a file.
    fn replace(
        &mut self,
        node: &Node<'_>,
        file: &Opened,
        link: &Opened,
        temp: &CStr,
    ) -> Result<Option<Outcome>> {
        if !self.is_still(self.temp, temp, &link.stat)? {
            return Ok(None);
        }
        if node.depth > 0 {
            let noted = self.opening.note();
            noted.map_err(node.failed("note the object of"))?;
        }
        let writable = Writable::of_parent(node)?;
        let replaced = self.rename_over(node, file, temp);
        writable.restore()?;
        if !replaced? {
            return Ok(Some(Outcome::Changed));
        }
        let bytes_saved = file.bytes_released().map_err(node.failed("inspect"))?;
        Ok(Some(Outcome::Linked { bytes_saved }))
    }

    /// Returns false where the file is another by now.
    fn rename_over(&self, node: &Node<'_>, file: &Opened, temp: &CStr) -> Result<bool> {
        if !self.is_still(node.parent, node.name, &file.stat)? {
            return Ok(false);
        }
        match rustix::fs::renameat(self.temp, temp, node.parent, node.name) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(node.failed("replace by a link")(error)),
        }
    }

    /// Gives a file the name of its hash; nothing where others were faster.
    fn insert(
        &mut self,
        node: &Node<'_>,
        file: &Opened,
        place: &Place,
        over: Over,
    ) -> Result<Option<Outcome>> {
        let temp = self.temp_name();
        match rustix::fs::linkat(node.parent, node.name, self.temp, &temp, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::MLINK) => return Ok(Some(Outcome::Full)),
            Err(Errno::NOENT) => return Ok(Some(Outcome::Changed)),
            Err(error) => return Err(node.failed("link")(error)),
        }
        let named = match self.is_still(self.temp, &temp, &file.stat) {
            Ok(true) => self.name(place, &temp, over),
            Ok(false) => Ok(Some(Outcome::Changed)),
            Err(error) => Err(error),
        };
        self.discard(&temp, node)?;
        named
    }

    fn name(&self, place: &Place, temp: &CStr, over: Over) -> Result<Option<Outcome>> {
        let (at, flags) = (self.at(place), AtFlags::empty());
        let named = match over {
            Over::Nothing => rustix::fs::linkat(self.temp, temp, at, &place.name, flags),
            Over::Full | Over::Wrong => rustix::fs::renameat(self.temp, temp, at, &place.name),
        };
        match named {
            Ok(()) => Ok(Some(Outcome::First {
                is_repair: over == Over::Wrong,
            })),
            Err(Errno::EXIST) => Ok(None),
            Err(Errno::MLINK) => Ok(Some(Outcome::Full)),
            Err(error) => Err(self.failed("make the link", place)(error)),
        }
    }

    fn find(&self, place: &Place) -> Result<Found> {
        match Opened::open(self.at(place), &place.name) {
            Ok(Some(link)) => Ok(Found::Link(link)),
            Ok(None) => Ok(Found::Other),
            Err(Errno::NOENT) => Ok(Found::Nothing),
            // A symlink that came between two calls.
            Err(Errno::LOOP) => Ok(Found::Other),
            Err(error) => Err(self.failed("open the link", place)(error)),
        }
    }

    fn is_still(&self, parent: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> Result<bool> {
        match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(now) => Ok(is_same_state(stat, &now)),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(failed("inspect a link in", &self.path)(error)),
        }
    }

    /// Remembers a link that files may have by now. A file that was replaced is not remembered:
    /// the next new one may get its number.
    fn note(&mut self, place: &Place) -> Result<()> {
        match rustix::fs::statat(self.at(place), &place.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                self.inodes.insert(stat.st_ino);
                Ok(())
            }
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.failed("inspect the link", place)(error)),
        }
    }

    /// Removes a temporary name. It is still there after a rename to a link of the same file.
    fn discard(&self, temp: &CStr, node: &Node<'_>) -> Result<()> {
        match rustix::fs::unlinkat(self.temp, temp, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(node.failed("remove the temporary link of")(error)),
        }
    }

    fn temp_name(&mut self) -> CString {
        self.given += 1;
        CString::new(format!("link-{}", self.given)).expect("digits are no NUL")
    }

    fn place(&self, hash: &Sha256) -> Result<Place> {
        let text = nix32::encode(&hash.0);
        let shard = match (self.layout, text.get(..SHARD_CHARS)) {
            (LinksLayout::Sharded, Some(shard)) => {
                let path = self.path.join(shard);
                Some(make_directory(self.dir.as_fd(), OsStr::new(shard), &path)?)
            }
            _ => None,
        };
        let name = CString::new(text).expect("nix32 has no NUL");
        Ok(Place { shard, name })
    }

    fn at<'p>(&'p self, place: &'p Place) -> BorrowedFd<'p> {
        place.shard.as_ref().unwrap_or(&self.dir).as_fd()
    }

    fn failed(&self, action: &'static str, place: &Place) -> impl FnOnce(Errno) -> Error {
        let name = OsStr::from_bytes(place.name.to_bytes());
        let path = self.path.join(name);
        move |errno| failed(action, &path)(errno)
    }
}

/// Makes a directory where there is none, and opens it.
fn make_directory(parent: BorrowedFd<'_>, name: &OsStr, path: &Path) -> Result<OwnedFd> {
    match rustix::fs::mkdirat(parent, name, LINKS_MODE) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(failed("make the directory", path)(error)),
    }
    rustix::fs::openat(parent, name, DIRECTORY_FLAGS, Mode::empty()).map_err(failed("open", path))
}

/// Returns the files in a directory of links, and the directories, which are shards.
fn list(dir: &OwnedFd) -> Result<(Vec<u64>, Vec<CString>), Errno> {
    let mut inodes = Vec::new();
    let mut shards = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        match entry.file_type() {
            FileType::Directory if name.count_bytes() == SHARD_CHARS && name != c".." => {
                shards.push(name.to_owned());
            }
            FileType::Directory => {}
            _ => inodes.push(entry.ino()),
        }
    }
    Ok((inodes, shards))
}
