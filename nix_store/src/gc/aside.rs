//! Taking things out of a store's directory in one step each.

use std::ffi::OsStr;

use rustix::{
    fs::{Mode, OFlags, fchmod, fstat, openat, renameat},
    io::Errno,
};

use super::lock::failed;
use crate::{
    local::{LocalStore, PrivateDir},
    store::Result,
};

/// Moves what has a name in the store's directory to a private one, and says whether anything had
/// it. The collector's lock is held, so that nobody adds it again meanwhile.
pub(super) fn set_aside(store: &LocalStore, private: &PrivateDir, name: &OsStr) -> Result<bool> {
    match rename(store, private, name) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => {
            let place = store.layout().real_store_dir.join(name);
            Err(failed("move aside", &place)(errno.into()))
        }
    }
}

fn rename(store: &LocalStore, private: &PrivateDir, name: &OsStr) -> Result<(), Errno> {
    match renameat(store.directory(), name, private.fd(), name) {
        Err(Errno::ACCESS) => {}
        renamed => return renamed,
    }
    // Who is not root can move a directory only while it is writable, because its `..` changes.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = openat(store.directory(), name, flags, Mode::empty())?;
    let mode = Mode::from_raw_mode(fstat(&fd)?.st_mode);
    fchmod(&fd, mode.union(Mode::RWXU))?;
    renameat(store.directory(), name, private.fd(), name)
}
