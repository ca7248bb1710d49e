//! A real Nix reads what we write, and we read what it writes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix_core::{
    narinfo::{CacheInfo, NarInfo, file_name},
    path_info::{Listed, PathInfo, listing_from_json},
    realisation::LegacyRealisation,
    signature::{SecretKey, SignatureForm, TrustedKeys},
    store_path::StoreDir,
};
use tempfile::TempDir;

use super::{missing, parse};

/// Two objects, one of which refers to the other and to itself; then the same, content-addressed.
const EXPRESSIONS: &str = r#"
let
  make = more: name: text: derivation ({
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" "echo ${text} $out > $out" ];
  } // more);
  pair = more: make more "top" "${make more "dep" "hello"}";
in {
  plain = pair { };
  addressed = pair {
    __contentAddressed = true;
    outputHashMode = "recursive";
    outputHashAlgo = "sha256";
  };
}
"#;

const CONFIGURATION: &str = "\
sandbox = false
build-users-group =
substituters =
experimental-features = nix-command ca-derivations
";

/// A store of its own for a real Nix, with some objects in it.
struct Nix {
    folder: TempDir,
}

impl Nix {
    /// Builds the objects, or says why not.
    fn new() -> Option<Self> {
        if Command::new("nix").arg("--version").output().is_err() {
            missing("there is no nix");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let nix = Self { folder };
        fs::create_dir(nix.path("etc")).expect("a folder");
        fs::write(nix.path("etc/nix.conf"), CONFIGURATION).expect("a file");
        fs::write(nix.path("t.nix"), EXPRESSIONS).expect("a file");
        nix.ok(
            &["nix", "key", "generate-secret", "--key-name", "nix-1"],
            "sk",
        );
        let sk = nix.path("sk");
        let built = nix.path("t.nix");
        nix.ok(
            &[
                "nix-build",
                "--no-out-link",
                "--option",
                "secret-key-files",
                &sk,
                &built,
            ],
            "out",
        );
        nix.ok(&["nix", "store", "sign", "--all", "-k", &sk], "signed");
        Some(nix)
    }

    fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str()
            .expect("the name of the folder is UTF-8")
            .to_owned()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect(name)
    }

    fn dir(&self) -> StoreDir {
        StoreDir::new(&self.path("store")).expect("a store directory")
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(line[0]);
        command
            .args(&line[1..])
            .env("NIX_STORE_DIR", self.path("store"))
            .env("NIX_STATE_DIR", self.path("var"))
            .env("NIX_LOG_DIR", self.path("log"))
            .env("NIX_CONF_DIR", self.path("etc"))
            .env("NIX_USER_CONF_FILES", self.path("etc/user.conf"))
            .env("HOME", self.path("home"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env_remove("NIX_REMOTE")
            .env_remove("NIX_PATH")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command that must succeed, with its output in a file.
    fn ok(&self, line: &[&str], output: &str) {
        let result = self.command(line).output().expect(line[0]);
        let said = String::from_utf8_lossy(&result.stderr);
        assert!(result.status.success(), "{line:?}: {said}");
        fs::write(self.path(output), result.stdout).expect("a file");
    }

    fn keys(&self) -> TrustedKeys {
        let secret: SecretKey = self.read("sk").parse().expect("the key that nix made");
        secret.public_key().to_string().parse().expect("one key")
    }

    /// Returns what nix knows of all paths.
    fn infos(&self) -> Vec<PathInfo> {
        self.ok(&["nix", "path-info", "--json", "--all", "--sigs"], "infos");
        let json = parse(self.read("infos").as_bytes());
        let listed = listing_from_json(&self.dir(), &json).expect("path infos");
        let infos: Vec<_> = listed
            .into_iter()
            .filter_map(|Listed { info, .. }| info)
            .collect();
        assert!(infos.len() >= 8, "{infos:?}");
        infos
    }

    /// Tells whether nix trusts a path of the cache by one signature of the key.
    fn trusts(&self, cache: &str, key: &str, path: &str) -> bool {
        let store = format!("file://{}", self.path(cache));
        let verify = [
            "nix",
            "store",
            "verify",
            "--no-contents",
            "--sigs-needed",
            "1",
        ];
        let line = [
            &verify[..],
            &[
                "--store",
                &store,
                "--option",
                "trusted-public-keys",
                key,
                path,
            ],
        ];
        let result = self.command(&line.concat()).output().expect("nix");
        result.status.success()
    }
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect(folder);
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

#[test]
fn keys_of_nix_are_read_and_written_as_nix_does() {
    let Some(nix) = Nix::new() else { return };
    let text = nix.read("sk");
    let secret: SecretKey = text.parse().expect("the key that nix made");
    assert_eq!(secret.to_secret_text(), text);
    let input = fs::File::open(nix.path("sk")).expect("the key");
    let mut convert = nix.command(&["nix", "key", "convert-secret-to-public"]);
    let public = convert.stdin(input).output().expect("nix").stdout;
    assert_eq!(public, secret.public_key().to_string().into_bytes());
}

#[test]
fn nix_and_we_make_the_same_signatures() {
    let Some(nix) = Nix::new() else { return };
    let (dir, keys) = (nix.dir(), nix.keys());
    let secret: SecretKey = nix.read("sk").parse().expect("the key that nix made");
    for info in nix.infos() {
        let check = info.check_signatures(&dir, &keys);
        assert_eq!(check.valid.len(), 1, "{info:?}");
        assert_eq!(
            check.content_addressed,
            info.content_address.is_some(),
            "{info:?}"
        );
        let mut unsigned = info.clone();
        unsigned.signatures.clear();
        unsigned.sign(&dir, &secret).expect("a fingerprint");
        assert_eq!(unsigned, info);
    }
}

#[test]
fn narinfos_of_nix_are_written_as_they_were_read() {
    let Some(nix) = Nix::new() else { return };
    let dir = nix.dir();
    // A name that begins the other one, for the order of the signatures.
    let (generate, key) = (
        ["nix", "key", "generate-secret", "--key-name", "nix"],
        nix.path("sk2"),
    );
    nix.ok(&generate, "sk2");
    nix.ok(&["nix", "store", "sign", "--all", "-k", &key], "signed");
    let infos = nix.infos();
    assert!(
        infos.iter().all(|info| info.signatures.len() == 2),
        "{infos:?}"
    );
    for compression in ["xz", "none", "zstd"] {
        let cache = nix.path(compression);
        let url = format!("file://{cache}?compression={compression}");
        nix.ok(&["nix", "copy", "--all", "--to", &url], "copied");
        for info in &infos {
            let text = fs::read(Path::new(&cache).join(file_name(&info.path))).expect("a narinfo");
            let read = NarInfo::parse(&dir, &text).expect("a narinfo");
            assert_eq!(read.to_text(&dir).as_bytes(), text);
            let expected = PathInfo {
                registration_time: 0,
                ultimate: false,
                ..info.clone()
            };
            assert_eq!(
                (read.compression(), &read.path_info),
                (compression, &expected)
            );
        }
        assert_eq!(files(&cache, "narinfo").len(), infos.len());
        let text = fs::read(Path::new(&cache).join("nix-cache-info")).expect("the cache's info");
        let info = CacheInfo::parse(&text).expect("the cache's info");
        assert_eq!(info.store_dir, Some(dir.clone()));
        assert_eq!(info.to_text().as_bytes(), text);
    }
}

#[test]
fn nix_trusts_what_we_sign_and_nothing_else() {
    let Some(nix) = Nix::new() else { return };
    let dir = nix.dir();
    let cache = format!("file://{}", nix.path("signed-by-us"));
    nix.ok(&["nix", "copy", "--all", "--to", &cache], "copied");
    let secret = SecretKey::from_seed("ours-1".parse().expect("a name"), &[7; 32]);
    let public = secret.public_key().to_string();
    let infos = nix.infos();
    let addressed = infos.iter().filter(|info| info.content_address.is_none());
    let info = addressed
        .max_by_key(|info| info.references.len())
        .expect("a built path");
    assert_eq!(info.references.len(), 2);

    let path = dir.print(&info.path);
    let file = nix.path(&format!("signed-by-us/{}", file_name(&info.path)));
    let mut narinfo = NarInfo::parse(&dir, &fs::read(&file).expect("it")).expect("a narinfo");
    assert!(!nix.trusts("signed-by-us", &public, &path));
    narinfo
        .path_info
        .sign(&dir, &secret)
        .expect("a fingerprint");
    assert_eq!(narinfo.path_info.signatures.len(), 2);
    fs::write(&file, narinfo.to_text(&dir)).expect("a file");
    assert!(nix.trusts("signed-by-us", &public, &path));
    narinfo.path_info.nar_size += 8;
    fs::write(&file, narinfo.to_text(&dir)).expect("a file");
    assert!(!nix.trusts("signed-by-us", &public, &path));

    // Nix signs with a secret key that we wrote.
    fs::write(nix.path("ours"), secret.to_secret_text()).expect("a file");
    nix.ok(
        &["nix", "store", "sign", "--all", "-k", &nix.path("ours")],
        "signed",
    );
    let keys: TrustedKeys = public.parse().expect("one key");
    for info in nix.infos() {
        assert_eq!(
            info.check_signatures(&dir, &keys).valid.len(),
            1,
            "{info:?}"
        );
    }
}

#[test]
fn realisations_that_nix_signed_are_valid_and_written_as_they_were_read() {
    let Some(nix) = Nix::new() else { return };
    let cache = format!("file://{}", nix.path("traces"));
    nix.ok(
        &[
            "nix",
            "copy",
            "-f",
            &nix.path("t.nix"),
            "addressed",
            "--to",
            &cache,
        ],
        "copied",
    );
    let keys = nix.keys();
    let mut dependent = 0;
    for file in files(&nix.path("traces/realisations"), "doi") {
        let text = fs::read_to_string(&file).expect("a realisation");
        let read = LegacyRealisation::from_json(&parse(text.as_bytes())).expect("a realisation");
        assert_eq!(read.to_json(SignatureForm::Text).to_string(), text);
        assert!(file.ends_with(read.id.cache_file()), "{}", file.display());
        assert_eq!(read.check_signatures(&keys).valid.len(), 1, "{text}");
        let mut changed = read.clone();
        changed.out_path = nix.infos()[0].path.clone();
        assert!(changed == read || !changed.check_signatures(&keys).is_trusted(1));
        dependent += read.dependent_realisations.len();
    }
    assert!(dependent > 0);
}
