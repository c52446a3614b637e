//! From bytes to a case, and when two results count as the same.

#![allow(dead_code, reason = "no target uses all of it")]

#[path = "../../tests/support/number.rs"]
mod number;

use kldiv::{Input, Isa, Target, Upstream};
pub(crate) use number::{Number, same};

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

/// What results may miss the reference by, as a multiple of the documented bound: beside an `f64` the
/// reference's own error, which computes in `f64`, is as large.
pub fn slack<T: Number>() -> f64 {
    if T::REFERENCE_MAX_U > 0.0 { 2.0 } else { 1.0 }
}

/// The same bits as a number in `0.0..1.0`: the uppermost of them, as many as a mantissa has.
fn fraction<T: Number>(x: T) -> f64 {
    let digits = T::MANTISSA_BITS + 1;
    (x.bits() >> (T::BITS - digits)) as f64 / (1_u64 << digits) as f64
}

/// All numbers that fit into `bytes`.
fn numbers<T: Number>(bytes: &[u8]) -> Vec<T> {
    let whole = bytes.chunks_exact(T::BITS as usize / 8);
    let bits = |bytes: &[u8]| bytes.iter().rfold(0, |bits, &byte| bits << 8 | u64::from(byte));
    whole.map(|bytes| T::from_bits(bits(bytes))).collect()
}

/// The numbers whose bit patterns these are, or as many within -20..20.
pub fn logits<T: Number>(tame: bool, bytes: &[u8]) -> Vec<T> {
    let mut logits = numbers::<T>(bytes);
    if tame {
        for x in &mut logits {
            *x = T::of(40.0 * fraction(*x) - 20.0);
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

impl<T: Number> Case<T> {
    /// `head` chooses, `bytes` are the numbers: any bit patterns, or all of them tame.
    pub fn new(head: [u8; 2], bytes: &[u8]) -> Self {
        let [flags, rows] = head;
        let all = numbers::<T>(bytes);
        let (input, rest) = all.split_at(all.len() / 3);
        let (target, rest) = rest.split_at(input.len());
        let upstream = &rest[..input.len()];
        let (log_input, log_target) = (flags & 2 != 0, flags & 4 != 0);
        let tame = |x: T, log| {
            let fraction = fraction(x);
            T::of(if log { -90.0 * fraction } else { fraction })
        };
        let make = |from: &[T], log| -> Vec<T> {
            let whole = |&x: &T| if flags & 8 == 0 { x } else { tame(x, log) };
            from.iter().map(whole).collect()
        };
        let mut target = make(target, log_target);
        for t in &mut target {
            // Which of two neighbours is the last whose `exp` is neither zero nor infinite is left open.
            let near = |edge: T| (t.to_f64() - edge.to_f64()).abs() < 1e4 * T::UNIT;
            if log_target && [T::LN_SMALLEST, T::LN_LARGEST].into_iter().any(near) {
                *t = T::of(-1.0);
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
            0 => Upstream::Uniform(self.upstream.first().copied().unwrap_or(T::of(1.0))),
            1 => Upstream::PerRow(&self.upstream[..self.rows.min(self.len())]),
            _ => Upstream::PerElement(&self.upstream),
        }
    }

    /// The parts of every element's formulas, in `f64`.
    pub fn parts(&self) -> impl Iterator<Item = Parts> {
        let ln = |x: f64, is_log: bool| if is_log { x } else { x.ln() };
        self.input.iter().zip(&self.target).map(move |(&x, &t)| {
            let (x, t) = (x.to_f64(), t.to_f64());
            let p = if self.log_target { t.exp() } else { t };
            let zero = T::of(p).to_f64() == 0.0;
            Parts {
                p: if zero { 0.0 } else { p.abs() },
                ln_p: if zero { 0.0 } else { ln(t, self.log_target).abs() },
                ln_q: if zero { 0.0 } else { ln(x, self.log_input).abs() },
                q: if self.log_input { 1.0 } else { x.abs() },
                slope: if self.log_target { p } else { 1.0 },
                // `exp` may be one of the smallest steps off.
                floor: if self.log_target { 2.0 * T::SMALLEST.to_f64() } else { 0.0 },
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
pub fn assert_close<T: Number>(what: &str, got: T, want: f64, tolerance: f64) {
    let number = got.to_f64();
    let good = if want.is_nan() {
        number.is_nan()
    } else if want.is_infinite() {
        // The last number before the overflow is as good.
        number * want.signum() >= T::LARGEST.to_f64() * (1.0 - 8.0 * T::UNIT)
    } else {
        let tolerance = tolerance + T::SMALLEST.to_f64();
        T::of(want - tolerance) <= got && got <= T::of(want + tolerance)
    };
    assert!(good, "{what}: {got:?}, reference {want:?}, tolerance {tolerance:e}");
}

/// An element with a target probability of zero takes no part.
#[track_caller]
pub fn assert_zero<T: Number>(what: &str, got: T) {
    assert!(got.to_f64() == 0.0, "{what}: {got:?} where p is zero");
}

#[track_caller]
pub fn assert_same<T: Number>(isa: Isa, got: &[T], want: &[T]) {
    assert_eq!(got.len(), want.len());
    for (index, (&got, &want)) in got.iter().zip(want).enumerate() {
        assert!(same(got, want), "{isa}, element {index}: {got:?}, scalar {want:?}");
    }
}

/// `call` fails and leaves its output alone.
#[track_caller]
pub fn assert_refused<T: Number>(
    length: usize,
    call: impl FnOnce(&mut [T]) -> Result<(), kldiv::Error>,
) {
    let mut out = vec![T::of(42.0); length];
    assert!(call(&mut out).is_err());
    assert!(out.iter().all(|&x| x == T::of(42.0)), "touched");
}
