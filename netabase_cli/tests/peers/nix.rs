//! Objects that a real Nix built and signed, in stores that both can read.

use std::{
    fs,
    process::{Command, Stdio},
};

use test_data::missing;

use crate::support::{Place, ok};

/// Two packages, of which the larger refers to the smaller.
const PACKAGES: &str = r#"
let
  make = name: lines: inputs: derivation {
    inherit name inputs;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" "i=0; while [ $i -lt ${lines} ]; do echo $i $inputs; i=$((i+1)); done >$out" ];
  };
in make "large" "9000" [ (make "small" "10" [ ]) ]
"#;

/// A content-addressed package that is another one each time it is built.
const OUTPUT: &str = r#"
derivation {
  name = "said";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" "read said </proc/sys/kernel/random/uuid; echo $said >$out" ];
  __contentAddressed = true;
  outputHashMode = "recursive";
  outputHashAlgo = "sha256";
}
"#;

const CONF: &str = "experimental-features = nix-command\nbuild-users-group =\nsubstituters =\n\
                    sandbox = false\n\
                    sandbox-paths = /bin=/usr/bin /lib=/usr/lib /lib64=/usr/lib64\n";

/// A real Nix, and a store with two packages that it built and signed.
pub(crate) struct Nix {
    pub(crate) place: Place,
    /// The store.
    pub(crate) root: String,
    /// The larger package, and the smaller one that it refers to.
    pub(crate) paths: [String; 2],
    /// The file of the secret key, and the text of the public one.
    pub(crate) secret: String,
    pub(crate) public: String,
}

impl Nix {
    /// Builds and signs, or says why that cannot be.
    pub(crate) fn new() -> Option<Self> {
        let place = Place::new();
        fs::write(place.path("nix.conf"), CONF).unwrap();
        fs::write(place.path("packages.nix"), PACKAGES).unwrap();
        let [root, secret, public] = ["nix", "secret", "public"].map(|name| place.path(name));
        let nix = |arguments: &[&str]| run(&place, arguments);
        let expression = place.path("packages.nix");
        let Some(built) = nix(&["nix-build", &expression, "--no-out-link", "--store", &root])
        else {
            missing("Nix cannot build here");
            return None;
        };
        let large = built.trim_end().to_owned();
        let all = nix(&[
            "nix-store",
            "--store",
            &root,
            "--query",
            "--requisites",
            &large,
        ])?;
        let small = all.lines().find(|path| **path != *large)?.to_owned();
        nix(&[
            "nix-store",
            "--generate-binary-cache-key",
            "test-1",
            &secret,
            &public,
        ])?;
        let sign = ["nix", "store", "sign", "--store", &root, "--recursive"];
        nix(&[&sign[..], &["--key-file", &secret, &large]].concat())?;
        let [sqlite, db] = databases(&root);
        let objects = format!("{root}/nix/store");
        ok(&[
            "import",
            "nix-db",
            &sqlite,
            "--db",
            &db,
            "--objects",
            &objects,
        ]);
        Some(Self {
            root,
            paths: [large, small],
            secret,
            public: fs::read_to_string(public).unwrap(),
            place,
        })
    }

    /// Has Nix read a store, and check all that is in it.
    pub(crate) fn check(&self, root: &str) {
        let [sqlite, db] = databases(root);
        ok(&["export", "nix-db", &sqlite, "--db", &db]);
        let [large, small] = &self.paths;
        let nix = |arguments: &[&str]| {
            let output = run(&self.place, arguments);
            output.unwrap_or_else(|| panic!("{arguments:?}"))
        };
        nix(&["nix-store", "--store", root, "--verify", "--check-contents"]);
        let verify = [
            "nix",
            "store",
            "verify",
            "--store",
            root,
            "--sigs-needed",
            "1",
        ];
        nix(&[
            &verify[..],
            &["--trusted-public-keys", &self.public, large, small],
        ]
        .concat());
        let info = |root: &str| {
            let info = nix(&["nix", "path-info", "--store", root, "--json", large, small]);
            let mut infos: serde_json::Value = serde_json::from_str(&info).unwrap();
            for info in infos.as_array_mut().unwrap() {
                let info = info.as_object_mut().unwrap();
                // What a store knows of its own copy.
                for local in ["deriver", "registrationTime", "ultimate"] {
                    info.remove(local);
                }
                assert!(!info["signatures"].as_array().unwrap().is_empty());
            }
            infos
        };
        assert_eq!(info(root), info(&self.root));
    }
}

/// An output that a real Nix built, and of which it signed where it lies.
pub(crate) struct NixOutput {
    /// The store.
    pub(crate) root: String,
    /// The output as Nix names it, and its path.
    pub(crate) id: String,
    pub(crate) path: String,
    /// The file of the secret key, and the text of the public one.
    pub(crate) secret: String,
    pub(crate) public: String,
}

impl NixOutput {
    /// Builds in a folder of that name and signs by a key of that name, or says why that cannot be.
    pub(crate) fn new(place: &Place, name: &str) -> Option<Self> {
        let [root, secret, public] =
            ["", ".secret", ".public"].map(|end| place.path(&format!("{name}{end}")));
        let generate = ["nix-store", "--generate-binary-cache-key", name];
        run(place, &[&generate[..], &[&secret, &public]].concat())?;
        let features = CONF.replace("nix-command", "nix-command ca-derivations");
        let conf = format!("{features}secret-key-files = {secret}\n");
        fs::write(place.path("nix.conf"), conf).unwrap();
        let expression = place.path("output.nix");
        fs::write(&expression, OUTPUT).unwrap();
        let store = ["--store", &*root];
        let build = ["nix-build", &expression, "--no-out-link"];
        let Some(built) = run(place, &[&build[..], &store].concat()) else {
            missing("Nix cannot build content-addressed derivations here");
            return None;
        };
        let info = ["nix", "realisation", "info", "--json", "-f", &expression];
        let info = run(place, &[&info[..], &store].concat())?;
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        let [sqlite, db] = databases(&root);
        let objects = format!("{root}/nix/store");
        let import = ["import", "nix-db", &sqlite, "--db", &db];
        ok(&[&import[..], &["--objects", &objects]].concat());
        Some(Self {
            root,
            id: info[0]["id"].as_str().unwrap().to_owned(),
            path: built.trim_end().to_owned(),
            secret,
            public: fs::read_to_string(public).unwrap(),
        })
    }
}

/// The databases of a store: that of Nix and ours.
fn databases(root: &str) -> [String; 2] {
    ["db.sqlite", "netabase.redb"].map(|name| format!("{root}/nix/var/nix/db/{name}"))
}

/// Runs a program of Nix; returns what it printed if it succeeded.
fn run(place: &Place, arguments: &[&str]) -> Option<String> {
    let (program, arguments) = arguments.split_first()?;
    let output = Command::new(program)
        .args(arguments)
        .env_remove("NIX_PATH")
        .env_remove("NIX_REMOTE")
        .env("HOME", place.path("home"))
        .env("NIX_CONF_DIR", place.path(""))
        .env("XDG_CACHE_HOME", place.path("cache"))
        .stdin(Stdio::null())
        .output();
    let output = output.ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}
