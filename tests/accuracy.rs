//! The bounds of `kldiv::accuracy`, held on data made to break them.
//!
//! `cargo test --release --test accuracy -- --ignored --nocapture` adds every `f32` there is and a sum of 2²⁶ terms.
//! With `--nocapture` every test prints its worst case.

mod support;

use core::fmt;

use kldiv::{Input, Isa, KlDiv, Target, Upstream, accuracy, reference};
use support::{ALL_FORMS, Forms, Number, Random, ulp_error};

/// Inputs that go to the library in one call.
const BATCH: usize = 1 << 14;

/// The largest of many errors, and where it was found.
#[derive(Clone, Copy)]
struct Worst<R> {
    error: f64,
    at: R,
    count: u64,
}

impl<R: Number> Worst<R> {
    fn new() -> Self {
        Worst { error: 0.0, at: R::of(0.0), count: 0 }
    }

    fn add(&mut self, error: f64, at: R) {
        self.count += 1;
        // A NaN would be an error of the test: it must not pass for a small one.
        if error > self.error || error.is_nan() {
            (self.error, self.at) = (error, at);
        }
    }

    fn merge(self, other: Self) -> Self {
        let count = self.count + other.count;
        Worst { count, ..if self.error >= other.error { self } else { other } }
    }

    #[track_caller]
    fn within(self, what: &dyn fmt::Display, bound: f64, unit: &str) {
        let Worst { error, at, count } = self;
        println!(
            "{what}: worst {error:.4} of {bound} {unit} at {at:?} ({:#x}), {count} numbers",
            at.bits()
        );
        assert!(error <= bound, "{what}: {error} {unit} at {at:?} ({:#x})", at.bits());
        assert!(error > 0.0 && count > 0, "{what}: nothing was measured");
    }
}

/// The library's `ln`: `1·(ln 1 − ln q)` is `−ln q` to the bit.
fn ln_of<R: Number>(isa: Isa, values: &[R]) -> Vec<R> {
    let ones = vec![R::of(1.0); values.len()];
    let mut out = ones.clone();
    let kl = KlDiv::new(Input::Probs(values), Target::Probs(&ones)).expect("equal lengths");
    let kl = kl.on(isa).expect("an available instruction set");
    kl.pointwise(&mut out).expect("equal lengths");
    out.into_iter().map(|x| R::of(0.0 - x.to_f64())).collect()
}

/// The library's `exp`: the gradient `−eᵗ` times an upstream of −1.
fn exp_of<R: Number>(isa: Isa, values: &[R]) -> Vec<R> {
    let mut out = vec![R::of(0.0); values.len()];
    let kl = KlDiv::new(Input::LogProbs(values), Target::LogProbs(values)).expect("equal lengths");
    let kl = kl.on(isa).expect("an available instruction set");
    kl.grad_input(Upstream::Uniform(R::of(-1.0)), &mut out).expect("equal lengths");
    out
}

/// The library's `exp` as a factor, of those values whose difference from an input one lower is 1: their term is
/// `eᵗ·1`.
fn factors_of<R: Number>(isa: Isa, values: &[R]) -> Vec<(R, R)> {
    let lower = |t: R| R::of(t.to_f64() - 1.0);
    let apart_by_one = |&t: &R| R::of(t.to_f64() - lower(t).to_f64()).to_f64() == 1.0;
    let targets: Vec<R> = values.iter().copied().filter(apart_by_one).collect();
    let inputs: Vec<R> = targets.iter().copied().map(lower).collect();
    let mut out = vec![R::of(0.0); targets.len()];
    let kl =
        KlDiv::new(Input::LogProbs(&inputs), Target::LogProbs(&targets)).expect("equal lengths");
    let kl = kl.on(isa).expect("an available instruction set");
    kl.pointwise(&mut out).expect("equal lengths");
    targets.into_iter().zip(out).collect()
}

// f32: the truth is std's f64, whose error is below 2⁻²⁸ ulp of an f32.

/// Errors of `ln`.
fn ln_f32(isa: Isa, values: &[f32]) -> Worst<f32> {
    let mut worst = Worst::new();
    for (&x, ln) in values.iter().zip(ln_of(isa, values)) {
        worst.add(ulp_error(ln, f64::from(x).ln()), x);
    }
    worst
}

