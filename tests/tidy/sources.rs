//! Laws about sources: their size, and what may not stand in them.

use super::files::{self, Source};

/// The most lines of a file, without its test module.
const LINES_MAX: usize = 500;

/// How deep folders nest inside a crate's `src`.
const FOLDERS_MAX: usize = 2;

/// Where generated code is written, or kept to be compared with.
const GENERATED: &[&str] = &[
    "netabase_macros/src/expand",
    "netabase_macros/tests/expansions",
];

/// The sources, except those of the laws themselves, which name what they forbid.
fn sources() -> Vec<Source> {
    files::rust()
        .into_iter()
        .filter(|source| !source.is_in("tests/tidy"))
        .collect()
}

/// The sources of the libraries, without their tests.
fn libraries() -> Vec<Source> {
    let mut sources = sources();
    sources.retain(|source| {
        let is_tests = source.path.ends_with("/tests.rs") || source.path.contains("/tests/");
        source.path.contains("/src/") && !is_tests
    });
    for source in &mut sources {
        source.text.truncate(tests_at(&source.text));
    }
    sources
}

/// Where the test module at the foot begins, or the text ends.
fn tests_at(text: &str) -> usize {
    text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len())
}

fn is_generated(source: &Source) -> bool {
    GENERATED.iter().any(|place| source.path.starts_with(place))
}

#[track_caller]
fn no_line(law: &str, sources: &[Source], is_wrong: impl Fn(&str) -> bool) {
    files::none(
        law,
        sources
            .iter()
            .flat_map(|source| source.lines_where(&is_wrong)),
    );
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let sources = files::rust();
    let counted = sources
        .iter()
        .filter(|source| !is_generated(source))
        .map(|source| {
            let text = source
                .text
                .get(..tests_at(&source.text))
                .expect("a place in the text");
            (&source.path, text.lines().count())
        });
    let long = counted.filter(|(_, lines)| *lines > LINES_MAX);
    files::none(
        "too long",
        long.map(|(path, lines)| format!("{path}: {lines} lines")),
    );
}

#[test]
fn modules_are_files_named_by_themselves_and_nest_two_deep() {
    let sources = files::rust();
    let wrong = sources.iter().filter(|source| {
        let inside = source
            .path
            .split_once("/src/")
            .map_or("", |(_, inside)| inside);
        source.path.ends_with("mod.rs") || inside.matches('/').count() > FOLDERS_MAX
    });
    files::none("misplaced", wrong.map(|source| source.path.clone()));
}

#[test]
fn sources_are_ascii() {
    let endings = ["rs", "toml", "sh", "nix", "yml"];
    let is_source = |path: &str| match path.rsplit_once('.') {
        Some((_, ending)) => endings.contains(&ending),
        None => true,
    };
    let mut sources = files::texts();
    sources.retain(|source| is_source(&source.path));
    no_line("not ASCII", &sources, |line| !line.is_ascii());
}

#[test]
fn nothing_is_unfinished_or_switched_off() {
    let marks = [
        "todo!",
        "unimplemented!",
        "dbg!(",
        "#[ignore",
        "#[should_panic",
        "TODO",
        "XXX",
    ];
    no_line("unfinished", &sources(), |line| {
        marks.iter().any(|mark| line.contains(mark))
    });
}

#[test]
fn every_example_in_the_docs_is_compiled() {
    let is_ignored = |line: &str| line.contains("```") && line.contains("ignore");
    let mut texts = files::texts();
    texts.retain(|text| !text.is_in("tests/tidy") && !text.is_in("tests/tidy.rs"));
    no_line("ignored", &texts, is_ignored);
}

#[test]
fn lints_are_switched_off_by_expect_and_a_reason() {
    let mut sources = sources();
    sources.retain(|source| !is_generated(source) && !source.is_in("tests/ui"));
    let bare = |line: &str| line.contains("#[allow(") || line.contains("#![allow(");
    no_line("allow instead of expect", &sources, bare);
    let unreasoned = sources.iter().filter_map(|source| {
        let wanted = source.text.matches("[expect(").count();
        let given = source.text.matches("reason = \"").count();
        (given < wanted).then(|| source.path.clone())
    });
    files::none("expect without a reason", unreasoned);
}

