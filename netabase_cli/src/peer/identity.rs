//! Who a node is: a secret in a file, made with the first start.
//!
//! The file has three lines: a header with a version, the 32 bytes of the secret in hexadecimal, and
//! the name that follows from them, which tells whether they are damaged.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use libp2p::{
    PeerId,
    identity::{DecodingError, Keypair},
};
use nix_core::signature::{KeyName, SecretKey};

use super::{PeerError, folder::Folder};

const HEADER: &str = "netabase peer identity 1";
const SECRET_BYTES: usize = 32;
const FILE_BYTES_MAX: u64 = 512;

/// How many letters of a node's name, the last ones, name its key for announcements.
const KEY_NAME_LETTERS: usize = 12;

/// Who a node is.
pub(super) struct Identity {
    secret: [u8; SECRET_BYTES],
    keypair: Keypair,
}

/// Why a file holds no identity; no message repeats the secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("it has more than {FILE_BYTES_MAX} bytes, or is no text")]
    NotText,
    #[error("its first line is not {HEADER:?}")]
    Header,
    #[error("its second line is not {SECRET_BYTES} bytes in hexadecimal")]
    Secret,
    #[error("the secret is no key")]
    Key(#[source] DecodingError),
    #[error("its third line is not the name that follows from the secret")]
    Name,
}

impl Identity {
    /// Reads the identity of the node, or makes one where there is none. Whoever calls holds the
    /// folder.
    pub(super) fn of(folder: &Folder) -> Result<Self, PeerError> {
        let path = folder.path().join("identity");
        match File::open(&path) {
            Ok(file) => Self::read(file, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::make(&path),
            Err(source) => Err(PeerError::IdentityFile { path, source }),
        }
    }

    pub(super) fn keypair(&self) -> &Keypair {
        &self.keypair
    }

    pub(super) fn id(&self) -> PeerId {
        self.keypair.public().to_peer_id()
    }

    /// Returns the key that announcements are signed with where no other one was given.
    pub(super) fn signing_key(&self) -> Result<SecretKey, PeerError> {
        let id = self.id().to_string();
        let from = id.len().saturating_sub(KEY_NAME_LETTERS);
        let name = format!("peer-{}", id.get(from..).unwrap_or_default());
        Ok(SecretKey::from_seed(KeyName::new(&name)?, &self.secret))
    }

    fn read(file: File, path: &Path) -> Result<Self, PeerError> {
        let mut bytes = Vec::new();
        let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|source| PeerError::IdentityFile {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&bytes).map_err(|source| PeerError::Identity {
            path: path.to_owned(),
            source,
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, IdentityError> {
        let is_long = u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_BYTES_MAX);
        let text = std::str::from_utf8(bytes).ok().filter(|_| !is_long);
        let mut lines = text.ok_or(IdentityError::NotText)?.lines();
        if lines.next() != Some(HEADER) {
            return Err(IdentityError::Header);
        }
        let secret = lines.next().and_then(parse_hex);
        let identity =
            Self::new(secret.ok_or(IdentityError::Secret)?).map_err(IdentityError::Key)?;
        if lines.next() == Some(&identity.id().to_string()) {
            Ok(identity)
        } else {
            Err(IdentityError::Name)
        }
    }

    fn new(secret: [u8; SECRET_BYTES]) -> Result<Self, DecodingError> {
        let keypair = Keypair::ed25519_from_bytes(secret)?;
        Ok(Self { secret, keypair })
    }

    /// Makes an identity that is in its file as a whole, or not at all.
    fn make(path: &Path) -> Result<Self, PeerError> {
        let error = |source| PeerError::IdentityFile {
            path: path.to_owned(),
            source,
        };
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(PeerError::Random)?;
        let identity = Self::new(secret).map_err(|source| PeerError::Identity {
            path: path.to_owned(),
            source: IdentityError::Key(source),
        })?;
        let new = path.with_extension("new");
        let written = write_new(&new, &identity.to_text());
        let placed = written.and_then(|()| fs::rename(&new, path));
        let placed = placed.and_then(|()| File::open(folder_of(path))?.sync_all());
        placed.map_err(error)?;
        Ok(identity)
    }

    fn to_text(&self) -> String {
        let mut hex = String::with_capacity(2 * SECRET_BYTES);
        for byte in self.secret {
            write!(hex, "{byte:02x}").expect("a text takes all that is written");
        }
        format!("{HEADER}\n{hex}\n{}\n", self.id())
    }
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new(".")).to_owned()
}

/// Writes a file that only its owner can read, in place of what a start left that was cut short.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn parse_hex(text: &str) -> Option<[u8; SECRET_BYTES]> {
    let mut bytes = [0; SECRET_BYTES];
    let is_hex = text.len() == 2 * SECRET_BYTES && text.bytes().all(|b| b.is_ascii_hexdigit());
    let pairs = text.as_bytes().chunks_exact(2).filter(|_| is_hex);
    let mut left = SECRET_BYTES;
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        left -= 1;
    }
    (left == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use nix_core::store_path::StoreDir;
    use nix_store::local::StoreLayout;

    use super::*;

    fn folder(place: &Path) -> Folder {
        let folder = Folder::of(&StoreLayout::below(place, StoreDir::default()));
        folder.create().unwrap();
        folder
    }

    #[test]
    fn an_identity_is_made_once_and_read_by_its_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let folder = folder(place.path());
        fs::write(folder.path().join("identity.new"), "cut short").unwrap();
        let first = Identity::of(&folder).unwrap();
        let again = Identity::of(&folder).unwrap();
        assert_eq!(again.id(), first.id());
        let key = first.signing_key().unwrap().public_key();
        assert_eq!(again.signing_key().unwrap().public_key(), key);
        let metadata = fs::metadata(folder.path().join("identity")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert!(!folder.path().join("identity.new").exists());
    }

    #[test]
    fn a_damaged_identity_is_refused_and_left_as_it_is() {
        let place = tempfile::tempdir().unwrap();
        let folder = folder(place.path());
        let whole = Identity::of(&folder).unwrap().to_text();
        let path = folder.path().join("identity");
        let flipped = if whole.contains("0f") {
            whole.replacen("0f", "1f", 1)
        } else {
            whole.replacen('a', "b", 20)
        };
        for (text, expected) in [
            ("", "its first line"),
            (&whole[..40], "its second line"),
            (&whole[..HEADER.len() + 66], "its third line"),
            (
                &*flipped.replace(HEADER, "netabase peer identity 2"),
                "its first line",
            ),
            (&*"x".repeat(4096), "more than 512 bytes"),
        ] {
            fs::write(&path, text).unwrap();
            let Err(PeerError::Identity { source, .. }) = Identity::of(&folder) else {
                panic!("{text:?} is taken");
            };
            assert!(source.to_string().contains(expected), "{source}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
