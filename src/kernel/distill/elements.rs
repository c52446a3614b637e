//! What is computed of each class once a row's masses are known: the terms of its loss, and its
//! gradient.
//!
//! Where both distributions sum to one, `Σ p·(ln p − ln q) = Σ p·φ(ln q − ln p)` with
//! `φ(d) = e^d − 1 − d`: terms that are never negative and do not cancel, however close the two
//! distributions are. For larger `d` the parts of `φ` are at hand, `p·e^d = q`.

use super::statistics::Logits;
use super::tile::{any_group, store_group, tile_length, whole_group};
use super::totals;
use crate::kernel::{Kernel, or_nothing};
use crate::lanes::{Arithmetic, Float, Lanes, Two};
use crate::math::{exp_factor, ln, ln_of_sum};
use crate::sum::{Compensated, GROUP};

/// One side of a row: `exponent = (t − reference)·factor`, `ln p = exponent − ln_mass`,
/// `p = e^exponent·share`.
#[derive(Clone, Copy)]
pub(super) struct Normalised<T> {
    pub(super) logits: Logits<T>,
    pub(super) ln_mass: T,
    /// `1 / mass`.
    pub(super) share: T,
}

/// The teacher's side.
#[derive(Clone, Copy)]
pub(super) enum TeacherSide<T> {
    Logits(Normalised<T>),
    Probs,
    /// Probabilities of which one is 1 and all others are 0.
    OneHot,
}

/// Two rows of logits whose references are close: `ln q − ln p` from the logits themselves,
/// `((s − t) − reference)·factor − ln_mass`. What the logits agree in cancels before anything is
/// rounded.
#[derive(Clone, Copy)]
pub(super) struct Aligned<T> {
    /// The student's reference less the teacher's.
    pub(super) reference: T,
    pub(super) factor: T,
    /// The logarithm of the student's mass over the teacher's.
    pub(super) ln_mass: T,
}

impl<T: Float> Aligned<T> {
    #[inline(always)]
    pub(super) fn ln_ratio<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        x: A::Vec,
        t: A::Vec,
    ) -> A::Vec {
        let apart = a.sub(a.sub(x, t), a.splat(self.reference));
        let scaled = a.mul(apart, a.splat(self.factor));
        let scaled = if ANY { self.in_range(a, x, t, scaled) } else { scaled };
        a.sub(scaled, a.splat(self.ln_mass))
    }

    /// `scaled`; if that is infinite, the same by halves, which is infinite only if the result is.
    #[inline(always)]
    fn in_range<A: Arithmetic<Elem = T>>(
        self,
        a: A,
        x: A::Vec,
        t: A::Vec,
        scaled: A::Vec,
    ) -> A::Vec {
        let half = a.splat(T::from_f64(0.5));
        let apart = a.sub(a.mul(x, half), a.mul(t, half));
        let apart = a.sub(apart, a.mul(a.splat(self.reference), half));
        let by_halves = a.mul(apart, a.splat(self.factor + self.factor));
        let low = a.equal(scaled, a.splat(T::NEG_INFINITY));
        let high = a.equal(scaled, a.splat(T::INFINITY));
        a.select(low, by_halves, a.select(high, by_halves, scaled))
    }
}

/// The same for references any distance apart, without rounding: what two subtractions lose is added
/// (Knuth's two-sum).
#[derive(Clone, Copy)]
pub(super) struct Apart<T> {
    pub(super) aligned: Aligned<T>,
    /// What `aligned.reference` lacks.
    pub(super) lost: T,
}

impl<T: Float> Apart<T> {
    #[inline(always)]
    fn ln_ratio<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        x: A::Vec,
        t: A::Vec,
    ) -> A::Vec {
        let Aligned { reference, factor, ln_mass } = self.aligned;
        let difference = a.sub(x, t);
        let of_t = a.sub(difference, x);
        let lost = a.sub(a.sub(x, a.sub(difference, of_t)), a.add(t, of_t));
        let zero = a.splat(T::ZERO);
        // Not so of infinite numbers: infinity times zero is not zero.
        let is_finite = a.equal(a.mul(difference, zero), zero);
        let lost = if ANY { a.select(is_finite, lost, zero) } else { lost };
        let apart = a.sub(difference, a.splat(reference));
        let apart = a.add(apart, a.sub(lost, a.splat(self.lost)));
        let scaled = a.mul(apart, a.splat(factor));
        let scaled = if ANY { self.aligned.in_range(a, x, t, scaled) } else { scaled };
        a.sub(scaled, a.splat(ln_mass))
    }
}

