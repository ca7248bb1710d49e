//! What a download knows of a peer: what it has, how fast it is, and how much may be asked of it.

use std::time::Duration;

use super::{
    download::{REQUESTS_MAX, SILENT_AFTER},
    groups::{GroupRange, GroupSet, REQUEST_GROUPS_MAX},
    random::Random,
};

/// How many requests a new peer is sent at a time.
const WINDOW_START: usize = 4;

/// How long an answer is expected to take from a peer that has not answered yet.
const UNMEASURED: Duration = Duration::from_millis(500);

/// The shortest and the longest time that a request is given, and that of the first ones.
const DEADLINE_MIN: Duration = Duration::from_secs(2);
pub(super) const DEADLINE_MAX: Duration = Duration::from_secs(30);
const DEADLINE_FIRST: Duration = Duration::from_secs(10);

/// How long a request for more than one group may be expected to take: what is asked of a slow peer is
/// soon asked of another.
const SPAN_TIME: Duration = Duration::from_millis(100);

/// How many times as long as expected an answer may take.
const PATIENCE: u32 = 4;

/// How long a peer is left alone at least that has no time just after it had some.
const BUSY_MIN: Duration = Duration::from_millis(2);

/// How long a peer is left alone after it failed or was busy again; twice as long each time, to a limit.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// After how many setbacks in a row a peer may be given up for another one.
const SETBACKS_MANY: u32 = 3;

/// What a peer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holding {
    /// It has not said yet.
    Unasked,
    Nothing,
    All,
    Some(GroupSet),
    /// It speaks of a blob of another size, and so do we, as long as none is proven.
    OtherSize(u64),
}

/// A peer of a download.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) holding: Holding,
    /// When to ask what it has, unless it is being asked.
    pub(super) ask_at: Option<Duration>,
    /// Until when nothing is asked of it.
    pub(super) rests_until: Duration,
    /// After how many releases of groups it had none left to be asked for.
    pub(super) dry: Option<u64>,
    /// How many requests for groups it has, and for how many groups.
    pub(super) requests: usize,
    pub(super) groups: u32,
    window: usize,
    span: u8,
    /// How often in a row it failed or was busy.
    setbacks: u32,
    /// Since when it was asked and gave nothing, and whether that was for groups.
    unheard_since: Option<Duration>,
    owes_groups: bool,
    /// Whether it gave nothing for too long, and nothing since.
    pub(super) is_silent: bool,
    latency: Option<Duration>,
    /// How long it takes for a group, when it has enough to do.
    pace: Option<Duration>,
    answered_at: Duration,
    round: Round,
}

/// As many answers as the window is wide, by which the window is judged.
#[derive(Debug, Clone, Default)]
struct Round {
    answers: usize,
    groups: u32,
    /// When the round before ended, or else the first answered request was sent.
    since: Option<Duration>,
    /// The greatest rate of late, in groups per 1000 s.
    best: u128,
}

