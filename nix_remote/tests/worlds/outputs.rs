//! Outputs of derivations: which paths they are said to have, and who looks that up.

use std::collections::BTreeSet;

use nix_core::{
    hash::Sha256,
    realisation::{LegacyRealisation, Realisation},
    store_path::StorePath,
};
use nix_remote::peers::{
    announcement::{Announceable, Announcement, SignerId, Statement},
    lookup::{CONTRADICTIONS_MAX, JUDGED_PER_QUESTION_MAX, Realised, SIGNERS_ASKED_MAX, Subject},
};

use crate::{
    corpus::{CACHES, STRANGER, TRAITOR, TRUSTED, Thing, is_trusted, key},
    dht::rank,
    dice::{Dice, ms},
    world::World,
};

/// After how many milliseconds a node looks again for outputs that it does not know.
const AGAIN_MS: u64 = 5000;

/// An output of a derivation.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) text: String,
    /// Its path.
    pub(crate) path: StorePath,
    /// Another path, which liars say that it has.
    pub(crate) other: StorePath,
    /// Whether no trusted key signed that it has its path.
    pub(crate) is_private: bool,
    is_legacy: bool,
}

impl Output {
    /// Makes outputs, each with the path of another thing.
    pub(crate) fn some(things: &[Thing], dice: &mut Dice) -> Vec<Self> {
        let count = things.len().min(3);
        let outputs = (0..count).map(|at| {
            let path = things[at].info.path.clone();
            let digest = Sha256::of(&[at as u8]);
            let is_legacy = dice.percent(50);
            Self {
                text: if is_legacy {
                    let hex = digest.0.iter().map(|byte| format!("{byte:02x}"));
                    format!("sha256:{}!out", hex.collect::<String>())
                } else {
                    let name = path.base_name().replace("thing-", "drv-thing-");
                    format!("{name}.drv^out")
                },
                other: things[(at + 1) % things.len()].info.path.clone(),
                path,
                is_private: at == 0,
                is_legacy,
            }
        });
        outputs.collect()
    }

    /// States that it has a path, signed as stores keep it by whom `seed` is the key of.
    pub(crate) fn says(&self, path: &StorePath, seed: u8) -> Statement {
        if self.is_legacy {
            let id = self.text.parse().unwrap();
            let mut one = LegacyRealisation::new(id, path.clone());
            one.sign(key(seed));
            Statement::LegacyRealisation(one)
        } else {
            let mut one = Realisation::new(self.text.parse().unwrap(), path.clone());
            one.sign(key(seed));
            Statement::Realisation(one)
        }
    }

    /// What stores have of it.
    pub(crate) fn known(&self) -> Statement {
        let seed = if self.is_private { STRANGER } else { CACHES[0] };
        self.says(&self.path, seed)
    }
}

/// Whether others may learn of a realisation.
pub(crate) fn allows(object: &Announceable<'_>, statement: &Statement) -> bool {
    match statement {
        Statement::Realisation(one) => object.allows(one, &TRUSTED),
        Statement::LegacyRealisation(one) => object.allows_legacy(one, &TRUSTED),
        _ => false,
    }
}

impl World {
    /// Looks for the outputs that a node wants to know; returns whether any look-up has begun.
    pub(crate) fn drive_outputs(&mut self, node: u32) -> bool {
        let now = self.now;
        let peer = &mut self.peers[node as usize];
        if peer.mind.outputs_at > now {
            return false;
        }
        peer.mind.outputs_at = now + ms(AGAIN_MS);
        let unknown = peer.outputs.difference(&peer.realised);
        let unknown: Vec<_> = unknown.cloned().collect();
        let mut has_begun = false;
        for text in unknown {
            has_begun |= self.find(node, Subject::Output(text), None);
        }
        has_begun
    }

    /// Takes note of the path that an output is said to have: it is known once the true one is among
    /// those that are said.
    pub(crate) fn on_realised(
        &mut self,
        node: u32,
        text: &str,
        realised: Option<&Realised>,
        believed: &[Announcement],
    ) {
        let Some(realised) = realised else {
            assert!(believed.is_empty(), "{}: a word is lost", self.name());
            return;
        };
        self.check_realised(text, realised, believed);
        let outputs = &self.corpus.outputs;
        let output = outputs.iter().find(|output| output.text == text).unwrap();
        let all = std::iter::once(realised.best()).chain(realised.others());
        let mut paths = all.filter_map(|one| Some(one.statement().output()?.1.clone()));
        let is_known = paths.any(|path| path == output.path);
        self.counts.add(match realised.out_path() == &output.path {
            true => "outputs found",
            false => "outputs of other paths",
        });
        if is_known {
            let peer = &mut self.peers[node as usize];
            peer.realised.insert(text.to_owned());
        }
    }

    /// What is found of an output is what trusted signers said of it, each the last word, with all
    /// that contradicts it.
    fn check_realised(&mut self, text: &str, realised: &Realised, believed: &[Announcement]) {
        let name = self.name();
        let kept = std::iter::once(realised.best()).chain(realised.others());
        let kept: Vec<_> = kept.collect();
        assert!(kept.len() <= JUDGED_PER_QUESTION_MAX + SIGNERS_ASKED_MAX);
        let mut signers = BTreeSet::new();
        for one in &kept {
            let (output, _) = one.statement().output().unwrap();
            assert_eq!(output, text, "{name}: another output");
            assert!(is_trusted(one.signer()), "{name}: a stranger's word");
            assert!(
                signers.insert(one.signer()),
                "{name}: a signer counts twice"
            );
            assert!(believed.contains(one), "{name}: not believed");
            let mut same = believed.iter().filter(|other| other.key() == one.key());
            assert!(
                !same.any(|other| rank(other) > rank(one)),
                "{name}: an older word"
            );
            let (best, one) = (realised.best().term(), one.term());
            assert!(best.issued_at >= one.issued_at, "{name}: not the newest");
        }
        let said: BTreeSet<_> = believed.iter().map(|one| one.signer()).collect();
        assert_eq!(said, signers, "{name}: a signer is lost");
        self.check_conflicts(text, realised, believed);
    }

    fn check_conflicts(&mut self, text: &str, realised: &Realised, believed: &[Announcement]) {
        let path = |one: &Announcement| one.statement().output().unwrap().1.clone();
        let paths: BTreeSet<_> = believed.iter().map(path).collect();
        let conflicts = realised.conflicts();
        let name = self.name();
        assert_eq!(paths.len() > 1, !conflicts.is_empty(), "{name}: conflicts");
        assert!(conflicts.len() <= CONTRADICTIONS_MAX);
        for conflict in conflicts {
            let [left, right] = conflict.announcements();
            assert_eq!(conflict.output(), text);
            assert_ne!(path(left), path(right), "{name}: no conflict");
            assert!(believed.contains(left) && believed.contains(right));
            self.counts.add("conflicts");
            if conflict.is_equivocation() {
                let traitor = SignerId::of(&key(TRAITOR).public_key());
                assert_eq!(*left.signer(), traitor, "{name}: who says one thing");
                self.counts.add("equivocations of outputs found out");
            }
        }
    }
}
