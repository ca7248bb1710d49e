//! Group commit: single writes that come while another one is being committed share a commit.
//!
//! The first to come leads: it waits for the writer's turn, plans its own write and then those of
//! all who have come meanwhile, applies the edits of all as one commit, and answers each. Who comes
//! after that finds no leader and leads the next group. A thread that is not the leader sleeps once
//! and wakes once. Each write stands and falls alone until the commit, which all share.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

#[cfg(test)]
use crate::schedules::{Bug, planted};

use crate::{
    backends::Backend,
    error::Result,
    inner::{Durability, Inner},
    tables::ModelTables,
    threads::{AtomicUsize, Mutex, Thread, current, now, park, yield_now},
    txn::WriteCore,
    write::Scratch,
    writer::locked,
};

/// One write: it plans what `Scratch` holds on top of the group's edits so far. A function and not
/// a closure, so that another thread can run it for a record that cannot be sent there.
pub(crate) type Work<B> = fn(&WriteCore<B>, &ModelTables, &mut Scratch) -> Result<()>;

/// How a write ended: with a result, or a panic to be passed on.
type Ended = thread::Result<Result<()>>;

/// How long a leader waits for those who were in the last group: less than most disks' sync.
const PATIENCE: Duration = Duration::from_micros(100);

/// Those who wait for a leader to run their writes.
pub(crate) struct Group<B: Backend> {
    queue: Mutex<Queue<B>>,
    /// How many writes the next group would have if all who were answered came again at once.
    expected: AtomicUsize,
}

struct Queue<B: Backend> {
    waiting: Vec<Follower<B>>,
    /// Whether a leader will look here again before it commits.
    is_led: bool,
}

/// A write that another thread runs.
struct Follower<B: Backend> {
    work: Work<B>,
    model: Arc<ModelTables>,
    scratch: Scratch,
    reply: Arc<Reply>,
}

/// Where the thread of a follower finds its answer.
struct Reply {
    answer: Mutex<Option<(Scratch, Ended)>>,
    thread: Thread,
}

impl<B: Backend> Default for Group<B> {
    fn default() -> Self {
        Self {
            queue: Mutex::new(Queue {
                waiting: Vec::new(),
                is_led: false,
            }),
            expected: AtomicUsize::new(0),
        }
    }
}

impl<B: Backend> Group<B> {
    /// Leaves a write to the leader; if there is none, the caller is the leader and keeps it.
    fn follow(
        &self,
        model: &Arc<ModelTables>,
        scratch: &mut Scratch,
        work: Work<B>,
    ) -> Option<Arc<Reply>> {
        let mut queue = locked(&self.queue);
        if !queue.is_led {
            queue.is_led = true;
            return None;
        }
        let reply = Arc::new(Reply {
            answer: Mutex::new(None),
            thread: current(),
        });
        queue.waiting.push(Follower {
            work,
            model: Arc::clone(model),
            scratch: mem::take(scratch),
            reply: Arc::clone(&reply),
        });
        Some(reply)
    }

    /// Takes who waits; if nobody does, the group is complete.
    fn take(&self) -> Vec<Follower<B>> {
        let mut queue = locked(&self.queue);
        queue.is_led = !queue.waiting.is_empty();
        #[cfg(test)]
        if planted(Bug::LeadKept) {
            queue.is_led = true;
        }
        mem::take(&mut queue.waiting)
    }

    /// Lets those arrive who have just been answered, but does not wait for who stays away.
    fn give_way(&self) {
        let expected = self.expected.load(Ordering::Relaxed);
        let is_complete = || locked(&self.queue).waiting.len() + 1 >= expected;
        if is_complete() {
            return;
        }
        let begun = now();
        while !is_complete() && now() - begun < PATIENCE {
            yield_now();
        }
    }

    /// Notes how many are to be expected in the next group: those of this one and those who wait.
    fn expect(&self, members: usize) {
        let queue = locked(&self.queue);
        let next = queue.waiting.len() + usize::from(queue.is_led);
        self.expected.store(members + next, Ordering::Relaxed);
    }
}

impl Reply {
    fn give(&self, scratch: Scratch, ended: Ended) {
        *locked(&self.answer) = Some((scratch, ended));
        #[cfg(test)]
        if planted(Bug::FollowerNotWoken) {
            return;
        }
        self.thread.unpark();
    }

    fn wait(&self) -> (Scratch, Ended) {
        loop {
            if let Some(answer) = locked(&self.answer).take() {
                return answer;
            }
            park();
        }
    }
}

