//! The time while schedules are explored: it goes on where somebody looks at it or waits for it.

use std::{
    cell::Cell,
    sync::OnceLock,
    time::{Duration, Instant},
};

use shuttle::rand::{Rng, thread_rng};

use super::is_exploring;

/// How long it takes to look at the time.
const LOOK: Duration = Duration::from_micros(20);

thread_local! {
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Returns the time, unless it is the system's.
pub(crate) fn now() -> Option<Instant> {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    is_exploring().then(|| {
        pass(LOOK);
        *BEGIN.get_or_init(Instant::now) + PASSED.get()
    })
}

/// Lets a time pass or not, and returns whether it has.
pub(super) fn passes(time: Duration) -> bool {
    let passes = thread_rng().gen_bool(0.5);
    if passes {
        pass(time);
    }
    passes
}

fn pass(time: Duration) {
    PASSED.set(PASSED.get() + time);
}
