//! The divergence, `Σ p·(ln p − ln q)`, of all and of rows of ten.
//!
//! # What is measured
//! `kl_sum` from log-probabilities and probabilities, `kl_sum_log_target` from log-probabilities
//! alone, `kl_sum_probs` from probabilities alone; `row_sums_of_10` is `kl_sum` in rows. One
//! iteration is one call with everything: pairing the slices, choosing the instruction set, the
//! sum. `dot` is the memory yardstick: a plain `Σ x·t` on the widest vectors.
//! # Units
//! Time of a call; elements a second; bytes read and written a second.
//! # One id
//! Ids are `kernel/type/instruction set/length`:
//! ```text
//! cargo bench --bench kl_sum -- 'kl_sum/f32/avx2/4096$'
//! ```

mod support;

use criterion::Criterion;
use kldiv::{Input, Target, reference};
use support::exact::{self, Exact};
use support::{Form, Kernel, LENGTHS, Number, for_each_number, yardstick};

const ROW: usize = 10;

fn main() {
    let mut criterion = support::criterion();
    for_each_number!(T => sums::<T>(&mut criterion));
    criterion.final_summary();
}

fn sums<T: Number>(criterion: &mut Criterion) {
    let all = Kernel {
        names: &[
            ("kl_sum", Form::Plain),
            ("kl_sum_log_target", Form::LogTarget),
            ("kl_sum_probs", Form::Probs),
        ],
        lengths: &LENGTHS,
        outputs: |_| 1,
    };
    all.bench::<T>(
        criterion,
        |divergence, out| out[0] = divergence.sum(),
        |pair| vec![exact::divergence(pair)],
    );
    let rows = Kernel {
        names: &[("row_sums_of_10", Form::Plain)],
        lengths: &[1_000],
        outputs: |n| n / ROW,
    };
    rows.bench::<T>(
        criterion,
        |divergence, out| divergence.row_sums(out).expect("whole rows"),
        |pair| match pair {
            (Input::LogProbs(x), Target::Probs(t)) => exact::row_sums(x, t, ROW),
            _ => unreachable!("the form asked for"),
        },
    );
    support::bench_yardstick::<T>(
        criterion,
        "dot",
        |_| 1,
        |(x, t), out| out[0] = yardstick::dot(x, t),
        // All products are negative. Nothing is compensated: the error grows with the length.
        |x, t| {
            let value = -reference::cross_entropy(Input::LogProbs(x), Target::Probs(t));
            vec![Exact::within::<T>(value, yardstick::dot_max_u(x.len()), value.abs())]
        },
    );
}
