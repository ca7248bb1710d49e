//! Work in two halves: the first goes on in a thread while the second takes what came of it.

use std::{
    io,
    panic::resume_unwind,
    sync::{Mutex, PoisonError, mpsc},
    thread,
};

use crate::error::{Result, StoreError};

/// How many parts wait between the halves.
const WAITING: usize = 4;

/// Hands a part to the second half; fails where that has, and the first half is to end.
pub(super) type Hand<'h, P> = dyn FnMut(P) -> Result<()> + 'h;

/// Has `first` hand parts on to `second`, in order, from a thread of its own; where none can be started,
/// `second` is called meanwhile.
///
/// # Errors
/// Fails when one of them does; the error of `second` is told where both do.
pub(super) fn in_halves<P: Send, R: Send>(
    first: impl FnOnce(&mut Hand<'_, P>) -> Result<R> + Send,
    mut second: impl FnMut(P) -> Result<()>,
) -> Result<R> {
    let first = Mutex::new(Some(first));
    let take = || {
        let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
        first.take().expect("it is done once")
    };
    thread::scope(|scope| {
        // Here, so that a panic of the second half does not leave the first waiting.
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let take = &take;
        let work = move || take()(&mut |part| sender.send(part).map_err(|_| stopped()));
        let Ok(thread) = thread::Builder::new().spawn_scoped(scope, work) else {
            return take()(&mut second);
        };
        let taken = receiver.iter().try_for_each(second);
        drop(receiver);
        let done = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        taken.and(done)
    })
}

/// What ends the first half; nobody hears of it, for the second half has failed.
fn stopped() -> crate::NetabaseError {
    StoreError::Io {
        action: "hand on rows",
        path: Default::default(),
        source: io::ErrorKind::BrokenPipe.into(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn count(upto: u32) -> impl FnOnce(&mut Hand<'_, u32>) -> Result<u32> + Send {
        move |hand| {
            (0..upto).try_for_each(hand)?;
            Ok(upto)
        }
    }

    fn failure() -> crate::NetabaseError {
        StoreError::WouldDeadlock.into()
    }

    #[test]
    fn parts_come_in_their_order_and_all_of_them() {
        let mut taken = Vec::new();
        let done = in_halves(count(1000), |part| {
            taken.push(part);
            Ok(())
        });
        assert_eq!(done.unwrap(), 1000);
        assert_eq!(taken, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn a_second_half_that_fails_ends_the_first_and_its_error_is_told() {
        let mut left = 10;
        let failed = in_halves(count(u32::MAX), |_| {
            left -= 1;
            if left == 0 { Err(failure()) } else { Ok(()) }
        });
        let told = failed.unwrap_err().to_string();
        assert_eq!(told, failure().to_string());
    }

    #[test]
    fn an_error_of_the_first_half_is_told_after_its_parts_were_taken() {
        let mut taken = 0;
        let failed: Result<()> = in_halves(
            |hand| {
                hand(1)?;
                hand(2)?;
                Err(failure())
            },
            |part| {
                taken += part;
                Ok(())
            },
        );
        assert_eq!(failed.unwrap_err().to_string(), failure().to_string());
        assert_eq!(taken, 3);
    }

    #[test]
    fn a_panic_of_either_half_is_one_of_the_caller() {
        let second = || in_halves(count(u32::MAX), |_| panic!("the second half"));
        assert!(catch_unwind(AssertUnwindSafe(second)).is_err());
        let first = |_: &mut Hand<'_, u32>| -> Result<()> { panic!("the first half") };
        assert!(catch_unwind(AssertUnwindSafe(|| in_halves(first, |_| Ok(())))).is_err());
    }
}
