//! Ways to do the same work, side by side: each in turn, in an order that rotates, for several
//! rounds, and every one must come to the same result.

use std::{hint::black_box, time::Instant};

use crate::report::{greatest, head, least, median, ratio, row};

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, told in GB a second.
    Bytes,
    /// Things, told as so many a second.
    Things,
    /// One piece of work, told in milliseconds.
    Work,
}

/// Does the work once, and returns a number that depends on its result, and the seconds it took.
type Runner<'a> = Box<dyn FnMut() -> (u64, f64) + 'a>;

/// One line of a table: the same work in several ways, the first of which is ours.
pub struct Race<'a> {
    title: String,
    unit: Unit,
    /// How many units the work has.
    units: f64,
    lanes: Vec<Lane<'a>>,
}

struct Lane<'a> {
    name: String,
    /// Whether its result is comparable with that of the first.
    is_compared: bool,
    runner: Runner<'a>,
    rates: Vec<f64>,
}

impl<'a> Race<'a> {
    #[must_use]
    pub fn new(title: impl Into<String>, unit: Unit, units: usize) -> Self {
        let (title, units) = (title.into(), units as f64);
        Self {
            title,
            unit,
            units,
            lanes: Vec::new(),
        }
    }

    /// Adds a way to do the work.
    #[must_use]
    pub fn with(self, name: &str, mut work: impl FnMut() -> u64 + 'a) -> Self {
        self.with_timer(name, move || {
            let begun = Instant::now();
            let sum = black_box(work());
            (sum, begun.elapsed().as_secs_f64())
        })
    }

    /// Adds a way that takes its own time, so that preparations do not count.
    #[must_use]
    pub fn with_timer(self, name: &str, runner: impl FnMut() -> (u64, f64) + 'a) -> Self {
        self.lane(name, true, Box::new(runner))
    }

    /// Adds a way whose result is another, as a yardstick.
    #[must_use]
    pub fn with_yardstick(self, name: &str, mut work: impl FnMut() -> u64 + 'a) -> Self {
        let runner = move || {
            let begun = Instant::now();
            let sum = black_box(work());
            (sum, begun.elapsed().as_secs_f64())
        };
        self.lane(name, false, Box::new(runner))
    }

    fn lane(mut self, name: &str, is_compared: bool, runner: Runner<'a>) -> Self {
        self.lanes.push(Lane {
            name: name.to_owned(),
            is_compared,
            runner,
            rates: Vec::new(),
        });
        self
    }

    /// Runs every way in every round, after one that is not counted.
    ///
    /// # Panics
    /// Stops where two ways come to different results.
    #[must_use]
    pub fn run(mut self, rounds: usize) -> Outcome {
        let count = self.lanes.len();
        let mut wanted = None;
        for round in 0..=rounds {
            for turn in 0..count {
                let lane = &mut self.lanes[(round + turn) % count];
                let (sum, seconds) = (lane.runner)();
                if lane.is_compared {
                    let wanted = *wanted.get_or_insert(sum);
                    assert_eq!(sum, wanted, "{}: {} differs", self.title, lane.name);
                }
                if round > 0 {
                    lane.rates.push(self.units / seconds);
                }
            }
        }
        let lanes = self.lanes.into_iter();
        Outcome {
            title: self.title,
            unit: self.unit,
            units: self.units,
            lanes: lanes.map(|lane| (lane.name, lane.rates)).collect(),
        }
    }
}

/// The figures of a race: for each way its units a second, by round.
pub struct Outcome {
    title: String,
    unit: Unit,
    units: f64,
    lanes: Vec<(String, Vec<f64>)>,
}

impl Outcome {
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns the median units a second of the first way.
    #[must_use]
    pub fn rate(&self) -> f64 {
        median(&self.lanes[0].1)
    }

    /// Returns the median seconds that the first way takes for the whole work.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.units / self.rate()
    }

    /// Returns how many times as fast the first way is as another, if that took part.
    #[must_use]
    pub fn times(&self, other: &str) -> Option<f64> {
        self.times_of(&self.lanes[0].0, other)
    }

    /// Returns how many times as fast one way is as another, if both took part.
    #[must_use]
    pub fn times_of(&self, one: &str, other: &str) -> Option<f64> {
        let rates = |wanted: &str| {
            let lane = self.lanes.iter().find(|(name, _)| name == wanted)?;
            Some(&lane.1)
        };
        let pairs = rates(one)?.iter().zip(rates(other)?);
        Some(median(
            &pairs.map(|(one, other)| one / other).collect::<Vec<_>>(),
        ))
    }

    fn figure(&self, rate: f64) -> String {
        match self.unit {
            Unit::Bytes if rate >= 1e11 => "> 100 GB/s".to_owned(),
            Unit::Bytes if rate < 1e8 => format!("{:.1} MB/s", rate / 1e6),
            Unit::Bytes => format!("{:.2} GB/s", rate / 1e9),
            Unit::Things => format!("{}/s", crate::report::short(rate)),
            Unit::Work if rate < 1e3 => format!("{:.1} ms", 1e3 / rate),
            Unit::Work => format!("{:.1} us", 1e6 / rate),
        }
    }
}

/// A table of races: a line for each way, with its figure, the span of the rounds, and how many
/// times as fast ours is.
#[must_use]
pub fn table(outcomes: &[Outcome]) -> String {
    let mut table = head(
        "work",
        &["by", "median", "span", "ours is so many times as fast"],
    );
    for outcome in outcomes {
        let ours = &outcome.lanes[0].1;
        for (place, (name, rates)) in outcome.lanes.iter().enumerate() {
            let title = if place == 0 { &*outcome.title } else { "" };
            let mut ends = [least(rates), greatest(rates)].map(|rate| outcome.figure(rate));
            if outcome.unit == Unit::Work {
                ends.reverse();
            }
            let times = match place {
                0 => String::new(),
                _ => ratio(ours, rates),
            };
            let figure = outcome.figure(median(rates));
            let cells = [name.clone(), figure, ends.join(" to "), times];
            row(&mut table, title, cells.into_iter());
        }
    }
    table
}

/// What was hoped for, and what came of it.
pub struct Goal {
    title: String,
    figure: String,
    is_met: bool,
}

impl Goal {
    /// Makes a goal of a figure that must not be below a bound.
    #[must_use]
    pub fn at_least(title: &str, figure: f64, bound: f64, unit: &str) -> Self {
        Self {
            title: format!("{title}: {bound} {unit} or more"),
            figure: format!("{figure:.2} {unit}"),
            is_met: figure >= bound,
        }
    }

    /// Makes a goal of a figure that must stay below a bound.
    #[must_use]
    pub fn below(title: &str, figure: f64, bound: f64, unit: &str) -> Self {
        Self {
            title: format!("{title}: below {bound} {unit}"),
            figure: format!("{figure:.2} {unit}"),
            is_met: figure < bound,
        }
    }
}

/// The goals as a table.
#[must_use]
pub fn goals(goals: &[Goal]) -> String {
    let mut table = head("goal", &["figure", "so it is"]);
    for goal in goals {
        let outcome = if goal.is_met { "met" } else { "**missed**" };
        let cells = [goal.figure.clone(), outcome.to_owned()];
        row(&mut table, &goal.title, cells.into_iter());
    }
    table
}
