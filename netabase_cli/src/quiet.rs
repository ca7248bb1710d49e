//! Panics as errors: an engine may panic over a damaged file, and one line says so.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
};

use crate::error::{Error, Result};

/// Runs `work` without the message that a panic prints, whether the store catches it or nobody does.
///
/// # Errors
/// Fails when `work` does, or when it panics.
pub(crate) fn quietly<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    done.unwrap_or_else(|payload| {
        Err(Error::Bug {
            message: message_of(&*payload),
        })
    })
}

/// Returns what a panic says, if that is text.
pub(crate) fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let done: Result<()> = quietly(|| panic!("over {}", 1));
        assert_eq!(
            done.unwrap_err().line(),
            "a mistake in this program: over 1"
        );
        assert_eq!(quietly(|| Ok(1)).unwrap(), 1);
    }
}
