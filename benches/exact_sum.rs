//! Sums without rounding: what a term costs.
//!
//! # What is measured
//! `ExactSum::add` and `extend_from_slice` of 4,096 numbers: usual ones, as losses are, and f64 whose exponents lie
//! anywhere, of which no block is summed at once. Beside them a plain sum, one term after the other. The results are
//! compared with `reference::exact_sum` first, bit for bit.
//! # Units
//! Nanoseconds for a term, medians over rounds in which all take turns.
//! # To run it
//! ```text
//! cargo bench --bench exact_sum
//! cargo bench --bench exact_sum -- --test  # one round: checks the results
//! ```

mod support;

use core::hint::black_box;

use kldiv::{Element, ExactSum, reference};
use support::race::Race;
use support::{Data, Number};

/// Terms: in cache.
const TERMS: usize = 4_096;
/// Goals, in nanoseconds for a term.
const ADD: f64 = 6.0;
const EXTEND: f64 = 2.0;

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { 101 };
    println!("cargo bench --bench exact_sum");
    println!("nanoseconds for a term, {TERMS} terms, medians of {rounds} rounds");
    let (f32_terms, f64_terms) = (Data::<f32>::new(TERMS), Data::<f64>::new(TERMS));
    compare::<f32>(rounds, "f32", f32_terms.ln_q());
    compare::<f64>(rounds, "f64", f64_terms.ln_q());
    // Each exponent of a finite number in turn, with either sign.
    let anywhere = |(i, &x): (usize, &f64)| {
        let exponent = (i as u64 * 1_237) % 2_047;
        f64::from_bits(x.to_bits() & !(0x7ff << 52) ^ (i as u64) << 63 | exponent << 52)
    };
    let anywhere: Vec<f64> = f64_terms.ln_q().iter().enumerate().map(anywhere).collect();
    compare::<f64>(rounds, "f64 of any exponent", &anywhere);
}

fn compare<T: Number>(rounds: usize, title: &str, terms: &[T]) {
    let exact = reference::exact_sum(terms);
    for sum in [extended(terms), added(terms)] {
        assert_eq!(sum.value::<f64>().to_bits(), exact.to_bits(), "{title}");
    }
    let mut race = Race::new(rounds, terms.len());
    race.enter("add", || added(black_box(terms)));
    race.enter("extend_from_slice", || extended(black_box(terms)));
    race.enter("plain sum", || {
        black_box(terms).iter().fold(T::of(0.0), |total, &term| total + term)
    });
    race.run(title);
    race.time("add", Some(ADD));
    race.time("extend_from_slice", Some(EXTEND));
    race.time("plain sum", None);
}

fn extended<T: Element>(terms: &[T]) -> ExactSum {
    let mut sum = ExactSum::new();
    sum.extend_from_slice(terms);
    sum
}

fn added<T: Element>(terms: &[T]) -> ExactSum {
    let mut sum = ExactSum::new();
    for &term in terms {
        sum.add(term);
    }
    sum
}
