//! Having the operating system read a file ahead.

use std::{
    fs::File,
    io::Read,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// How much is read at a time.
const BYTES: usize = 1024 * 1024;

/// Does some work with a file while a thread reads all of it, in order, through a handle of its own:
/// pages that are walked in the order of their keys lie anywhere, and a disk gives many times as much in
/// order. What was read waits in the memory of the operating system, as far as there is room.
pub(super) fn while_read<R>(file: Option<&mut File>, work: impl FnOnce() -> R) -> R {
    let Some(file) = file else {
        return work();
    };
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let read = || {
            let mut bytes = vec![0; BYTES];
            while !is_done.load(Ordering::Relaxed) {
                if file.read(&mut bytes).map_or(true, |read| read == 0) {
                    break;
                }
            }
        };
        // Without a thread the work takes longer.
        let _ = thread::Builder::new().spawn_scoped(scope, read);
        let result = work();
        is_done.store(true, Ordering::Relaxed);
        result
    })
}