/// Which distribution weighs the differences of logarithms.
#[derive(Clone, Copy)]
pub(super) enum Weighing<T> {
    /// The teacher's: `p·(ln p − ln q)`.
    Teacher,
    /// The student's: `q·(ln q − ln p)`.
    Student,
    /// Each against the mixture `m = beta·p + (1 − beta)·q`.
    Both(Mixture<T>),
}

/// The shares of a mixture. One side is the minor one: its share is at most one half.
#[derive(Clone, Copy)]
pub(super) struct Mixture<T> {
    teacher_is_minor: bool,
    /// The smaller share.
    share: T,
    /// Both shares times the scale: the minor side's, the other one's.
    scaled: [T; 2],
    /// The logarithm of the scale.
    ln_scale: T,
    /// One over the scale.
    pub(super) unscale: T,
    /// The teacher's share and the student's.
    by_side: [T; 2],
}

impl<T: Float> Mixture<T> {
    /// With the teacher's share. Terms are scaled by a power of two where they would underflow though
    /// their sum does not: for shares that are nearly so small themselves.
    pub(super) fn new(beta: T) -> Self {
        let rest = T::ONE - beta;
        let teacher_is_minor = beta < rest;
        let [share, other] = if teacher_is_minor { [beta, rest] } else { [rest, beta] };
        // 2^-64 and 2^96; 2^-512 and 2^768.
        let (least, exponent) = if is_single::<T>() {
            (f64::from_bits((1023 - 64) << 52), 96)
        } else {
            (f64::from_bits((1023 - 512) << 52), 768)
        };
        let exponent = if share < T::from_f64(least) { exponent } else { 0 };
        let scale = T::from_f64(f64::from_bits((1023 + exponent) << 52));
        Mixture {
            teacher_is_minor,
            share,
            scaled: [share * scale, other * scale],
            ln_scale: T::from_f64(exponent as f64 * core::f64::consts::LN_2),
            unscale: T::ONE / scale,
            by_side: [beta, rest],
        }
    }

    /// The share of the side whose gradient is meant.
    pub(super) fn share(&self, by_teacher: bool) -> T {
        let [of_teacher, of_student] = self.by_side;
        if by_teacher { of_teacher } else { of_student }
    }
}

/// The gradient's formula; each is multiplied by a factor.
#[derive(Clone, Copy)]
pub(super) enum Slope<T> {
    /// `mass·o − w` for the side that does not weigh: the softmax of its logits, or, with a mass
    /// of 0, its log-probabilities.
    Other { mass: T },
    /// `−w / o` for its probabilities.
    OtherProbs,
    /// `w·(ln w − ln o − center)` for the side that weighs.
    Weight { center: T },
    /// The same without `w`, for its probabilities.
    WeightProbs { center: T },
}

/// What a pass over a row does.
#[derive(Clone, Copy)]
pub(super) struct Pass<T> {
    pub(super) student: Normalised<T>,
    pub(super) teacher: TeacherSide<T>,
    pub(super) aligned: Option<Aligned<T>>,
    /// For a mixture of two softmaxes.
    pub(super) apart: Option<Apart<T>>,
    /// Whether all numbers of the row are known to be usual.
    pub(super) all_usual: bool,
    pub(super) weighing: Weighing<T>,
    /// For a mixture: whose gradient is meant.
    pub(super) by_teacher: bool,
    pub(super) terms: bool,
    /// Whether the second sum of [`Terms`] is needed too.
    pub(super) plain: bool,
    /// Formula and factor.
    pub(super) gradient: Option<(Slope<T>, T)>,
}

/// Sums over a row.
pub(super) struct Terms<T> {
    /// `Σ w·φ(ln o − ln w)`; of a mixture the divergence.
    pub(super) convex: Compensated<T>,
    /// `Σ w·(ln w − ln o)`; of a mixture the part of it that the gradient is centred by.
    pub(super) plain: Compensated<T>,
}

