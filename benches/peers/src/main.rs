//! NumKong's `kullbackleibler` beside kldiv on the same data: medians of interleaved rounds and
//! the error of each against f64 libm. NumKong takes probabilities on both sides.
//!
//! Run in this folder: `cargo run --release`

use std::hint::black_box;
use std::time::Instant;

use kldiv::{Input, KlDiv, Target, reference};
use numkong::KullbackLeibler;

/// A distribution of `n` probabilities, `e^u` with `u` uniform in ±4 before it is normalised.
fn distribution(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let raw: Vec<f64> = (0..n).map(|_| (8.0 * next() - 4.0).exp()).collect();
    let sum: f64 = raw.iter().sum();
    raw.into_iter().map(|p| p / sum).collect()
}

/// Medians of the nanoseconds an element that each function takes, and its result.
fn measure(n: usize, functions: &mut [&mut dyn FnMut() -> f64]) -> Vec<(f64, f64)> {
    let calls = (400_000 / n).max(1);
    let mut times = vec![Vec::new(); functions.len()];
    let mut results = vec![0.0; functions.len()];
    for _ in 0..if n > 1_000_000 { 7 } else { 41 } {
        for (k, function) in functions.iter_mut().enumerate() {
            let start = Instant::now();
            for _ in 0..calls {
                results[k] = black_box(function());
            }
            times[k].push(start.elapsed().as_nanos() as f64 / (calls * n) as f64);
        }
    }
    times
        .into_iter()
        .zip(results)
        .map(|(mut t, result)| {
            t.sort_by(f64::total_cmp);
            (t[t.len() / 2], result)
        })
        .collect()
}

macro_rules! compare {
    ($elem:ty, $n:expr) => {{
        let n = $n;
        let p: Vec<$elem> = distribution(n, 1).iter().map(|&v| v as $elem).collect();
        let q: Vec<$elem> = distribution(n, 2).iter().map(|&v| v as $elem).collect();
        let x: Vec<$elem> = q.iter().map(|v| v.ln()).collect();
        let (from_logs, from_probs) = (Input::LogProbs(&x[..]), Input::Probs(&q[..]));
        let target = Target::Probs(&p[..]);
        let logs = KlDiv::new(from_logs, target).expect("one length");
        let probs = KlDiv::new(from_probs, target).expect("one length");
        let measured = measure(
            n,
            &mut [
                &mut || f64::from(black_box(&logs).sum()),
                &mut || f64::from(black_box(&probs).sum()),
                &mut || {
                    let kl = <$elem>::kullbackleibler(black_box(&p), black_box(&q));
                    f64::from(kl.expect("one length"))
                },
            ],
        );
        let truth = [reference::sum(from_logs, target), reference::sum(from_probs, target)];
        let truth = [truth[0], truth[1], truth[1]];
        let rival = measured[2].0;
        for (k, name) in ["kldiv, ln q", "kldiv, q", "numkong, q"].iter().enumerate() {
            let (time, result) = measured[k];
            println!(
                "{:4} {n:9}  {name:12} {time:8.3} ns an element  {:5.2} x numkong's rate  error {:.1e}",
                stringify!($elem),
                rival / time,
                ((result - truth[k]) / truth[k]).abs(),
            );
        }
    }};
}

fn main() {
    println!("best instruction set of kldiv here: {}", kldiv::Isa::best());
    for n in [10, 4_096, 65_536, 1 << 24] {
        compare!(f32, n);
    }
    for n in [4_096, 1 << 22] {
        compare!(f64, n);
    }
}
