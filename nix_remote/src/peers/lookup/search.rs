//! The search for one path or output.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use nix_core::{
    hash::Sha256,
    signature::TrustedKeys,
    store_path::{StoreDir, StorePath},
};

use super::{
    contradiction::{Contradiction, object_of},
    found::{Found, aside_until, best_root},
    lookups::{LookupLimits, Outcome, QuestionId},
    realised::Realised,
    refused::Refused,
    remembered::Remembered,
    subject::Subject,
};
use crate::peers::announcement::{
    Announcement, Conflict, DecodeError, Key, SignerId, Signers, VerifyError,
};

/// How many different records are judged of those that come in answer to a question.
pub const JUDGED_PER_QUESTION_MAX: usize = 64;

/// How many contradictions are kept of a search.
pub const CONTRADICTIONS_MAX: usize = 8;

/// For how many different archives of a path providers are looked for: so many of which trusted
/// signers speak, and so many that content addresses alone are for, so that nobody whom we do not
/// trust can have the others forgotten.
pub const ROOTS_MAX: usize = 4;

/// How many providers of an archive are kept.
pub const PROVIDERS_MAX: usize = 64;

/// How many providers of an archive are taken from one answer, so that no single answer takes the
/// places of all others.
pub const PROVIDERS_PER_ANSWER_MAX: usize = 16;

/// With how many providers a search does not wait for more.
pub const PROVIDERS_ENOUGH: usize = 8;

/// What is asked of the DHT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Which records stand under a key.
    Record(Key),
    /// Who has the archive with this BLAKE3 root.
    Providers([u8; 32]),
}

/// Why a record is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// So many records have come already that no more are judged.
    #[error("more than {JUDGED_PER_QUESTION_MAX} different records came")]
    TooMany,
    /// It is no announcement under its key.
    #[error("the record is no announcement")]
    Decode(#[source] DecodeError),
    /// It is not believed.
    #[error("the announcement is not believed")]
    Verify(#[source] VerifyError),
    /// It is of a path with another name.
    #[error("the announcement is of {found}, where {wanted} was asked for")]
    OtherPath {
        /// What was asked for.
        wanted: StorePath,
        /// What it is of.
        found: StorePath,
    },
    /// It came in answer to a question for providers.
    #[error("no record was asked for")]
    NotAsked,
}

/// By what announcements are judged.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) dir: StoreDir,
    pub(super) trusted: TrustedKeys,
    /// The roots of archives that could not be had.
    pub(super) aside: Remembered<[u8; 32]>,
}

/// The search for one path or output.
#[derive(Debug)]
pub(super) struct Search<P> {
    subject: Subject,
    pub(super) unasked: VecDeque<Question>,
    open: BTreeMap<QuestionId, Open>,
    verified: Vec<Announcement>,
    contradictions: Vec<Contradiction>,
    conflicts: Vec<Conflict>,
    /// The archives whose providers are or were asked for, with those that are known.
    providers: BTreeMap<[u8; 32], BTreeSet<P>>,
    /// For how many archives they were, of which trusted signers speak, and others.
    roots_asked: [usize; 2],
    /// From when on nothing is waited for at all.
    deadline: Duration,
    /// From when on no more announcements are waited for.
    settled_at: Option<Duration>,
    /// What was not believed.
    pub(super) refused: Refused,
    /// Whether some question was not answered, so that nothing follows from its silence.
    pub(super) is_unanswered: bool,
}

#[derive(Debug)]
struct Open {
    question: Question,
    judged: BTreeSet<Sha256>,
}

impl<P: Ord> Search<P> {
    pub(super) fn new(subject: Subject, signers: &[SignerId], deadline: Duration) -> Self {
        Self {
            unasked: subject.questions(signers).into(),
            subject,
            open: BTreeMap::new(),
            verified: Vec::new(),
            contradictions: Vec::new(),
            conflicts: Vec::new(),
            providers: BTreeMap::new(),
            roots_asked: [0; 2],
            deadline,
            settled_at: None,
            refused: Refused::default(),
            is_unanswered: false,
        }
    }

    pub(super) fn asked(&mut self, id: QuestionId, question: Question) {
        let judged = BTreeSet::new();
        self.open.insert(id, Open { question, judged });
    }

    /// Takes note that no more comes in answer to a question.
    pub(super) fn ended(&mut self, id: QuestionId, was_answered: bool) {
        self.open.remove(&id);
        self.is_unanswered |= !was_answered;
    }

    /// Judges a record. One that came before counts for nothing, and costs nothing.
    pub(super) fn on_record(
        &mut self,
        id: QuestionId,
        bytes: &[u8],
        judge: &Judge,
        unix: u64,
    ) -> Result<bool, RecordError> {
        let judged = self.judge(id, bytes, judge, unix);
        if let Err(reason) = &judged {
            self.refused.add(reason);
        }
        judged
    }

    fn judge(
        &mut self,
        id: QuestionId,
        bytes: &[u8],
        judge: &Judge,
        unix: u64,
    ) -> Result<bool, RecordError> {
        let Some(open) = self.open.get_mut(&id) else {
            return Ok(false);
        };
        let Question::Record(key) = open.question else {
            return Err(RecordError::NotAsked);
        };
        let digest = Sha256::of(bytes);
        if open.judged.contains(&digest) {
            return Ok(false);
        }
        if open.judged.len() >= JUDGED_PER_QUESTION_MAX {
            return Err(RecordError::TooMany);
        }
        open.judged.insert(digest);
        let found = Announcement::decode(&key.to_bytes(), bytes).map_err(RecordError::Decode)?;
        let signers = Signers::Trusted(&judge.trusted);
        let verified = found.verify(&judge.dir, signers, unix);
        verified.map_err(RecordError::Verify)?;
        self.check_path(&found)?;
        self.keep(found, &judge.aside);
        Ok(true)
    }