impl Peer {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            holding: Holding::Unasked,
            ask_at: Some(now),
            rests_until: now,
            dry: None,
            requests: 0,
            groups: 0,
            window: WINDOW_START,
            span: 1,
            setbacks: 0,
            unheard_since: None,
            owes_groups: false,
            is_silent: false,
            latency: None,
            pace: None,
            answered_at: now,
            round: Round::default(),
        }
    }

    /// Returns which groups it has, as a set or `None` for all; no value where it has none.
    pub(super) const fn held(&self) -> Option<Option<&GroupSet>> {
        match &self.holding {
            Holding::All => Some(None),
            Holding::Some(held) => Some(Some(held)),
            Holding::Unasked | Holding::Nothing | Holding::OtherSize(_) => None,
        }
    }

    /// Whether another one may take its place: it has nothing, gives nothing, or failed again and
    /// again.
    pub(super) const fn is_replaceable(&self) -> bool {
        let has_nothing = matches!(self.holding, Holding::Nothing | Holding::OtherSize(_));
        has_nothing || self.is_silent || self.setbacks >= SETBACKS_MANY
    }

    pub(super) fn holds(&self, range: GroupRange) -> bool {
        let held = self.held();
        held.is_some_and(|held| held.is_none_or(|held| held.contains_all(range)))
    }

    /// Whether it may be sent one more request for groups.
    pub(super) fn has_room(&self, now: Duration) -> bool {
        self.rests_until <= now && self.requests < self.window
    }

    /// Returns for how many groups it is asked at once: no more than it sends in [`SPAN_TIME`].
    pub(super) fn span(&self) -> u8 {
        let pace = self.pace.unwrap_or_default().as_nanos().max(1);
        let most = u8::try_from(SPAN_TIME.as_nanos() / pace).unwrap_or(u8::MAX);
        self.span.min(most.max(1))
    }

    /// Returns how long so many more groups are expected to take.
    pub(super) fn estimate(&self, groups: u32) -> Duration {
        match (self.latency, self.pace) {
            (Some(latency), Some(pace)) => latency + pace * (self.groups + groups),
            (Some(latency), None) => latency * 2,
            _ => UNMEASURED,
        }
    }

    /// Returns how long a request for so many more groups is given.
    pub(super) fn patience(&self, groups: u32) -> Duration {
        let usual = match self.pace {
            Some(_) => (self.estimate(groups) * PATIENCE).max(DEADLINE_MIN),
            None => DEADLINE_FIRST,
        };
        let doubled = usual.saturating_mul(1 << self.setbacks.min(8));
        doubled.min(DEADLINE_MAX)
    }

    /// Takes note that it was asked for groups, or for what it has.
    pub(super) fn asked(&mut self, is_for_groups: bool, now: Duration) {
        self.owes_groups |= is_for_groups;
        self.unheard_since.get_or_insert(now);
    }

    /// Takes note that it said what it has, which is nothing given where it was asked for groups.
    pub(super) fn heard(&mut self) {
        if !self.owes_groups {
            self.unheard_since = None;
            self.is_silent = false;
        }
    }

    /// Takes note that it gave something; returns whether it was silent.
    pub(super) fn gave(&mut self, now: Duration) -> bool {
        self.owes_groups = self.requests > 0;
        self.unheard_since = self.owes_groups.then_some(now);
        std::mem::take(&mut self.is_silent)
    }

    /// Returns when it is silent, if it gives nothing until then.
    pub(super) fn silent_at(&self) -> Option<Duration> {
        self.unheard_since.map(|since| since + SILENT_AFTER)
    }

    /// Takes note that it gave nothing for too long, and lets it rest; returns whether that is new.
    /// What it said that it has counts no more.
    pub(super) fn hush(&mut self, now: Duration, random: &mut Random) -> bool {
        self.set_back(now, random);
        (self.window, self.span) = (1, 1);
        if self.held().is_some() {
            self.holding = Holding::Unasked;
        }
        self.unheard_since = None;
        !std::mem::replace(&mut self.is_silent, true)
    }

    /// Takes note that it said what it has.
    pub(super) fn said(&mut self, elapsed: Duration) {
        self.latency.get_or_insert(elapsed);
    }

    /// Takes note that groups came and were verified.
    pub(super) fn delivered(&mut self, groups: u32, sent_at: Duration, now: Duration) {
        let elapsed = now.saturating_sub(sent_at);
        let latency = self.latency.unwrap_or(elapsed);
        // Grows a little with each answer, so that a path that became longer is found out.
        self.latency = Some(elapsed.min(latency + latency / 64));
        let busy_since = sent_at.max(self.answered_at);
        let sample = now.saturating_sub(busy_since) / groups.max(1);
        self.pace = Some(match self.pace {
            Some(pace) => (pace * 7 + sample) / 8,
            None => sample,
        });
        self.answered_at = now;
        self.setbacks = 0;
        self.span = (self.span * 2).min(REQUEST_GROUPS_MAX);
        self.judge_window(groups, sent_at, now);
    }

    /// Takes note that another one was faster.
    pub(super) fn overtaken(&mut self, groups: u32, sent_at: Duration, now: Duration) {
        let elapsed = now.saturating_sub(sent_at) / groups.max(1);
        self.pace = self.pace.max(Some(elapsed));
    }

    /// Takes note that it did not answer, and lets it rest.
    pub(super) fn set_back(&mut self, now: Duration, random: &mut Random) {
        if now < self.rests_until {
            return;
        }
        self.window = (self.window / 2).max(1);
        self.span = (self.span / 2).max(1);
        self.rest(backoff(self.setbacks), now, random);
    }

    /// Takes note that it has no time for as long as it says. One that gives as much as it may says
    /// so after whatever it gave, and is asked again just then; one that gives nothing in between is
    /// left alone for longer each time.
    pub(super) fn busy(&mut self, wait: Duration, now: Duration, random: &mut Random) {
        if now < self.rests_until {
            return;
        }
        self.window = (self.window * 3 / 4).max(1);
        let least = match self.setbacks.checked_sub(1) {
            Some(before) => backoff(before),
            None => BUSY_MIN,
        };
        self.rest(wait.max(least), now, random);
    }

    fn rest(&mut self, wait: Duration, now: Duration, random: &mut Random) {
        self.rests_until = now + random.spread(wait);
        self.setbacks += 1;
        self.round = Round::default();
    }

    /// Widens the window by one after each round that was faster than those before.
    fn judge_window(&mut self, groups: u32, sent_at: Duration, now: Duration) {
        let round = &mut self.round;
        let since = *round.since.get_or_insert(sent_at);
        round.answers += 1;
        round.groups += groups;
        if round.answers < self.window {
            return;
        }
        let nanos = now.saturating_sub(since).as_nanos().max(1);
        let rate = u128::from(round.groups) * 1_000_000_000_000 / nanos;
        let is_faster = rate * 16 > round.best * 17;
        if is_faster {
            self.window = (self.window + 1).min(REQUESTS_MAX);
        }
        // What was best fades, so that a wider window is tried again.
        let best = if is_faster {
            rate
        } else {
            round.best * 15 / 16
        };
        self.round = Round {
            best,
            since: Some(now),
            ..Round::default()
        };
    }
}

/// Returns for how long a peer rests after so many setbacks before.
fn backoff(setbacks: u32) -> Duration {
    let doubled = BACKOFF_MIN.saturating_mul(1 << setbacks.min(16));
    doubled.min(BACKOFF_MAX)
}
