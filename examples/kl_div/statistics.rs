//! Statistics of rows: gathered block by block, told as text or as JSON.

use std::io::Write;

use kldiv::ExactSum;
use serde::Serialize;

use crate::Failure;
use crate::args::{Base, Divergence, Options};
use crate::compare::Comparison;
use crate::distribution::Distribution;
use crate::facts::Facts;
use crate::histogram::{self, Bar, brief};
use crate::number::Number;
use crate::rows::Done;

/// All that has been seen so far.
#[derive(Debug)]
pub(crate) struct Statistics {
    rows: u64,
    nan_rows: u64,
    infinite_rows: u64,
    sum: ExactSum,
    /// Deviations are taken from the first loss, so that their squares do not drown in the mean's.
    first: Option<f64>,
    deviations: ExactSum,
    squares: ExactSum,
    minimum: f64,
    maximum: f64,
    maximum_row: Option<usize>,
    agreeing: u64,
    differences: ExactSum,
    surprises: [ExactSum; 2],
    right: [u64; 2],
    losses: Distribution,
}

impl Statistics {
    pub(crate) fn new() -> Self {
        Self {
            rows: 0,
            nan_rows: 0,
            infinite_rows: 0,
            sum: ExactSum::new(),
            first: None,
            deviations: ExactSum::new(),
            squares: ExactSum::new(),
            minimum: f64::NAN,
            maximum: f64::NAN,
            maximum_row: None,
            agreeing: 0,
            differences: ExactSum::new(),
            surprises: [ExactSum::new(), ExactSum::new()],
            right: [0; 2],
            losses: Distribution::new(),
        }
    }

    pub(crate) fn add<T: Number>(&mut self, done: &Done<T>) {
        for (offset, (&loss, facts)) in done.numbers.iter().zip(&done.facts).enumerate() {
            if done.counts(offset) {
                self.add_row(done.first + offset, loss.to_f64(), facts);
            }
        }
    }

    fn add_row(&mut self, row: usize, loss: f64, facts: &Facts) {
        self.rows += 1;
        self.sum.add(loss);
        let deviation = loss - *self.first.get_or_insert(loss);
        self.deviations.add(deviation);
        self.squares.add(deviation * deviation);
        self.nan_rows += u64::from(loss.is_nan());
        self.infinite_rows += u64::from(loss.is_infinite());
        self.minimum = self.minimum.min(loss);
        if loss > self.maximum || self.maximum.is_nan() && !loss.is_nan() {
            self.maximum = loss;
            self.maximum_row = Some(row);
        }
        if !loss.is_nan() {
            self.losses.add(loss);
        }
        self.agreeing += u64::from(facts.agree);
        self.differences.add(facts.difference * facts.difference);
        for side in 0..2 {
            self.surprises[side].add(facts.surprise[side]);
            self.right[side] += u64::from(facts.right[side]);
        }
    }

    pub(crate) fn summary(mut self, files: &Comparison, options: &Options) -> Summary {
        self.losses.sort();
        let rows = self.rows as f64;
        let mean_of = |sum: &ExactSum| sum.value::<f64>() / rows;
        let deviation: f64 = self.deviations.value();
        let variance =
            (self.squares.value::<f64>() - deviation * deviation / rows).max(0.0) / (rows - 1.0);
        let quantile = |share| self.losses.quantile(share).clamp_to(self.minimum, self.maximum);
        let of_sides = |numbers: [f64; 2]| Sides {
            input: numbers[0],
            target: files.target.is_some().then_some(numbers[1]),
        };
        let has_labels = files.labels.is_some();
        Summary {
            rows: self.rows,
            ignored_rows: files.labels.as_ref().map_or(0, |labels| labels.ignored as u64),
            classes: files.classes,
            divergence: match options.divergence {
                Divergence::Forward => "forward",
                Divergence::Reverse => "reverse",
                Divergence::JensenShannon => "js",
            },
            is_distance: options.distance,
            unit: match options.base {
                Base::E => "nats",
                Base::Two => "bits",
            },
            temperature: options.temperature.unwrap_or(1.0),
            has_target: files.target.is_some(),
            mean: mean_of(&self.sum),
            standard_error: (variance / rows).sqrt(),
            median: quantile(0.5),
            percentile_90: quantile(0.9),
            percentile_95: quantile(0.95),
            percentile_99: quantile(0.99),
            percentile_99_9: quantile(0.999),
            percentiles_are_exact: self.losses.is_exact(),
            minimum: self.minimum,
            maximum: self.maximum,
            maximum_row: self.maximum_row,
            nan_rows: self.nan_rows,
            infinite_rows: self.infinite_rows,
            top1_agreement: self.agreeing as f64 / rows,
            rms_top1_difference: mean_of(&self.differences).sqrt(),
            perplexity: has_labels
                .then(|| of_sides([0, 1].map(|side| mean_of(&self.surprises[side]).exp()))),
            accuracy: has_labels.then(|| of_sides(self.right.map(|count| count as f64 / rows))),
            histogram: histogram::bars(&self.losses, self.minimum, self.maximum),
        }
    }
}