/// A pass over a row.
pub(super) struct SecondRead<'a, T> {
    pub(super) pass: Pass<T>,
    pub(super) student: &'a [T],
    pub(super) teacher: Row<'a, T>,
    /// Empty or as long.
    pub(super) grad: &'a mut [T],
}

impl<T: Float> Kernel<T> for SecondRead<'_, T> {
    type Output = Terms<T>;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) -> Terms<T> {
        let SecondRead { pass, student, teacher, mut grad } = self;
        let mut sums = [l.bank(Compensated::zero(l)); 2];
        let length = tile_length::<T>();
        let mut one_hot = [T::ZERO; tile_length::<f32>()];
        for (index, x) in student.chunks(length).enumerate() {
            let start = index * length;
            let t = match teacher {
                Row::Numbers(numbers) => numbers.get(start..start + x.len()),
                Row::Class(class) => {
                    for (k, p) in one_hot.iter_mut().enumerate() {
                        *p = if start + k == class { T::ONE } else { T::ZERO };
                    }
                    one_hot.get(..x.len())
                }
            };
            let out = grad.split_off_mut(..x.len().min(grad.len()));
            if let (Some(t), Some(out)) = (t, out) {
                pass.tile(l, x, t, out, &mut sums);
            }
        }
        let [convex, plain] = totals(l, sums, student.len());
        Terms { convex, plain }
    }
}

impl<T: Float> Pass<T> {
    /// A teacher's number of no probability.
    fn fill(&self) -> T {
        match self.teacher {
            TeacherSide::Logits(_) => T::NEG_INFINITY,
            TeacherSide::Probs | TeacherSide::OneHot => T::ZERO,
        }
    }

    #[inline(always)]
    fn usual<L: Lanes<Elem = T>>(&self, l: L, x: [L::Vec; GROUP], t: [L::Vec; GROUP]) -> bool {
        self.student.logits.usual(l, x)
            && match self.teacher {
                TeacherSide::Logits(teacher) => teacher.logits.usual(l, t),
                TeacherSide::Probs => l.all_positive_normal(t),
                TeacherSide::OneHot => true,
            }
    }

    #[inline(always)]
    fn tile<L: Lanes<Elem = T>>(
        &self,
        l: L,
        x: &[T],
        t: &[T],
        out: &mut [T],
        [convex, plain]: &mut [L::Bank<Compensated<L::Vec>>; 2],
    ) {
        let (x, x_tail) = l.split_slice(x);
        let (t, t_tail) = l.split_slice(t);
        let (out, out_tail) = l.split_slice_mut(out);
        let sums = convex.as_mut().iter_mut().zip(plain.as_mut());
        for (index, (convex, plain)) in sums.enumerate() {
            let [convex_terms, plain_terms, slopes] =
                match (whole_group(l, x, index), whole_group(l, t, index)) {
                    (Some(x), Some(t)) if self.all_usual || self.usual(l, x, t) => {
                        self.usual_elements(l, x, t)
                    }
                    _ => {
                        let (x, [_, present]) = any_group(l, x, x_tail, index, T::NEG_INFINITY);
                        let (t, _) = any_group(l, t, t_tail, index, self.fill());
                        if present == 0 {
                            break;
                        }
                        self.any_elements(l, present, x, t)
                    }
                };
            if self.terms {
                *convex = convex.add(l, convex_terms);
            }
            if self.plain {
                *plain = plain.add(l, plain_terms);
            }
            if self.gradient.is_some() {
                store_group(l, out, out_tail, index, slopes);
            }
        }
    }

    #[inline(always)]
    fn usual_elements<L: Lanes<Elem = T>>(
        &self,
        l: L,
        [x0, x1, x2, x3]: [L::Vec; GROUP],
        [t0, t1, t2, t3]: [L::Vec; GROUP],
    ) -> [[L::Vec; GROUP]; 3] {
        let [[a, b], [e, f], [i, j]] = self.elements::<_, false>(Two(l), [x0, x1], [t0, t1]);
        let [[c, d], [g, h], [k, m]] = self.elements::<_, false>(Two(l), [x2, x3], [t2, t3]);
        [[a, b, c, d], [e, f, g, h], [i, j, k, m]]
    }

