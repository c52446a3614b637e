//! Each term of the divergence, `p·(ln p − ln q)`: reduction "none".
//!
//! # What is measured
//! `pointwise` from log-probabilities and probabilities, `pointwise_log_target` from
//! log-probabilities alone, `pointwise_probs` from probabilities alone. One iteration is one call
//! with everything. `read_read_write` is the memory yardstick: a plain `out = x·t` on the widest
//! vectors, for these and for the gradients.
//! # Units
//! Time of a call; elements a second; bytes read and written a second.
//! # One id
//! Ids are `kernel/type/instruction set/length`:
//! ```text
//! cargo bench --bench pointwise -- 'pointwise/f32/avx2/4096$'
//! ```

mod support;

use criterion::Criterion;
use support::exact::{self, Exact};
use support::{Form, Kernel, LENGTHS, Number, for_each_number, yardstick};

fn main() {
    let mut criterion = support::criterion();
    for_each_number!(T => terms::<T>(&mut criterion));
    criterion.final_summary();
}

fn terms<T: Number>(criterion: &mut Criterion) {
    let all = Kernel {
        names: &[
            ("pointwise", Form::Plain),
            ("pointwise_log_target", Form::LogTarget),
            ("pointwise_probs", Form::Probs),
        ],
        lengths: &LENGTHS,
        outputs: |n| n,
    };
    all.bench::<T>(
        criterion,
        |divergence, out| divergence.pointwise(out).expect("equal lengths"),
        exact::terms,
    );
    support::bench_yardstick::<T>(
        criterion,
        "read_read_write",
        |n| n,
        |(x, t), out| yardstick::read_read_write(x, t, out),
        |x, t| {
            let products = x.iter().zip(t).map(|(&x, &t)| x.into() * t.into());
            products.map(|value: f64| Exact::within::<T>(value, 1.0, value.abs())).collect()
        },
    );
}
