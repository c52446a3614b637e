//! A few bars for many losses, their limits at round numbers.

use std::io::Write;

use serde::Serialize;

use crate::distribution::Distribution;

/// No more bars than a terminal has lines.
const MOST_BARS: usize = 20;
const WIDTH: f64 = 40.0;

/// Losses from one limit to below the next.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Bar {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) rows: u64,
}

/// Bars between the smallest and the largest loss.
pub(crate) fn bars(losses: &Distribution, minimum: f64, maximum: f64) -> Vec<Bar> {
    let limits = match losses.positive_range() {
        Some((low, high)) => limits(low, high),
        None => Vec::new(),
    };
    let mut bars = Vec::new();
    let (first, last) = match (limits.first(), limits.last()) {
        (Some(&first), Some(&last)) => (first, last),
        // Nothing but zeros, or less, or infinities.
        _ => (f64::MIN_POSITIVE, f64::MAX),
    };
    let mut before = losses.count_below(first);
    if before > 0 {
        bars.push(Bar { from: minimum, to: first, rows: before });
    }
    for pair in limits.windows(2) {
        let below = losses.count_below(pair[1]);
        bars.push(Bar { from: pair[0], to: pair[1], rows: below - before });
        before = below;
    }
    if maximum == f64::INFINITY {
        let infinite = losses.count_below(f64::INFINITY);
        let all = match losses {
            Distribution::Each(numbers) => numbers.len() as u64,
            Distribution::Counted { count, .. } => *count,
        };
        bars.push(Bar { from: last, to: f64::INFINITY, rows: all - infinite });
    }
    bars
}

/// Round numbers, the first not above `low`, the last above `high`: equal steps where all losses are of one size, else
/// steps of 1, 2 and 5, or of whole decades.
fn limits(low: f64, high: f64) -> Vec<f64> {
    if high / low <= 10.0 {
        let step = round_number(((high - low) / (MOST_BARS - 2) as f64).max(high * 1e-6), true);
        let (first, last) = ((low / step).floor(), (high / step).floor() + 1.0);
        let count = (last - first) as usize;
        // Divided rather than multiplied by a step below 1: 3 / 10 is 0.3.
        let at = |k: f64| if step < 1.0 { k / (1.0 / step).round() } else { k * step };
        return (0..=count).map(|k| at(first + k as f64)).collect();
    }
    let third = |x: f64| {
        let decade = x.log10().floor() as i32;
        let at_least = |m: u32| decimal(m, decade) <= x;
        3 * decade + i32::from(at_least(2)) + i32::from(at_least(5))
    };
    let (first, last) = (third(low), third(high) + 1);
    // As few as are needed to stay within the bars.
    let step = [1, 3, 6, 9, 15, 30, 60, 150, 300]
        .into_iter()
        .find(|step| (last - first) / step + 2 <= MOST_BARS as i32)
        .unwrap_or(900);
    let (first, last) = (first.div_euclid(step), (last + step - 1).div_euclid(step));
    (first..=last)
        .map(|k| decimal([1, 2, 5][(k * step).rem_euclid(3) as usize], (k * step).div_euclid(3)))
        .collect()
}

/// 1, 2 or 5 times a power of ten, at least as large.
fn round_number(x: f64, upwards: bool) -> f64 {
    let decade = x.log10().floor() as i32;
    let candidates =
        [decimal(1, decade), decimal(2, decade), decimal(5, decade), decimal(1, decade + 1)];
    let found = candidates.into_iter().find(|&candidate| candidate >= x);
    if upwards { found.unwrap_or(candidates[3]) } else { candidates[0] }
}

/// The number nearest to the decimal.
fn decimal(digit: u32, decade: i32) -> f64 {
    format!("{digit}e{decade}").parse().unwrap_or(f64::NAN)
}

pub(crate) fn print(bars: &[Bar], out: &mut impl Write) -> std::io::Result<()> {
    let most = bars.iter().map(|bar| bar.rows).max().unwrap_or(0).max(1);
    let names: Vec<[String; 2]> = bars.iter().map(|bar| [brief(bar.from), brief(bar.to)]).collect();
    let width = names.iter().flatten().map(String::len).max().unwrap_or(0);
    for (bar, [from, to]) in bars.iter().zip(&names) {
        // Whatever there is shows.
        let length = (bar.rows as f64 / most as f64 * WIDTH).ceil() as usize;
        let line =
            format!("{from:>width$} to {to:<width$} {:>12} {}", bar.rows, "#".repeat(length));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Four digits are enough for a person.
pub(crate) fn brief(x: f64) -> String {
    let rounded: f64 = format!("{x:.3e}").parse().unwrap_or(x);
    let (plain, scientific) = (format!("{rounded}"), format!("{rounded:e}"));
    if scientific.len() < plain.len() { scientific } else { plain }
}
