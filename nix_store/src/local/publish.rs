//! Unpacked objects that get their names and become valid.

use std::ffi::OsStr;

use nix_core::{hash::Sha256, path_info::PathInfo, store_path::StorePath};
use rustix::io::Errno;

use super::{
    LocalStore, PrivateDir,
    canonical::sync,
    files::{failed, move_node},
};
use crate::{
    db::Registration,
    store::{Added, Result},
};

/// An object that was unpacked and checked, and has been made a temporary root.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// What is said of it.
    pub(crate) info: PathInfo,
    /// Its name in its private directory; none where its files lie in their place already, or will
    /// with an object before it.
    pub(crate) entry: Option<String>,
    /// Whether what lies there already stays as it is, also with another hash.
    pub(crate) yields: bool,
}

impl Unpacked {
    /// Returns an object that may not be there with another hash.
    pub(crate) fn of(info: &PathInfo, entry: Option<String>) -> Self {
        Self {
            info: info.clone(),
            entry,
            yields: false,
        }
    }
}

impl LocalStore {
    /// Gives objects their names and registers them, in one transaction: all of them, or none.
    /// Returns for each whether it is new, and what is known of it then.
    pub(crate) fn publish(
        &self,
        private: &PrivateDir,
        objects: &[Unpacked],
    ) -> Result<Vec<(Added, PathInfo)>> {
        let published = self.publish_locked(private, objects)?;
        let new = published.iter().filter(|(added, _)| *added == Added::New);
        self.optimise_new(new.map(|(_, info)| &info.path));
        Ok(published)
    }

    fn publish_locked(
        &self,
        private: &PrivateDir,
        objects: &[Unpacked],
    ) -> Result<Vec<(Added, PathInfo)>> {
        let read = |object: &Unpacked| {
            let Some(entry) = &object.entry else {
                return Ok(None);
            };
            let registration = self.registration(private.fd(), entry, object.info.clone());
            registration.map(Some)
        };
        let read: Vec<_> = objects.iter().map(read).collect::<Result<_>>()?;
        // Invariant: no process holds the database while it waits for the lock of a path.
        let _locks = self.lock(objects.iter().map(|object| &object.info.path))?;
        let _hold = self.database().hold()?;
        let mut placed = Vec::new();
        let published = self.place_and_register(private, objects, read, &mut placed);
        if published.is_err() {
            for object in placed.iter().rev() {
                self.take_back(private, object);
            }
        }
        published
    }

    fn place_and_register<'o>(
        &self,
        private: &PrivateDir,
        objects: &'o [Unpacked],
        read: Vec<Option<Registration>>,
        placed: &mut Vec<&'o Unpacked>,
    ) -> Result<Vec<(Added, PathInfo)>> {
        let mut registrations = Vec::new();
        let mut published = Vec::new();
        for (object, read) in objects.iter().zip(read) {
            let (info, path) = (&object.info, &object.info.path);
            let there = self.hash_of(path, placed)?;
            let added = there.map_or(Added::New, |_| Added::Present);
            let registration = match (there, &object.entry) {
                (Some(hash), _) if object.yields && hash != info.nar_hash => None,
                (Some(_), None) => {
                    Some(self.registration(self.directory(), path.base_name(), info.clone())?)
                }
                (Some(_), Some(_)) => read,
                (None, Some(entry)) => {
                    self.put_in_place(private, entry, path)?;
                    placed.push(object);
                    read
                }
                // Its deletion, while the archive was read, came after this.
                (None, None) => None,
            };
            let said = registration.as_ref().map_or(info, |object| &object.info);
            published.push((added, said.clone()));
            registrations.extend(registration);
        }
        if !placed.is_empty() && self.options().fsync {
            sync(self.directory(), &self.layout().real_store_dir)?;
        }
        self.register_checked(&registrations)?;
        for (_, info) in &mut published {
            // Where there is nothing, its deletion, by who does not wait for the lock, came after this.
            if let Some(known) = self.database().path_info(&info.path)? {
                *info = known;
            }
        }
        Ok(published)
    }

    /// Returns the hash of an object that is valid or was put in its place to become so.
    fn hash_of(&self, path: &StorePath, placed: &[&Unpacked]) -> Result<Option<Sha256>> {
        if let Some(known) = self.database().path_info(path)? {
            return Ok(Some(known.nar_hash));
        }
        let placed = placed.iter().find(|object| object.info.path == *path);
        Ok(placed.map(|object| object.info.nar_hash))
    }

    /// Moves an object from its private directory to its place; what lies there is not valid and
    /// moves the other way.
    fn put_in_place(&self, private: &PrivateDir, entry: &str, path: &StorePath) -> Result<()> {
        let (from, name) = (OsStr::new(entry), OsStr::new(path.base_name()));
        let place = self.real_path(path);
        let fsync = self.options().fsync;
        let mut moved = move_node(private.fd(), from, self.directory(), name, fsync);
        if matches!(moved, Err(Errno::EXIST | Errno::NOTEMPTY)) {
            self.move_aside(private, path)?;
            moved = move_node(private.fd(), from, self.directory(), name, fsync);
        }
        moved.map_err(failed("move the object to", &place))
    }

    /// Moves an object that did not become valid back to its private directory, and what lay in its
    /// place before the other way.
    fn take_back(&self, private: &PrivateDir, object: &Unpacked) {
        let (path, entry) = (&object.info.path, object.entry.as_deref());
        // A commit that failed may have happened nevertheless.
        if let (Some(entry), Ok(false)) = (entry, self.database().is_valid(path)) {
            let (entry, name) = (OsStr::new(entry), OsStr::new(path.base_name()));
            // Where this fails too, what remains is not valid.
            let _ = move_node(self.directory(), name, private.fd(), entry, false)
                .and_then(|()| move_node(private.fd(), name, self.directory(), name, false));
        }
    }

    /// Moves what lies in the place of a path that is not valid to a private directory. The lock of
    /// the path is held.
    pub(super) fn move_aside(&self, private: &PrivateDir, path: &StorePath) -> Result<()> {
        let name = OsStr::new(path.base_name());
        let moved = move_node(self.directory(), name, private.fd(), name, false);
        match moved {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(failed("move aside", &self.real_path(path))(errno)),
        }
    }
}
