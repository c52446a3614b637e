//! From bytes to a case, and when two results count as the same.

#![allow(dead_code, reason = "no target uses all of it")]

use core::fmt::Debug;

use kldiv::{Element, Input, Isa, Target, Upstream};

/// A fuzz target: the first bytes are the head, whose lowest bit says of what type the other bytes' numbers are.
macro_rules! fuzz_numbers {
    ($check:ident) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            let Some((&head, bytes)) = data.split_first_chunk() else {
                return;
            };
            if head[0] & 1 == 0 {
                $check::<f32>(head, bytes);
            } else {
                $check::<f64>(head, bytes);
            }
        });
    };
}
pub(crate) use fuzz_numbers;

/// What the oracle has to know of an element type.
pub trait Float: Element + Copy + Debug + PartialOrd {
    const BYTES: usize;
    /// Half the distance from 1 to the next number.
    const UNIT: f64;
    const SMALLEST: f64;
    const LARGEST: f64;
    /// Where `exp` becomes zero and where it becomes infinite: which of two neighbours does is left open there.
    const EXP_EDGES: [f64; 2];
    /// How much of the bound is the reference's own error, as a factor.
    const REFERENCE: f64;
    fn from_bytes(bytes: &[u8]) -> Self;
    /// The same bits as a number in `0.0..1.0`.
    fn fraction(self) -> Self;
    fn nearest(value: f64) -> Self;
    fn same(self, other: Self) -> bool;
}

impl Float for f32 {
    const BYTES: usize = 4;
    const UNIT: f64 = f32::EPSILON as f64 / 2.0;
    const SMALLEST: f64 = 1.401_298_464_324_817e-45;
    const LARGEST: f64 = f32::MAX as f64;
    const EXP_EDGES: [f64; 2] = [-103.972_077, 88.722_839];
    const REFERENCE: f64 = 1.0;
    fn from_bytes(bytes: &[u8]) -> Self {
        Self::from_le_bytes(bytes.try_into().unwrap())
    }
    fn fraction(self) -> Self {
        (self.to_bits() >> 8) as f32 / 16_777_216.0
    }
    fn nearest(value: f64) -> Self {
        value as f32
    }
    fn same(self, other: Self) -> bool {
        self.to_bits() == other.to_bits() || (self.is_nan() && other.is_nan())
    }
}

impl Float for f64 {
    const BYTES: usize = 8;
    const UNIT: f64 = f64::EPSILON / 2.0;
    const SMALLEST: f64 = 5e-324;
    const LARGEST: f64 = f64::MAX;
    const EXP_EDGES: [f64; 2] = [-745.133_219_101_941, 709.782_712_893_384];
    const REFERENCE: f64 = 2.0;
    fn from_bytes(bytes: &[u8]) -> Self {
        Self::from_le_bytes(bytes.try_into().unwrap())
    }
    fn fraction(self) -> Self {
        (self.to_bits() >> 11) as f64 / 9_007_199_254_740_992.0
    }
    fn nearest(value: f64) -> Self {
        value
    }
    fn same(self, other: Self) -> bool {
        self.to_bits() == other.to_bits() || (self.is_nan() && other.is_nan())
    }
}

/// All numbers that fit into `bytes`.
fn numbers<T: Float>(bytes: &[u8]) -> Vec<T> {
    bytes.chunks_exact(T::BYTES).map(T::from_bytes).collect()
}

/// The numbers whose bit patterns these are, or as many within -20..20.
pub fn logits<T: Float>(tame: bool, bytes: &[u8]) -> Vec<T> {
    let mut logits = numbers::<T>(bytes);
    if tame {
        for x in &mut logits {
            *x = T::nearest(40.0 * x.fraction().into() - 20.0);
        }
    }
    logits
}

/// Two slices of one length, what they mean, and what to do with them.
pub struct Case<T> {
    input: Vec<T>,
    target: Vec<T>,
    upstream: Vec<T>,
    log_input: bool,
    log_target: bool,
    kind: u8,
    pub rows: usize,
}

impl<T: Float> Case<T> {
    /// `head` chooses, `bytes` are the numbers: any bit patterns, or all of them tame.
    pub fn new(head: [u8; 2], bytes: &[u8]) -> Self {
        let [flags, rows] = head;
        let all = numbers::<T>(bytes);
        let (input, rest) = all.split_at(all.len() / 3);
        let (target, rest) = rest.split_at(input.len());
        let upstream = &rest[..input.len()];
        let (log_input, log_target) = (flags & 2 != 0, flags & 4 != 0);
        let tame = |x: T, log| {
            let fraction = x.fraction().into();
            T::nearest(if log { -90.0 * fraction } else { fraction })
        };
        let make = |from: &[T], log| -> Vec<T> {
            let whole = |&x: &T| if flags & 8 == 0 { x } else { tame(x, log) };
            from.iter().map(whole).collect()
        };
        let mut target = make(target, log_target);
        for t in &mut target {
            let near = |edge: f64| ((*t).into() - edge).abs() < 1e4 * T::UNIT;
            if log_target && T::EXP_EDGES.into_iter().any(near) {
                *t = T::nearest(-1.0);
            }
        }
        Self {
            input: make(input, log_input),
            target,
            upstream: make(upstream, false),
            log_input,
            log_target,
            kind: flags >> 4,
            rows: usize::from(rows) + 1,
        }
    }

