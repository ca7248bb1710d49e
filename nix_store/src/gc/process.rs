//! Roots that are what processes use.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, ErrorKind, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use nix_core::store_path::StorePath;
use rustix::io::Errno;

use super::{
    lock::failed,
    records::{for_each_record, open},
    roots::{InStore, Root, RootLink, dirs, object_of},
};
use crate::{local::StoreLayout, store::Result};

/// How much is read of what a process says about itself.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The longest line of a table of mappings, and the longest variable of an environment.
const RECORD_BYTES_MAX: u64 = 256 << 10;

/// Programs that the kernel starts.
const KERNEL_FILES: [&str; 3] = [
    "sys/kernel/modprobe",
    "sys/kernel/fbsplash",
    "sys/kernel/poweroff_cmd",
];

/// Finds what processes run, have open, have mapped and have in their environment.
///
/// What a process does not show is passed over: other users' processes and those that end.
pub(super) fn find(proc: &Path, layout: &StoreLayout, roots: &mut BTreeSet<Root>) -> Result<()> {
    let entries = match fs::read_dir(proc) {
        Ok(entries) => entries,
        Err(error) if is_hidden(&error) => return Ok(()),
        Err(error) => return Err(failed("read", proc)(error)),
    };
    let mut scan = Scan { layout, roots };
    for entry in entries {
        let name = entry.map_err(failed("read", proc))?.file_name();
        if name.as_bytes().iter().all(u8::is_ascii_digit) {
            scan.process(&proc.join(name))?;
        }
    }
    for name in KERNEL_FILES {
        let path = proc.join(name);
        scan.seen(&path, |scan| scan.kernel(&path))?;
    }
    Ok(())
}

struct Scan<'s> {
    layout: &'s StoreLayout,
    roots: &'s mut BTreeSet<Root>,
}

impl Scan<'_> {
    fn process(&mut self, dir: &Path) -> Result<()> {
        for name in ["exe", "cwd"] {
            let link = dir.join(name);
            self.seen(&link, |scan| scan.link(&link))?;
        }
        let open_files = dir.join("fd");
        self.seen(&open_files, |scan| scan.links(&open_files))?;
        let maps = dir.join("maps");
        self.seen(&maps, |scan| scan.maps(&maps))?;
        let environ = dir.join("environ");
        self.seen(&environ, |scan| scan.environment(&environ))
    }

    fn seen(&mut self, path: &Path, look: impl FnOnce(&mut Self) -> io::Result<()>) -> Result<()> {
        match look(self) {
            Err(error) if !is_hidden(&error) => Err(failed("read", path)(error)),
            _ => Ok(()),
        }
    }

    fn links(&mut self, dir: &Path) -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            match self.link(&entry?.path()) {
                Err(error) if !is_hidden(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn link(&mut self, link: &Path) -> io::Result<()> {
        let target = fs::read_link(link)?;
        self.root(link, target.as_os_str().as_bytes());
        Ok(())
    }

    /// Reads a table of mappings, whose lines have a file as their sixth field.
    fn maps(&mut self, path: &Path) -> io::Result<()> {
        let file = open(path)?.take(FILE_BYTES_MAX);
        for_each_record(file, b'\n', RECORD_BYTES_MAX, |line| {
            let fields = line.split(|byte| *byte == b' ');
            if let Some(file) = fields.filter(|field| !field.is_empty()).nth(5) {
                self.root(path, file);
            }
        })
    }

    fn environment(&mut self, path: &Path) -> io::Result<()> {
        // The process may have overwritten the last NUL.
        let file = open(path)?.take(FILE_BYTES_MAX).chain(&b"\0"[..]);
        for_each_record(file, 0, RECORD_BYTES_MAX, |variable| {
            for object in mentioned(self.layout, variable) {
                self.insert(path, object);
            }
        })
    }

    fn kernel(&mut self, path: &Path) -> io::Result<()> {
        let mut text = Vec::new();
        open(path)?.take(RECORD_BYTES_MAX).read_to_end(&mut text)?;
        self.root(path, text.trim_ascii_end());
        Ok(())
    }

    fn root(&mut self, link: &Path, text: &[u8]) {
        if let InStore::Path(object) = object_of(self.layout, text) {
            self.insert(link, object);
        }
    }

    fn insert(&mut self, link: &Path, target: StorePath) {
        let link = RootLink::Process(PathBuf::from(link));
        self.roots.insert(Root { link, target });
    }
}

/// Returns the objects whose full paths a text mentions.
fn mentioned(layout: &StoreLayout, text: &[u8]) -> Vec<StorePath> {
    let mut found = Vec::new();
    for dir in dirs(layout) {
        let mut rest = text;
        while let Some(place) = position(rest, dir) {
            rest = rest.get(place + dir.len()..).unwrap_or_default();
            if let Some((b'/', name)) = rest.split_first() {
                let len = name.iter().take_while(|byte| is_name(**byte)).count();
                let name = name.get(..len).unwrap_or_default();
                found.extend(StorePath::from_base_name_bytes(name).ok());
            }
        }
    }
    found
}

fn position(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|part| part == pattern)
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_' | b'?' | b'=')
}

/// Returns whether a process has ended or belongs to somebody else.
fn is_hidden(error: &io::Error) -> bool {
    let ended = error.raw_os_error() == Some(Errno::SRCH.raw_os_error());
    ended
        || matches!(
            error.kind(),
            ErrorKind::NotFound | ErrorKind::PermissionDenied
        )
}
