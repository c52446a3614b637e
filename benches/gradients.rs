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
use kldiv::{Input, Target, Upstream, accuracy, reference};
use support::{Form, Kernel, LENGTHS, Number};

fn main() {
    let mut criterion = support::criterion();
    gradients::<f32>(&mut criterion);
    gradients::<f64>(&mut criterion);
    criterion.final_summary();
}

fn gradients<T: Number>(criterion: &mut Criterion) {
    let upstream = T::of(1.0 / 3.0);
    let factor: f64 = upstream.into();
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
        |divergence, grad| {
            divergence.grad_input(Upstream::Uniform(upstream), grad).expect("equal lengths");
        },
        |pair @ (input, target)| {
            support::elementwise(
                pair,
                accuracy::TERM_MAX_U,
                |grad| reference::grad_input(input, target, Upstream::Uniform(upstream), grad),
                |p, _, ln_q| match input {
                    Input::LogProbs(_) => factor * p,
                    Input::Probs(_) => factor * p / ln_q.exp(),
                },
            )
        },
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
        |divergence, grad| {
            divergence.grad_target(Upstream::Uniform(upstream), grad).expect("equal lengths");
        },
        |pair @ (input, target)| {
            support::elementwise(
                pair,
                accuracy::TERM_MAX_U,
                |grad| reference::grad_target(input, target, Upstream::Uniform(upstream), grad),
                |p, ln_p, ln_q| {
                    let scale = factor * (ln_p.abs() + ln_q.abs() + 1.0);
                    match target {
                        Target::Probs(_) => scale,
                        Target::LogProbs(_) => scale * p,
                    }
                },
            )
        },
    );
}
