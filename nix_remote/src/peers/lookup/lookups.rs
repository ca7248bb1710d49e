//! Several searches at once, as a machine that is told what comes and says what to ask.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use nix_core::{signature::TrustedKeys, store_path::StoreDir};

use super::{
    found::Found,
    realised::Realised,
    refused::{Refused, RefusedBook},
    remembered::{ABSENT_FOR, ABSENT_MAX, ASIDE_FOR, ASIDE_MAX, Remembered, UNANSWERED_FOR},
    search::{Judge, Question, RecordError, Search},
    subject::Subject,
};
use crate::peers::announcement::SignerId;

/// How many trusted signers are asked for: the first ones in the order of their keys.
pub const SIGNERS_ASKED_MAX: usize = 16;

/// How long a lookup may take, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupLimits {
    /// After how long a lookup ends with what is there.
    pub deadline: Duration,
    /// How long other announcements are waited for once one is there.
    pub grace: Duration,
    /// How many questions are open at a time, of all lookups together. Not 0.
    pub questions_max: usize,
    /// How many lookups there are at a time.
    pub searches_max: usize,
}

impl Default for LookupLimits {
    /// 5 seconds, half a second, 32 questions, 1,024 lookups.
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            grace: Duration::from_millis(500),
            questions_max: 32,
            searches_max: 1024,
        }
    }
}

/// The name of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(u64);

/// What became of the wish to look something up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Begun {
    /// It is looked up.
    Started,
    /// It is being looked up already; there will be one outcome.
    Joined,
    /// It was looked up in vain a short while ago, and is not again.
    KnownAbsent,
    /// There are too many lookups.
    Full,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupOutput<P> {
    /// Ask the DHT, and tell what comes and that no more comes.
    Ask {
        /// The name of the question.
        id: QuestionId,
        /// The question.
        question: Question,
    },
    /// Forget a question; whatever still comes is of no use.
    Cancel {
        /// Its name.
        id: QuestionId,
    },
    /// A lookup has ended.
    Done {
        /// What was looked up.
        subject: Subject,
        /// How it has ended.
        outcome: Outcome<P>,
    },
}

/// How a lookup has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<P> {
    /// There is an announcement of the path.
    Found(Box<Found<P>>),
    /// There is an announcement of the output.
    Realised(Box<Realised>),
    /// All have answered, and nobody has one.
    Absent,
    /// Nothing came before the deadline, or some question failed.
    Unanswered,
}

/// Looks paths and outputs up in a DHT.
///
/// The caller owns the DHT and the clocks: it asks what [`poll`](Self::poll) says, tells what comes
/// of it, and polls again until there is nothing to do before [`wake_at`](Self::wake_at). `P` is what
/// it calls peers.
///
/// For each path the records of its content address and of each trusted signer are asked for, at
/// once; for each output those of each trusted signer. With the first announcement of a path that is
/// verified those are asked for who have its archive. A lookup ends when all has been answered, when
/// other announcements have had their grace and there are providers enough, and at its deadline with
/// what is there then.
///
/// Memory: some KiB for each lookup, of which there are at most
/// [`searches_max`](LookupLimits::searches_max); [`ABSENT_MAX`](super::ABSENT_MAX) paths that were
/// not found, [`ASIDE_MAX`](super::ASIDE_MAX) archives that could not be had, and some reasons for
/// which records were refused, of [`REFUSED_MAX`](super::REFUSED_MAX) lookups.
#[derive(Debug)]
pub struct Lookups<P> {
    judge: Judge,
    signers: Vec<SignerId>,
    limits: LookupLimits,
    searches: BTreeMap<Subject, Search<P>>,
    /// The searches that may have something to ask, in turn.
    turns: VecDeque<Subject>,
    questions: BTreeMap<QuestionId, Subject>,
    absent: Remembered<Subject>,
    refused: RefusedBook,
    outputs: VecDeque<LookupOutput<P>>,
    next_id: u64,
    now: Duration,
}