trait ClampTo {
    fn clamp_to(self, minimum: f64, maximum: f64) -> f64;
}

impl ClampTo for f64 {
    /// As `clamp`, but for limits that may be NaN.
    fn clamp_to(self, minimum: f64, maximum: f64) -> f64 {
        if self < minimum {
            minimum
        } else if self > maximum {
            maximum
        } else {
            self
        }
    }
}

/// A number for each file.
#[derive(Debug, Serialize)]
pub(crate) struct Sides {
    input: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<f64>,
}

/// What is told; the names are those of the JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) rows: u64,
    ignored_rows: u64,
    classes: usize,
    divergence: &'static str,
    is_distance: bool,
    unit: &'static str,
    temperature: f64,
    #[serde(skip)]
    has_target: bool,
    pub(crate) mean: f64,
    standard_error: f64,
    pub(crate) median: f64,
    percentile_90: f64,
    percentile_95: f64,
    pub(crate) percentile_99: f64,
    percentile_99_9: f64,
    percentiles_are_exact: bool,
    minimum: f64,
    maximum: f64,
    maximum_row: Option<usize>,
    nan_rows: u64,
    infinite_rows: u64,
    top1_agreement: f64,
    rms_top1_difference: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    perplexity: Option<Sides>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy: Option<Sides>,
    pub(crate) histogram: Vec<Bar>,
}

impl Summary {
    /// Numbers that are not finite become null.
    pub(crate) fn print_json(&self, out: &mut impl Write) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::from)?;
        Ok(writeln!(out, "{text}")?)
    }

    pub(crate) fn title(&self) -> String {
        let name = match (self.divergence, self.is_distance) {
            ("forward", _) if !self.has_target => "cross-entropy with the labels",
            ("forward", _) => "D(target || input)",
            ("reverse", _) => "D(input || target)",
            (_, false) => "Jensen-Shannon divergence",
            (_, true) => "Jensen-Shannon distance",
        };
        let unit =
            if self.is_distance { format!("root of {}", self.unit) } else { self.unit.into() };
        match self.temperature {
            1.0 => format!("{name} in {unit}"),
            temperature => format!("{name} in {unit} at temperature {}", brief(temperature)),
        }
    }

    pub(crate) fn print(&self, out: &mut impl Write) -> Result<(), Failure> {
        let mut line = |name: &str, value: String| writeln!(out, "{name:<26}{value}");
        let left_out = match self.ignored_rows {
            0 => String::new(),
            count => format!(", {count} more are left out"),
        };
        let about = if self.percentiles_are_exact { "" } else { "about " };
        line("rows", format!("{} of {} classes{left_out}", self.rows, self.classes))?;
        line("loss", self.title())?;
        let error = match self.standard_error {
            error if error.is_finite() => format!(" ± {} (its standard error)", brief(error)),
            // One row has none.
            _ => String::new(),
        };
        line("mean", format!("{}{error}", six(self.mean)))?;
        line("median", format!("{about}{}", six(self.median)))?;
        for (name, value) in [
            ("90th percentile", self.percentile_90),
            ("95th", self.percentile_95),
            ("99th", self.percentile_99),
            ("99.9th", self.percentile_99_9),
        ] {
            line(name, format!("{about}{}", six(value)))?;
        }
        line("minimum", six(self.minimum))?;
        let place = self.maximum_row.map_or(String::new(), |row| format!(" in row {row}"));
        line("maximum", format!("{}{place}", six(self.maximum)))?;
        for (count, what) in [(self.nan_rows, "NaN"), (self.infinite_rows, "infinite")] {
            if count > 0 {
                line(&format!("rows whose loss is {what}"), count.to_string())?;
            }
        }
        line("most likely class agrees", format!("in {} of rows", percent(self.top1_agreement)))?;
        line(
            "its probability",
            format!("differs by {} (root mean square)", brief(self.rms_top1_difference)),
        )?;
        if let Some(perplexity) = &self.perplexity {
            line("perplexity of the labels", both(perplexity, six))?;
        }
        if let Some(accuracy) = &self.accuracy {
            line("label is most likely", both(accuracy, percent))?;
        }
        if !self.histogram.is_empty() {
            writeln!(out, "\nrows by their loss")?;
            histogram::print(&self.histogram, out)?;
        }
        Ok(())
    }
}

fn both(sides: &Sides, text: fn(f64) -> String) -> String {
    match sides.target {
        Some(target) => format!("input {}, target {}", text(sides.input), text(target)),
        None => text(sides.input),
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// Six digits.
fn six(x: f64) -> String {
    let rounded: f64 = format!("{x:.5e}").parse().unwrap_or(x);
    let (plain, scientific) = (format!("{rounded}"), format!("{rounded:e}"));
    if scientific.len() < plain.len() { scientific } else { plain }
}
