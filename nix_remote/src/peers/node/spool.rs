//! The node's own files of archives: outboards of what is shared, and what is being fetched.
//!
//! | file | holds |
//! | --- | --- |
//! | `<root>.outboard` | the hashes above the groups of an archive whose bytes are in the store |
//! | `<root>.part`, `<root>.hashes` | an archive of which some groups are there, and its outboard |
//! | `<root>.resume` | which ones, as [`ResumeRecord`] |
//! | `<root>.nar` | an archive that is whole and has its NAR hash, and is not in the store yet |
//! | `<number>.new` | an outboard that is being made |
//!
//! Files of fetches that nobody went on with for [`KEPT_FOR`] are removed at a start, all of an archive
//! together; the others are shared from then on.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use nix_core::hash::{Algorithm, Hash, Hasher, Sha256};

use super::error::ObjectError;
use crate::peers::transfer::{
    Blob, GroupSet, RESUME_BYTES_MAX, ReadAt, ResumeRecord, Verified, WriteAt,
};

/// How long the files of a fetch are kept that ended before its time.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How many bytes two hashes have, which stand in an outboard together.
const PAIR_BYTES: u64 = 64;

/// The files of an archive that is being fetched; the record goes first.
const PART_FILES: [&str; 3] = ["resume", "part", "hashes"];

/// How many bytes are hashed at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// The folder of all archives.
#[derive(Debug, Clone)]
pub(super) struct Spool {
    folder: PathBuf,
}

/// What fetches of earlier times have left.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// Archives that are whole.
    pub(super) whole: Vec<Blob>,
    /// Archives of which some groups are there, and which ones.
    pub(super) parts: Vec<ResumeRecord>,
    /// The roots of those that were removed for their age.
    pub(super) removed: BTreeSet<[u8; 32]>,
}

/// A file that is read and written by place.
#[derive(Debug)]
pub(super) struct Placed(File);

/// An archive that is being fetched.
#[derive(Debug)]
pub(super) struct Partial {
    spool: Spool,
    blob: Blob,
    data: Placed,
    outboard: Placed,
    /// The pairs of hashes that were written, by their places in the outboard.
    pairs: GroupSet,
}

/// Groups of an archive that are to be made durable.
#[derive(Debug)]
pub(super) struct Commit {
    spool: Spool,
    data: File,
    outboard: File,
    record: ResumeRecord,
}

impl Spool {
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    pub(super) fn file(&self, root: &[u8; 32], extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", hex(root)))
    }

    /// Returns a file for an outboard that is being made, of a number that no other has.
    pub(super) fn new_file(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.new"))
    }

