//! Derivations: read, printed and hashed.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use nix_core::{
    derivation::{
        ByteString, CheckedDerivation, Derivation, DerivationInputs, DerivationLookup,
        DerivationModulo, DerivationOutput, InputOutputs,
    },
    store_path::{OutputName, StoreDir, StorePath, StorePathName},
};

use super::{
    options::Options,
    race::{self, Outcome, Race, Unit},
    shared,
};
use crate::report::{head, median, row};

const CHAIN: usize = 100_000;
/// How long the chain is that Nix evaluates too.
const CHAIN_OF_NIX: usize = 10_000;
/// How often a text is read in a round.
const TIMES: usize = 1_000;
const FOLDER: &str = "conformance/nix/libstore/derivation";
const SYSTEM: &str = "x86_64-linux";
const BUILDER: &str = "/bin/sh";

/// Measures derivations, and returns tables.
#[must_use]
pub fn run(options: &Options) -> String {
    let dir = StoreDir::default();
    let (mut outcomes, mut text) = (Vec::new(), String::new());
    let folder = shared(FOLDER);
    match largest(&folder) {
        Some((name, bytes)) => {
            text = format!("`{name}.drv` has {} bytes. ", bytes.len());
            outcomes.extend(of_text(&dir, &name, &bytes, options.rounds));
        }
        None => text += &super::skipped("the largest derivation", &folder),
    }
    let (before, last) = chain(&dir, CHAIN);
    let hashing = Race::new(
        "hash modulo of a chain of 100,000, nothing known",
        Unit::Work,
        1,
    )
    .with("ours", || {
        let hash = DerivationModulo::new(&dir, &before).hash(&last).unwrap();
        u64::from(hash.unwrap().0[0])
    })
    .run(options.rounds);
    outcomes.push(hashing);
    let of_nix = beside_nix(&dir, options.rounds);
    format!(
        "{text}Absolute figures.\n\n{}\n{of_nix}",
        race::table(&outcomes)
    )
}

/// Returns the name and bytes of the largest derivation in a folder.
fn largest(folder: &Path) -> Option<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).ok()?;
    let paths = entries.map(|entry| entry.unwrap().path());
    let texts = paths.filter(|path| path.extension().is_some_and(|it| it == "drv"));
    let path = texts.max_by_key(|path| fs::metadata(path).unwrap().len())?;
    let name = path.file_stem()?.to_str()?.to_owned();
    Some((name, fs::read(path).unwrap()))
}

fn of_text(dir: &StoreDir, name: &str, bytes: &[u8], rounds: usize) -> [Outcome; 3] {
    let name = StorePathName::new(name).unwrap();
    let parse_as = |bytes: &[u8]| Derivation::parse_aterm(dir, name.clone(), bytes).unwrap();
    let parse = || parse_as(bytes);
    let parsed = parse();
    // The file's own inputs are out of order, so that other bytes of the same length are printed.
    assert_eq!(parse_as(&parsed.to_aterm(dir).unwrap()), parsed);
    let inputs = made_up_inputs(&parsed);
    let total = TIMES * bytes.len();
    let reading = Race::new("ATerm, parse and print", Unit::Bytes, total)
        .with("ours", || {
            (0..TIMES)
                .map(|_| parse().to_aterm(dir).unwrap().len() as u64)
                .sum()
        })
        .run(rounds);
    let parsing = Race::new("ATerm, parse", Unit::Bytes, total)
        .with("ours", || {
            (0..TIMES).map(|_| parse().env.len() as u64).sum()
        })
        .run(rounds);
    let title = format!("hash modulo, its {} inputs made up", inputs.len());
    let hashing = Race::new(title, Unit::Things, TIMES)
        .with("ours", || {
            let hash = |_| {
                let hash = DerivationModulo::new(dir, &inputs).hash(&parsed).unwrap();
                u64::from(hash.unwrap().0[0])
            };
            (0..TIMES).map(hash).sum()
        })
        .run(rounds);
    [reading, parsing, hashing]
}

/// Makes a small derivation for each input: the real ones are not there.
fn made_up_inputs(derivation: &Derivation) -> BTreeMap<StorePath, Derivation> {
    let inputs = derivation.inputs.derivations.iter();
    let made = inputs.map(|(path, used)| {
        let output =
            |name: &OutputName| (name.clone(), DerivationOutput::InputAddressed(path.clone()));
        let name = StorePathName::new("input").unwrap();
        let mut input = bare(name);
        input.outputs = used.outputs.iter().map(output).collect();
        (path.clone(), input)
    });
    made.collect()
}

