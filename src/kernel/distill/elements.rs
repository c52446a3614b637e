//! What is computed of each class once a row's masses are known: the terms of its loss, and its
//! gradient.
//!
//! Where both distributions sum to one, `Σ p·(ln p − ln q) = Σ p·φ(ln q − ln p)` with
//! `φ(d) = e^d − 1 − d`: terms that are never negative and do not cancel, however close the two
//! distributions are. For larger `d` the parts of `φ` are at hand, `p·e^d = q`.

use super::statistics::Logits;
use super::tile::{any_group, store_group, whole_group};
use super::totals;
use crate::float::Float;
use crate::formula::or_nothing;
use crate::lanes::{Arithmetic, Kernel, Lanes, Two, any, usual};
use crate::math::{exp_factor, ln, phi, psi};
use crate::stream::compensated::Compensated;
use crate::stream::order::{GROUP, tile_length};

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
    pub(super) fn ln_ratio<A: Arithmetic<Elem = T>>(self, a: A, x: A::Vec, t: A::Vec) -> A::Vec {
        let apart = a.sub(a.sub(x, t), a.splat(self.reference));
        a.sub(a.mul(apart, a.splat(self.factor)), a.splat(self.ln_mass))
    }
}

/// Which distribution weighs the differences of logarithms.
#[derive(Clone, Copy)]
pub(super) enum Weighing<T> {
    /// The teacher's: `p·(ln p − ln q)`.
    Teacher,
    /// The student's: `q·(ln q − ln p)`.
    Student,
    /// Each against the mixture `m = beta·p + rest·q`.
    Both { beta: T, rest: T },
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
        let [[a, b], [e, f], [i, j]] = self.elements(usual(Two(l)), [x0, x1], [t0, t1]);
        let [[c, d], [g, h], [k, m]] = self.elements(usual(Two(l)), [x2, x3], [t2, t3]);
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
            let values = self.elements(l, x, t);
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
    fn elements<A: Arithmetic<Elem = T>>(&self, a: A, x: A::Vec, t: A::Vec) -> [A::Vec; 3] {
        let student = self.student.side(a, x);
        let teacher = match self.teacher {
            TeacherSide::Logits(normalised) => normalised.side(a, t),
            TeacherSide::Probs => Side { ln: ln(a, t), p: t },
            TeacherSide::OneHot => {
                let zero = a.splat(T::ZERO);
                Side { ln: a.select(a.equal(t, zero), a.splat(T::NEG_INFINITY), zero), p: t }
            }
        };
        // ln q − ln p.
        let ln_ratio = match self.aligned {
            Some(aligned) => aligned.ln_ratio(a, x, t),
            None => a.sub(student.ln, teacher.ln),
        };
        let none = a.splat(T::ZERO);
        let mut terms = [none; 2];
        let mut slope = none;
        match self.weighing {
            Weighing::Both { beta, rest } => {
                let shares = [a.splat(beta), a.splat(rest)];
                let mixture = a.add(a.mul(shares[0], teacher.p), a.mul(shares[1], student.p));
                // Of the smallest numbers a share may underflow: no logarithm of zero under a weight.
                let whole = a.add(teacher.p, student.p);
                let mixture = a.select(a.equal(mixture, none), whole, mixture);
                let ln_mixture = ln(any(a), mixture);
                let of_teacher = centred(a, shares[0], teacher, ln_mixture);
                let of_student = centred(a, shares[1], student, ln_mixture);
                let (share, own, part) = if self.by_teacher {
                    (shares[0], teacher, of_teacher)
                } else {
                    (shares[1], student, of_student)
                };
                if self.terms {
                    let both = a.add(of_teacher, of_student);
                    terms = [jensen_shannon(a, shares, teacher.p, ln_ratio, both), part];
                }
                if let Some((formula, factor)) = self.gradient {
                    let difference = a.mul(share, a.sub(own.ln, ln_mixture));
                    slope = a.mul(weighted_slope(a, formula, own.p, difference), a.splat(factor));
                }
            }
            Weighing::Teacher | Weighing::Student => {
                let (weight, other, d) = match self.weighing {
                    Weighing::Student => (student, teacher, a.sub(none, ln_ratio)),
                    _ => (teacher, student, ln_ratio),
                };
                if self.terms {
                    let zeros = !A::USUAL || matches!(self.teacher, TeacherSide::OneHot);
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
    pub(super) fn side<A: Arithmetic<Elem = T>>(self, a: A, t: A::Vec) -> Side<A::Vec> {
        let exponent = self.logits.scaled(a, t);
        Side {
            ln: a.sub(exponent, a.splat(self.ln_mass)),
            p: a.mul(exp_factor(a, exponent), a.splat(self.share)),
        }
    }
}

/// `share·w·(ln w − ln m)`, 0 without weight.
#[inline(always)]
fn centred<A: Arithmetic>(a: A, share: A::Vec, side: Side<A::Vec>, ln_mixture: A::Vec) -> A::Vec {
    or_nothing(a, side.p, a.mul(side.p, a.mul(share, a.sub(side.ln, ln_mixture))))
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

/// `beta·p·(ln p − ln m) + rest·q·(ln q − ln m)`, never negative. With `d = ln q − ln p`,
/// `E = e^d − 1` and `w = rest·E` that is
///
/// ```text
/// p·(rest·(d·E − φ(d)) − ψ(w)),    ψ(w) = (1 + w)·ln(1 + w) − w
/// ```
///
/// which does not cancel for small `d`; otherwise it is `sum`, computed as it is written.
#[inline(always)]
fn jensen_shannon<A: Arithmetic>(
    a: A,
    [_, rest]: [A::Vec; 2],
    p: A::Vec,
    d: A::Vec,
    sum: A::Vec,
) -> A::Vec {
    let one = a.splat(A::Elem::ONE);
    let square = a.mul(d, d);
    let phi = phi(a, d, square);
    let w = a.mul(rest, a.add(d, phi));
    // d·E − φ = d² − (1 − d)·φ.
    let gained = a.mul(rest, a.sub(square, a.mul(a.sub(one, d), phi)));
    let close = a.mul(p, a.sub(gained, psi(a, w)));
    let value = a.select(a.less(square, a.splat(close_square())), close, sum);
    let zero = a.splat(A::Elem::ZERO);
    a.select(a.less(value, zero), zero, value)
}