    /// Removes what was being made when the node ended, and what was fetched long ago; returns what
    /// is left.
    pub(super) fn tidy(&self, now: SystemTime) -> io::Result<Left> {
        let mut left = Left::default();
        // When something of each part was written last.
        let mut parts: BTreeMap<[u8; 32], SystemTime> = BTreeMap::new();
        let is_old = |at| now.duration_since(at).is_ok_and(|since| since > KEPT_FOR);
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let path = entry.path();
            let metadata = entry.metadata()?;
            let written = metadata.modified()?;
            match path.extension().and_then(OsStr::to_str) {
                Some("new" | "resume-new") => fs::remove_file(path)?,
                Some("nar") if is_old(written) => {
                    fs::remove_file(&path)?;
                    left.removed.extend(root_of(&path));
                }
                Some("nar") => left.whole.extend(self.whole(&path, metadata.len())),
                Some(extension) if PART_FILES.contains(&extension) => {
                    if let Some(root) = root_of(&path) {
                        let last = parts.entry(root).or_insert(written);
                        *last = written.max(*last);
                    }
                }
                _ => {}
            }
        }
        for (root, written) in parts {
            if is_old(written) {
                self.remove_part(&root)?;
                left.removed.insert(root);
            } else {
                // What cannot be read is not shared, and a fetch of it says why.
                let part = self.part(&root).unwrap_or_default();
                left.parts.extend(part.filter(|part| !part.held.is_empty()));
            }
        }
        Ok(left)
    }

    fn whole(&self, path: &Path, size: u64) -> Option<Blob> {
        let blob = Blob::new(root_of(path)?, size).ok()?;
        self.has_outboard(&blob).then_some(blob)
    }

    /// Whether there is an outboard of an archive, as long as it has to be.
    pub(super) fn has_outboard(&self, blob: &Blob) -> bool {
        let found = fs::metadata(self.file(blob.root(), "outboard"));
        found.is_ok_and(|found| found.len() == blob.outboard_bytes())
    }

    /// Removes a file of an archive, if it is there.
    pub(super) fn remove(&self, root: &[u8; 32], extension: &str) -> io::Result<()> {
        match fs::remove_file(self.file(root, extension)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Opens the files of an archive to be fetched; returns them with the groups that are there.
    pub(super) fn begin(&self, blob: Blob) -> io::Result<(Partial, GroupSet)> {
        let open = |extension| {
            let mut options = OpenOptions::new();
            let options = options.read(true).write(true).create(true).truncate(false);
            options.open(self.file(blob.root(), extension)).map(Placed)
        };
        let part = self.part(blob.root())?.filter(|part| part.blob == blob);
        let partial = Partial {
            spool: self.clone(),
            blob,
            data: open("part")?,
            outboard: open("hashes")?,
            pairs: GroupSet::new(blob.groups()),
        };
        let held = part.map_or_else(|| GroupSet::new(blob.groups()), |part| part.held);
        Ok((partial, held))
    }

    /// Returns which groups of an archive were made durable; `None` where the record or a file is
    /// missing, or the record is damaged, and all begins anew.
    fn part(&self, root: &[u8; 32]) -> io::Result<Option<ResumeRecord>> {
        for extension in PART_FILES {
            if !self.file(root, extension).try_exists()? {
                return Ok(None);
            }
        }
        let mut bytes = Vec::new();
        let most = u64::try_from(RESUME_BYTES_MAX).unwrap_or(u64::MAX);
        let file = File::open(self.file(root, "resume"))?;
        file.take(most).read_to_end(&mut bytes)?;
        let record = ResumeRecord::decode_any(&bytes).ok();
        Ok(record.filter(|record| record.blob.root() == root))
    }

    fn remove_part(&self, root: &[u8; 32]) -> io::Result<()> {
        let mut files = PART_FILES.into_iter();
        files.try_for_each(|extension| self.remove(root, extension))
    }
}

impl Partial {
    pub(super) const fn root(&self) -> &[u8; 32] {
        self.blob.root()
    }

    pub(super) fn write(&mut self, verified: &Verified) -> io::Result<()> {
        for (offset, bytes) in verified.groups() {
            self.data.write_all_at(offset, bytes)?;
        }
        // What stands far above the groups comes with each of them.
        let is_new = |(offset, _): &&(u64, _)| {
            let place = u32::try_from(offset / PAIR_BYTES);
            place.map_or(true, |place| self.pairs.insert(place))
        };
        let mut pairs: Vec<_> = verified.pairs().iter().filter(is_new).collect();
        pairs.sort_unstable_by_key(|(offset, _)| *offset);
        // What stands right above neighbours stands together: it is written at once.
        for together in pairs.chunk_by(|(one, _), (next, _)| one + PAIR_BYTES == *next) {
            if let Some((offset, _)) = together.first() {
                let bytes: Vec<_> = together.iter().map(|(_, pair)| *pair).collect();
                self.outboard.write_all_at(*offset, bytes.as_flattened())?;
            }
        }
        Ok(())
    }

    /// Returns what makes durable all that was written until then, while more is written.
    pub(super) fn commit(&self, held: GroupSet) -> io::Result<Commit> {
        Ok(Commit {
            spool: self.spool.clone(),
            data: self.data.0.try_clone()?,
            outboard: self.outboard.0.try_clone()?,
            record: ResumeRecord {
                blob: self.blob,
                held,
            },
        })
    }

    /// Checks the hash of an archive of which all groups are there, and gives it its name.
    pub(super) fn finish(self, nar_hash: &Sha256) -> Result<(), ObjectError> {
        let root = *self.blob.root();
        let found = self.hash().map_err(ObjectError::Spool)?;
        let remove = |extension| self.spool.remove(&root, extension);
        if found != Hash::from(*nar_hash) {
            self.spool.remove_part(&root).map_err(ObjectError::Spool)?;
            let expected = *nar_hash;
            return Err(ObjectError::NarHash { expected, found });
        }
        // Without the record, a crash between two of these costs a download and nothing else.
        remove("resume").map_err(ObjectError::Spool)?;
        let rename =
            |from, to| fs::rename(self.spool.file(&root, from), self.spool.file(&root, to));
        rename("hashes", "outboard").map_err(ObjectError::Spool)?;
        rename("part", "nar").map_err(ObjectError::Spool)
    }

    fn hash(&self) -> io::Result<Hash> {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut file = File::open(self.spool.file(self.blob.root(), "part"))?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = file.read(&mut buffer)?;
            match buffer.get(..read) {
                Some([]) | None => return Ok(hasher.finish()),
                Some(bytes) => hasher.update(bytes),
            }
        }
    }
}

