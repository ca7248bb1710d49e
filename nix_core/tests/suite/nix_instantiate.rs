//! Ten thousand random derivations are what a real Nix makes of the same expression: the same bytes
//! and the same store paths, computed anew.
//!
//! The seed is printed where the test fails; `NETABASE_SEED` sets it.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    process::{self, Command, Output},
};

use nix_core::{
    derivation::{
        ByteString, Derivation, DerivationModulo, DerivationOutput, DerivationType, InputModulo,
    },
    store_path::{StoreDir, StorePath},
};

const DERIVATIONS: usize = 10_000;
/// From here on there are floating outputs, and soon all that is not fixed depends on one.
const FIRST_FLOATING: usize = 5_000;
const SEED: u64 = 0x006e_6978_636f_7265;

#[test]
fn ten_thousand_derivations_are_what_nix_makes_of_them() {
    let seed = env::var("NETABASE_SEED").map_or(SEED, |seed| seed.parse().expect("a number"));
    let scratch = Scratch::new();
    let expression = scratch.0.join("derivations.nix");
    fs::write(&expression, Generator::new(seed).expression()).expect("a file");
    let output = match nix_instantiate(&scratch.0, &expression) {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return test_data::missing("there is no nix-instantiate");
        }
        Err(error) => panic!("run nix-instantiate: {error}"),
    };
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed {seed}: {messages}");

    let derivations = read_all(&scratch.0.join("root/nix/store"), seed);
    let store_dir = StoreDir::default();
    let mut modulo = DerivationModulo::new(&store_dir, &derivations);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (path, derivation) in &derivations {
        let kind = derivation
            .derivation_type()
            .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        *kinds.entry(format!("{kind:?}")).or_default() += 1;
        recompute(path, derivation, kind, &mut modulo, seed);
        for output in derivation.outputs.values() {
            if let DerivationOutput::Fixed(address) = output {
                *kinds
                    .entry(address.method_algorithm().to_string())
                    .or_default() += 1;
            }
        }
    }
    let made = String::from_utf8_lossy(&output.stdout).lines().count();
    assert!(
        made >= DERIVATIONS && derivations.len() > DERIVATIONS - 10,
        "seed {seed}: {made}"
    );
    for (kind, least) in [
        ("InputAddressed", 4_000),
        ("Deferred", 500),
        ("Floating", 200),
    ] {
        assert!(kinds.get(kind) >= Some(&least), "seed {seed}: {kinds:?}");
    }
    for algorithm in ["md5", "sha1", "sha256", "sha512"] {
        for how in [format!("fixed:{algorithm}"), format!("fixed:r:{algorithm}")] {
            assert!(kinds.get(&how) >= Some(&50), "seed {seed}: {kinds:?}");
        }
    }
}

/// Reads every derivation: printing gives its bytes, and its path is that of its file.
fn read_all(folder: &Path, seed: u64) -> BTreeMap<StorePath, Derivation> {
    let store_dir = StoreDir::default();
    let mut derivations = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a store") {
        let entry = entry.expect("an entry");
        let base_name = entry
            .file_name()
            .into_string()
            .expect("store paths are ASCII");
        let Ok(path) = StorePath::from_base_name(&base_name) else {
            continue;
        };
        if !path.is_derivation() {
            continue;
        }
        let text = fs::read(entry.path()).expect("a derivation");
        let name = path
            .to_name()
            .without_derivation_suffix()
            .expect("a name before `.drv`");
        let derivation = Derivation::parse_canonical_aterm(&store_dir, name, &text)
            .unwrap_or_else(|error| panic!("seed {seed}, {base_name}: {error:?}"));
        assert_eq!(derivation.path(&store_dir), Ok(path.clone()), "seed {seed}");
        derivations.insert(path, derivation);
    }
    derivations
}

