//! A bounded queue that serves its sources in turn.
//!
//! A source may have as many jobs waiting as there is room left for others. One flooding source thus
//! takes half of the queue at most, two a third each, and a newcomer finds room while any is left.

use std::{
    collections::{HashMap, VecDeque},
    sync::PoisonError,
};

use libp2p_identity::PeerId;

#[cfg(test)]
use crate::schedules::{Bug, planted};
use crate::{
    threads::{Condvar, Mutex},
    writer::locked,
};

/// Jobs by who they come from; none is this node itself, which has a share of its own.
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    ready: Condvar,
    idle: Condvar,
    remote_max: usize,
    source_max: usize,
    local_max: usize,
}

struct State<J> {
    lanes: HashMap<Option<PeerId>, VecDeque<J>>,
    /// The sources that have jobs waiting, each once, in the order of their turns.
    turns: VecDeque<Option<PeerId>>,
    /// How many jobs of peers wait.
    remote: usize,
    running: usize,
    ended: bool,
}

/// There is no room for a job.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<J> Queue<J> {
    pub(super) fn new(remote_max: usize, source_max: usize, local_max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                lanes: HashMap::new(),
                turns: VecDeque::new(),
                remote: 0,
                running: 0,
                ended: false,
            }),
            ready: Condvar::new(),
            idle: Condvar::new(),
            remote_max,
            source_max,
            local_max,
        }
    }

    /// Adds a job, or forgets it where there is no room.
    pub(super) fn push(&self, source: Option<PeerId>, job: J) -> Result<(), Full> {
        let mut guard = locked(&self.state);
        let state = &mut *guard;
        let waiting = state.lanes.get(&source).map_or(0, VecDeque::len);
        let room = match source {
            Some(_) => self
                .source_max
                .min(self.remote_max.saturating_sub(state.remote)),
            None => self.local_max,
        };
        if waiting >= room || state.ended {
            // The lock goes before the job, whose parts are the application's.
            drop(guard);
            return Err(Full);
        }
        state.lanes.entry(source).or_default().push_back(job);
        if waiting == 0 {
            state.turns.push_back(source);
        }
        state.remote += usize::from(source.is_some());
        drop(guard);
        #[cfg(test)]
        if planted(Bug::JobNotTold) {
            return Ok(());
        }
        self.ready.notify_one();
        Ok(())
    }

    /// Waits for the next job; none when the queue has ended. The caller reports back with
    /// [`done`](Self::done).
    pub(super) fn take(&self) -> Option<J> {
        let guard = locked(&self.state);
        let is_waiting = |state: &mut State<J>| state.turns.is_empty() && !state.ended;
        let waited = self.ready.wait_while(guard, is_waiting);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.next()
    }

    /// Says that a job is done.
    pub(super) fn done(&self) {
        let mut state = locked(&self.state);
        state.running = state.running.saturating_sub(1);
        if state.is_idle() {
            self.idle.notify_all();
        }
    }

    /// Returns how many jobs wait.
    pub(super) fn len(&self) -> usize {
        locked(&self.state).len()
    }

    /// Waits until no job waits or runs.
    pub(super) fn wait_until_idle(&self) {
        let guard = locked(&self.state);
        // Who waits here cannot fail: a poisoned lock holds whole state all the same.
        drop(self.idle.wait_while(guard, |state| !state.is_idle()));
    }

    /// Forgets what waits, and lets nobody wait any longer.
    pub(super) fn end(&self) {
        let mut state = locked(&self.state);
        state.ended = true;
        state.turns.clear();
        state.remote = 0;
        let lanes = std::mem::take(&mut state.lanes);
        let is_idle = state.is_idle();
        drop(state);
        // Jobs hold callbacks of the application, which may come back here as they are dropped.
        drop(lanes);
        #[cfg(test)]
        if planted(Bug::OneTakerTold) {
            return self.ready.notify_one();
        }
        self.ready.notify_all();
        if is_idle {
            self.idle.notify_all();
        }
    }
}

impl<J> State<J> {
    /// Takes the first job of the source whose turn it is.
    fn next(&mut self) -> Option<J> {
        let source = self.turns.pop_front()?;
        let lane = self.lanes.get_mut(&source)?;
        let job = lane.pop_front();
        if lane.is_empty() {
            self.lanes.remove(&source);
        } else {
            self.turns.push_back(source);
        }
        self.remote -= usize::from(source.is_some());
        self.running += 1;
        job
    }

    fn len(&self) -> usize {
        self.remote + self.lanes.get(&None).map_or(0, VecDeque::len)
    }

    fn is_idle(&self) -> bool {
        self.turns.is_empty() && self.running == 0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        schedules::{explore, finds},
        threads::spawn,
    };

    /// How many jobs come, and how many of a source wait at most.
    const JOBS: u8 = 4;
    const JOBS_MAX: usize = 2;

    /// What was taken on, and what was done. No task is interrupted while it notes that.
    type Noted = std::sync::Mutex<[Vec<u8>; 2]>;

    fn note(noted: &Noted, which: usize, job: u8) {
        noted.lock().expect("nobody dies here")[which].push(job);
    }

    fn jobs_of_several_sources() {
        let queue = Arc::new(Queue::new(JOBS_MAX, JOBS_MAX, JOBS_MAX));
        let noted = Arc::new(Noted::default());
        let task = |work: fn(&Queue<u8>, &Noted)| {
            let (queue, noted) = (Arc::clone(&queue), Arc::clone(&noted));
            spawn("task", move || work(&queue, &noted)).expect("a task")
        };
        let take = |queue: &Queue<u8>, noted: &Noted| {
            while let Some(job) = queue.take() {
                assert!(queue.len() <= 2 * JOBS_MAX);
                note(noted, 1, job);
                queue.done();
            }
        };
        let push = |queue: &Queue<u8>, noted: &Noted| {
            let peer = PeerId::from_multihash(Default::default()).expect("an identity");
            for job in 0..JOBS {
                let source = (job % 2 == 0).then_some(peer);
                if queue.push(source, job).is_ok() {
                    note(noted, 0, job);
                }
            }
        };
        let takers = [task(take), task(take)];
        task(push).join().expect("it does not die");
        queue.wait_until_idle();
        queue.end();
        for taker in takers {
            taker.join().expect("it does not die");
        }
        let mut noted = noted.lock().expect("nobody dies here");
        noted[1].sort_unstable();
        assert_eq!(noted[0], noted[1]);
    }

    #[test]
    fn every_job_that_is_taken_on_is_done_and_nobody_waits_for_ever() {
        explore(jobs_of_several_sources);
    }

    #[test]
    fn what_is_wrong_with_the_queue_is_found() {
        finds(
            &[Bug::JobNotTold, Bug::OneTakerTold],
            jobs_of_several_sources,
        );
    }

    #[test]
    fn nothing_is_kept_of_peers_that_have_nothing_waiting() {
        let queue = Queue::new(100, 100, 100);
        for number in 0..20 {
            for _ in 0..3 {
                let peer = PeerId::random();
                assert_eq!(queue.push(Some(peer), number), Ok(()));
                assert_eq!(queue.push(Some(peer), number), Ok(()));
            }
            for _ in 0..6 {
                assert_eq!(queue.take(), Some(number));
                queue.done();
            }
            let state = locked(&queue.state);
            assert_eq!((state.lanes.len(), state.turns.len()), (0, 0));
            assert_eq!((state.remote, state.running), (0, 0));
        }
    }
}