impl<B: Backend> Inner<B> {
    /// Makes one write, which shares its commit with others that come at the same time.
    pub(crate) fn write_one(
        self: &Arc<Self>,
        model: &Arc<ModelTables>,
        scratch: &mut Scratch,
        work: Work<B>,
    ) -> Result<()> {
        self.check_writable()?;
        self.writer.check_holder()?;
        let ended = match self.group.follow(model, scratch, work) {
            Some(reply) => {
                let (returned, ended) = reply.wait();
                *scratch = returned;
                ended
            }
            None => self.lead(model, scratch, work),
        };
        match ended {
            Ok(done) => done?,
            Err(payload) => resume_unwind(payload),
        }
        if self.durability == Durability::Eventual {
            self.sync_soon()?;
        }
        Ok(())
    }

    /// Commits a group that begins with the caller's own write.
    fn lead(self: &Arc<Self>, model: &ModelTables, scratch: &mut Scratch, work: Work<B>) -> Ended {
        let turn = self.writer.lock();
        let mut members = Members(Vec::new());
        let core = match turn.and_then(|guard| Ok((self.group_core()?, guard))) {
            Ok(begun) => begun,
            Err(error) => {
                // Whoever waits is refused as well, and finds out why by asking again.
                members.gather(self, |_| Ok(Err(self.poisoned().into())));
                return Ok(Err(error));
            }
        };
        let (core, guard) = core;
        let mut own = attempt(&core, || work(&core, model, scratch));
        self.group.give_way();
        members.gather(self, |follower| {
            let Follower {
                work,
                model,
                scratch,
                ..
            } = follower;
            attempt(&core, || work(&core, model, scratch))
        });
        #[cfg(test)]
        if planted(Bug::AnsweredBeforeCommit) {
            drop(mem::replace(&mut members, Members(Vec::new())));
        }
        let succeeded = members.succeeded() + usize::from(is_success(&own));
        if succeeded > 0
            && let Err(error) = self.apply_group(core)
        {
            #[cfg(test)]
            if planted(Bug::FailureKeptByLeader) {
                return Ok(Err(error));
            }
            members.fail(self);
            if is_success(&own) {
                own = Ok(Err(error));
            }
        }
        self.group.expect(members.0.len() + 1);
        // Answered before the turn passes on: they join the group that waits for it.
        drop(members);
        drop(guard);
        own
    }

    fn group_core(self: &Arc<Self>) -> Result<WriteCore<B>> {
        self.check_writable()?;
        let base = self.snapshot()?;
        Ok(WriteCore::over(Arc::clone(self), base))
    }

    fn apply_group(&self, core: WriteCore<B>) -> Result<()> {
        // The engine keeps what open snapshots see: the group's own leaves with its core.
        let set = core.into_set();
        let sync = self.durability == Durability::Immediate;
        if !set.tables.is_empty() {
            return self.apply(set, sync).map(drop);
        }
        if sync { self.flush() } else { Ok(()) }
    }
}

/// The followers of a group, with how each one's write ended; they are answered however the group
/// ends.
struct Members<B: Backend>(Vec<(Follower<B>, Ended)>);

impl<B: Backend> Members<B> {
    /// Runs the writes of all who come until nobody does.
    fn gather(&mut self, inner: &Inner<B>, mut run: impl FnMut(&mut Follower<B>) -> Ended) {
        loop {
            let followers = inner.group.take();
            if followers.is_empty() {
                return;
            }
            for mut follower in followers {
                let ended = run(&mut follower);
                #[cfg(test)]
                if planted(Bug::MadeTwice) {
                    drop(run(&mut follower));
                }
                self.0.push((follower, ended));
            }
        }
    }

    fn succeeded(&self) -> usize {
        self.0.iter().filter(|(_, ended)| is_success(ended)).count()
    }

    /// Notes that what succeeded could not be committed.
    fn fail(&mut self, inner: &Inner<B>) {
        for (_, ended) in &mut self.0 {
            if is_success(ended) {
                *ended = Ok(Err(inner.poisoned().into()));
            }
        }
    }
}

impl<B: Backend> Drop for Members<B> {
    fn drop(&mut self) {
        for (follower, ended) in self.0.drain(..) {
            follower.reply.give(follower.scratch, ended);
        }
    }
}

