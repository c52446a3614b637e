//! The gradients by the input and by the target, times a uniform upstream.
//!
//! # What is measured
//! `grad_input` and `grad_target` from log-probabilities and probabilities; with `_log_target`
//! from log-probabilities alone, with `_probs` from probabilities alone. One iteration is one
//! call with everything. The memory yardstick is `read_read_write` in the benchmark `pointwise`.
//! # Units
//! Time of a call; elements a second; bytes a second, two reads and a write for each element,
//! also where one would do.
//! # One id
//! Ids are `kernel/type/instruction set/length`:
//! ```text
//! cargo bench --bench gradients -- 'grad_input/f32/avx2/4096$'
//! ```

mod support;

use criterion::Criterion;
use kldiv::Upstream;
use support::{Form, Kernel, LENGTHS, Number, exact, for_each_number};

fn main() {
    let mut criterion = support::criterion();
    for_each_number!(T => gradients::<T>(&mut criterion));
    criterion.final_summary();
}

fn gradients<T: Number>(criterion: &mut Criterion) {
    // Not a power of two: its product is rounded.
    let factor = T::of(1.0 / 3.0);
    let upstream = Upstream::Uniform(factor);
    let input = Kernel {
        names: &[
            ("grad_input", Form::Plain),
            ("grad_input_log_target", Form::LogTarget),
            ("grad_input_probs", Form::Probs),
        ],
        lengths: &LENGTHS,
        outputs: |n| n,
    };
    input.bench::<T>(
        criterion,
        |divergence, grad| divergence.grad_input(upstream, grad).expect("equal lengths"),
        |pair| exact::grad_input(pair, factor),
    );
    let target = Kernel {
        names: &[
            ("grad_target", Form::Plain),
            ("grad_target_log_target", Form::LogTarget),
            ("grad_target_probs", Form::Probs),
        ],
        lengths: &LENGTHS,
        outputs: |n| n,
    };
    target.bench::<T>(
        criterion,
        |divergence, grad| divergence.grad_target(upstream, grad).expect("equal lengths"),
        |pair| exact::grad_target(pair, factor),
    );
}