/// Errors of `exp`: `[where the result is normal, where it is subnormal or zero]`.
fn exp_f32(isa: Isa, values: &[f32]) -> [Worst<f32>; 2] {
    let mut worst = [Worst::new(); 2];
    for (&x, exp) in values.iter().zip(exp_of(isa, values)) {
        let exact = f64::from(x).exp();
        let is_subnormal = exact < f64::from(f32::MIN_POSITIVE);
        worst[usize::from(is_subnormal)].add(ulp_error(exp, exact), x);
    }
    worst
}

/// All `bits` on the best instruction set, every sixteenth batch on scalar code too.
fn sweep_f32(bits: impl Iterator<Item = u32>) -> (Worst<f32>, [Worst<f32>; 2]) {
    let mut ln = Worst::new();
    let mut exp = [Worst::new(); 2];
    let mut bits = bits.map(f32::from_bits);
    for batch in 0.. {
        let values: Vec<f32> = bits.by_ref().take(BATCH).collect();
        if values.is_empty() {
            break;
        }
        let isas = [Isa::best(), Isa::Scalar];
        for &isa in &isas[..if batch % 16 == 0 { 2 } else { 1 }] {
            ln = ln.merge(ln_f32(isa, &values));
            let [normal, subnormal] = exp_f32(isa, &values);
            exp = [exp[0].merge(normal), exp[1].merge(subnormal)];
        }
    }
    (ln, exp)
}

fn hold_f32((ln, [exp, exp_subnormal]): (Worst<f32>, [Worst<f32>; 2])) {
    ln.within(&"ln f32", accuracy::LN_F32_MAX_ULP, "ulp");
    exp.within(&"exp f32", accuracy::EXP_F32_MAX_ULP, "ulp");
    exp_subnormal.within(&"exp f32, subnormal results", accuracy::EXP_SUBNORMAL_MAX_ULP, "ulp");
}

#[test]
fn ln_and_exp_of_every_509th_f32() {
    // A prime stride: no bit of the mantissa repeats. 2²² numbers of each sign, subnormals and NaNs among them.
    let positive = (0..1 << 31).step_by(509);
    // And all neighbours of the ends of each interval that the logarithm's argument is reduced to.
    let edges = (0..255_u32).flat_map(|exponent| {
        let ends = [0x0_0000, 0x30_0000].map(|mantissa| (exponent << 23) | mantissa);
        ends.into_iter().flat_map(|end| end.saturating_sub(64)..end + 64)
    });
    hold_f32(sweep_f32(positive.chain(edges).flat_map(|bits| [bits, bits | (1 << 31)])));
}

#[test]
fn exp_of_f32_as_a_factor() {
    let bits = (0..0x42ae_0000_u32).step_by(101); // up to 87
    let values: Vec<f32> =
        bits.flat_map(|bits| [f32::from_bits(bits), -f32::from_bits(bits)]).collect();
    let mut worst = Worst::new();
    for (x, value) in factors_of(Isa::best(), &values) {
        let exact = f64::from(x).exp();
        worst.add((f64::from(value) - exact).abs() / (exact * f32::UNIT), x);
    }
    worst.within(&"exp f32 as a factor", accuracy::EXP_FACTOR_MAX_U, "u");
}

#[test]
fn exp_of_f32_where_it_neither_vanishes_nor_overflows() {
    // Most f32 are so small or large that their exponential is 1, 0 or infinite.
    let (least, most) = (0x3300_0000_u32, 0x42d0_0000);
    hold_f32(sweep_f32((least..most).step_by(127).flat_map(|bits| [bits, bits | (1 << 31)])));
}

#[test]
#[ignore = "4 billion numbers: minutes, with --release"]
fn ln_and_exp_of_every_f32() {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let start_of = |thread: u64| (thread << 32) / threads;
    let parts: Vec<_> = std::thread::scope(|scope| {
        let spawn = |thread| {
            let range = start_of(thread)..start_of(thread + 1);
            scope.spawn(move || sweep_f32(range.map(|bits| bits as u32)))
        };
        let running: Vec<_> = (0..threads).map(spawn).collect();
        running.into_iter().map(|part| part.join().expect("no panic")).collect()
    });
    let all = parts.into_iter().reduce(|(ln, exp), (more_ln, more_exp)| {
        (ln.merge(more_ln), [exp[0].merge(more_exp[0]), exp[1].merge(more_exp[1])])
    });
    hold_f32(all.expect("at least one thread"));
}