    /// The key has the hash part of a path alone; that of an output leaves no doubt.
    fn check_path(&self, found: &Announcement) -> Result<(), RecordError> {
        match (&self.subject, object_of(found)) {
            (Subject::Path(wanted), Some(object)) if object.path != *wanted => {
                Err(RecordError::OtherPath {
                    wanted: wanted.clone(),
                    found: object.path.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    fn keep(&mut self, found: Announcement, aside: &Remembered<[u8; 32]>) {
        let room = CONTRADICTIONS_MAX - self.contradictions.len();
        let others = self.verified.iter();
        let contradictions = others.filter_map(|other| Contradiction::between(other, &found));
        self.contradictions.extend(contradictions.take(room));
        let room = CONTRADICTIONS_MAX - self.conflicts.len();
        let others = self.verified.iter();
        // All were verified, so no signature can be wrong.
        let conflicts = others.filter_map(|other| Conflict::between(other, &found).ok()?);
        self.conflicts.extend(conflicts.take(room));
        // Of content-addressed path infos the key has no signer: whoever says something newer of the
        // archive does not have the words of others forgotten.
        let same_key = |other: &&mut Announcement| {
            other.key() == found.key() && other.signer() == found.signer()
        };
        match self.verified.iter_mut().find(same_key) {
            Some(other) if gives_way(other, &found, aside) => *other = found,
            Some(_) => {}
            None => self.verified.push(found),
        }
        self.ask_for_providers(aside);
    }

    fn ask_for_providers(&mut self, aside: &Remembered<[u8; 32]>) {
        let Some((root, is_signed)) = best_root(&self.verified, aside) else {
            return;
        };
        let [signed, others] = &mut self.roots_asked;
        let asked = if is_signed { signed } else { others };
        if *asked < ROOTS_MAX && !self.providers.contains_key(&root) {
            *asked += 1;
            self.providers.insert(root, BTreeSet::new());
            self.unasked.push_front(Question::Providers(root));
        }
    }

    /// Adds the providers of an answer, as long as there is room for them.
    pub(super) fn on_providers(&mut self, id: QuestionId, found: impl IntoIterator<Item = P>) {
        let question = self.open.get(&id).map(|open| open.question);
        let Some(Question::Providers(root)) = question else {
            return;
        };
        let providers = self.providers.entry(root).or_default();
        for provider in found.into_iter().take(PROVIDERS_PER_ANSWER_MAX) {
            if providers.len() >= PROVIDERS_MAX {
                return;
            }
            providers.insert(provider);
        }
    }

    /// Takes note of the time, and returns the questions that are of no use any more.
    pub(super) fn pass(&mut self, now: Duration, limits: &LookupLimits) -> Vec<QuestionId> {
        if !self.verified.is_empty() && self.settled_at.is_none() {
            self.settled_at = Some(now.saturating_add(limits.grace));
        }
        if !self.is_settled(now) {
            return Vec::new();
        }
        let is_record = |question: &Question| matches!(question, Question::Record(_));
        self.unasked.retain(|question| !is_record(question));
        let open = self.open.iter();
        let useless = open.filter(|(_, open)| is_record(&open.question));
        let useless: Vec<_> = useless.map(|(id, _)| *id).collect();
        self.open.retain(|_, open| !is_record(&open.question));
        useless
    }

    fn is_settled(&self, now: Duration) -> bool {
        self.settled_at.is_some_and(|at| now >= at)
    }

    /// Whether nothing more is to be waited for.
    pub(super) fn is_over(&self, now: Duration, judge: &Judge) -> bool {
        let is_idle = self.open.is_empty() && self.unasked.is_empty();
        let has_enough = || self.is_settled(now) && self.has_enough_providers(&judge.aside);
        is_idle || now >= self.deadline || has_enough()
    }

    fn has_enough_providers(&self, aside: &Remembered<[u8; 32]>) -> bool {
        let root = best_root(&self.verified, aside);
        let providers = root.and_then(|(root, _)| self.providers.get(&root));
        providers.is_some_and(|providers| providers.len() >= PROVIDERS_ENOUGH)
    }

    /// Returns when something changes without an answer.
    pub(super) fn wake_at(&self, now: Duration) -> Duration {
        match self.settled_at {
            Some(at) if at > now => at.min(self.deadline),
            _ => self.deadline,
        }
    }

    /// Ends the search; returns the questions that are still open, and how it ends.
    pub(super) fn end(self, judge: &Judge) -> (Vec<QuestionId>, Outcome<P>) {
        let is_unanswered = self.is_unanswered || !self.open.is_empty() || !self.unasked.is_empty();
        let open = self.open.into_keys().collect();
        let (verified, aside) = (self.verified, &judge.aside);
        let found = match self.subject {
            Subject::Path(_) => Found::new(verified, self.contradictions, self.providers, aside)
                .map(|found| Outcome::Found(Box::new(found))),
            Subject::Output(_) => Realised::new(verified, self.conflicts)
                .map(|realised| Outcome::Realised(Box::new(realised))),
        };
        let outcome = found.unwrap_or(if is_unanswered {
            Outcome::Unanswered
        } else {
            Outcome::Absent
        });
        (open, outcome)
    }
}

/// Whether an announcement gives way to another one of its key: to a newer one, or to any whose
/// archive may still be had where its own could not.
fn gives_way(one: &Announcement, other: &Announcement, aside: &Remembered<[u8; 32]>) -> bool {
    let until = [one, other].map(|one| aside_until(one, aside));
    let by_archive = until[1].cmp(&until[0]);
    let order = by_archive.then_with(|| one.compare(other).unwrap_or(Ordering::Equal));
    order == Ordering::Less
}
