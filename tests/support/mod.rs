//! What the integration tests share: a trait over `f32` and `f64`, distances in ulp, special values, and made-up data
//! that is the same on every machine.
#![allow(dead_code, reason = "each test binary uses its own part")]

use core::fmt::{Debug, Display};

use kldiv::{Element, Input, Isa, KlDiv, Target, accuracy, reference};

/// The element types, with what the tests ask of a number. (The names keep clear of those of the library's own trait.)
pub(crate) trait Real: Element + Debug + PartialEq {
    /// `"f32"` or `"f64"`, as the golden files spell it.
    const NAME: &'static str;
    /// Half the distance from 1 to the next number: the largest relative error of one rounding.
    const UNIT: f64;
    /// Below this absolute error the golden files do not distinguish: subnormals.
    const FLOOR: f64;
    /// The smallest positive number, a subnormal.
    const SMALLEST: Self;
    const SMALLEST_NORMAL: Self;
    const LARGEST: Self;
    /// The smallest `t` whose `eᵗ` does not round to zero.
    const LN_SMALLEST: Self;
    /// The largest `t` whose `eᵗ` is finite.
    const LN_LARGEST: Self;

    /// The nearest number of this type.
    fn of(value: f64) -> Self;
    fn bits(self) -> u64;
    fn from_bits(bits: u64) -> Self;
    /// The neighbour on the far side from zero.
    fn outward(self) -> Self;
    /// The neighbour on zero's side.
    fn inward(self) -> Self;
    /// From the big-endian hex of the bit pattern.
    fn from_hex(hex: &str) -> Self {
        Self::from_bits(u64::from_str_radix(hex, 16).expect("a hexadecimal bit pattern"))
    }
    fn negative(self) -> Self {
        Self::of(-self.to_f64())
    }
}

macro_rules! real {
    ($type:ident, $word:ident, $floor:literal, $ln_smallest:literal, $ln_largest:literal) => {
        impl Real for $type {
            const NAME: &'static str = stringify!($type);
            const UNIT: f64 = $type::EPSILON as f64 / 2.0;
            const FLOOR: f64 = $floor;
            const SMALLEST: Self = $type::from_bits(1);
            const SMALLEST_NORMAL: Self = $type::MIN_POSITIVE;
            const LARGEST: Self = $type::MAX;
            const LN_SMALLEST: Self = $type::from_bits($ln_smallest);
            const LN_LARGEST: Self = $type::from_bits($ln_largest);

            fn of(value: f64) -> Self {
                value as $type
            }
            fn bits(self) -> u64 {
                self.to_bits().into()
            }
            fn from_bits(bits: u64) -> Self {
                $type::from_bits($word::try_from(bits).expect("a bit pattern of this width"))
            }
            fn outward(self) -> Self {
                $type::from_bits(self.to_bits() + 1)
            }
            fn inward(self) -> Self {
                $type::from_bits(self.to_bits() - 1)
            }
        }
    };
}
real!(f32, u32, 1e-40, 0xc2cf_f1b4, 0x42b1_7217);
real!(f64, u64, 1e-318, 0xc087_4910_d52d_3051, 0x4086_2e42_fefa_39ef);

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

/// Whether two numbers are the same answer: equal bits, or both NaN.
pub(crate) fn same<R: Real>(a: R, b: R) -> bool {
    a.bits() == b.bits() || (a.to_f64().is_nan() && b.to_f64().is_nan())
}

