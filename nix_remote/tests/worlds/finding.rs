//! Lookups by the DHT, as a node does them.

use nix_core::hash::Sha256;
use nix_remote::peers::{
    announcement::Key,
    lookup::{
        Begun, JUDGED_PER_QUESTION_MAX, LookupOutput, Outcome, Question, QuestionId, RecordError,
        Subject,
    },
};

use crate::{
    dht::key_of,
    dice::ms,
    lies::{Lie, Told},
    network::{Asker, Message},
    peer::{LOOKUPS, Query},
    world::{Event, World},
};

/// After how many milliseconds a question is over, whoever has answered.
pub(crate) const QUERY_MS: u64 = 4000;

/// What records of one path or output have in common, whoever says something of it.
pub(crate) fn place(key: &Key) -> Vec<u8> {
    match key {
        Key::PathInfo { path_digest, .. } | Key::ContentAddressed { path_digest } => {
            path_digest.to_vec()
        }
        Key::Realisation { output, .. } => output.0.to_vec(),
    }
}

fn place_of(subject: &Subject) -> Vec<u8> {
    match subject {
        Subject::Path(path) => path.digest().to_vec(),
        Subject::Output(text) => Sha256::of(text.as_bytes()).0.to_vec(),
    }
}

impl World {
    /// Does what the lookups of a node say; returns whether that was anything.
    pub(crate) fn drive_lookups(&mut self, node: u32) -> bool {
        let (now, mut outputs) = (self.now, 0);
        while let Some(output) = self.mind(node).lookups.poll(now) {
            outputs += 1;
            assert!(outputs < 10_000, "{}: no end of outputs", self.name());
            match output {
                LookupOutput::Ask { id, question } => self.ask(node, id, question),
                LookupOutput::Cancel { id } => {
                    self.mind(node).queries.remove(&id);
                }
                LookupOutput::Done { subject, outcome } => self.found(node, &subject, &outcome),
            }
        }
        outputs > 0
    }

    /// Looks something up, for a closure where it is a path; returns whether there will be an
    /// answer.
    pub(crate) fn find(&mut self, node: u32, subject: Subject, job: Option<u64>) -> bool {
        let now = self.now;
        let mind = self.mind(node);
        let begun = mind.lookups.find(subject.clone(), now);
        let is_begun = matches!(begun, Begun::Started | Begun::Joined);
        if is_begun {
            let (since, jobs) = mind.waiting.entry(subject).or_default();
            // One that has just ended, and of which nobody was told yet, may be there too.
            since.extend((begun == Begun::Started).then_some(now));
            jobs.extend(job);
        }
        match begun {
            Begun::Started => self.counts.add("lookups"),
            Begun::Joined => self.counts.add("lookups joined"),
            Begun::KnownAbsent => self.counts.add("lookups spared"),
            Begun::Full => self.counts.add("lookups refused"),
        }
        is_begun
    }

    fn ask(&mut self, node: u32, id: QuestionId, question: Question) {
        let keepers = self.keepers(&key_of(&question));
        let query = Query {
            question,
            waits_for: keepers.iter().copied().collect(),
            answers: 0,
            judged: 0,
        };
        self.mind(node).queries.insert(id, query);
        let life = self.peers[node as usize].life;
        self.at(self.now + ms(QUERY_MS), Event::QueryOver { node, life, id });
        for keeper in keepers {
            self.send(
                node,
                keeper,
                life,
                Message::Find(Asker::Lookup(id), question),
            );
        }
    }

    pub(crate) fn on_records(&mut self, from: u32, node: u32, id: QuestionId, records: &[Told]) {
        for (bytes, lie) in records {
            if self.mind(node).queries.contains_key(&id) {
                self.on_record(node, id, bytes, *lie);
            }
        }
        self.answered(from, node, id);
    }

    fn on_record(&mut self, node: u32, id: QuestionId, bytes: &[u8], lie: Option<Lie>) {
        let (now, unix) = (self.now, self.unix(node));
        let judged = self.mind(node).lookups.on_record(id, bytes, now, unix);
        let query = self.mind(node).queries.get_mut(&id).unwrap();
        let question = query.question;
        if !matches!(judged, Ok(false) | Err(RecordError::TooMany)) {
            query.judged += 1;
        }
        let is_bounded = query.judged <= JUDGED_PER_QUESTION_MAX;
        assert!(is_bounded, "{}: {node} judges too many", self.name());
        match judged {
            Ok(true) => self.believes(node, &question, bytes, lie, unix),
            Ok(false) => self.counts.add("records known already"),
            Err(error) => self.refused_by_lookup(lie, &error),
        }
    }

    fn refused_by_lookup(&mut self, lie: Option<Lie>, error: &RecordError) {
        if *error == RecordError::TooMany {
            return self.counts.add("records beyond the most");
        }
        let is_lie = lie.is_some_and(|lie| !lie.is_well_signed());
        assert!(is_lie, "{}: {lie:?} is refused: {error:?}", self.name());
        let refused = &mut self.counts.refused_by_lookups;
        *refused.entry(lie.unwrap()).or_default() += 1;
    }

    pub(crate) fn on_providers(
        &mut self,
        from: u32,
        node: u32,
        id: QuestionId,
        providers: Vec<u32>,
    ) {
        let now = self.now;
        self.mind(node).lookups.on_providers(id, providers, now);
        self.answered(from, node, id);
    }

    /// Takes note that a node has answered a question.
    fn answered(&mut self, from: u32, node: u32, id: QuestionId) {
        let Some(query) = self.mind(node).queries.get_mut(&id) else {
            return;
        };
        if query.waits_for.remove(&from) {
            query.answers += 1;
        }
        if query.waits_for.is_empty() {
            self.end_query(node, id);
        }
    }

    pub(crate) fn end_query(&mut self, node: u32, id: QuestionId) {
        let now = self.now;
        if let Some(query) = self.mind(node).queries.remove(&id) {
            let was_answered = query.answers > 0;
            self.mind(node).lookups.on_end(id, was_answered, now);
        }
    }

    fn found(&mut self, node: u32, subject: &Subject, outcome: &Outcome<u32>) {
        let believed = self.mind(node).believed.remove(&place_of(subject));
        let believed = believed.unwrap_or_default();
        let (since, jobs) = self.mind(node).waiting.get_mut(subject).unwrap();
        let (since, jobs) = (since.pop_front().unwrap(), std::mem::take(jobs));
        let is_in_time = self.now <= since + LOOKUPS.deadline;
        assert!(is_in_time, "{}: {subject} took too long", self.name());
        match outcome {
            Outcome::Found(_) | Outcome::Realised(_) => {}
            Outcome::Absent => self.counts.add("subjects absent"),
            Outcome::Unanswered => self.counts.add("subjects unanswered"),
        }
        match (subject, outcome) {
            (Subject::Path(path), Outcome::Found(found)) => {
                self.check_found(node, path, Some(found), &believed, since);
                for job in jobs {
                    self.on_found(node, job, path, Some(found));
                }
            }
            (Subject::Path(path), Outcome::Absent | Outcome::Unanswered) => {
                self.check_found(node, path, None, &believed, since);
                for job in jobs {
                    self.on_found(node, job, path, None);
                }
            }
            (Subject::Output(text), Outcome::Realised(realised)) => {
                self.on_realised(node, text, Some(realised), &believed);
            }
            (Subject::Output(text), Outcome::Absent | Outcome::Unanswered) => {
                self.on_realised(node, text, None, &believed);
            }
            _ => panic!("{}: {subject} is of another kind", self.name()),
        }
    }
}
