//! Trees to archives and back, beside `tar` and `nix-store`, each in a process of its own.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use nix_core::hash::{Algorithm, Hash, Hasher};
use nix_io::nar::{self, PackOptions};

use super::{
    child,
    options::Options,
    race::{self, Goal, Outcome, Race, Unit},
    tree,
};

const TAR: &str = "tar";
const NIX: &str = "nix-store";
const NIX_NAR: &str = "nix-nar (library)";

/// How many times as fast as each ours is to be.
const BOUNDS: [(&str, f64); 2] = [(TAR, 0.9), (NIX, 1.0)];
const PEAK_MIB: f64 = 16.0;

/// Where everything lies.
struct Places {
    folder: PathBuf,
    source: PathBuf,
    archive: PathBuf,
    archive_of_nix: PathBuf,
    tarball: PathBuf,
    /// Where a tree is unpacked.
    copy: PathBuf,
}

/// Measures packing and unpacking, and returns tables.
#[must_use]
pub fn run(options: &Options) -> String {
    let folder = tempfile::tempdir_in(&options.folder).unwrap();
    let at = |name: &str| folder.path().join(name);
    let places = Places {
        folder: at(""),
        source: at("tree"),
        archive: at("ours.nar"),
        archive_of_nix: at("nix.nar"),
        tarball: at("tree.tar"),
        copy: at("copy"),
    };
    fs::create_dir(&places.source).unwrap();
    let bytes = tree::make(&places.source, options.bytes);
    let version = Command::new(NIX).arg("--version").output();
    let has_nix = version.is_ok_and(|output| output.status.success());

    let packing = places.packing(bytes, has_nix).run(options.rounds);
    let wanted = hash_of(&places.archive);
    if has_nix {
        assert_eq!(
            hash_of(&places.archive_of_nix),
            wanted,
            "nix-store dumps other bytes"
        );
    }
    let unpacking = places.unpacking(bytes, has_nix).run(options.rounds);
    let packed = peak(child::command("pack", &places.source, &places.archive));
    remove(&places.copy);
    let unpacked = peak(child::command("unpack", &places.archive, &places.copy));
    assert_eq!(
        hash_of_tree(&places.copy),
        wanted,
        "the copy is another tree"
    );
    remove(&places.copy);

    let goals = goals(&packing, &unpacking, [packed, unpacked]);
    let without = if has_nix {
        ""
    } else {
        " Skipped: there is no nix-store here."
    };
    format!(
        "10,000 small files and 5 large ones, {bytes} bytes, in {}.{without}\n\n{}\n{}",
        options.folder.display(),
        race::table(&[packing, unpacking]),
        race::goals(&goals),
    )
}

impl Places {
    fn packing(&self, bytes: usize, has_nix: bool) -> Race<'_> {
        let race = Race::new("pack, to a file", Unit::Bytes, bytes)
            .with_timer("ours", || {
                let command = child::command("pack", &self.source, &self.archive);
                self.timed(command, None)
            })
            .with_timer(TAR, || {
                let mut command = Command::new(TAR);
                command
                    .arg("-cf")
                    .arg(&self.tarball)
                    .arg("-C")
                    .arg(&self.source)
                    .arg(".");
                self.timed(command, None)
            });
        if !has_nix {
            return race;
        }
        race.with_timer(NIX, || {
            let mut command = Command::new(NIX);
            command.arg("--dump").arg(&self.source);
            command.stdout(File::create(&self.archive_of_nix).unwrap());
            self.timed(command, None)
        })
    }

    fn unpacking(&self, bytes: usize, has_nix: bool) -> Race<'_> {
        let race = Race::new("unpack, from a file", Unit::Bytes, bytes)
            .with_timer("ours", || {
                let command = child::command("unpack", &self.archive, &self.copy);
                self.timed(command, Some(&self.copy))
            })
            .with_timer(TAR, || {
                // It needs a directory to unpack into, which is ready in advance.
                let into = self.folder.join("untar");
                remove(&into);
                fs::create_dir(&into).unwrap();
                let mut command = Command::new(TAR);
                command.arg("-xf").arg(&self.tarball).arg("-C").arg(&into);
                let timed = self.timed(command, None);
                remove(&into);
                timed
            })
            .with_timer(NIX_NAR, || {
                self.settle(Some(&self.copy));
                let begun = Instant::now();
                let archive =
                    io::BufReader::with_capacity(64 << 10, File::open(&self.archive).unwrap());
                nix_nar::Decoder::new(archive)
                    .unwrap()
                    .unpack(&self.copy)
                    .unwrap();
                (0, begun.elapsed().as_secs_f64())
            });
        if !has_nix {
            return race;
        }
        race.with_timer(NIX, || {
            let mut command = Command::new(NIX);
            command.arg("--restore").arg(&self.copy);
            command.stdin(File::open(&self.archive).unwrap());
            self.timed(command, Some(&self.copy))
        })
    }

    /// Runs a command, and returns how long it took.
    fn timed(&self, mut command: Command, made: Option<&Path>) -> (u64, f64) {
        self.settle(made);
        let begun = Instant::now();
        let status = command.stderr(Stdio::null()).status().unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        assert!(status.success(), "{command:?}");
        (0, seconds)
    }

    /// Removes what the last way made, and waits until no writes are pending.
    fn settle(&self, made: Option<&Path>) {
        made.into_iter().for_each(remove);
        let sync = Command::new("sync").arg("-f").arg(&self.folder).status();
        assert!(sync.unwrap().success());
    }
}

fn goals(packing: &Outcome, unpacking: &Outcome, peaks: [f64; 2]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (title, outcome) in [("pack", packing), ("unpack", unpacking)] {
        for (other, bound) in BOUNDS {
            let title = format!("{title}, times the speed of {other}");
            let times = outcome.times(other);
            goals.extend(times.map(|times| Goal::at_least(&title, times, bound, "times")));
        }
    }
    for (title, peak) in ["pack", "unpack"].into_iter().zip(peaks) {
        let title = format!("peak of memory, {title} alone in a process");
        goals.push(Goal::below(&title, peak, PEAK_MIB, "MiB"));
    }
    goals
}

/// Returns the peak of memory that a process of ours prints, in MiB.
fn peak(mut command: Command) -> f64 {
    let output = command.stdout(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{command:?}");
    let kib: f64 = String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    kib / 1024.0
}

fn hash_of(file: &Path) -> Hash {
    let mut hashing = Hashing(Hasher::new(Algorithm::Sha256));
    io::copy(&mut File::open(file).unwrap(), &mut hashing).unwrap();
    hashing.0.finish()
}

fn hash_of_tree(root: &Path) -> Hash {
    let mut hashing = Hashing(Hasher::new(Algorithm::Sha256));
    nar::pack(root, &mut hashing, &PackOptions::default()).unwrap();
    hashing.0.finish()
}

/// A writer that hashes.
pub(super) struct Hashing(pub(super) Hasher);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Removes a tree, whose directories may be read-only.
fn remove(root: &Path) {
    if fs::symlink_metadata(root).is_err() {
        return;
    }
    let chmod = Command::new("chmod").args(["-R", "u+w"]).arg(root).status();
    assert!(chmod.unwrap().success());
    fs::remove_dir_all(root).unwrap();
}
