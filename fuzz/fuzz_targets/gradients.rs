//! Both gradients: the same bits on every instruction set, and close to the reference.
#![no_main]

mod support;

use kldiv::accuracy::TERM_MAX_U;
use kldiv::{Isa, KlDiv, Upstream, reference};
use support::{
    Case, Number, assert_close, assert_refused, assert_same, assert_zero, fuzz_numbers, slack,
};

fuzz_numbers!(check);

fn check<T: Number>(head: [u8; 2], bytes: &[u8]) {
    let case = &Case::<T>::new(head, bytes);
    let scalar = KlDiv::new(case.input(), case.target()).unwrap().on(Isa::Scalar).unwrap();
    wrong_lengths(case, scalar);
    let upstream = case.upstream();
    if let Upstream::PerRow(factors) = upstream
        && (factors.is_empty() || !case.len().is_multiple_of(factors.len()))
    {
        return;
    }
    let by_input = run(case.len(), |out: &mut [T]| scalar.grad_input(upstream, out));
    let by_target = run(case.len(), |out: &mut [T]| scalar.grad_target(upstream, out));
    for isa in Isa::available() {
        let pair = scalar.on(isa).unwrap();
        let other = run(case.len(), |out: &mut [T]| pair.grad_input(upstream, out));
        assert_same(isa, &other, &by_input);
        let other = run(case.len(), |out: &mut [T]| pair.grad_target(upstream, out));
        assert_same(isa, &other, &by_target);
    }
    against_reference(case, &by_input, &by_target);
}

fn run<T: Number>(
    length: usize,
    call: impl FnOnce(&mut [T]) -> Result<(), kldiv::Error>,
) -> Vec<T> {
    let mut out = vec![T::of(0.0); length];
    call(&mut out).unwrap();
    out
}

fn against_reference<T: Number>(case: &Case<T>, by_input: &[T], by_target: &[T]) {
    let (input, target, upstream) = (case.input(), case.target(), case.upstream());
    let reference = |upstream| {
        let mut by_input = vec![0.0; case.len()];
        let mut by_target = vec![0.0; case.len()];
        reference::grad_input(input, target, upstream, &mut by_input);
        reference::grad_target(input, target, upstream, &mut by_target);
        (by_input, by_target)
    };
    let want = reference(upstream);
    let derivatives = reference(Upstream::Uniform(T::of(1.0)));
    for (index, part) in case.parts().enumerate() {
        if part.p == 0.0 {
            assert_zero("by input", by_input[index]);
            assert_zero("by target", by_target[index]);
            continue;
        }
        let factor = match upstream {
            Upstream::Uniform(g) => g.to_f64(),
            Upstream::PerRow(g) => g[index / (case.len() / g.len())].to_f64(),
            Upstream::PerElement(g) => g[index].to_f64(),
        };
        let check = |what, got: T, want, derivative: f64, value: f64, error: f64| {
            let bound = TERM_MAX_U * T::UNIT * slack::<T>() * value + error + T::SMALLEST.to_f64();
            // What an infinite factor makes of a derivative that may round to zero is left open.
            if factor.is_infinite() && derivative.abs() <= bound {
                return;
            }
            // The bound may be beyond `f64`.
            let tolerance = if factor == 0.0 { 0.0 } else { factor.abs() * bound };
            assert_close(what, got, want, tolerance);
        };
        let (value, error) = (part.p / part.q, part.floor / part.q);
        check("by input", by_input[index], want.0[index], derivatives.0[index], value, error);
        let scale = part.ln_p + part.ln_q + 1.0;
        let (value, error) = (part.slope * scale, part.floor * scale);
        check("by target", by_target[index], want.1[index], derivatives.1[index], value, error);
    }
}

fn wrong_lengths<T: Number>(case: &Case<T>, pair: KlDiv<'_, T>) {
    let length = case.len();
    let factors = vec![T::of(0.5); length + 1];
    let one = Upstream::Uniform(T::of(1.0));
    assert_refused(length + 1, |out: &mut [T]| pair.grad_input(one, out));
    assert_refused(length + 1, |out: &mut [T]| pair.grad_target(one, out));
    let upstream = Upstream::PerElement(&factors);
    assert_refused(length, |out: &mut [T]| pair.grad_input(upstream, out));
    assert_refused(length, |out: &mut [T]| pair.grad_target(upstream, out));
    if length > 0 {
        let upstream = Upstream::PerRow(&factors);
        assert_refused(length, |out: &mut [T]| pair.grad_input(upstream, out));
        assert_refused(length, |out: &mut [T]| pair.grad_target(upstream, out));
    }
}
