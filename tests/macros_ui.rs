//! What the macros accept and how they refuse: one message a mistake, at the mistake.
//!
//! The messages are those of the compiler that the workspace is built with; after a new one write
//! them again with `TRYBUILD=overwrite`, and read the difference.

#[test]
fn macros_accept_what_is_documented() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}

#[test]
fn macros_refuse_each_mistake_with_one_message() {
    let cases = trybuild::TestCases::new();
    for topic in ["definition", "index", "key", "model", "store", "value"] {
        cases.compile_fail(format!("ui/{topic}/*.rs"));
    }
}