    #[inline(always)]
    fn any_elements<L: Lanes<Elem = T>>(
        &self,
        l: L,
        present: usize,
        x: [L::Vec; GROUP],
        t: [L::Vec; GROUP],
    ) -> [[L::Vec; GROUP]; 3] {
        let mut all = [[l.splat(T::ZERO); GROUP]; 3];
        for (k, (x, t)) in x.into_iter().zip(t).enumerate().take(present) {
            let values = self.elements::<L, true>(l, x, t);
            for (all, value) in all.iter_mut().zip(values) {
                if let Some(place) = all.get_mut(k) {
                    *place = value;
                }
            }
        }
        all
    }

    /// The two terms and the gradient; what was not asked for may be anything.
    #[inline(always)]
    fn elements<A: Arithmetic<Elem = T>, const ANY: bool>(
        &self,
        a: A,
        x: A::Vec,
        t: A::Vec,
    ) -> [A::Vec; 3] {
        let student = self.student.side::<A, ANY>(a, x);
        let teacher = match self.teacher {
            TeacherSide::Logits(normalised) => normalised.side::<A, ANY>(a, t),
            TeacherSide::Probs => Side { ln: ln::<A, ANY>(a, t), p: t },
            TeacherSide::OneHot => {
                let zero = a.splat(T::ZERO);
                Side { ln: a.select(a.equal(t, zero), a.splat(T::NEG_INFINITY), zero), p: t }
            }
        };
        // ln q − ln p.
        let ln_ratio = match (self.apart, self.aligned) {
            (Some(apart), _) => apart.ln_ratio::<A, ANY>(a, x, t),
            (None, Some(aligned)) => aligned.ln_ratio::<A, ANY>(a, x, t),
            (None, None) => a.sub(student.ln, teacher.ln),
        };
        let none = a.splat(T::ZERO);
        let mut terms = [none; 2];
        let mut slope = none;
        match self.weighing {
            Weighing::Both(mixture) => {
                let mixed = mixture.mixed::<A, ANY>(a, student, teacher, ln_ratio);
                let [own, difference] = mixture.own(&mixed, self.by_teacher);
                if self.terms {
                    let part = or_nothing(a, own, a.mul(own, difference));
                    terms = [mixture.divergence(a, &mixed), part];
                }
                if let Some((formula, factor)) = self.gradient {
                    let slope_of = weighted_slope(a, formula, own, difference);
                    slope = a.mul(slope_of, a.splat(factor));
                }
            }
            Weighing::Teacher | Weighing::Student => {
                let (weight, other, d) = match self.weighing {
                    Weighing::Student => (student, teacher, a.sub(none, ln_ratio)),
                    _ => (teacher, student, ln_ratio),
                };
                if self.terms {
                    let zeros = ANY || matches!(self.teacher, TeacherSide::OneHot);
                    terms = divergence(a, weight.p, other.p, d, zeros);
                }
                if let Some((formula, factor)) = self.gradient {
                    let slope_of = match formula {
                        Slope::Other { mass } => a.sub(a.mul(a.splat(mass), other.p), weight.p),
                        Slope::OtherProbs => {
                            or_nothing(a, weight.p, a.div(a.sub(none, weight.p), other.p))
                        }
                        _ => weighted_slope(a, formula, weight.p, a.sub(none, d)),
                    };
                    slope = a.mul(slope_of, a.splat(factor));
                }
            }
        }
        [terms[0], terms[1], slope]
    }
}

/// A row of the teacher.
#[derive(Clone, Copy)]
pub(super) enum Row<'a, T> {
    Numbers(&'a [T]),
    /// The class whose probability is one.
    Class(usize),
}

/// A probability and its logarithm.
#[derive(Clone, Copy)]
pub(super) struct Side<V> {
    pub(super) ln: V,
    pub(super) p: V,
}

impl<T: Float> Normalised<T> {
    #[inline(always)]
    pub(super) fn side<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        t: A::Vec,
    ) -> Side<A::Vec> {
        let exponent = self.logits.exponent::<A, ANY>(a, t);
        Side {
            ln: a.sub(exponent, a.splat(self.ln_mass)),
            p: a.mul(exp_factor::<A, ANY>(a, exponent), a.splat(self.share)),
        }
    }
}