/// `f64` against 192 bits.
mod double {
    use super::*;
    use astro_float::{BigFloat, Consts, RoundingMode};

    const PRECISION: usize = 192;

    /// `BigFloat::from_f64`, but right for subnormal numbers too: it gives them a wrong exponent.
    fn exact(x: f64) -> BigFloat {
        let power = |n| BigFloat::from_f64(libm::ldexp(1.0, n), PRECISION);
        if x.abs() < f64::MIN_POSITIVE {
            let scaled = BigFloat::from_f64(libm::ldexp(x, 100), PRECISION);
            scaled.mul(&power(-100), PRECISION, RoundingMode::ToEven)
        } else {
            BigFloat::from_f64(x, PRECISION)
        }
    }

    struct Truth {
        constants: Consts,
    }

    impl Truth {
        fn new() -> Self {
            Truth { constants: Consts::new().expect("memory for constants") }
        }

        /// The error of `value` in ulp of the truth; both finite, the truth not zero.
        fn error(value: f64, truth: &BigFloat) -> f64 {
            let difference = exact(value).sub(truth, PRECISION, RoundingMode::ToEven);
            // Half of a power of two, 0.1… in binary, is how a mantissa is written here.
            let (_, _, _, truth_exponent, _) = truth.as_raw_parts().expect("a finite truth");
            let ulp_exponent = (truth_exponent - 53).max(-1074);
            if difference.is_zero() {
                return 0.0;
            }
            let (words, _, _, exponent, _) = difference.as_raw_parts().expect("a finite error");
            let top = *words.last().expect("a mantissa") as f64;
            libm::ldexp(top, exponent - ulp_exponent - astro_float::WORD_BIT_SIZE as i32).abs()
        }

        fn ln_error(&mut self, x: f64, value: f64) -> f64 {
            Self::error(value, &exact(x).ln(PRECISION, RoundingMode::ToEven, &mut self.constants))
        }

        fn exp_error(&mut self, x: f64, value: f64) -> f64 {
            Self::error(value, &exact(x).exp(PRECISION, RoundingMode::ToEven, &mut self.constants))
        }
    }

    /// Numbers within `reach` neighbours of `x`.
    fn near(random: &mut Random, x: f64, reach: u64) -> f64 {
        f64::from_bits((x.to_bits() + random.below(2 * reach + 1)).saturating_sub(reach))
    }

    fn ln_arguments() -> Vec<f64> {
        let mut random = Random::new(64);
        let mut all = Vec::new();
        let any =
            |random: &mut Random| f64::from_bits(random.below(f64::INFINITY.to_bits()).max(1));
        all.extend((0..6000).map(|_| any(&mut random)));
        // Subnormals of every length.
        all.extend((0..2000).map(|i| f64::from_bits((random.next() >> (12 + i % 52)).max(1))));
        // Near 1, where the result is small, at every distance.
        all.extend((0..6000).map(|i| near(&mut random, 1.0, 1 << (i % 51))));
        // Where the exponent changes, at 0.6875·2^k and so 1.375·2^k, near and far from 1.
        for k in (-1021..1023).chain([-2, -1, 0, 1, 2].repeat(200)) {
            let reach = 1 << random.below(30);
            all.push(near(&mut random, 1.375 * libm::ldexp(1.0, k), reach));
            all.push(near(&mut random, libm::ldexp(1.0, k), reach));
        }
        // The domain of probabilities.
        all.extend((0..4000).map(|_| random.unit()));
        all
    }

    fn exp_arguments() -> Vec<f64> {
        let mut random = Random::new(65);
        let mut all = Vec::new();
        all.extend((0..6000).map(|_| -708.0 + 1417.0 * random.unit()));
        all.extend((0..4000).map(|_| -30.0 * random.unit()));
        // Subnormal results.
        all.extend((0..3000).map(|_| -708.0 - 37.0 * random.unit()));
        // Small ones of either sign.
        all.extend((0..3000).map(|i| libm::ldexp(random.between(1.0), -(i % 60))));
        // Where n changes, x = (n + ½)·ln 2, and where r = 0, x = n·ln 2.
        for n in (-1074..1023).chain([-2, -1, 0, 1].repeat(200)) {
            let reach = 1 << random.below(30);
            for middle in [0.5, 0.0, 0.5] {
                let x = (f64::from(n) + middle) * core::f64::consts::LN_2;
                if x != 0.0 {
                    all.push(near(&mut random, x, reach));
                }
            }
        }
        all
    }

