//! Each side against their mixture `m = beta·p + (1 − beta)·q`: Jensen and Shannon's divergence.

use crate::float::Float;
use crate::formula::or_nothing;
use crate::kernel::distill::parts::class::{Asked, Class};
use crate::kernel::distill::parts::logits::Side;
use crate::kernel::distill::parts::numbers::ln_of;
use crate::kernel::distill::parts::slope::weighted_slope;
use crate::kernel::distill::problem::Party;
use crate::lanes::Arithmetic;
use crate::math::{exp_less_one, ln_of_sum};

/// The divergence of a class, times the mixture's scale, the part of it that the gradient is centred
/// by, and its gradient.
#[inline(always)]
pub(super) fn of_class<A: Arithmetic>(
    a: A,
    mixture: Mixture<A::Elem>,
    asked: Asked<A::Elem>,
    Class { student, teacher, ln_ratio, .. }: Class<A::Vec>,
) -> [A::Vec; 3] {
    let none = a.splat(A::Elem::ZERO);
    let [mut divergence, mut part, mut gradient] = [none; 3];
    let mixed = mixture.mixed(a, student, teacher, ln_ratio);
    let [own, difference] = mixture.own(&mixed, asked.of);
    if asked.terms {
        divergence = mixture.divergence(a, &mixed);
        part = or_nothing(a, own, a.mul(own, difference));
    }
    if let Some((formula, factor)) = asked.gradient {
        gradient = a.mul(weighted_slope(a, formula, own, difference), a.splat(factor));
    }
    [divergence, part, gradient]
}

/// The shares of a mixture. One side is the minor one: its share is at most one half.
#[derive(Clone, Copy)]
pub(crate) struct Mixture<T> {
    /// Which side that is.
    minor: Party,
    /// Both shares: the minor side's, the other one's.
    shares: [T; 2],
    /// Both times the scale.
    scaled: [T; 2],
    /// One over the scale.
    pub(crate) unscale: T,
    /// From this `d` on the minor side is most of the mixture, or `e^d` may be out of range.
    limit: T,
    /// The teacher's share and the student's.
    by_side: [T; 2],
}

impl<T: Float> Mixture<T> {
    /// With the teacher's share. Terms are scaled by a power of two where they would underflow though
    /// their sum does not: for shares that are nearly so small themselves.
    #[inline(never)]
    pub(crate) fn new(beta: T) -> Self {
        let rest = T::ONE - beta;
        let (minor, [share, other]) = if beta < rest {
            (Party::Teacher, [beta, rest])
        } else {
            (Party::Student, [rest, beta])
        };
        let scale = if share < T::SMALL_SHARE { T::SHARE_SCALE } else { T::ONE };
        let limit = T::from_f64(2.0) - ln_of(share);
        Mixture {
            minor,
            shares: [share, other],
            scaled: [share * scale, other * scale],
            unscale: T::ONE / scale,
            limit: if limit < T::USUAL { limit } else { T::USUAL },
            by_side: [beta, rest],
        }
    }

    /// The share of the side whose gradient is meant.
    pub(crate) fn share(&self, of: Party) -> T {
        let [of_teacher, of_student] = self.by_side;
        match of {
            Party::Teacher => of_teacher,
            Party::Student => of_student,
        }
    }
}

/// `|d| < 1/4` counts as close: there `φ` is at hand, and beyond it what the probabilities lack in
/// accuracy is multiplied by `2 / d²` at most, which is five bits.
#[inline(always)]
fn close_square<T: Float>() -> T {
    T::from_f64(1.0 / 16.0)
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
    /// `φ(d)`, where `d` is close to 0.
    phi: V,
    /// `ψ = (1 + w)·ln(1 + w) − w` of `w = m / b − 1`, where that is small.
    psi: V,
    /// `ln a − ln m` and `ln b − ln m`.
    differences: [V; 2],
}

impl<T: Float> Mixture<T> {
    /// With `E = a / b − 1 = e^d − 1` and `w = s·E`,
    ///
    /// ```text
    /// ln b − ln m = −ln(1 + w),    ln a − ln m = d − ln(1 + w)
    /// ```
    ///
    /// which keep their digits however small the share and however close the sides: `1 + w` is never
    /// below one half, so the logarithm comes from `w` itself near 1, and `s <= 1/2` keeps it away from
    /// `d`. From about `w = 7` on, where `e^d` may be out of range, no difference of logarithms cancels.
    #[inline(always)]
    fn mixed<A: Arithmetic<Elem = T>>(
        self,
        a: A,
        student: Side<A::Vec>,
        teacher: Side<A::Vec>,
        ln_ratio: A::Vec,
    ) -> Mixed<A::Vec> {
        let [zero, one] = [a.splat(T::ZERO), a.splat(T::ONE)];
        let (minor, major, d) = match self.minor {
            Party::Teacher => (teacher, student, a.sub(zero, ln_ratio)),
            Party::Student => (student, teacher, ln_ratio),
        };
        let [share, other] = [a.splat(self.shares[0]), a.splat(self.shares[1])];
        // Further down nothing is left of `e^d` beside the 1.
        let [excess, phi] = exp_less_one(a, a.larger(a.splat(T::ZERO - T::USUAL), d));
        // A number without a logarithm counts as out of range, and so does an infinite one.
        let known = if A::USUAL {
            d
        } else {
            a.select(a.less(major.p, a.splat(T::INFINITY)), d, a.splat(T::INFINITY))
        };
        let in_range = a.less(known, a.splat(self.limit));
        let w = a.select(in_range, a.mul(share, excess), a.splat(T::INFINITY));
        let mixture = a.add(a.mul(share, minor.p), a.mul(other, major.p));
        // Of the smallest numbers a share may underflow: no logarithm of zero under a weight.
        let above_zero = a.larger(mixture, a.splat(T::SMALLEST));
        let mixture = if A::USUAL {
            above_zero
        } else {
            a.select(a.less(mixture, zero), mixture, above_zero)
        };
        let [ln, psi] = ln_of_sum(a, w, a.select(in_range, a.add(one, w), mixture));
        let of_minor = a.select(in_range, d, minor.ln);
        let of_major = a.select(in_range, zero, major.ln);
        let differences = [a.sub(of_minor, ln), a.sub(of_major, ln)];
        Mixed { minor, major, d, square: a.mul(d, d), phi, psi, differences }
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
        let value = a.select(a.less(square, a.splat(close_square())), close, apart);
        // Nothing but rounding makes it negative, or log-probabilities whose exponential is infinite.
        let negative = a.less(value, zero);
        if A::USUAL {
            return a.select(negative, zero, value);
        }
        let infinite = a.equal(value, a.splat(T::NEG_INFINITY));
        a.select(infinite, value, a.select(negative, zero, value))
    }

    /// The side whose gradient is meant, and its `ln w − ln m`.
    #[inline(always)]
    fn own<V: Copy>(self, mixed: &Mixed<V>, of: Party) -> [V; 2] {
        let [of_minor, of_major] = mixed.differences;
        if of == self.minor { [mixed.minor.p, of_minor] } else { [mixed.major.p, of_major] }
    }
}