fn bare(name: StorePathName) -> Derivation {
    Derivation {
        name,
        outputs: BTreeMap::new(),
        inputs: DerivationInputs::default(),
        system: ByteString::from(SYSTEM),
        builder: ByteString::from(BUILDER),
        args: Vec::new(),
        env: BTreeMap::new(),
    }
}

/// Derivations that become more while they are hashed.
#[derive(Default)]
struct Growing(RefCell<BTreeMap<StorePath, Derivation>>);

impl DerivationLookup for Growing {
    type Error = Infallible;

    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>, Infallible> {
        Ok(self.0.borrow().get(path).cloned().map(Cow::Owned))
    }
}

/// Makes derivations each of which uses the one before, and returns them beside the last one.
fn chain(dir: &StoreDir, length: usize) -> (BTreeMap<StorePath, Derivation>, CheckedDerivation) {
    let made = Growing::default();
    let mut modulo = DerivationModulo::new(dir, &made);
    let mut last: Option<CheckedDerivation> = None;
    for _ in 0..length {
        let mut next = bare(StorePathName::new("link").unwrap());
        next.outputs
            .insert(OutputName::out(), DerivationOutput::Deferred);
        let mut used = String::new();
        if let Some(last) = last.take() {
            used = dir.print(&last.output_paths()[&OutputName::out()]);
            let outputs = BTreeSet::from([OutputName::out()]);
            let outputs = InputOutputs {
                outputs,
                dynamic: BTreeMap::new(),
            };
            let path = last.path(dir).unwrap();
            next.inputs.derivations.insert(path.clone(), outputs);
            made.0.borrow_mut().insert(path, last.into_derivation());
        }
        let variables = [
            ("builder", BUILDER),
            ("name", "link"),
            ("prev", &used),
            ("system", SYSTEM),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        next.env.extend(variables);
        last = Some(next.fill_outputs(&mut modulo).unwrap());
    }
    (made.0.into_inner(), last.expect("a chain has a link"))
}

/// Evaluates the same chain by Nix, whose start-up is measured alone and taken off.
fn beside_nix(dir: &StoreDir, rounds: usize) -> String {
    let expression = format!(
        "let step = prev: n: let next = derivation {{ name = \"link\"; system = \"{SYSTEM}\"; \
         builder = \"{BUILDER}\"; inherit prev; }}; in builtins.seq next.drvPath next; in \
         (builtins.foldl' step \"\" (builtins.genList (n: n) {CHAIN_OF_NIX})).outPath"
    );
    let Some(_) = evaluate("1") else {
        return "The chain by Nix: skipped, there is no nix-instantiate.\n".to_owned();
    };
    let (mut ours, mut theirs, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let begun = Instant::now();
        let (_, last) = chain(dir, CHAIN_OF_NIX);
        let path = dir.print(&last.output_paths()[&OutputName::out()]);
        ours.push(begun.elapsed().as_secs_f64());
        let (seconds, printed) = evaluate(&expression).expect("it was there before");
        assert_eq!(
            printed.trim().trim_matches('"'),
            path,
            "Nix computes another path"
        );
        theirs.push(seconds);
        starts.push(evaluate("1").expect("it was there before").0);
    }
    let (ours, theirs, start) = (median(&ours), median(&theirs), median(&starts));
    let mut table = head(
        "a chain of 10,000, each link filled and its path computed",
        &["ms"],
    );
    let net = theirs - start;
    row(
        &mut table,
        "ours",
        [format!("{:.0}", ours * 1e3)].into_iter(),
    );
    let cells = [format!(
        "{:.0} without its start of {:.0}",
        net * 1e3,
        start * 1e3
    )];
    row(
        &mut table,
        "nix-instantiate --readonly-mode --eval",
        cells.into_iter(),
    );
    format!(
        "{table}\nNix evaluates its expression too, so that its figure is more than hashing; both \
         come to the same path. Ours is {:.1} times as fast.\n",
        net / ours
    )
}

/// Has Nix evaluate an expression without writing, and returns seconds and what it printed.
fn evaluate(expression: &str) -> Option<(f64, String)> {
    let mut command = Command::new("nix-instantiate");
    command.args(["--readonly-mode", "--eval", "-E", expression]);
    let begun = Instant::now();
    let output = command.stderr(Stdio::null()).output().ok()?;
    let seconds = begun.elapsed().as_secs_f64();
    assert!(output.status.success(), "{command:?}");
    Some((seconds, String::from_utf8(output.stdout).unwrap()))
}