impl<P: Ord> Lookups<P> {
    /// Makes one that looks for paths of `dir` and believes the signers whose keys are `trusted`.
    #[must_use]
    pub fn new(dir: StoreDir, trusted: TrustedKeys, limits: LookupLimits) -> Self {
        let signers: BTreeSet<_> = trusted.iter().map(SignerId::of).collect();
        Self {
            signers: signers.into_iter().take(SIGNERS_ASKED_MAX).collect(),
            judge: Judge {
                dir,
                trusted,
                aside: Remembered::new(ASIDE_MAX),
            },
            limits,
            searches: BTreeMap::new(),
            turns: VecDeque::new(),
            questions: BTreeMap::new(),
            absent: Remembered::new(ABSENT_MAX),
            refused: RefusedBook::default(),
            outputs: VecDeque::new(),
            next_id: 0,
            now: Duration::ZERO,
        }
    }

    /// Begins to look something up, unless it is being looked up, or was in vain a short while ago.
    pub fn find(&mut self, subject: impl Into<Subject>, now: Duration) -> Begun {
        self.pass(now);
        let subject = subject.into();
        if self.searches.contains_key(&subject) {
            return Begun::Joined;
        }
        if self.absent.has(&subject) {
            return Begun::KnownAbsent;
        }
        if self.searches.len() >= self.limits.searches_max {
            return Begun::Full;
        }
        let deadline = self.now.saturating_add(self.limits.deadline);
        let search = Search::new(subject.clone(), &self.signers, deadline);
        self.searches.insert(subject.clone(), search);
        self.turns.push_back(subject);
        Begun::Started
    }

    /// Forgets that something was looked up in vain.
    pub fn forget(&mut self, subject: &Subject) {
        self.absent.forget(subject);
    }

    /// Takes note that the archive with this BLAKE3 root could not be had, or turned out to have
    /// another hash than was announced. For [`ASIDE_FOR`] what others say of a path is preferred to
    /// announcements of that archive, an older announcement of the same signer among them; without
    /// any other they still count. At most [`ASIDE_MAX`] archives are remembered.
    pub fn set_aside(&mut self, root: [u8; 32], now: Duration) {
        self.pass(now);
        let until = self.now.saturating_add(ASIDE_FOR);
        self.judge.aside.remember(root, until);
    }

    /// Judges a record that came in answer to a question, at `unix` seconds since 1970; returns
    /// whether it is believed and was not there before. One that nobody waits for is dropped.
    ///
    /// # Errors
    /// Says why the record is of no use, so that whoever gave it can be scored.
    pub fn on_record(
        &mut self,
        id: QuestionId,
        bytes: &[u8],
        now: Duration,
        unix: u64,
    ) -> Result<bool, RecordError> {
        self.pass(now);
        let Some((subject, search)) = search_of(&self.questions, &mut self.searches, id) else {
            return Ok(false);
        };
        let had_turn = !search.unasked.is_empty();
        let judged = search.on_record(id, bytes, &self.judge, unix);
        if !had_turn && !search.unasked.is_empty() {
            self.turns.push_back(subject);
        }
        self.pass(now);
        judged
    }

    /// Takes note of peers that are said to have what a question was about, in one answer of which
    /// the first [`PROVIDERS_PER_ANSWER_MAX`](super::PROVIDERS_PER_ANSWER_MAX) count.
    pub fn on_providers(
        &mut self,
        id: QuestionId,
        providers: impl IntoIterator<Item = P>,
        now: Duration,
    ) {
        if let Some((_, search)) = search_of(&self.questions, &mut self.searches, id) {
            search.on_providers(id, providers);
        }
        self.pass(now);
    }

    /// Takes note that no more comes in answer to a question, and whether that was answered or
    /// failed: only from answers follows that nothing is announced.
    pub fn on_end(&mut self, id: QuestionId, was_answered: bool, now: Duration) {
        if let Some((_, search)) = search_of(&self.questions, &mut self.searches, id) {
            search.ended(id, was_answered);
        }
        self.questions.remove(&id);
        self.pass(now);
    }

