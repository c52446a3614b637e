//! The logarithm and the exponential, as far as the public functions show them.
//!
//! # What is measured
//! Neither has a function of its own. `ln` is the cross-entropy of two probability vectors,
//! `Σ −p·ln q`: a logarithm, a product and the compensated sum for each element. `exp` is the
//! gradient by the input with a log-probability target, `−eᵗ`: an exponential, a product by one
//! and a store for each element. One iteration is one call with everything.
//! # Units
//! Time of a call; elements a second; bytes a second, two reads for each element, for `exp` also
//! a write.
//! # One id
//! Ids are `kernel/type/instruction set/length`:
//! ```text
//! cargo bench --bench ln_exp -- 'ln/f32/avx2/4096$'
//! ```

mod support;

use criterion::Criterion;
use kldiv::{Upstream, reference};
use support::exact::{self, Exact};
use support::{CACHED, Form, Kernel, Number, for_each_number};

fn main() {
    let mut criterion = support::criterion();
    for_each_number!(T => functions::<T>(&mut criterion));
    criterion.final_summary();
}

fn functions<T: Number>(criterion: &mut Criterion) {
    let ln = Kernel { names: &[("ln", Form::Probs)], lengths: CACHED, outputs: |_| 1 };
    ln.bench::<T>(
        criterion,
        |divergence, out| out[0] = divergence.cross_entropy(),
        |(input, target)| {
            let value = reference::cross_entropy(input, target);
            vec![Exact::sum::<T>(value, value)]
        },
    );
    let exp = Kernel { names: &[("exp", Form::LogTarget)], lengths: CACHED, outputs: |n| n };
    let one = Upstream::Uniform(T::of(1.0));
    exp.bench::<T>(
        criterion,
        |divergence, out| divergence.grad_input(one, out).expect("equal lengths"),
        |pair @ (input, target)| {
            exact::elementwise(
                pair,
                2.0 * T::EXP_MAX_ULP,
                |grad| reference::grad_input(input, target, one, grad),
                // An ulp is two units of the power of two below.
                |p, _, _| f64::from_bits(p.to_bits() & (0x7ff << 52)),
            )
        },
    );
}