/// How far apart two numbers are, counted in representable numbers; −0 and +0 are 0 apart, NaN is farthest from all but NaN.
pub(crate) fn ulps_between<R: Real>(a: R, b: R) -> u64 {
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
pub(crate) fn ulp_of<R: Real>(exact: f64) -> f64 {
    let magnitude = exact.abs().clamp(R::SMALLEST_NORMAL.to_f64(), R::LARGEST.to_f64());
    let power_of_two = f64::from_bits(magnitude.to_bits() & (0x7ff << 52));
    (power_of_two * 2.0 * R::UNIT).max(R::SMALLEST.to_f64())
}

/// The error of `value` in ulp of the more precise `exact`: 0 where both are NaN or the same infinity, infinite where
/// only one of them is.
pub(crate) fn ulp_error<R: Real>(value: R, exact: f64) -> f64 {
    ulp_error_of_parts(value, exact, 0.0)
}

/// The same against the sum `high + low`, which is how a reference for `f64` is written.
pub(crate) fn ulp_error_of_parts<R: Real>(value: R, high: f64, low: f64) -> f64 {
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
pub(crate) fn specials<R: Real>() -> Vec<R> {
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

    pub(crate) fn kl<'a, R: Real>(self, input: &'a [R], target: &'a [R], isa: Isa) -> KlDiv<'a, R> {
        let kl = KlDiv::new(self.input(input), self.target(target)).expect("equal lengths");
        kl.on(isa).expect("an available instruction set")
    }

    /// Numbers of these forms with nothing special among them.
    pub(crate) fn ordinary<R: Real>(self, n: usize) -> (Vec<R>, Vec<R>) {
        let numbers = |log: bool, seed| {
            if log { log_probs(seed, n, 3) } else { probs(seed, n, 3) }
        };
        (numbers(self.log_input, 1), numbers(self.log_target, 2))
    }

    /// `(p, |ln p| + |ln q|)`: an element's probability, and the size of what its term is made of. For two logarithms,
    /// which are subtracted with one rounding, the size is `|ln p − ln q|`.
    pub(crate) fn size<R: Real>(self, x: R, t: R) -> (f64, f64) {
        let (x, t) = (x.to_f64(), t.to_f64());
        let (p, ln_p) = if self.log_target { (t.exp(), t) } else { (t, t.ln()) };
        let ln_q = if self.log_input { x } else { x.ln() };
        let both_given = self.log_input && self.log_target;
        (p, if both_given { (ln_p - ln_q).abs() } else { ln_p.abs() + ln_q.abs() })
    }

    /// The divergence, and by how much the library's sum may miss it. No probability is zero or subnormal.
    pub(crate) fn sum_and_bound<R: Real>(self, input: &[R], target: &[R]) -> (f64, f64) {
        let exact = reference::sum(self.input(input), self.target(target));
        let sizes = input.iter().zip(target).map(|(&x, &t)| self.size(x, t));
        let scale: f64 = sizes.map(|(p, size)| p * size).sum();
        let units = accuracy::SUM_MAX_U * exact.abs() + accuracy::SUM_MAX_U_OF_SCALE * scale;
        (exact, R::UNIT * units)
    }
}

/// Every instruction set of this machine.
pub(crate) fn isas() -> Vec<Isa> {
    Isa::available().collect()
}

/// Sebastiano Vigna's splitmix64: integers only, so the same stream everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; the tiny bias towards small numbers does not matter here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A multiple of 2⁻⁵³ in (0, 1].
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// A number in (−`limit`, `limit`].
    pub(crate) fn between(&mut self, limit: f64) -> f64 {
        (self.unit() - 0.5) * 2.0 * limit
    }
}

/// `n` raw numbers in (−`limit`, `limit`]: logits, or log-probabilities that nobody normalised.
pub(crate) fn raw<R: Real>(seed: u64, n: usize, limit: f64) -> Vec<R> {
    let mut random = Random::new(seed);
    (0..n).map(|_| R::of(random.between(limit))).collect()
}

/// Any finite bit patterns at all: every magnitude, both signs.
pub(crate) fn wide<R: Real>(seed: u64, n: usize) -> Vec<R> {
    let mut random = Random::new(seed);
    let finite =
        core::iter::repeat_with(|| R::from_bits(random.next() >> (64 - 8 * size_of::<R>())));
    finite.filter(|x| x.to_f64().is_finite()).take(n).collect()
}

/// A distribution of `n` probabilities that spans about `decades` powers of ten, as a softmax of spread logits does.
/// Made with `+ × ÷` alone, so its bits do not depend on anybody's `exp`.
pub(crate) fn probs<R: Real>(seed: u64, n: usize, decades: u32) -> Vec<R> {
    let exact = probs_f64(seed, n, decades);
    exact.into_iter().map(R::of).collect()
}

/// The logarithms of such a distribution, by the `libm` that this crate's reference uses.
pub(crate) fn log_probs<R: Real>(seed: u64, n: usize, decades: u32) -> Vec<R> {
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
pub(crate) fn cycled<R: Real>(values: &[R], n: usize) -> Vec<R> {
    values.iter().copied().cycle().take(n).collect()
}

/// Holds named results to the bits of others.
pub(crate) fn assert_same<R: Real, N: Display>(
    context: &dyn Debug,
    got: &[(N, Vec<R>)],
    expected: &[(N, Vec<R>)],
) {
    assert_eq!(got.len(), expected.len());
    for ((what, got), (_, expected)) in got.iter().zip(expected) {
        for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
            assert!(
                same(got, expected),
                "{} {context:?}: {what}[{i}] is {got:?} ({:x}), should be {expected:?} ({:x})",
                R::NAME,
                got.bits(),
                expected.bits()
            );
        }
    }
}