/// The gradient for the side that weighs; 0 without weight.
#[inline(always)]
pub(super) fn weighted_slope<A: Arithmetic>(
    a: A,
    formula: Slope<A::Elem>,
    weight: A::Vec,
    difference: A::Vec,
) -> A::Vec {
    let value = match formula {
        Slope::WeightProbs { center } => a.sub(difference, a.splat(center)),
        Slope::Weight { center } => a.mul(weight, a.sub(difference, a.splat(center))),
        Slope::Other { .. } | Slope::OtherProbs => difference,
    };
    or_nothing(a, weight, value)
}

/// `w·φ(d)` and `−w·d`, for `d = ln o − ln w`; `zeros` if `w` may be 0.
#[inline(always)]
pub(super) fn divergence<A: Arithmetic>(
    a: A,
    w: A::Vec,
    o: A::Vec,
    d: A::Vec,
    zeros: bool,
) -> [A::Vec; 2] {
    let linear = a.mul(w, d);
    let square = a.mul(d, d);
    let close = a.mul(w, phi(a, d, square));
    let apart = a.sub(a.sub(o, w), linear);
    let convex = a.select(a.less(square, a.splat(close_square())), close, apart);
    let zero = a.splat(A::Elem::ZERO);
    let plain = a.sub(zero, linear);
    if zeros {
        let nothing = a.equal(w, zero);
        [a.select(nothing, o, convex), a.select(nothing, zero, plain)]
    } else {
        [convex, plain]
    }
}

/// `|d| < 1/16` counts as close: there the series of [`phi`] is right to the last bits, and beyond
/// it the parts of `φ` lose no more than nine of them.
#[inline(always)]
fn close_square<T: Float>() -> T {
    T::from_f64(1.0 / 256.0)
}

/// `φ(d) = e^d − 1 − d` for `|d| <= 1/16`: the first terms of Taylor's series; relative error below
/// 2^-24.4 (f32) or 2^-52.7 (f64) by the first one left out.
#[inline(always)]
fn phi<A: Arithmetic>(a: A, d: A::Vec, square: A::Vec) -> A::Vec {
    phi_series(a, d, square, if is_single::<A::Elem>() { 4 } else { 8 })
}

/// The first terms of `φ`, ten at most.
#[inline(always)]
fn phi_series<A: Arithmetic>(a: A, d: A::Vec, square: A::Vec, terms: usize) -> A::Vec {
    /// `1 / 2!`, `1 / 3!` …
    const RECIPROCAL_FACTORIALS: [f64; 10] = [
        1.0 / 2.0,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5_040.0,
        1.0 / 40_320.0,
        1.0 / 362_880.0,
        1.0 / 3_628_800.0,
        1.0 / 39_916_800.0,
    ];
    a.mul(square, series(a, d, RECIPROCAL_FACTORIALS.get(..terms).unwrap_or(&[])))
}

/// Below this `|d|` a mixture's term comes from the series of [`phi_series`]: beyond, what the
/// probabilities lack in accuracy is multiplied by `2 / d²` at most, which is seven bits.
#[inline(always)]
fn mixed_square<T: Float>() -> T {
    T::from_f64(1.0 / 64.0)
}

/// What there is to know of a class whose mixture is `m`: of the minor side `a` with its share `s`,
/// and of the other one, `b`.
#[derive(Clone, Copy)]
struct Mixed<V> {
    minor: Side<V>,
    major: Side<V>,
    /// `d = ln a − ln b`, and its square.
    d: V,
    square: V,
    /// `φ(d)`, where that is small.
    phi: V,
    /// `ψ = (1 + w)·ln(1 + w) − w` of `w = m / b − 1`, where that is small.
    psi: V,
    /// `ln a − ln m` and `ln b − ln m`.
    differences: [V; 2],
}