impl Commit {
    /// Makes durable what was written, and then remembers which groups that is.
    ///
    /// No two of one archive may run at once.
    pub(super) fn run(self) -> io::Result<GroupSet> {
        self.data.sync_data()?;
        self.outboard.sync_data()?;
        let root = self.record.blob.root();
        let new = self.spool.file(root, "resume-new");
        let mut file = File::create(&new)?;
        file.write_all(&self.record.encode())?;
        file.sync_all()?;
        fs::rename(new, self.spool.file(root, "resume"))?;
        File::open(&self.spool.folder)?.sync_all()?;
        Ok(self.record.held)
    }
}

impl ReadAt for Placed {
    type Error = io::Error;

    fn read_exact_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        FileExt::read_exact_at(&self.0, into, offset)
    }
}

impl WriteAt for Placed {
    type Error = io::Error;

    fn write_all_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        FileExt::write_all_at(&self.0, bytes, offset)
    }
}

impl Placed {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        File::create(path).map(Self)
    }

    pub(super) fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }
}

pub(super) fn hex(root: &[u8; 32]) -> String {
    root.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the root of the archive that a file is named after.
fn root_of(path: &Path) -> Option<[u8; 32]> {
    parse_hex(path.file_stem().and_then(OsStr::to_str)?)
}

/// Reads what [`hex`] writes, and nothing else.
fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let mut root = [0; 32];
    if text.len() != root.len() * 2 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in root.iter_mut().enumerate() {
        let digits = text.get(at * 2..at * 2 + 2)?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    (hex(&root) == text).then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(offset: u64, bytes: &[u8]) -> Verified {
        Verified {
            proof: bytes.to_vec(),
            groups: vec![(offset, 0..bytes.len())],
            pairs: Vec::new(),
        }
    }

    #[test]
    fn names_of_files_are_read_as_they_are_written_and_in_no_other_form() {
        let root = [0xab; 32];
        assert_eq!(parse_hex(&hex(&root)), Some(root));
        assert_eq!(parse_hex(&hex(&root).to_uppercase()), None);
        assert_eq!(parse_hex(&"+1".repeat(32)), None);
        assert_eq!(parse_hex("ab"), None);
    }

    #[test]
    fn what_was_committed_is_held_after_a_restart_and_a_damaged_record_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path().join("spool")).unwrap();
        let blob = Blob::new([7; 32], 200_000).unwrap();
        let (mut partial, mut held) = spool.begin(blob).unwrap();
        assert!(held.is_empty());
        partial.write(&group(65_536, &[1; 65_536])).unwrap();
        held.insert(1);
        partial.commit(held.clone()).unwrap().run().unwrap();
        assert_eq!(spool.begin(blob).unwrap().1, held);

        let record = spool.file(blob.root(), "resume");
        let mut bytes = fs::read(&record).unwrap();
        bytes[40] ^= 1;
        fs::write(&record, bytes).unwrap();
        assert!(spool.begin(blob).unwrap().1.is_empty());
    }

    /// Returns a folder with what is left of a fetch: the first group of an archive, and its record.
    fn part() -> (tempfile::TempDir, Spool, ResumeRecord) {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path().join("spool")).unwrap();
        let blob = Blob::new([7; 32], 200_000).unwrap();
        let (mut partial, mut held) = spool.begin(blob).unwrap();
        partial.write(&group(0, &[1; 65_536])).unwrap();
        held.insert(0);
        partial.commit(held.clone()).unwrap().run().unwrap();
        (folder, spool, ResumeRecord { blob, held })
    }

    #[test]
    fn what_is_left_of_a_fetch_is_what_its_record_says_where_all_its_files_are_there() {
        let (_folder, spool, record) = part();
        let blob = record.blob;
        let now = SystemTime::now();
        let records = std::slice::from_ref(&record);
        assert_eq!(spool.tidy(now).unwrap().parts, records);

        // A record under the name of another archive is none of that.
        for extension in PART_FILES {
            let other = spool.file(&[9; 32], extension);
            fs::copy(spool.file(blob.root(), extension), other).unwrap();
        }
        assert_eq!(spool.tidy(now).unwrap().parts, records);
        fs::remove_file(spool.file(blob.root(), "hashes")).unwrap();
        assert_eq!(spool.tidy(now).unwrap(), Left::default());
        assert!(spool.begin(blob).unwrap().1.is_empty());
    }

    /// A record that outlives the groups that it tells of would have them believed.
    #[test]
    fn the_files_of_a_part_go_together_when_the_last_of_them_is_old() {
        let (_folder, spool, record) = part();
        let part = File::options()
            .write(true)
            .open(spool.file(record.blob.root(), "part"));
        let now = SystemTime::now();
        part.unwrap().set_modified(now - KEPT_FOR * 2).unwrap();
        assert_eq!(spool.tidy(now).unwrap().parts.len(), 1);
        let left = spool.tidy(now + KEPT_FOR * 2).unwrap();
        assert_eq!((left.parts.len(), left.removed.len()), (0, 1));
        assert_eq!(fs::read_dir(&spool.folder).unwrap().count(), 0);
    }

    #[test]
    fn an_archive_with_another_hash_than_announced_gets_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path().join("spool")).unwrap();
        let blob = Blob::new([7; 32], 3).unwrap();
        let (mut partial, _) = spool.begin(blob).unwrap();
        partial.write(&group(0, b"foo")).unwrap();
        let refused = partial.finish(&Sha256::of(b"bar"));
        assert!(matches!(refused, Err(ObjectError::NarHash { .. })));
        let now = SystemTime::now();
        assert_eq!(spool.tidy(now).unwrap(), Left::default());
        assert_eq!(fs::read_dir(&spool.folder).unwrap().count(), 0);

        let (mut partial, _) = spool.begin(blob).unwrap();
        partial.write(&group(0, b"foo")).unwrap();
        partial.finish(&Sha256::of(b"foo")).unwrap();
        assert_eq!(spool.tidy(now).unwrap().whole, [blob]);
    }

    #[test]
    fn fetches_are_kept_for_a_week_and_outboards_until_they_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path().join("spool")).unwrap();
        let blob = Blob::new([7; 32], 200_000).unwrap();
        let (partial, held) = spool.begin(blob).unwrap();
        partial.commit(held).unwrap().run().unwrap();
        fs::write(spool.file(&[8; 32], "outboard"), []).unwrap();
        fs::write(spool.new_file(1), []).unwrap();
        let names = || fs::read_dir(&spool.folder).unwrap().count();

        let now = SystemTime::now();
        let left = spool.tidy(now).unwrap();
        assert_eq!(names(), 4, "all but the outboard that was being made");
        assert_eq!(left, Left::default(), "there is no group to share");
        let left = spool.tidy(now + KEPT_FOR * 2).unwrap();
        assert_eq!(names(), 1);
        assert_eq!(left.removed, [[7; 32]].into());
        assert!(spool.file(&[8; 32], "outboard").exists());
    }
}
