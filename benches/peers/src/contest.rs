//! Turns, and what comes of them.

use std::hint::black_box;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// About how long a turn takes, in nanoseconds. A longer one would often hold another process's slice
/// of time, and then the median does too.
const TURN: f64 = 300_000.0;

/// One contestant at one length.
#[derive(Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) number: String,
    /// `plain` for a target of probabilities, `log_target` for one of logarithms.
    pub(crate) form: String,
    pub(crate) n: usize,
    pub(crate) name: String,
    /// Median, for an element.
    pub(crate) nanoseconds: f64,
    /// Relative, of the sum.
    pub(crate) error: f64,
}

/// Who they are, and what each of them does.
pub(crate) type Contestants<'a> = Vec<(&'static str, Box<dyn FnMut() -> f64 + 'a>)>;

/// Everybody's median time for an element and relative error.
pub(crate) fn hold(
    (number, form, n): (&str, &str, usize),
    truth: f64,
    mut contestants: Contestants<'_>,
) -> Vec<Row> {
    let rounds = if n > 1_000_000 { 9 } else { 61 };
    let turn = |contestant: &mut dyn FnMut() -> f64, calls: usize| {
        let start = Instant::now();
        for _ in 0..calls {
            black_box(contestant());
        }
        start.elapsed().as_nanos() as f64 / calls as f64
    };
    let mut rows = Vec::new();
    let mut calls = Vec::new();
    for (name, contestant) in &mut contestants {
        let error = ((contestant() - truth) / truth).abs();
        calls.push((TURN / turn(contestant, 1).max(1.0)).max(1.0) as usize);
        let (number, form, name) = (number.into(), form.into(), (*name).into());
        rows.push(Row { number, form, n, name, nanoseconds: 0.0, error });
    }
    let mut times = vec![Vec::new(); rows.len()];
    for _ in 0..rounds {
        for (((_, contestant), &calls), times) in contestants.iter_mut().zip(&calls).zip(&mut times)
        {
            times.push(turn(contestant, calls) / n as f64);
        }
    }
    for (row, times) in rows.iter_mut().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        row.nanoseconds = times[times.len() / 2];
    }
    rows
}
