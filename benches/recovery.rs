//! How long does it take to open a store after a crash, and to recover one that is damaged?
//!
//! `cargo bench -p netabase_benches --bench recovery` writes a store on redb of `--records` records
//! (a million by default). When its file has 1 GiB, a copy is made while a writer is open: what a
//! killed process leaves. It opens copies of that with the typed store and with redb alone, and then
//! damages pages of the whole store and recovers it, each in a process of its own whose memory is
//! read. Options: `--rounds N`, `--folder PATH` (where the stores lie), `--parts open,commits,recover`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use netabase_benches::{
    recovery,
    report::{self, Settings},
};

fn main() {
    if recovery::child() {
        return;
    }
    let settings = Settings::from_arguments(1_000_000, 3, env!("CARGO_TARGET_TMPDIR"));
    println!("{}\n", report::machine());
    println!("{}", recovery::run(&settings));
}