    pub fn len(&self) -> usize {
        self.input.len()
    }

    pub fn input(&self) -> Input<'_, T> {
        if self.log_input { Input::LogProbs(&self.input) } else { Input::Probs(&self.input) }
    }

    pub fn target(&self) -> Target<'_, T> {
        if self.log_target { Target::LogProbs(&self.target) } else { Target::Probs(&self.target) }
    }

    /// The same kinds with another target.
    pub fn other_target<'a>(&self, target: &'a [T]) -> Target<'a, T> {
        if self.log_target { Target::LogProbs(target) } else { Target::Probs(target) }
    }

    pub fn row(&self, row: usize) -> Self {
        let width = self.len() / self.rows;
        let part = |whole: &[T]| whole[row * width..][..width].to_vec();
        Self {
            input: part(&self.input),
            target: part(&self.target),
            upstream: part(&self.upstream),
            ..*self
        }
    }

    pub fn upstream(&self) -> Upstream<'_, T> {
        match self.kind % 3 {
            0 => Upstream::Uniform(self.upstream.first().copied().unwrap_or(T::nearest(1.0))),
            1 => Upstream::PerRow(&self.upstream[..self.rows.min(self.len())]),
            _ => Upstream::PerElement(&self.upstream),
        }
    }

    /// The parts of every element's formulas, in `f64`.
    pub fn parts(&self) -> impl Iterator<Item = Parts> {
        let ln = |x: f64, is_log: bool| if is_log { x } else { x.ln() };
        self.input.iter().zip(&self.target).map(move |(&x, &t)| {
            let (x, t): (f64, f64) = (x.into(), t.into());
            let p = if self.log_target { t.exp() } else { t };
            let zero = T::nearest(p).into() == 0.0;
            Parts {
                p: if zero { 0.0 } else { p.abs() },
                ln_p: if zero { 0.0 } else { ln(t, self.log_target).abs() },
                ln_q: if zero { 0.0 } else { ln(x, self.log_input).abs() },
                q: if self.log_input { 1.0 } else { x.abs() },
                slope: if self.log_target { p } else { 1.0 },
                // `exp` may be one of the smallest steps off.
                floor: if self.log_target { 2.0 * T::SMALLEST } else { 0.0 },
            }
        })
    }
}

pub struct Parts {
    /// `|p|`
    pub p: f64,
    /// `|ln p|`
    pub ln_p: f64,
    /// `|ln q|`
    pub ln_q: f64,
    /// What the derivative by the input divides by.
    pub q: f64,
    /// d p / d target
    pub slope: f64,
    /// The absolute error that p may have.
    pub floor: f64,
}

/// `got` is what `want` may become: the same class, and within `tolerance` of it.
#[track_caller]
pub fn assert_close<T: Float>(what: &str, got: T, want: f64, tolerance: f64) {
    let number: f64 = got.into();
    let good = if want.is_nan() {
        number.is_nan()
    } else if want.is_infinite() {
        // The last number before the overflow is as good.
        number * want.signum() >= T::LARGEST * (1.0 - 8.0 * T::UNIT)
    } else {
        let tolerance = tolerance + T::SMALLEST;
        T::nearest(want - tolerance) <= got && got <= T::nearest(want + tolerance)
    };
    assert!(good, "{what}: {got:?}, reference {want:?}, tolerance {tolerance:e}");
}

/// An element with a target probability of zero takes no part.
#[track_caller]
pub fn assert_zero<T: Float>(what: &str, got: T) {
    assert!(got.into() == 0.0, "{what}: {got:?} where p is zero");
}

#[track_caller]
pub fn assert_same<T: Float>(isa: Isa, got: &[T], want: &[T]) {
    assert_eq!(got.len(), want.len());
    for (index, (&got, &want)) in got.iter().zip(want).enumerate() {
        assert!(got.same(want), "{isa}, element {index}: {got:?}, scalar {want:?}");
    }
}

/// `call` fails and leaves its output alone.
#[track_caller]
pub fn assert_refused<T: Float>(
    length: usize,
    call: impl FnOnce(&mut [T]) -> Result<(), kldiv::Error>,
) {
    let mut out = vec![T::nearest(42.0); length];
    assert!(call(&mut out).is_err());
    assert!(out.iter().all(|&x| x == T::nearest(42.0)), "touched");
}
