//! How far work on many objects is.

use std::io::{self, IsTerminal};

#[cfg(feature = "peers")]
use indicatif::{MultiProgress, ProgressDrawTarget};
use indicatif::{ProgressBar, ProgressStyle};

/// Returns a bar of objects, which nobody sees where standard error is no terminal.
pub(super) fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed} {msg}");
    ProgressBar::new(0).with_style(style.expect("the template is the one above"))
}

/// Returns a place for several bars, which nobody sees where standard error is no terminal.
#[cfg(feature = "peers")]
pub(crate) fn bars() -> MultiProgress {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    MultiProgress::with_draw_target(target)
}

/// Returns a bar of bytes with their speed, for [`bars`].
#[cfg(feature = "peers")]
pub(crate) fn bytes_bar(bytes: u64) -> ProgressBar {
    let template = "{bar:30} {bytes:>10}/{total_bytes:10} {bytes_per_sec:>12} {msg}";
    let style = ProgressStyle::with_template(template);
    ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden())
        .with_style(style.expect("the template is the one above"))
}
