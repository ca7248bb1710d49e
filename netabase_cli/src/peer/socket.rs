//! The name of a node's socket, which systems want short.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use super::folder::Folder;

const NAME: &str = "control";

/// How long a name may be on every system.
const NAME_BYTES_MAX: usize = 100;

/// Returns where the socket lies.
pub(super) fn path(folder: &Folder) -> PathBuf {
    folder.path().join(NAME)
}

/// Listens, for the owner alone. Whoever calls holds the folder, so a socket that lies there is of a
/// process that has ended.
pub(super) fn listen(folder: &Folder) -> io::Result<UnixListener> {
    remove(folder)?;
    let listener = with_short_name(folder, |name| UnixListener::bind(name))?;
    fs::set_permissions(path(folder), Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Connects to whoever listens; nothing where nobody does.
pub(super) fn connect(folder: &Folder) -> io::Result<Option<UnixStream>> {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    match with_short_name(folder, |name| UnixStream::connect(name)) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), NotFound | ConnectionRefused) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the socket, if it is there.
pub(super) fn remove(folder: &Folder) -> io::Result<()> {
    match fs::remove_file(path(folder)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Does something with a name of the socket that is short enough: where its path is too long, Linux
/// has another one for each open folder.
fn with_short_name<T>(folder: &Folder, with: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = path(folder);
    if path.as_os_str().len() <= NAME_BYTES_MAX {
        return with(&path);
    }
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let open = fs::File::open(folder.path())?;
        with(&PathBuf::from(format!(
            "/proc/self/fd/{}/{NAME}",
            open.as_raw_fd()
        )))
    }
    #[cfg(not(target_os = "linux"))]
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("the path has more than {NAME_BYTES_MAX} bytes, which is too long for a socket"),
    ))
}

#[cfg(test)]
mod tests {
    use nix_core::store_path::StoreDir;
    use nix_store::local::StoreLayout;

    use super::*;

    fn check(place: &Path) {
        let folder = Folder::of(&StoreLayout::below(place, StoreDir::default()));
        assert!(connect(&folder).unwrap().is_none());
        folder.create().unwrap();
        assert!(connect(&folder).unwrap().is_none());
        let listener = listen(&folder).unwrap();
        let mode = fs::metadata(path(&folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(connect(&folder).unwrap().is_some());
        // As after a process that was killed.
        drop(listener);
        assert!(path(&folder).exists());
        assert!(connect(&folder).unwrap().is_none());
        let _listener = listen(&folder).unwrap();
        assert!(connect(&folder).unwrap().is_some());
        remove(&folder).unwrap();
        remove(&folder).unwrap();
    }

    #[test]
    fn a_socket_that_nobody_listens_on_any_more_is_replaced() {
        check(tempfile::tempdir().unwrap().path());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_store_may_lie_deeper_than_the_name_of_a_socket_reaches() {
        let place = tempfile::tempdir().unwrap();
        check(&place.path().join("deep/".repeat(60)));
    }
}