    #[test]
    fn ln_of_f64() {
        let arguments = ln_arguments();
        let mut truth = Truth::new();
        let mut worst = Worst::new();
        let values = ln_of(Isa::best(), &arguments);
        assert!(values == ln_of(Isa::Scalar, &arguments));
        for (&x, value) in arguments.iter().zip(values) {
            if x == 1.0 {
                assert_eq!(value, 0.0);
            } else {
                // The oracle is not believed alone: std is within an ulp and a half of it.
                assert!(truth.ln_error(x, x.ln()) <= 1.5, "the truth of ln {x:e} is wrong");
                worst.add(truth.ln_error(x, value), x);
            }
        }
        worst.within(&"ln f64", accuracy::LN_F64_MAX_ULP, "ulp");
    }

    #[test]
    fn exp_of_f64() {
        let arguments = exp_arguments();
        let mut truth = Truth::new();
        let mut worst = [Worst::new(); 2];
        let values = exp_of(Isa::best(), &arguments);
        assert!(values == exp_of(Isa::Scalar, &arguments));
        for (&x, value) in arguments.iter().zip(values) {
            let by_std = x.exp();
            assert!(truth.exp_error(x, by_std) <= 1.5, "the truth of exp {x:e} is wrong");
            let is_subnormal = usize::from(by_std < f64::MIN_POSITIVE);
            worst[is_subnormal].add(truth.exp_error(x, value), x);
        }
        let [normal, subnormal] = worst;
        normal.within(&"exp f64", accuracy::EXP_F64_MAX_ULP, "ulp");
        subnormal.within(&"exp f64, subnormal results", accuracy::EXP_SUBNORMAL_MAX_ULP, "ulp");
    }

    #[test]
    fn exp_of_f64_as_a_factor() {
        let mut truth = Truth::new();
        let mut worst = Worst::new();
        for (x, value) in factors_of(Isa::best(), &exp_arguments()) {
            if x.exp() >= f64::MIN_POSITIVE {
                // In [0.5, 1): of that many `u` is the number, where its ulp is one.
                let (fraction, _) = libm::frexp(x.exp());
                worst.add(truth.exp_error(x, value) / fraction, x);
            }
        }
        worst.within(&"exp f64 as a factor", accuracy::EXP_FACTOR_MAX_U, "u");
    }
}

// One term.

/// What a term may be off by, in `u`, of `p·size`. Where p or the product is subnormal its rounding is absolute: half
/// of the smallest number for the product, `EXP_SUBNORMAL_MAX_ULP` of it times `size` for a computed p.
fn term_error<R: Number>(forms: Forms, x: R, t: R, term: R) -> f64 {
    let (p, size) = forms.size(x, t);
    let mut exact = [0.0];
    reference::pointwise(forms.input(&[x]), forms.target(&[t]), &mut exact);
    let smallest = R::SMALLEST.to_f64();
    let computed = forms.log_target && p < R::SMALLEST_NORMAL.to_f64();
    let slack =
        smallest * (0.5 + if computed { accuracy::EXP_SUBNORMAL_MAX_ULP * size } else { 0.0 });
    let error = ((term.to_f64() - exact[0]).abs() - slack).max(0.0);
    if error == 0.0 { 0.0 } else { error / (R::UNIT * p * size) }
}

/// `(input, target)` as probabilities: random, equal, all but equal, at the ends of the logarithm's intervals.
fn adversaries(random: &mut Random) -> (f64, f64) {
    let ends = [0.6875, 0.687_499, 1.0, 0.999_999, 0.5, 0.51, 0.49, 0.34375, 0.343_749];
    let any_scale =
        |random: &mut Random| random.unit() * libm::ldexp(1.0, -(random.below(40) as i32));
    let end = |random: &mut Random| {
        let end = ends[random.below(ends.len() as u64) as usize];
        (end * (1.0 + random.between(1e-3))).min(1.0)
    };
    let near = |random: &mut Random, t: f64| {
        let distance = libm::ldexp(random.between(1.0), -(random.below(26) as i32));
        (t * (1.0 + distance)).min(1.0)
    };
    match random.below(5) {
        0 => (any_scale(random), any_scale(random)),
        1 => (end(random), end(random)),
        2 => {
            let t = end(random);
            (near(random, t), t)
        }
        3 => {
            let t = any_scale(random);
            (near(random, t), t)
        }
        _ => {
            // Nearly equal logarithms whose exponents differ.
            let t = libm::ldexp(1.0, -(random.below(30) as i32)) * end(random);
            (near(random, t), t)
        }
    }
}

