//! Lines of figures: what it was, ours, theirs, and the goal.

use std::fmt;

use crate::report::{self, Settings};

/// Measures something and adds its lines.
pub type Part = fn(&Settings, &mut Goals);

/// Prints what the machine and the workload are, measures the parts that are wanted, and prints
/// their lines.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
pub fn print(settings: &Settings, workload: &str, parts: &[(&str, Part)]) {
    println!("{}\n", report::machine());
    println!("{workload}\n");
    let mut goals = Goals::default();
    for (name, part) in parts {
        if settings.wants(name) {
            part(settings, &mut goals);
        }
    }
    println!("{goals}");
}

/// Figures with their goals.
#[derive(Default)]
pub struct Goals(Vec<Line>);

struct Line {
    what: String,
    ours: String,
    theirs: String,
    figure: f64,
    bound: Bound,
    unit: &'static str,
}

/// What a figure is to be.
#[derive(Clone, Copy)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// Shown beside the others.
    Free,
}

impl Goals {
    /// Adds a line.
    pub fn add(
        &mut self,
        what: &str,
        (ours, theirs): (String, String),
        (figure, unit): (f64, &'static str),
        bound: Bound,
    ) {
        self.0.push(Line {
            what: what.to_owned(),
            ours,
            theirs,
            figure,
            bound,
            unit,
        });
    }
}

impl fmt::Display for Goals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | ours | beside | figure | goal | so it is |")?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- |")?;
        for line in &self.0 {
            let (goal, met) = match line.bound {
                Bound::AtMost(bound) => (format!("at most {bound}"), line.figure <= bound),
                Bound::AtLeast(bound) => (format!("at least {bound}"), line.figure >= bound),
                Bound::Free => ("no goal".to_owned(), true),
            };
            let met = match line.bound {
                Bound::Free => "",
                _ if met => "met",
                _ => "**missed**",
            };
            let Line {
                what,
                ours,
                theirs,
                figure,
                unit,
                ..
            } = line;
            let figure = format!("{figure:.2} {unit}");
            writeln!(
                f,
                "| {what} | {ours} | {theirs} | {figure} | {goal} | {met} |"
            )?;
        }
        Ok(())
    }
}

/// Returns nanoseconds as text.
#[must_use]
pub fn nanos(figure: f64) -> String {
    format!("{figure:.0} ns")
}