    /// Returns what to do next, or nothing until something happens or the time of
    /// [`wake_at`](Self::wake_at) has come.
    pub fn poll(&mut self, now: Duration) -> Option<LookupOutput<P>> {
        self.pass(now);
        self.outputs.pop_front().or_else(|| self.ask())
    }

    /// Returns when to poll at the latest; `None` while nothing is looked up.
    #[must_use]
    pub fn wake_at(&self) -> Option<Duration> {
        let searches = self.searches.values();
        searches.map(|search| search.wake_at(self.now)).min()
    }

    /// Returns which records were refused by the lookup of something that goes on, or else by its
    /// last one, where that is among the last [`REFUSED_MAX`](super::REFUSED_MAX) that refused any.
    ///
    /// Whoever gave a record may only have kept what others sent.
    #[must_use]
    pub fn refused(&self, subject: &Subject) -> Refused {
        let going_on = self.searches.get(subject).map(|search| &search.refused);
        let refused = going_on.or_else(|| self.refused.of(subject));
        refused.cloned().unwrap_or_default()
    }

    /// Returns how many lookups there are.
    #[must_use]
    pub fn searches(&self) -> usize {
        self.searches.len()
    }

    /// Returns how many questions are open.
    #[must_use]
    pub fn questions(&self) -> usize {
        self.questions.len()
    }

    fn ask(&mut self) -> Option<LookupOutput<P>> {
        while self.questions.len() < self.limits.questions_max {
            let subject = self.turns.pop_front()?;
            let Some(search) = self.searches.get_mut(&subject) else {
                continue;
            };
            let Some(question) = search.unasked.pop_front() else {
                continue;
            };
            self.next_id += 1;
            let id = QuestionId(self.next_id);
            search.asked(id, question);
            if !search.unasked.is_empty() {
                self.turns.push_back(subject.clone());
            }
            self.questions.insert(id, subject);
            return Some(LookupOutput::Ask { id, question });
        }
        None
    }

    /// Takes note of the time, and ends what is over.
    fn pass(&mut self, now: Duration) {
        self.now = self.now.max(now);
        self.absent.pass(self.now);
        self.judge.aside.pass(self.now);
        for search in self.searches.values_mut() {
            for id in search.pass(self.now, &self.limits) {
                self.questions.remove(&id);
                self.outputs.push_back(LookupOutput::Cancel { id });
            }
        }
        let over = self.searches.iter();
        let over = over.filter(|(_, search)| search.is_over(self.now, &self.judge));
        let over: Vec<_> = over.map(|(subject, _)| subject.clone()).collect();
        for subject in over {
            self.end(subject);
        }
    }

    fn end(&mut self, subject: Subject) {
        let Some(search) = self.searches.remove(&subject) else {
            return;
        };
        self.refused.keep(&subject, search.refused.clone());
        let (open, outcome) = search.end(&self.judge);
        for id in open {
            self.questions.remove(&id);
            self.outputs.push_back(LookupOutput::Cancel { id });
        }
        let lasting = match outcome {
            Outcome::Found(_) | Outcome::Realised(_) => None,
            Outcome::Absent => Some(ABSENT_FOR),
            Outcome::Unanswered => Some(UNANSWERED_FOR),
        };
        if let Some(lasting) = lasting {
            let until = self.now.saturating_add(lasting);
            self.absent.remember(subject.clone(), until);
        }
        self.outputs
            .push_back(LookupOutput::Done { subject, outcome });
    }
}

fn search_of<'s, P>(
    questions: &BTreeMap<QuestionId, Subject>,
    searches: &'s mut BTreeMap<Subject, Search<P>>,
    id: QuestionId,
) -> Option<(Subject, &'s mut Search<P>)> {
    let subject = questions.get(&id)?;
    let search = searches.get_mut(subject)?;
    Some((subject.clone(), search))
}