/// Forgets the output paths and their variables, and computes them again.
fn recompute(
    path: &StorePath,
    derivation: &Derivation,
    kind: DerivationType,
    modulo: &mut DerivationModulo<'_, BTreeMap<StorePath, Derivation>>,
    seed: u64,
) {
    let mut blank = derivation.clone();
    if !matches!(kind, DerivationType::Floating) {
        for (name, output) in &mut blank.outputs {
            if let DerivationOutput::InputAddressed(_) = output {
                *output = DerivationOutput::Deferred;
            }
            blank
                .env
                .insert(name.as_str().into(), ByteString::default());
        }
    }
    let filled = blank.fill_outputs(modulo);
    let filled = filled.unwrap_or_else(|error| panic!("seed {seed}, {path}: {error:?}"));
    assert_eq!(*filled, *derivation, "seed {seed}, {path}");
    assert_eq!(
        derivation.clone().check(modulo),
        Ok(filled),
        "seed {seed}, {path}"
    );
    let deferred = matches!(kind, DerivationType::Deferred | DerivationType::Floating);
    let input = modulo
        .input(path)
        .unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
    assert_eq!(
        input == InputModulo::Deferred,
        deferred,
        "seed {seed}, {path}"
    );
}

fn nix_instantiate(scratch: &Path, expression: &Path) -> io::Result<Output> {
    let home = scratch.join("home");
    fs::create_dir(&home)?;
    Command::new("nix-instantiate")
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", &home)
        .env("NIX_CONF_DIR", &home)
        .args(["--quiet", "--option", "fsync-metadata", "false"])
        .args(["--option", "experimental-features", "ca-derivations"])
        .arg("--store")
        .arg(scratch.join("root"))
        .arg(expression)
        .output()
}

