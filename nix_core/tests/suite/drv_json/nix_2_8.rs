//! A real Nix 2.8 prints what we print, and what it prints we read.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use nix_core::{
    derivation::{Derivation, DerivationJson, read_derivations, write_derivations},
    json::parse_value,
    store_path::StoreDir,
};

/// How many derivations are compared.
const DERIVATIONS: usize = 60;

/// A folder with its own store and settings, which goes away with the value.
struct Nix {
    root: PathBuf,
}

impl Nix {
    /// Returns nothing, having said so, where Nix may be missing or is another version.
    fn start() -> Option<Self> {
        let version = Command::new("nix-instantiate").arg("--version").output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        if !version
            .as_ref()
            .is_ok_and(|version| version.contains(" 2.8."))
        {
            test_data::missing(&format!("there is no Nix 2.8: {version:?}"));
            return None;
        }
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("drv_json_nix_2_8");
        let _missing = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("conf")).expect("a folder");
        let features = "nix-command ca-derivations impure-derivations";
        let settings = format!("experimental-features = {features}\nsubstituters =\n");
        fs::write(root.join("conf/nix.conf"), settings).expect("a file");
        Some(Self { root })
    }

    fn run(&self, program: &str, args: &[&str]) -> Vec<u8> {
        let mut command = Command::new(program);
        command
            .env("HOME", &self.root)
            .env("NIX_CONF_DIR", self.root.join("conf"));
        command
            .arg("--store")
            .arg(self.root.join("store"))
            .args(args);
        let output = command.output().expect("the program runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }
}

impl Drop for Nix {
    fn drop(&mut self) {
        let _kept = fs::remove_dir_all(&self.root);
    }
}

/// Returns an expression for a list of derivations of every kind, each using one before it.
fn expression() -> String {
    let texts = [
        r#"plain"#,
        r#"quote \" backslash \\ dollar \${x}"#,
        r#"line\nreturn\rtab\t"#,
        "umlaut \u{e4} snow \u{2603} control \u{1}\u{7f} end",
        r#""#,
        r#"{\"a\": [1]}"#,
    ];
    let mut list = String::new();
    let all = texts
        .iter()
        .cycle()
        .zip(texts.iter().cycle().skip(3).step_by(7));
    for (at, (text, other)) in all.take(DERIVATIONS).enumerate() {
        let kind = match at % 9 {
            0 => r#"outputs = [ "out" "dev" "man" ];"#.to_owned(),
            1 => format!(r#"outputHashAlgo = "sha256"; outputHash = "{}";"#, "0".repeat(52)),
            2 => format!(
                r#"outputHashMode = "recursive"; outputHashAlgo = "sha1"; outputHash = "{at:040x}";"#
            ),
            3 => r#"__contentAddressed = true; outputHashMode = "recursive"; outputHashAlgo = "sha256";"#
                .to_owned(),
            4 => r#"__contentAddressed = true; outputHashMode = "flat"; outputHashAlgo = "sha512";"#
                .to_owned(),
            5 => "__impure = true;".to_owned(),
            6 => format!(
                r#"__structuredAttrs = true; nested = {{ list = [ 1 null true "{text}" ]; float = 2.5; }};"#
            ),
            7 => format!(
                r#"outputHashMode = "recursive"; outputHashAlgo = "md5"; outputHash = "{at:032x}";"#
            ),
            _ => String::new(),
        };
        list.push_str(&format!(
            r#"(p: derivation {{
                name = "n{at}+._?=-"; system = "s{at}"; builder = "/{text}"; {kind}
                args = [ "{other}" "-{at}" ]; text = "{text}"; "na-me.{at}" = "{other}";
                inputs = if p == [] then [] else [ (builtins.head p) (builtins.elemAt p ({at} / 2)) ];
                file = builtins.toFile "file-{at}" "contents";
            }})"#
        ));
    }
    // The fixed ones do not use impure ones, which only impure ones may.
    format!(
        "builtins.foldl' (p: f: p ++ [ (f (builtins.filter (d: !(d ? __impure)) p)) ]) [] [ {list} ]"
    )
}

#[test]
fn nix_2_8_shows_the_derivations_that_we_print() {
    let Some(nix) = Nix::start() else { return };
    let dir = StoreDir::default();
    let file = nix.root.join("derivations.nix");
    fs::write(&file, expression()).expect("a file");
    let paths = nix.run("nix-instantiate", &[file.to_str().expect("a text")]);
    let paths = String::from_utf8(paths).expect("paths are text");
    let mut args = vec!["show-derivation"];
    args.extend(paths.lines());
    assert!(args.len() > 50, "{}", args.len());
    let shown = parse_value(&nix.run("nix", &args)).expect("Nix prints JSON");

    let derivations = read_derivations(&dir, &shown).expect("derivations");
    let printed = write_derivations(&dir, DerivationJson::Unversioned, &derivations);
    assert_eq!(printed, Ok(shown));
    for (path, drv) in &derivations {
        let full = format!("{}{}", nix.root.join("store").display(), dir.print(path));
        let aterm = fs::read(&full).expect("the derivation is in the store");
        let read = Derivation::parse_aterm(&dir, drv.name.clone(), &aterm);
        assert_eq!(read.as_ref(), Ok(drv), "{path}");
        assert_eq!(drv.path(&dir).as_ref(), Ok(path));
    }
}
