//! What the integration tests share: the number types, distances in ulp, special values, answers to compare, and made-up
//! data that is the same on every machine.
#![allow(dead_code, unused_imports, reason = "each test binary uses its own part")]

mod number;
mod random;

use core::fmt::Debug;
use core::ops::Range;

use kldiv::{Input, Isa, KlDiv, Target, accuracy, reference};
pub(crate) use number::{Number, for_each_number, same};
pub(crate) use random::Random;

/// What kind of number a result is. Two results of one class are both NaN, the same infinity, or both finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Nan,
    PlusInfinity,
    MinusInfinity,
    Finite,
}

pub(crate) fn class(value: f64) -> Class {
    if value.is_nan() {
        Class::Nan
    } else if value == f64::INFINITY {
        Class::PlusInfinity
    } else if value == f64::NEG_INFINITY {
        Class::MinusInfinity
    } else {
        Class::Finite
    }
}

/// How far apart two numbers are, counted in representable numbers; −0 and +0 are 0 apart, NaN is farthest from all but NaN.
pub(crate) fn ulps_between<R: Number>(a: R, b: R) -> u64 {
    if a.to_f64().is_nan() || b.to_f64().is_nan() {
        return if a.to_f64().is_nan() && b.to_f64().is_nan() { 0 } else { u64::MAX };
    }
    let magnitude_bits = |x: R| R::of(x.to_f64().abs()).bits();
    if a.to_f64().is_sign_negative() == b.to_f64().is_sign_negative() {
        magnitude_bits(a).abs_diff(magnitude_bits(b))
    } else {
        magnitude_bits(a) + magnitude_bits(b)
    }
}

/// The distance between neighbours of type `R` around `exact`: one ulp. Subnormals are one `SMALLEST` apart.
pub(crate) fn ulp_of<R: Number>(exact: f64) -> f64 {
    let magnitude = exact.abs().clamp(R::SMALLEST_NORMAL.to_f64(), R::LARGEST.to_f64());
    let power_of_two = f64::from_bits(magnitude.to_bits() & (0x7ff << 52));
    (power_of_two * 2.0 * R::UNIT).max(R::SMALLEST.to_f64())
}

/// The error of `value` in ulp of the more precise `exact`: 0 where both are NaN or the same infinity, infinite where
/// only one of them is.
pub(crate) fn ulp_error<R: Number>(value: R, exact: f64) -> f64 {
    ulp_error_of_parts(value, exact, 0.0)
}

/// The same against the sum `high + low`, which is how a reference for `f64` is written.
pub(crate) fn ulp_error_of_parts<R: Number>(value: R, high: f64, low: f64) -> f64 {
    let value = value.to_f64();
    // An exact result beyond the type's range rounds to infinity: that is no error.
    if class(value) != Class::Finite || class(high) != Class::Finite {
        let agree = class(value) == class(R::of(high).to_f64());
        return if agree { 0.0 } else { f64::INFINITY };
    }
    ((value - high) - low).abs() / ulp_of::<R>(high)
}

/// Whether `value` has `exact`'s class and, where finite, lies within `tolerance` of it.
pub(crate) fn close(value: f64, exact: f64, tolerance: f64) -> bool {
    match class(exact) {
        Class::Finite => (value - exact).abs() <= tolerance,
        other => class(value) == other,
    }
}

/// Lengths around every boundary a kernel may have: vectors, groups of four vectors, chunks of a sum.
pub(crate) const AWKWARD_LENGTHS: [usize; 40] = [
    0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 95, 96, 97, 127, 128,
    129, 130, 191, 255, 256, 257, 511, 512, 513, 1000, 1023, 4097, 65_535, 65_536, 65_537,
];

/// Numbers at which a formula changes its mind, both signs.
pub(crate) fn specials<R: Number>() -> Vec<R> {
    let magnitudes = [
        R::of(0.0),
        R::SMALLEST,
        R::SMALLEST_NORMAL.inward(),
        R::SMALLEST_NORMAL,
        R::of(1e-30),
        R::of(0.5),
        R::of(1.0).inward(),
        R::of(1.0),
        R::of(1.0).outward(),
        R::of(2.0),
        R::LN_LARGEST,
        R::LN_LARGEST.outward(),
        R::of(-R::LN_SMALLEST.to_f64()),
        R::of(-R::LN_SMALLEST.to_f64()).outward(),
        R::of(10_000.0),
        R::of(1e30),
        R::LARGEST,
        R::of(f64::INFINITY),
        R::of(f64::NAN),
    ];
    magnitudes.into_iter().flat_map(|x| [x, x.negative()]).collect()
}

/// The four pairs of (input, target).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Forms {
    pub(crate) log_input: bool,
    pub(crate) log_target: bool,
}

pub(crate) const ALL_FORMS: [Forms; 4] = [
    Forms { log_input: true, log_target: false },
    Forms { log_input: true, log_target: true },
    Forms { log_input: false, log_target: false },
    Forms { log_input: false, log_target: true },
];

