//! Lines of figures: what it was, ours, theirs, and the goal.

use std::fmt;

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
            let (word, bound, met) = match line.bound {
                Bound::AtMost(bound) => ("at most", bound, line.figure <= bound),
                Bound::AtLeast(bound) => ("at least", bound, line.figure >= bound),
            };
            let met = if met { "met" } else { "**missed**" };
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
                "| {what} | {ours} | {theirs} | {figure} | {word} {bound} | {met} |"
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
