# Lists what can be run.
default:
    @just --list

# What a change must pass before it is handed in.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    cargo test --workspace
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Everything, as CI runs it.
ci:
    .ci/run

# Licences, sources and advisories of the dependencies (cargo-deny).
deny:
    cargo deny check

# Spelling (typos).
typos:
    typos

# The oldest Rust that is supported.
msrv:
    cargo +1.90 check --workspace --all-features

# Fuzzes one target.
fuzz target seconds="60":
    fuzz/run {{target}} {{seconds}}
