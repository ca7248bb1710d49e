//! What a real Nix prints, piped into the command as its documentation says.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{Graph, Place, command, missing, ok, sample, succeeded, text};

/// A real Nix over a store of its own, whose logical folder is `/nix/store`.
pub(crate) struct Nix {
    pub(crate) place: Place,
}

impl Nix {
    /// Fills a store with the derivations of the sample, or says why there is none.
    pub(crate) fn new() -> Option<Self> {
        let nix = Self::empty()?;
        for name in ["sample.nix", "builder.sh"] {
            std::fs::copy(sample(name), nix.place.path(name)).expect("the sample");
        }
        nix.lines("nix-instantiate", &[&nix.place.path("sample.nix")]);
        Some(nix)
    }

    /// Returns a Nix whose store is empty, or says why there is none.
    pub(crate) fn empty() -> Option<Self> {
        if Command::new("nix-instantiate")
            .arg("--version")
            .output()
            .is_err()
        {
            missing("there is no Nix");
            return None;
        }
        let place = Place::new();
        let conf = "experimental-features = nix-command ca-derivations\nbuild-users-group =\n\
                    substituters =\nsandbox = false\n";
        place.file("nix.conf", conf.as_bytes());
        Some(Self { place })
    }

    /// Returns the root of the store.
    pub(crate) fn root(&self) -> String {
        self.place.path("root")
    }

    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let folder: &Path = self.place.folder.path();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_remove("NIX_PATH")
            .env("HOME", folder);
        command
            .env("NIX_CONF_DIR", folder)
            .env("XDG_CACHE_HOME", folder.join("cache"));
        command.env(
            "NIX_REMOTE",
            format!("local?root={}", folder.join("root").display()),
        );
        command.stderr(Stdio::null());
        command
    }

    /// Returns the bytes that a program printed.
    pub(crate) fn bytes(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let output = self.command(program, arguments).output();
        let output = output.expect("Nix starts");
        assert!(output.status.success(), "{program} {arguments:?}");
        output.stdout
    }

    /// Returns the text that a program printed.
    pub(crate) fn text(&self, program: &str, arguments: &[&str]) -> String {
        String::from_utf8(self.bytes(program, arguments)).expect("UTF-8")
    }

    /// Returns what a program printed, line by line, sorted.
    pub(crate) fn lines(&self, program: &str, arguments: &[&str]) -> Vec<String> {
        let output = self
            .command(program, arguments)
            .output()
            .expect("Nix starts");
        assert!(output.status.success(), "{program} {arguments:?}");
        let mut lines: Vec<String> = String::from_utf8(output.stdout)
            .expect("UTF-8")
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort_unstable();
        lines
    }
}

#[test]
fn a_pipe_from_nix_path_info_is_imported_and_answered_as_nix_does() {
    let Some(nix) = Nix::new() else { return };
    let db = nix.place.path("store.redb");
    let mut printing = nix
        .command("nix", &["path-info", "--json", "--all"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("Nix starts");
    let pipe = printing.stdout.take().expect("it was asked for");
    let mut import = command(&["import", "path-info", "-", "--db", &db]);
    let out = succeeded(import.stdin(pipe).output().expect("the command starts"));
    assert!(printing.wait().expect("Nix ends").success());

    let all = nix.lines("nix", &["path-info", "--all"]);
    assert!(all.len() > 100);
    assert!(
        out.starts_with(&format!("imported {0} paths ({0} new,", all.len())),
        "{out}"
    );
    let questions = ["references", "referrers", "requisites", "referrers-closure"];
    for path in all.iter().step_by(29) {
        for question in questions {
            let expected = nix.lines("nix-store", &["--query", &format!("--{question}"), path]);
            let found = ok(&["query", question, path, "--db", &db]);
            let found: Vec<&str> = found.lines().collect();
            assert_eq!(found, expected, "{question} of {path}");
        }
    }
}

#[test]
fn info_says_what_nix_says() {
    let Some(nix) = Nix::new() else { return };
    let db = nix.place.path("store.redb");
    let json = nix.lines("nix", &["path-info", "--json", "--all"]).concat();
    let file = nix.place.file("paths.json", json.as_bytes());
    ok(&["import", "path-info", &file, "--db", &db]);
    let printed: Vec<serde_json::Value> = serde_json::from_str(&json).expect("a list");
    let graph = Graph::new(printed);
    for (path, info) in graph.infos.iter().step_by(29) {
        let shown = ok(&["query", "info", path, "--db", &db, "--json"]);
        let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        for key in ["narHash", "narSize", "registrationTime"] {
            assert_eq!(shown[path][key], info[key], "{key} of {path}");
        }
        assert_eq!(text(&shown[path]["ca"]), text(&info["ca"]));
    }
}
