//! `netabase completions` and `netabase man`

use crate::support::{Place, ok};

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ok(&["completions", shell]);
        assert!(script.contains("referrers-closure"), "{shell}");
    }
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let page = ok(&["man"]);
    assert!(page.contains(".TH netabase 1"), "{page}");
    assert!(page.contains("netabase\\-import(1)"), "{page}");
    let place = Place::new();
    let folder = place.path("man");
    assert_eq!(ok(&["man", "--dir", &folder]), "");
    let page = |name: &str| std::fs::read_to_string(format!("{folder}/{name}.1")).expect(name);
    assert!(page("netabase-import-path-info").contains("JSON Lines"));
    assert!(page("netabase-query-referrers-closure").contains("directly or not"));
    assert!(page("netabase-db").contains("netabase\\-db"));
}

#[test]
#[cfg(feature = "peers")]
fn peer_has_pages_completions_and_examples() {
    let place = Place::new();
    let folder = place.path("man");
    ok(&["man", "--dir", &folder]);
    let script = ok(&["completions", "bash"]);
    for (name, option) in [
        ("run", "announce"),
        ("fetch", "trusted-key"),
        ("find", "bootstrap"),
        ("status", "json"),
    ] {
        let page = std::fs::read_to_string(format!("{folder}/netabase-peer-{name}.1")).expect(name);
        assert!(page.contains(&option.replace('-', "\\-")), "{page}");
        assert!(
            script.contains(&format!("netabase__subcmd__peer__subcmd__{name}")),
            "{name}"
        );
        let help = ok(&["peer", name, "--help"]);
        let example = help.split_once("\nExample").expect(name).1;
        assert!(
            example.contains(&format!("netabase peer {name} ")),
            "{help}"
        );
    }
}

#[test]
fn hash_nar_and_drv_show_an_example_of_each_use() {
    for (command, uses) in [
        ("hash", &["path", "file", "string", "convert"][..]),
        ("nar", &["pack", "unpack", "list", "hash"]),
        (
            "drv",
            &["show", "print", "paths", "list", "outputs", "diff"],
        ),
    ] {
        for name in uses {
            let help = ok(&[command, name, "--help"]);
            let example = help.split_once("\nExample").expect(name).1;
            assert!(
                example.contains(&format!("netabase {command} {name} ")),
                "{help}"
            );
        }
    }
}
