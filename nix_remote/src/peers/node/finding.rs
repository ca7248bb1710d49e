//! Lookups by the DHT of the swarm.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use libp2p::{
    PeerId,
    kad::{
        GetProvidersError, GetProvidersOk, GetRecordError, GetRecordOk, QueryId, QueryResult,
        RecordKey,
    },
};
use nix_core::store_path::StorePath;
use tokio::sync::oneshot;

use super::{
    error::FindError,
    handle::{FindResult, RealisedResult},
    task::Task,
};
use crate::peers::{
    announcement::provider_key,
    lookup::{Begun, LookupOutput, Lookups, Outcome, Question, QuestionId, Refused, Subject},
    validators::unix_seconds,
};

/// The lookups of a node, and who waits for them.
pub(super) struct Finding {
    lookups: Lookups<PeerId>,
    questions: HashMap<QueryId, QuestionId>,
    queries: HashMap<QuestionId, QueryId>,
    waiting: BTreeMap<Subject, Vec<Waiter>>,
    /// Who has an archive that is being downloaded.
    providers: HashMap<QueryId, [u8; 32]>,
}

/// Who waits for a lookup.
enum Waiter {
    /// A caller who wants a path.
    Path(oneshot::Sender<FindResult>),
    /// A caller who wants the path of an output.
    Output(oneshot::Sender<RealisedResult>),
    /// A closure that is fetched.
    Closure(u64),
}

impl Finding {
    pub(super) fn new(lookups: Lookups<PeerId>) -> Self {
        Self {
            lookups,
            questions: HashMap::new(),
            queries: HashMap::new(),
            waiting: BTreeMap::new(),
            providers: HashMap::new(),
        }
    }

    /// Tells of which download a query asks for the providers.
    pub(super) fn download_of(&mut self, query: QueryId, is_last: bool) -> Option<[u8; 32]> {
        if is_last {
            self.providers.remove(&query)
        } else {
            self.providers.get(&query).copied()
        }
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        self.lookups.wake_at()
    }

    pub(super) fn len(&self) -> usize {
        self.lookups.searches()
    }

    pub(super) fn refused(&self, subject: &Subject) -> Refused {
        self.lookups.refused(subject)
    }

    /// Prefers what others say of a path to this archive, which could not be had.
    pub(super) fn set_aside(&mut self, root: &[u8; 32], now: Duration) {
        self.lookups.set_aside(*root, now);
    }

    /// Takes what a query has found. A record that is of no use counts for the lookup alone: who gave
    /// it may only have kept what others sent.
    pub(super) fn on_progress(
        &mut self,
        query: QueryId,
        result: QueryResult,
        is_last: bool,
        now: Duration,
    ) {
        let Some(&id) = self.questions.get(&query) else {
            return;
        };
        let was_answered = match result {
            QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(found))) => {
                let unix = unix_seconds(std::time::SystemTime::now()).unwrap_or_default();
                let _ = self.lookups.on_record(id, &found.record.value, now, unix);
                true
            }
            QueryResult::GetRecord(Err(GetRecordError::NotFound { closest_peers, .. })) => {
                !closest_peers.is_empty()
            }
            QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })) => {
                self.lookups.on_providers(id, providers, now);
                true
            }
            QueryResult::GetRecord(Err(GetRecordError::Timeout { .. }))
            | QueryResult::GetProviders(Err(GetProvidersError::Timeout { .. })) => false,
            _ => true,
        };
        if is_last {
            self.questions.remove(&query);
            self.queries.remove(&id);
            self.lookups.on_end(id, was_answered, now);
        }
    }

    fn begin(
        &mut self,
        subject: Subject,
        waiter: Waiter,
        now: Duration,
    ) -> Result<(), (Waiter, FindError)> {
        match self.lookups.find(subject.clone(), now) {
            Begun::Started | Begun::Joined => {
                self.waiting.entry(subject).or_default().push(waiter);
                Ok(())
            }
            Begun::KnownAbsent => Err((waiter, FindError::KnownAbsent)),
            Begun::Full => Err((waiter, FindError::Busy)),
        }
    }
}

