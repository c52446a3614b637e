//! Results: as a table, as a file, and against another machine's.

use std::fs;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use kldiv::Isa;
use serde::{Deserialize, Serialize};

use crate::machine;
use crate::points::{Effort, Limits, Point, measure};

/// A machine and all that was measured on it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) cpu: String,
    pub(crate) best: String,
    pub(crate) limits: Vec<Limits>,
    pub(crate) points: Vec<Point>,
}

impl Report {
    pub(crate) fn measure(quick: bool) -> Self {
        let effort = Effort::new(quick);
        let types = if quick { 1 } else { 2 };
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed} {msg}");
        let bar = ProgressBar::new((types * effort.steps()) as u64)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let mut report = Report {
            cpu: machine::cpu(),
            best: Isa::best().to_string(),
            limits: Vec::new(),
            points: Vec::new(),
        };
        report.add(measure::<f32>(effort, &bar));
        if !quick {
            report.add(measure::<f64>(effort, &bar));
        }
        bar.finish_and_clear();
        report
    }

    fn add(&mut self, (limits, points): (Limits, Vec<Point>)) {
        self.limits.push(limits);
        self.points.extend(points);
    }

    pub(crate) fn print(&self) {
        println!("{}, best instruction set {}", self.cpu, self.best);
        for limits in &self.limits {
            let Limits { number, arithmetic, read } = limits;
            println!(
                "\n{number}: {arithmetic:.1} multiplications and additions a nanosecond in registers"
            );
            for (bytes, rate) in read {
                println!("     {rate:.1} GB/s read from {} KiB", bytes >> 10);
            }
            println!(
                "\n{:22} {:9} {:>9} {:>11} {:>8} {:>9} {:>14}",
                "kernel", "isa", "elements", "ns/element", "GB/s", "% of read", "% of mul-adds"
            );
            for point in self.points.iter().filter(|point| point.number == *number) {
                println!(
                    "{:22} {:9} {:>9} {:>11.4} {:>8.2} {:>9.1} {:>14}",
                    point.kernel,
                    point.isa,
                    point.length,
                    point.time,
                    point.bandwidth,
                    point.bandwidth_percent,
                    point.arithmetic_percent.map_or(String::new(), |share| format!("{share:.1}")),
                );
            }
        }
    }

    pub(crate) fn save(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
    }

    fn load(path: &Path) -> Result<Self, String> {
        let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// Prints how many times faster the second machine is, point by point where both have one.
pub(crate) fn compare(a: &Path, b: &Path) -> Result<(), String> {
    let (a, b) = (Report::load(a)?, Report::load(b)?);
    println!("a: {}, best {}\nb: {}, best {}\n", a.cpu, a.best, b.cpu, b.best);
    println!(
        "{:22} {:4} {:9} {:>9} {:>13} {:>13} {:>6}",
        "kernel", "type", "isa", "elements", "a ns/element", "b ns/element", "a / b"
    );
    // Of machines that have other instruction sets the best ones are compared.
    let both_best = |x: &Point, y: &Point| x.isa == a.best && y.isa == b.best;
    let mut rows = 0;
    for x in &a.points {
        for y in &b.points {
            let same_work = (&x.kernel, &x.number, x.length) == (&y.kernel, &y.number, y.length);
            if same_work && (x.isa == y.isa || both_best(x, y)) {
                let isa =
                    if x.isa == y.isa { x.isa.clone() } else { format!("{}/{}", x.isa, y.isa) };
                println!(
                    "{:22} {:4} {isa:9} {:>9} {:>13.4} {:>13.4} {:>6.2}",
                    x.kernel,
                    x.number,
                    x.length,
                    x.time,
                    y.time,
                    x.time / y.time
                );
                rows += 1;
            }
        }
    }
    if rows == 0 { Err("the two have no point in common".into()) } else { Ok(()) }
}
