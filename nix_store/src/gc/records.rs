//! Reading what others wrote piece by piece.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::fs::OFlags;

/// Opens a file to read it, not through a symlink and without waiting for the writer of a pipe.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    let options = options.read(true);
    options.custom_flags(flags.bits().cast_signed()).open(path)
}

/// Calls `each` with what stands before every `end`. A record of more than `max` bytes is left out,
/// and so is what stands behind the last `end`, which somebody may be writing.
pub(super) fn for_each_record(
    reader: impl Read,
    end: u8,
    max: u64,
    mut each: impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut reader = BufReader::new(reader);
    let mut record = Vec::new();
    let mut is_whole = true;
    loop {
        record.clear();
        let mut limited = (&mut reader).take(max.saturating_add(1));
        if limited.read_until(end, &mut record)? == 0 {
            return Ok(());
        }
        if record.pop_if(|last| *last == end).is_none() {
            is_whole = false;
            continue;
        }
        if std::mem::replace(&mut is_whole, true) {
            each(&record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::for_each_record;

    #[test]
    fn records_that_are_too_long_or_unfinished_are_left_out() {
        let bytes = b"one\0\0three\0much too long\0four\0fi";
        let mut seen = Vec::new();
        let read = for_each_record(&bytes[..], 0, 5, |record| seen.push(record.to_vec()));
        read.expect("bytes in memory");
        assert_eq!(seen, [&b"one"[..], b"", b"three", b"four"]);
    }
}