#[test]
fn no_path_of_a_machine_stands_in_the_tree() {
    // In halves, so that the law holds for itself.
    let places = [
        concat!(".lib", "rary"),
        concat!("/fa", "rm/"),
        concat!("/ro", "ot/"),
        concat!("/tmp/", "target"),
        concat!("/wo", "rk/"),
    ];
    no_line("a machine's path", &files::texts(), |line| {
        places.iter().any(|place| line.contains(place))
    });
}

#[test]
fn no_banner_and_no_glob_export_stands_in_a_library() {
    let banners = ["// ---", "// ===", "// ***", "// ###"];
    no_line("a banner", &sources(), |line| {
        banners.iter().any(|mark| line.contains(mark))
    });
    let mut libraries = libraries();
    libraries.retain(|source| !is_generated(source));
    no_line("a glob", &libraries, |line| {
        line.contains("pub use ") && line.contains("::*")
    });
}

#[test]
fn macros_touch_no_file_no_environment_and_no_terminal() {
    let mut libraries = libraries();
    libraries.retain(|source| source.is_in("netabase_macros/src"));
    let effects = [
        "std::env",
        "std::fs",
        "std::io",
        "std::net",
        "println!",
        "eprintln!",
    ];
    let effects = [
        &effects[..],
        &["std::process", "Instant", "SystemTime::now"],
    ]
    .concat();
    no_line("an effect", &libraries, |line| {
        effects.iter().any(|effect| line.contains(effect))
    });
}

#[test]
fn what_peers_say_is_judged_without_io_and_without_a_clock() {
    let mut libraries = libraries();
    let judges = ["announcement", "bytes", "lookup", "transfer"];
    let judges = judges.map(|judge| format!("nix_remote/src/peers/{judge}"));
    libraries.retain(|source| {
        let is_of = |judge: &String| source.is_in(judge) || source.path == format!("{judge}.rs");
        judges.iter().any(is_of)
    });
    assert!(libraries.len() > judges.len());
    let effects = [
        "std::env",
        "std::fs",
        "std::io",
        "std::net",
        "std::process",
        "std::thread",
        "Instant",
        "SystemTime",
    ];
    no_line("an effect", &libraries, |line| {
        effects.iter().any(|effect| line.contains(effect))
    });
}

#[test]
fn each_engine_and_the_codec_are_named_in_one_place() {
    let places: [(&str, &[&str]); 3] = [
        ("bincode::", &["codec"]),
        ("redb::", &["backends/redb", "error"]),
        ("sled::", &["backends/sled", "error"]),
    ];
    let mut libraries = libraries();
    libraries.retain(|source| source.is_in("netabase_store/src"));
    for (name, allowed) in places {
        let outside = libraries.iter().filter(|source| {
            let inside = source.path.trim_start_matches("netabase_store/src/");
            !allowed.iter().any(|place| inside.starts_with(place))
        });
        // Not `crate::backends::redb::`, and not `backends::redb::RedbBackend`.
        let names = |line: &str| {
            let mut found = line.match_indices(name);
            found.any(|(at, _)| !line.get(..at).unwrap_or_default().ends_with("::"))
        };
        files::none(name, outside.flat_map(|source| source.lines_where(names)));
    }
}

#[test]
fn error_messages_have_no_full_stop_and_say_more_than_error() {
    let messages = libraries().into_iter().flat_map(|source| {
        let starts: Vec<_> = source.text.match_indices("#[error(").collect();
        let found = starts.into_iter().filter_map(|(at, _)| {
            let rest = source.text.get(at..)?.split_once('"')?.1;
            let message = rest.split_once('"')?.0.to_owned();
            Some(format!("{}: {message}", source.path))
        });
        found.collect::<Vec<_>>()
    });
    let wrong = |message: &String| {
        let text = message.split_once(": ").map_or("", |(_, text)| text);
        text.ends_with('.') || text.to_ascii_lowercase().starts_with("error")
    };
    files::none("an error message", messages.filter(wrong));
}

#[test]
fn tests_are_named_by_what_they_prove() {
    no_line("a test's name", &sources(), |line| {
        let name = line
            .trim()
            .strip_prefix("fn ")
            .and_then(|rest| rest.split_once('('));
        let name = name.map_or("", |(name, _)| name);
        name.starts_with("test_") || name.ends_with("_works") || name.contains("comprehensive")
    });
}