impl<T: Float> Mixture<T> {
    /// With `E = a / b − 1` and `w = s·E`,
    ///
    /// ```text
    /// ln b − ln m = −ln(1 + w),    ln a − ln m = d − ln(1 + w)
    /// ```
    ///
    /// which keep their digits however small the share and however close the sides: `1 + w` is never
    /// below one half, so the logarithm comes from `w` itself near 1, and `s <= 1/2` keeps it away from
    /// `d`. From `w = 1` on, where `a / b` may be out of range, no difference of logarithms cancels.
    #[inline(always)]
    fn mixed<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        student: Side<A::Vec>,
        teacher: Side<A::Vec>,
        ln_ratio: A::Vec,
    ) -> Mixed<A::Vec> {
        let [zero, one] = [a.splat(T::ZERO), a.splat(T::ONE)];
        let (minor, major, d) = if self.teacher_is_minor {
            (teacher, student, a.sub(zero, ln_ratio))
        } else {
            (student, teacher, ln_ratio)
        };
        let square = a.mul(d, d);
        let phi = phi_series(a, d, square, if is_single::<T>() { 5 } else { 10 });
        let apart = a.div(a.sub(minor.p, major.p), major.p);
        let is_close = a.less(square, a.splat(mixed_square()));
        let w = a.mul(a.splat(self.share), a.select(is_close, a.add(d, phi), apart));
        // A number without a logarithm counts as out of range.
        let w = if ANY { a.select(a.equal(d, d), w, a.splat(T::INFINITY)) } else { w };
        let in_range = a.less(w, one);

        let [share, other] = self.scaled;
        let mixture = a.add(a.mul(a.splat(share), minor.p), a.mul(a.splat(other), major.p));
        // Of the smallest numbers a share may underflow: no logarithm of zero under a weight.
        let mixture = a.select(a.equal(mixture, zero), a.add(minor.p, major.p), mixture);
        let [ln, psi] = ln_of_sum(a, w, a.select(in_range, a.add(one, w), mixture));
        let ln_scale = a.splat(self.ln_scale);
        let of_minor = a.select(in_range, d, a.add(minor.ln, ln_scale));
        let of_major = a.select(in_range, zero, a.add(major.ln, ln_scale));
        let differences = [a.sub(of_minor, ln), a.sub(of_major, ln)];
        Mixed { minor, major, d, square, phi, psi, differences }
    }

    /// `beta·p·(ln p − ln m) + (1 − beta)·q·(ln q − ln m)` times the scale, never negative. Where both
    /// sides are close that is
    ///
    /// ```text
    /// b·(s·(d·E − φ(d)) − ψ(w))
    /// ```
    ///
    /// of which the second part is at most half of the first: it does not cancel.
    #[inline(always)]
    fn divergence<A: Arithmetic<Elem = T>>(self, a: A, mixed: &Mixed<A::Vec>) -> A::Vec {
        let Mixed { minor, major, d, square, phi, psi, differences } = *mixed;
        let [zero, one] = [a.splat(T::ZERO), a.splat(T::ONE)];
        let [share, other] = [a.splat(self.scaled[0]), a.splat(self.scaled[1])];
        // d·E − φ = d² − (1 − d)·φ. Where the terms are scaled ψ is nothing beside it.
        let gained = a.mul(share, a.sub(square, a.mul(a.sub(one, d), phi)));
        let close = a.mul(major.p, a.sub(gained, psi));
        let of_minor = or_nothing(a, minor.p, a.mul(minor.p, a.mul(share, differences[0])));
        let of_major = or_nothing(a, major.p, a.mul(major.p, a.mul(other, differences[1])));
        let apart = a.add(of_minor, of_major);
        let value = a.select(a.less(square, a.splat(mixed_square())), close, apart);
        a.select(a.less(value, zero), zero, value)
    }

    /// The side whose gradient is meant, and its `ln w − ln m`.
    #[inline(always)]
    fn own<V: Copy>(self, mixed: &Mixed<V>, by_teacher: bool) -> [V; 2] {
        let [of_minor, of_major] = mixed.differences;
        if by_teacher == self.teacher_is_minor {
            [mixed.minor.p, of_minor]
        } else {
            [mixed.major.p, of_major]
        }
    }
}

/// `coefficients[0] + x·(coefficients[1] + …)`.
#[inline(always)]
fn series<A: Arithmetic>(a: A, x: A::Vec, coefficients: &[f64]) -> A::Vec {
    let Some((&highest, lower)) = coefficients.split_last() else {
        return x;
    };
    let mut value = a.splat(A::Elem::from_f64(highest));
    for &c in lower.iter().rev() {
        value = a.add(a.splat(A::Elem::from_f64(c)), a.mul(x, value));
    }
    value
}

const fn is_single<T>() -> bool {
    size_of::<T>() == size_of::<f32>()
}