/// Runs one write; what it edited before it failed or panicked is taken back.
fn attempt<B: Backend>(core: &WriteCore<B>, work: impl FnOnce() -> Result<()>) -> Ended {
    #[cfg(test)]
    if planted(Bug::RefusedEditsKept) {
        return catch_unwind(AssertUnwindSafe(work));
    }
    catch_unwind(AssertUnwindSafe(|| core.all_or_nothing(work)))
}

fn is_success(ended: &Ended) -> bool {
    matches!(ended, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backends::{Snapshot, memory::MemoryBackend},
        error::StoreError,
        schedules::engine,
    };

    fn store() -> Arc<Inner<MemoryBackend>> {
        engine::open(MemoryBackend::new(), Durability::default())
    }

    fn write(core: &WriteCore<MemoryBackend>, model: &ModelTables, scratch: &mut Scratch) {
        core.edit(
            model.rows.id,
            scratch.key.clone(),
            Some(b"row".as_slice().into()),
        );
    }

    const SUCCEED: Work<MemoryBackend> = |core, model, scratch| {
        write(core, model, scratch);
        Ok(())
    };
    const REFUSE: Work<MemoryBackend> = |core, model, scratch| {
        write(core, model, scratch);
        Err(StoreError::WouldDeadlock.into())
    };
    const PANIC: Work<MemoryBackend> = |core, model, scratch| {
        write(core, model, scratch);
        panic!("in the middle of a write")
    };

    fn write_one(inner: &Arc<Inner<MemoryBackend>>, key: u8, work: Work<MemoryBackend>) -> Ended {
        let model = inner.layout.model("Row").expect("the one model");
        let mut scratch = Scratch::default();
        scratch.key.push(key);
        let ended = catch_unwind(AssertUnwindSafe(|| {
            inner.write_one(model, &mut scratch, work)
        }));
        if ended.is_ok() {
            assert_eq!(scratch.key, [key], "each thread gets its own memory back");
        }
        ended
    }

    /// Lets threads come while another one writes, the first of them first, and returns how their
    /// writes ended.
    fn together(inner: &Arc<Inner<MemoryBackend>>, works: &[Work<MemoryBackend>]) -> Vec<Ended> {
        let guard = inner.writer.lock().expect("nobody writes yet");
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for (key, work) in (0..).zip(works) {
                threads.push(scope.spawn(move || write_one(inner, key, *work)));
                let has_come = || {
                    let queue = locked(&inner.group.queue);
                    queue.is_led && queue.waiting.len() == usize::from(key)
                };
                while !has_come() {
                    yield_now();
                }
            }
            drop(guard);
            let join = |thread: thread::ScopedJoinHandle<'_, Ended>| thread.join().expect("caught");
            threads.into_iter().map(join).collect()
        })
    }

    fn keys(inner: &Inner<MemoryBackend>) -> Vec<u8> {
        let model = inner.layout.model("Row").expect("the one model");
        let snapshot = inner.snapshot().expect("memory is there");
        let is_there = |key: &u8| {
            let found = snapshot.get(model.rows.id, &[*key], |_| ());
            found.expect("memory is there").is_some()
        };
        (0..8).filter(is_there).collect()
    }

    #[test]
    fn writes_of_a_group_stand_and_fall_alone() {
        let inner = store();
        let ended = together(&inner, &[SUCCEED, PANIC, REFUSE, SUCCEED]);
        let told: Vec<_> = ended
            .iter()
            .map(|ended| ended.as_ref().map(Result::is_ok))
            .collect();
        assert!(matches!(told[..], [Ok(true), Err(_), Ok(false), Ok(true)]));
        assert_eq!(keys(&inner), [0, 3]);
        assert_eq!(inner.group.expected.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_leader_that_panics_still_serves_its_group() {
        let inner = store();
        let ended = together(&inner, &[PANIC, SUCCEED, SUCCEED]);
        assert!(ended[0].is_err());
        assert!(ended[1..].iter().all(is_success));
        assert_eq!(keys(&inner), [1, 2]);
        assert!(
            is_success(&write_one(&inner, 4, SUCCEED)),
            "and the next group"
        );
    }

    #[test]
    fn who_holds_the_lock_is_refused_and_does_not_wait_for_itself() {
        let inner = store();
        let guard = inner.writer.lock().expect("nobody writes yet");
        let refused = write_one(&inner, 0, SUCCEED).expect("no panic");
        assert!(refused.is_err());
        drop(guard);
        assert!(is_success(&write_one(&inner, 0, SUCCEED)));
    }
}