impl Task {
    /// Looks a path up for a caller.
    pub(super) fn find(&mut self, path: StorePath, reply: oneshot::Sender<FindResult>) {
        let now = self.now();
        let begun = self.finding.begin(path.into(), Waiter::Path(reply), now);
        if let Err((waiter, error)) = begun {
            waiter.refuse(error);
        }
    }

    /// Looks the path of an output up for a caller.
    pub(super) fn find_output(&mut self, subject: Subject, reply: oneshot::Sender<RealisedResult>) {
        let now = self.now();
        let begun = self.finding.begin(subject, Waiter::Output(reply), now);
        if let Err((waiter, error)) = begun {
            waiter.refuse(error);
        }
    }

    /// Looks a path up for a closure; returns whether there will be an answer.
    pub(super) fn find_for(&mut self, job: u64, path: &StorePath) -> bool {
        let now = self.now();
        let begun = self.finding.begin(path.into(), Waiter::Closure(job), now);
        begun.is_ok()
    }

    /// Asks what the lookups want to know, and hands on what they have found.
    pub(super) fn advance_finding(&mut self) {
        let now = self.now();
        while let Some(output) = self.finding.lookups.poll(now) {
            match output {
                LookupOutput::Ask { id, question } => self.ask(id, question),
                LookupOutput::Cancel { id } => self.cancel(id),
                LookupOutput::Done { subject, outcome } => self.found(&subject, &outcome),
            }
        }
    }

    fn ask(&mut self, id: QuestionId, question: Question) {
        let kad = &mut self.swarm.behaviour_mut().kad;
        let query = match question {
            Question::Record(key) => kad.get_record(RecordKey::from(key.to_bytes())),
            Question::Providers(root) => {
                kad.get_providers(RecordKey::from(provider_key(&root).to_vec()))
            }
        };
        self.finding.questions.insert(query, id);
        self.finding.queries.insert(id, query);
    }

    /// Asks who has an archive that is being downloaded.
    pub(super) fn ask_for_providers(&mut self, root: [u8; 32]) {
        let kad = &mut self.swarm.behaviour_mut().kad;
        let query = kad.get_providers(RecordKey::from(provider_key(&root).to_vec()));
        self.finding.providers.insert(query, root);
    }

    fn cancel(&mut self, id: QuestionId) {
        let Some(query) = self.finding.queries.remove(&id) else {
            return;
        };
        self.finding.questions.remove(&query);
        if let Some(mut query) = self.swarm.behaviour_mut().kad.query_mut(&query) {
            query.finish();
        }
    }

    fn found(&mut self, subject: &Subject, outcome: &Outcome<PeerId>) {
        self.totals.looked_up(outcome);
        self.keep_evidence(subject, outcome);
        for waiter in self.finding.waiting.remove(subject).unwrap_or_default() {
            match (waiter, subject, outcome) {
                (Waiter::Closure(job), Subject::Path(path), Outcome::Found(found)) => {
                    self.on_found(job, path, Some((**found).clone()));
                }
                (Waiter::Closure(job), Subject::Path(path), _) => self.on_found(job, path, None),
                // Whoever asked may have gone.
                (Waiter::Path(reply), _, Outcome::Found(found)) => {
                    let _ = reply.send(Ok((**found).clone()));
                }
                (Waiter::Output(reply), _, Outcome::Realised(realised)) => {
                    let _ = reply.send(Ok((**realised).clone()));
                }
                (waiter, _, Outcome::Unanswered) => waiter.refuse(FindError::Unanswered),
                (waiter, ..) => waiter.refuse(FindError::Absent),
            }
        }
    }
}

impl Waiter {
    /// Says why there is nothing; a closure is told otherwise.
    fn refuse(self, error: FindError) {
        // Whoever asked may have gone.
        match self {
            Self::Path(reply) => drop(reply.send(Err(error))),
            Self::Output(reply) => drop(reply.send(Err(error))),
            Self::Closure(_) => {}
        }
    }
}
