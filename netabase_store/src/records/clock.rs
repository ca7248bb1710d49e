//! Time: instants of this process, and the wall clock's that outlive it.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// What tells the time; tests have their own.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// Returns the time that never goes back, as libp2p's records tell it.
    fn now(&self) -> Instant;

    /// Returns the time of the wall clock.
    fn unix(&self) -> SystemTime;
}

/// The clocks of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands until it is told to go on.
///
/// ```
/// use std::time::Duration;
/// use netabase_store::records::{Clock, ManualClock};
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now() - before, Duration::from_secs(5));
/// ```
#[derive(Debug)]
pub struct ManualClock(Mutex<(Instant, SystemTime)>);

impl ManualClock {
    /// Starts at the system's time.
    #[must_use]
    pub fn new() -> Self {
        Self(Mutex::new((Instant::now(), SystemTime::now())))
    }

    /// Lets both clocks go on.
    pub fn advance(&self, by: Duration) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.0 += by;
        times.1 += by;
    }

    /// Sets the wall clock alone.
    pub fn set_unix(&self, to: SystemTime) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = to;
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn unix(&self) -> SystemTime {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// A time of the wall clock, in nanoseconds since 1970.
pub(super) type Unix = u64;

/// One reading of both clocks: every time of this process is converted by it, so that an instant
/// comes back as it was, and a wall clock that is set while the process runs changes nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    instant: Instant,
    unix: Unix,
}

impl Anchor {
    /// Reads the clocks. Time does not go back behind `last_seen`, so that a clock that was set back
    /// while the process was away extends no life.
    pub(super) fn new(clock: &dyn Clock, last_seen: Unix) -> Self {
        let unix = clock.unix().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix = u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX / 2);
        Self {
            instant: clock.now(),
            unix: unix.max(last_seen),
        }
    }

    pub(super) fn unix(&self, instant: Instant) -> Unix {
        let nanos = |distance: Duration| u64::try_from(distance.as_nanos()).unwrap_or(u64::MAX);
        match instant.checked_duration_since(self.instant) {
            Some(after) => self.unix.saturating_add(nanos(after)),
            None => self.unix.saturating_sub(nanos(self.instant - instant)),
        }
    }

    /// Returns the instant of a time, or the one nearest to it that there is.
    pub(super) fn instant(&self, unix: Unix) -> Instant {
        if let Some(after) = unix.checked_sub(self.unix) {
            let after = Duration::from_nanos(after);
            return self.instant.checked_add(after).unwrap_or(self.instant);
        }
        let before = Duration::from_nanos(self.unix - unix);
        // Before this machine's instants begin, all that counts is that it is past.
        self.instant.checked_sub(before).unwrap_or(self.instant)
    }
}
