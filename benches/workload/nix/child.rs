//! One packing or unpacking in a process of its own, whose peak of memory counts nothing else.

use std::{
    fs::{self, File},
    io::BufReader,
    path::Path,
    process::{Command, Stdio},
};

use nix_io::nar::{self, PackOptions, UnpackOptions};

/// The first argument of such a process.
const WORD: &str = "run-alone";

/// What the reader of an archive buffers, as the documentation of `unpack` advises.
const BUFFER_BYTES: usize = 64 << 10;

/// Does what the arguments say if this process is such a one: `run-alone pack|unpack FROM TO`.
///
/// Returns its peak of memory in KiB, to be printed.
#[must_use]
pub fn serve() -> Option<String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [word, action, from, to] = arguments.as_slice() else {
        return None;
    };
    if word != WORD {
        return None;
    }
    match &**action {
        "pack" => {
            let archive = File::create(to).unwrap();
            nar::pack(from, archive, &PackOptions::default()).unwrap();
        }
        "unpack" => {
            let archive = BufReader::with_capacity(BUFFER_BYTES, File::open(from).unwrap());
            nar::unpack(archive, to, &UnpackOptions::default()).unwrap();
        }
        other => panic!("no action {other}"),
    }
    Some(peak_kib())
}

/// Returns the command that packs or unpacks in a process of its own, and prints nothing.
#[must_use]
pub fn command(action: &str, from: &Path, to: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([WORD, action])
        .arg(from)
        .arg(to)
        .stdout(Stdio::null());
    command
}

/// The most memory that this process has had resident, in KiB.
fn peak_kib() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap().trim().trim_end_matches(" kB").to_owned()
}