/// A folder of this test alone, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let name = format!("nix-instantiate-{}", process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("a scratch folder");
        Self(folder.canonicalize().expect("a scratch folder"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder left behind does not make the test fail.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes derivations as Nix expressions, each of which may use those before it.
struct Generator {
    state: u64,
    text: Vec<u8>,
    /// The outputs of each derivation so far.
    outputs: Vec<Vec<&'static str>>,
}

const OUTPUTS: [&str; 6] = ["out", "dev", "lib", "bin", "x86_64", "a.b+c"];

impl Generator {
    fn new(seed: u64) -> Self {
        Self {
            state: seed,
            text: Vec::new(),
            outputs: Vec::new(),
        }
    }

    fn expression(mut self) -> Vec<u8> {
        self.push("rec {\n");
        for index in 0..DERIVATIONS {
            self.derivation(index);
        }
        self.push("}\n");
        self.text
    }

    fn derivation(&mut self, index: usize) {
        let name = self.name();
        self.push(&format!("d{index} = derivation {{ name = \"{name}\"; "));
        let kind = self.below(20);
        let mut outputs = vec!["out"];
        match kind {
            0..4 => self.fixed(),
            4 | 5 if index >= FIRST_FLOATING => {
                let mode = self.pick(&["flat", "recursive"]);
                self.push("__contentAddressed = true; outputHashAlgo = \"sha256\"; ");
                self.push(&format!("outputHashMode = \"{mode}\"; "));
                if mode == "recursive" {
                    outputs = self.some_outputs();
                }
            }
            _ => outputs = self.some_outputs(),
        }
        if outputs != ["out"] {
            let names: Vec<_> = outputs.iter().map(|name| format!("\"{name}\"")).collect();
            self.push(&format!("outputs = [ {} ]; ", names.join(" ")));
        }
        self.push("system = ");
        let system = self.pick(&["x86_64-linux", "builtin", "s", "i686 [x](y),z"]);
        self.push(&format!("\"{system}\"; builder = \"/b\" + "));
        let structured = kind > 17;
        self.string(index, !structured);
        self.push("; args = [ ");
        for _ in 0..self.below(4) {
            self.string(index, !structured);
            self.push(" ");
        }
        self.push("]; ");
        if structured {
            self.push("__structuredAttrs = true; ");
        }
        self.attributes(index, structured);
        self.push("};\n");
        self.outputs.push(outputs);
    }

    fn attributes(&mut self, index: usize, structured: bool) {
        for number in 0..self.below(6) {
            let prefix = self.pick(&["a", "_", "Z", "a b\\n", "\\\"", "\\\\", "0", "~"]);
            self.push(&format!("\"{prefix}{number}"));
            if !structured && self.below(4) == 0 {
                self.push("\\t");
                self.text.push(0xe9);
            }
            self.push("\" = ");
            match self.below(8) {
                0 => self.push("true"),
                1 => self.push("false"),
                2 => {
                    let number = self.next() >> 1;
                    self.push(&format!("{number}"));
                }
                3 => self.push("null"),
                4 | 5 if index >= FIRST_FLOATING => {
                    self.push("[ 1 ");
                    self.string(index, !structured);
                    self.push(" [ ");
                    self.string(index, !structured);
                    self.push(" ] ]");
                }
                _ => self.string(index, !structured),
            }
            self.push("; ");
        }
    }

    fn fixed(&mut self) {
        let mode = self.pick(&["flat", "recursive"]);
        let (algorithm, len) =
            self.pick(&[("md5", 16), ("sha1", 20), ("sha256", 32), ("sha512", 64)]);
        let digest: String = (0..len)
            .map(|_| format!("{:02x}", self.below(256)))
            .collect();
        self.push(&format!(
            "outputHashMode = \"{mode}\"; outputHashAlgo = \"{algorithm}\"; "
        ));
        let digest = if self.below(4) == 0 {
            digest.to_uppercase()
        } else {
            digest
        };
        self.push(&format!("outputHash = \"{digest}\"; "));
    }

    /// Writes a string of text, bytes, what the ATerm escapes, and uses of what came before.
    fn string(&mut self, index: usize, bytes: bool) {
        self.push("\"");
        for _ in 0..self.below(6) {
            match self.below(12) {
                0 => self.push("\\n"),
                1 => self.push("\\r"),
                2 => self.push("\\t"),
                3 => self.push("\\\""),
                4 => self.push("\\\\"),
                5 => self.push("\u{e9}\u{5927} \u{1f980}"),
                6 if bytes => {
                    let byte = u8::try_from(self.below(127)).expect("below 127") | 0x80;
                    self.text.push(byte);
                }
                7 => {
                    let file = self.below(100);
                    self.push(&format!("${{builtins.toFile \"file-{file}\" \"{file}\"}}"));
                }
                8 | 9 if index > 0 => self.dependency(index),
                _ => {
                    let word = self.name();
                    self.push(&word);
                }
            }
        }
        self.push("\"");
    }

    fn dependency(&mut self, index: usize) {
        let near = index.min(20);
        let distance = if self.below(2) == 0 {
            self.below(near)
        } else {
            self.below(index)
        };
        let input = index - 1 - distance;
        let names = self.outputs.get(input).expect("it is written").clone();
        let output = self.pick(&names);
        match self.below(12) {
            // It brings in all that the derivation depends on, so only where that is little.
            0 if input < 20 => self.push(&format!("${{d{input}.drvPath}}")),
            1 => self.push(&format!(
                "${{builtins.unsafeDiscardOutputDependency d{input}.drvPath}}"
            )),
            2..6 => self.push(&format!("${{d{input}}}")),
            _ => self.push(&format!("${{d{input}.\"{output}\"}}/share")),
        }
    }

    fn some_outputs(&mut self) -> Vec<&'static str> {
        let mut outputs: Vec<_> = OUTPUTS
            .into_iter()
            .filter(|_| self.state & 3 == 0 || self.below(3) == 0)
            .collect();
        if outputs.is_empty() || self.below(2) == 0 {
            outputs = vec!["out"];
        }
        let middle = self.below(outputs.len());
        outputs.rotate_left(middle);
        outputs
    }

    fn name(&mut self) -> String {
        const SYMBOLS: &[u8] = b"abcxyzABCXYZ0189+-._?=";
        let len = if self.below(50) == 0 {
            195
        } else {
            self.below(20)
        };
        let symbol = |generator: &mut Self| char::from(generator.pick(SYMBOLS));
        let name: String = (0..len).map(|_| symbol(self)).collect();
        format!("n{name}")
    }

    fn push(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        *choices
            .get(self.below(choices.len()))
            .expect("it is below the length")
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a small number");
        usize::try_from(self.next() % bound).expect("a small number")
    }

    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