fn hold_terms<R: Number>(count: usize) {
    for forms in ALL_FORMS {
        let mut worst = Worst::new();
        let mut random = Random::new(7);
        for _ in 0..count / BATCH {
            let written = |p: f64, log: bool| R::of(if log { p.ln() } else { p });
            let (input, target): (Vec<R>, Vec<R>) = (0..BATCH)
                .map(|_| {
                    let (q, p) = adversaries(&mut random);
                    (written(q, forms.log_input), written(p, forms.log_target))
                })
                .unzip();
            let mut terms = vec![R::of(0.0); BATCH];
            forms.kl(&input, &target, Isa::best()).pointwise(&mut terms).expect("equal lengths");
            for ((&x, &t), &term) in input.iter().zip(&target).zip(&terms) {
                worst.add(term_error(forms, x, t, term), t);
            }
        }
        worst.within(&format!("term {} {forms:?}", R::NAME), accuracy::TERM_MAX_U, "u·scale");
    }
}

#[test]
fn terms_of_f32() {
    hold_terms::<f32>(1 << 20);
}

// Sums.

/// For `f32` at any length, on the output of a softmax: relative error of the divergence. Of this the last rounding
/// alone takes up to 2⁻²⁴ = 6.0e-8.
const SOFTMAX_MAX_RELATIVE: f64 = 1e-7;

/// A softmax of normal-ish logits (the sum of four uniform numbers), as `f32` in the form asked for.
fn softmax_data(seed: u64, n: usize, log: bool) -> Vec<f32> {
    let mut random = Random::new(seed);
    let logits: Vec<f64> = (0..n).map(|_| (0..4).map(|_| random.between(2.0)).sum()).collect();
    let ln_total = logits.iter().map(|x| x.exp()).sum::<f64>().ln();
    logits
        .into_iter()
        .map(|x| if log { x - ln_total } else { (x - ln_total).exp() } as f32)
        .collect()
}

fn hold_sum(forms: Forms, n: usize) {
    let input = softmax_data(1, n, forms.log_input);
    let target = softmax_data(2, n, forms.log_target);
    let (exact, bound) = forms.sum_and_bound(&input, &target);
    let sum = f64::from(forms.kl(&input, &target, Isa::best()).sum());
    let error = (sum - exact).abs();
    let relative = error / exact.abs();
    println!(
        "sum f32 {forms:?}, n = {n}: {sum:.9} of {exact:.9}, relative error {relative:.2e}, \
         {:.4} of the bound",
        error / bound
    );
    assert!(error <= bound, "{forms:?}, n = {n}: {sum}, not {exact}");
    assert!(relative <= SOFTMAX_MAX_RELATIVE, "{forms:?}, n = {n}: {sum}, not {exact}");
}

#[test]
fn sums_do_not_get_worse_with_their_length() {
    for forms in ALL_FORMS {
        for n in [1_000, 100_000, 10_000_000] {
            hold_sum(forms, n);
        }
    }
}

#[test]
#[ignore = "2²⁶ terms: gigabytes"]
fn sums_of_two_to_the_26_terms() {
    for forms in ALL_FORMS {
        hold_sum(forms, 1 << 26);
    }
}

/// Sums whose terms cancel: the bound relative to the scale is what holds.
fn hold_cancelling<R: Number>() {
    for forms in ALL_FORMS {
        for seed in 0..200 {
            let n = 1 + (seed as usize * 37) % 3000;
            let mut random = Random::new(seed);
            let written = |p: f64, log: bool| R::of(if log { p.ln() } else { p });
            let (input, target): (Vec<R>, Vec<R>) = (0..n)
                .map(|_| {
                    let (q, p) = adversaries(&mut random);
                    (written(q, forms.log_input), written(p, forms.log_target))
                })
                .unzip();
            let (exact, bound) = forms.sum_and_bound(&input, &target);
            let sum = forms.kl(&input, &target, Isa::best()).sum().to_f64();
            assert!((sum - exact).abs() <= bound, "{} {forms:?} {n}: {sum}, not {exact}", R::NAME);
        }
    }
}

#[test]
fn sums_whose_terms_cancel() {
    hold_cancelling::<f32>();
}
