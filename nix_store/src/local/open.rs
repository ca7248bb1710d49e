//! Opening a store.

use std::{
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rustix::fs::{CWD, Mode, OFlags};

use super::{
    Inner, LocalOptions, LocalStore, StoreLayout,
    files::{failed, open_directory},
    private::sweep,
};
use crate::{
    db::{Database, DatabaseOptions},
    gc,
    store::{Error, Result},
};

impl LocalStore {
    /// Opens a store, whose directories are made where they are missing; removes what crashed
    /// processes left unfinished, and finishes the records of their builds. A store that may only be
    /// read has to be there. Relative directories are of the process's current one, now.
    ///
    /// # Errors
    /// Fails when the directory of the objects is a symlink or none, when directories cannot be
    /// made or read, and when the database cannot be opened.
    pub fn open(mut layout: StoreLayout, options: &LocalOptions) -> Result<Self> {
        for dir in [&mut layout.real_store_dir, &mut layout.state_dir] {
            *dir = absolute(dir)?;
        }
        if !options.read_only {
            make_directories(&layout)?;
        }
        let path = &layout.real_store_dir;
        let directory = open_directory(CWD, path);
        let directory = directory.map_err(failed("open the store directory", path))?;
        let database = Database::open(
            &layout.db_dir(),
            layout.store_dir.clone(),
            &DatabaseOptions {
                engine: options.engine,
                read_only: options.read_only,
                exclusive: options.exclusive,
                ..DatabaseOptions::default()
            },
        )?;
        if !options.read_only {
            sweep(directory.as_fd(), path, options.limits.depth_max)?;
            gc::sweep(&layout)?;
        }
        let inner = Inner {
            layout,
            options: options.clone(),
            database,
            directory,
            temp_roots: Mutex::new(None),
            not_shared: Mutex::new(None),
        };
        let store = Self {
            inner: Arc::new(inner),
        };
        if !options.read_only {
            store.drv_files()?.recover(&store)?;
        }
        Ok(store)
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|source| Error::Io {
        action: "find",
        path: path.to_owned(),
        source,
    })
}

fn make_directories(layout: &StoreLayout) -> Result<()> {
    make_directory(&layout.real_store_dir)?;
    let state = &layout.state_dir;
    make_directory(&layout.db_dir())?;
    make_directory(&layout.temp_roots_dir())?;
    make_directory(&state.join("gcroots"))?;
    make_directory(&state.join("profiles"))
}

/// Makes a directory and those above it, and puts their entries on the disk.
fn make_directory(path: &Path) -> Result<()> {
    let missing = path.ancestors().take_while(|path| !path.exists());
    let missing: Vec<_> = missing.collect();
    for path in missing.into_iter().rev() {
        match std::fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::Io {
                    action: "make the directory",
                    path: path.to_owned(),
                    source: error,
                });
            }
            _ => {}
        }
        let parent = path.parent().unwrap_or(Path::new("/"));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let synced = rustix::fs::openat(CWD, parent, flags, Mode::empty())
            .and_then(|fd| rustix::fs::fsync(&fd));
        synced.map_err(failed("sync", parent))?;
    }
    Ok(())
}
