//! What another process does to the directories of a store, as it happens.

use std::{
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
    io::Errno,
};

/// Sees names come and go among the objects of a store, and in the private directories there.
pub(crate) struct Watch {
    fd: OwnedFd,
    ours: PathBuf,
}

impl Watch {
    /// Watches a store that is there.
    pub(crate) fn new(root: &Path) -> Self {
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("a watch");
        let store = root.join("store");
        let ours = store.join(".netabase");
        let watch = Self { fd, ours };
        watch.add(&store).expect("a store");
        watch.add(&watch.ours).expect("a store");
        watch
    }

    fn add(&self, folder: &Path) -> Result<i32, Errno> {
        let names = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE;
        inotify::add_watch(&self.fd, folder, names | WatchFlags::ONLYDIR)
    }

    /// Returns as soon as that much has happened from now on, or the time is over.
    pub(crate) fn wait(&self, mut count: u64, time: Duration) {
        let begun = Instant::now();
        while self.next() {}
        while count > 0 && begun.elapsed() < time {
            match self.next() {
                true => count -= 1,
                false => thread::yield_now(),
            }
        }
    }

    /// Takes the next thing that has happened.
    fn next(&self) -> bool {
        // Room for one, whose name may be the longest.
        let mut buffer = [MaybeUninit::uninit(); 16 + 256];
        let mut reader = Reader::new(&self.fd, &mut buffer);
        let event = match reader.next() {
            Ok(event) => event,
            Err(Errno::AGAIN | Errno::INTR) => return false,
            Err(error) => panic!("{error}"),
        };
        let name = event.file_name().and_then(|name| name.to_str().ok());
        let is_new = event.events().contains(ReadFlags::CREATE);
        if let Some(name) = name.filter(|name| is_new && name.starts_with("tmp-")) {
            // It may be gone by now.
            let _ = self.add(&self.ours.join(name));
        }
        true
    }
}