impl Forms {
    pub(crate) fn input<'a, R>(self, values: &'a [R]) -> Input<'a, R> {
        if self.log_input { Input::LogProbs(values) } else { Input::Probs(values) }
    }

    pub(crate) fn target<'a, R>(self, values: &'a [R]) -> Target<'a, R> {
        if self.log_target { Target::LogProbs(values) } else { Target::Probs(values) }
    }

    pub(crate) fn kl<'a, R: Number>(
        self,
        input: &'a [R],
        target: &'a [R],
        isa: Isa,
    ) -> KlDiv<'a, R> {
        let kl = KlDiv::new(self.input(input), self.target(target)).expect("equal lengths");
        kl.on(isa).expect("an available instruction set")
    }

    /// Numbers of these forms with nothing special among them.
    pub(crate) fn ordinary<R: Number>(self, n: usize) -> (Vec<R>, Vec<R>) {
        let numbers = |log: bool, seed| {
            if log { log_probs(seed, n, 3) } else { probs(seed, n, 3) }
        };
        (numbers(self.log_input, 1), numbers(self.log_target, 2))
    }

    /// `(p, |ln p| + |ln q|)`: an element's probability, and the size of what its term is made of. For two logarithms,
    /// which are subtracted with one rounding, the size is `|ln p − ln q|`.
    pub(crate) fn size<R: Number>(self, x: R, t: R) -> (f64, f64) {
        let (x, t) = (x.to_f64(), t.to_f64());
        let (p, ln_p) = if self.log_target { (t.exp(), t) } else { (t, t.ln()) };
        let ln_q = if self.log_input { x } else { x.ln() };
        let both_given = self.log_input && self.log_target;
        (p, if both_given { (ln_p - ln_q).abs() } else { ln_p.abs() + ln_q.abs() })
    }

    /// The divergence, and by how much the library's sum may miss it. No probability is zero or subnormal.
    pub(crate) fn sum_and_bound<R: Number>(self, input: &[R], target: &[R]) -> (f64, f64) {
        let exact = reference::sum(self.input(input), self.target(target));
        let sizes = input.iter().zip(target).map(|(&x, &t)| self.size(x, t));
        let scale: f64 = sizes.map(|(p, size)| p * size).sum();
        let units = accuracy::SUM_MAX_U * exact.abs() + accuracy::SUM_MAX_U_OF_SCALE * scale;
        (exact, R::Computed::UNIT * units)
    }
}

/// Every instruction set of this machine.
pub(crate) fn isas() -> Vec<Isa> {
    Isa::available().collect()
}

/// `n` raw numbers in (−`limit`, `limit`]: logits, or log-probabilities that nobody normalised.
pub(crate) fn raw<R: Number>(seed: u64, n: usize, limit: f64) -> Vec<R> {
    let mut random = Random::new(seed);
    (0..n).map(|_| R::of(random.between(limit))).collect()
}

/// Any finite bit patterns at all: every magnitude, both signs.
pub(crate) fn wide<R: Number>(seed: u64, n: usize) -> Vec<R> {
    let mut random = Random::new(seed);
    let finite = core::iter::repeat_with(|| R::from_bits(random.next() >> (64 - R::BITS)));
    finite.filter(|x| x.to_f64().is_finite()).take(n).collect()
}

/// A distribution of `n` probabilities that spans about `decades` powers of ten, as a softmax of spread logits does.
/// Made with `+ × ÷` alone, so its bits do not depend on anybody's `exp`.
pub(crate) fn probs<R: Number>(seed: u64, n: usize, decades: u32) -> Vec<R> {
    let exact = probs_f64(seed, n, decades);
    exact.into_iter().map(R::of).collect()
}

/// The logarithms of such a distribution, by the `libm` that this crate's reference uses.
pub(crate) fn log_probs<R: Number>(seed: u64, n: usize, decades: u32) -> Vec<R> {
    let exact = probs_f64(seed, n, decades);
    exact.into_iter().map(|p| R::of(libm::log(p))).collect()
}

fn probs_f64(seed: u64, n: usize, decades: u32) -> Vec<f64> {
    let mut random = Random::new(seed);
    let weights: Vec<f64> = (0..n)
        .map(|_| {
            let steps = random.below(u64::from(decades) + 1);
            (0..steps).fold(random.unit(), |weight, _| weight * 0.1)
        })
        .collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

/// Takes the first `n` numbers of `values`, again from the start when they run out.
pub(crate) fn cycled<R: Number>(values: &[R], n: usize) -> Vec<R> {
    values.iter().copied().cycle().take(n).collect()
}

/// What was asked for, and the numbers that came out, of whichever type.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) what: String,
    /// One pattern for all NaNs.
    bits: Vec<u64>,
    value: fn(u64) -> f64,
}

impl Answer {
    pub(crate) fn new<R: Number>(what: impl Into<String>, numbers: &[R]) -> Self {
        let bits = numbers.iter().map(|x| x.result_bits()).collect();
        Answer { what: what.into(), bits, value: |bits| R::from_bits(bits).to_f64() }
    }

    pub(crate) fn bits(&self) -> &[u64] {
        &self.bits
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        self.bits.iter().map(|&bits| (self.value)(bits))
    }

    /// Only the numbers at these places.
    pub(crate) fn part(&self, places: Range<usize>) -> Self {
        Answer { what: self.what.clone(), bits: self.bits[places].to_vec(), value: self.value }
    }
}

/// Holds answers to the bits of others.
#[track_caller]
pub(crate) fn assert_same(context: &dyn Debug, got: &[Answer], expected: &[Answer]) {
    assert_eq!(got.len(), expected.len(), "{context:?}: as many answers");
    for (k, (got, expected)) in got.iter().zip(expected).enumerate() {
        let what = &got.what;
        assert_eq!(got.bits.len(), expected.bits.len(), "{context:?}: answer {k}, {what}");
        let differ =
            got.bits.iter().zip(&expected.bits).position(|(got, expected)| got != expected);
        if let Some(i) = differ {
            let show = |answer: &Answer| {
                format!("{:?} ({:x})", (answer.value)(answer.bits[i]), answer.bits[i])
            };
            panic!(
                "{context:?}: answer {k}, {what}[{i}] is {}, should be {}",
                show(got),
                show(expected)
            );
        }
    }
}
