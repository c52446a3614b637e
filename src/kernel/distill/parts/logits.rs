//! One side of a row: its logits relative to a reference, and what is known of it once its mass is.

use super::numbers::{exp_of, ln_of, magnitude, total};
use crate::float::Float;
use crate::lanes::scalar::Scalar;
use crate::lanes::{Arithmetic, Lanes};
use crate::math::exp_factor;
use crate::stream::compensated::Compensated;
use crate::stream::order::GROUP;

/// How far, in exponents, references may rise before what was usual has to be looked at again.
const CLOSE: f64 = 16.0;

/// Logits as a stream: `(logit − reference) / temperature` is what is exponentiated.
#[derive(Clone, Copy)]
pub(crate) struct Logits<T> {
    pub(crate) reference: T,
    /// `1 / temperature`.
    pub(crate) factor: T,
    /// The temperature: by so much a logit may lie above the reference.
    pub(crate) slack: T,
    /// `reference + slack`.
    pub(crate) top: T,
}

impl<T: Float> Logits<T> {
    #[inline(always)]
    pub(crate) fn new(temperature: T) -> Self {
        let factor = T::ONE / temperature;
        Logits { reference: T::MIN, factor, slack: temperature, top: T::MIN }.at(T::MIN)
    }

    /// The same with another reference.
    #[inline(always)]
    pub(crate) fn at(self, reference: T) -> Self {
        Logits { reference, top: reference + self.slack, ..self }
    }

    /// What is exponentiated.
    #[inline(always)]
    pub(crate) fn scaled<A: Arithmetic<Elem = T>>(self, a: A, logits: A::Vec) -> A::Vec {
        a.mul(a.sub(logits, a.splat(self.reference)), a.splat(self.factor))
    }

    /// The same for all logits, usual or not: a difference out of range, of which the temperature may
    /// leave a finite number, is taken by halves.
    #[inline(always)]
    pub(crate) fn exponent<A: Arithmetic<Elem = T>>(self, a: A, logits: A::Vec) -> A::Vec {
        let exponent = self.scaled(a, logits);
        if A::USUAL {
            return exponent;
        }
        let half = a.splat(T::from_f64(0.5));
        let apart = a.sub(a.mul(logits, half), a.splat(self.reference * T::from_f64(0.5)));
        let by_halves = a.mul(apart, a.splat(self.factor + self.factor));
        a.select(a.equal(exponent, a.splat(T::NEG_INFINITY)), by_halves, exponent)
    }

    /// Whether none is above `top` and none far below: none underflows, not even relative to a
    /// reference that [`stays close`](Self::is_close_to).
    #[inline(always)]
    pub(crate) fn all_below<L: Lanes<Elem = T>>(self, l: L, [a, b, c, d]: [L::Vec; GROUP]) -> bool {
        let top = l.splat(self.top);
        let below = [l.sub(top, a), l.sub(top, b), l.sub(top, c), l.sub(top, d)];
        l.all_from_zero_to(below, self.slack * (T::USUAL - T::from_f64(CLOSE)))
    }

    /// Whether a reference has since risen by little.
    #[inline(always)]
    pub(crate) fn is_close_to(self, first: T) -> bool {
        (self.reference - first) * self.factor < T::from_f64(CLOSE - 2.0)
    }

    #[inline(always)]
    pub(crate) fn usual<L: Lanes<Elem = T>>(self, l: L, [a, b, c, d]: [L::Vec; GROUP]) -> bool {
        l.all_usual_exponents([
            self.scaled(l, a),
            self.scaled(l, b),
            self.scaled(l, c),
            self.scaled(l, d),
        ])
    }
}

/// The mass of some classes of a row, relative to a reference of their own.
#[derive(Clone, Copy)]
pub(crate) struct PartMass<T> {
    pub(crate) logits: Logits<T>,
    pub(crate) mass: Compensated<T>,
}

impl<T: Float> PartMass<T> {
    /// That of no classes.
    pub(crate) fn none(logits: Logits<T>) -> Self {
        PartMass { logits, mass: Compensated { sum: T::ZERO, lost: T::ZERO } }
    }

    /// Without what rounding took from it.
    pub(crate) fn measured(self) -> Measured<T> {
        Measured::new(self.logits, self.mass)
    }

    /// That of disjoint classes together: relative to the higher reference, the other mass rescaled by one
    /// exponential. What is nothing changes nothing.
    pub(crate) fn join(self, other: Self) -> Self {
        if other.mass.sum == T::ZERO {
            return self;
        }
        if self.mass.sum == T::ZERO {
            return other;
        }
        let (higher, lower) = if self.logits.reference < other.logits.reference {
            (other, self)
        } else {
            (self, other)
        };
        let factor = exp_of(higher.logits.exponent(Scalar::<T>::NEW, lower.logits.reference));
        let rescaled = Compensated { sum: lower.mass.sum * factor, lost: lower.mass.lost * factor };
        let mass = higher.mass.merge(Scalar::<T>::NEW, rescaled);
        PartMass { logits: higher.logits, mass }
    }
}

/// Logits and their mass, relative to the reference.
#[derive(Clone, Copy)]
pub(crate) struct Measured<T> {
    pub(crate) logits: Logits<T>,
    pub(crate) mass: T,
}

impl<T: Float> Measured<T> {
    pub(crate) fn new(logits: Logits<T>, mass: Compensated<T>) -> Self {
        Measured { logits, mass: total(mass) }
    }

    /// Whether the logits have a softmax: not if one is NaN or +∞, or all are −∞.
    pub(crate) fn is_valid(&self) -> bool {
        T::ZERO < self.mass && self.mass < T::INFINITY
    }

    /// Without a need for logarithms that of the mass is left out.
    pub(crate) fn normalised(&self, logarithms: bool) -> Normalised<T> {
        let Measured { logits, mass } = *self;
        let ln_mass = if logarithms { ln_of(mass) } else { T::ZERO };
        Normalised { logits, ln_mass, share: T::ONE / mass }
    }
}

/// One side of a row: `exponent = (t − reference)·factor`, `ln p = exponent − ln_mass`,
/// `p = e^exponent·share`.
#[derive(Clone, Copy)]
pub(crate) struct Normalised<T> {
    pub(crate) logits: Logits<T>,
    pub(crate) ln_mass: T,
    /// `1 / mass`.
    pub(crate) share: T,
}

/// A probability and its logarithm.
#[derive(Clone, Copy)]
pub(crate) struct Side<V> {
    pub(crate) ln: V,
    pub(crate) p: V,
}

impl<T: Float> Normalised<T> {
    #[inline(always)]
    pub(crate) fn side<A: Arithmetic<Elem = T>>(self, a: A, t: A::Vec) -> Side<A::Vec> {
        let exponent = self.logits.exponent(a, t);
        Side {
            ln: a.sub(exponent, a.splat(self.ln_mass)),
            p: a.mul(exp_factor(a, exponent), a.splat(self.share)),
        }
    }

    /// The probability alone.
    #[inline(always)]
    pub(crate) fn probability<A: Arithmetic<Elem = T>>(self, a: A, t: A::Vec) -> A::Vec {
        a.mul(exp_factor(a, self.logits.exponent(a, t)), a.splat(self.share))
    }
}

impl<T: Float> Normalised<T> {
    /// Log-probabilities as they are.
    pub(crate) fn identity() -> Self {
        let logits = Logits::new(T::ONE).at(T::ZERO);
        Normalised { logits, ln_mass: T::ZERO, share: T::ONE }
    }
}

/// Two rows of logits whose references are close: `ln q − ln p` from the logits themselves,
/// `((s − t) − reference)·factor − ln_mass`. What the logits agree in cancels before anything is
/// rounded.
#[derive(Clone, Copy)]
pub(crate) struct Aligned<T> {
    /// The student's reference less the teacher's.
    pub(crate) reference: T,
    pub(crate) factor: T,
    /// The logarithm of the student's mass over the teacher's.
    pub(crate) ln_mass: T,
}

impl<T: Float> Aligned<T> {
    #[inline(always)]
    pub(crate) fn ln_ratio<A: Arithmetic<Elem = T>>(self, a: A, x: A::Vec, t: A::Vec) -> A::Vec {
        let apart = a.sub(a.sub(x, t), a.splat(self.reference));
        let scaled = a.mul(apart, a.splat(self.factor));
        a.sub(self.in_range(a, x, t, scaled), a.splat(self.ln_mass))
    }

    /// `scaled`; if that is infinite, the same by halves, which is infinite only if the result is.
    /// Usual logits have no such differences.
    #[inline(always)]
    fn in_range<A: Arithmetic<Elem = T>>(
        self,
        a: A,
        x: A::Vec,
        t: A::Vec,
        scaled: A::Vec,
    ) -> A::Vec {
        if A::USUAL {
            return scaled;
        }
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
pub(crate) struct Apart<T> {
    aligned: Aligned<T>,
    /// What `aligned.reference` lacks.
    lost: T,
}

impl<T: Float> Apart<T> {
    #[inline(always)]
    pub(crate) fn ln_ratio<A: Arithmetic<Elem = T>>(self, a: A, x: A::Vec, t: A::Vec) -> A::Vec {
        let Aligned { reference, factor, ln_mass } = self.aligned;
        let difference = a.sub(x, t);
        let of_t = a.sub(difference, x);
        let lost = a.sub(a.sub(x, a.sub(difference, of_t)), a.add(t, of_t));
        let zero = a.splat(T::ZERO);
        // Not so of infinite numbers: infinity times zero is not zero.
        let is_finite = a.equal(a.mul(difference, zero), zero);
        let lost = if A::USUAL { lost } else { a.select(is_finite, lost, zero) };
        let apart = a.sub(difference, a.splat(reference));
        let apart = a.add(apart, a.sub(lost, a.splat(self.lost)));
        let scaled = a.mul(apart, a.splat(factor));
        a.sub(self.aligned.in_range(a, x, t, scaled), a.splat(ln_mass))
    }
}

impl<T: Float> Aligned<T> {
    /// For references less than a temperature apart; further apart, differences between logits
    /// would lose what their distances from the references keep.
    pub(crate) fn new(student: Measured<T>, teacher: Measured<T>) -> Option<Self> {
        let reference = student.logits.reference - teacher.logits.reference;
        let factor = student.logits.factor;
        if magnitude(reference * factor) < T::ONE && differences_stay_finite(factor) {
            Some(Aligned { reference, factor, ln_mass: ln_of(student.mass / teacher.mass) })
        } else {
            None
        }
    }
}

impl<T: Float> Apart<T> {
    /// For references whose distance is a finite number.
    pub(crate) fn new(student: Measured<T>, teacher: Measured<T>) -> Option<Self> {
        let single = |sum| Compensated { sum, lost: T::ZERO };
        let [x, t] = [student.logits.reference, teacher.logits.reference];
        let Compensated { sum: reference, lost } =
            single(x).merge(Scalar::<T>::NEW, single(T::ZERO - t));
        let factor = student.logits.factor;
        let is_moderate = magnitude(reference * T::from_f64(4.0)) < T::INFINITY;
        if is_moderate && differences_stay_finite(factor) {
            let ln_mass = ln_of(student.mass / teacher.mass);
            Some(Apart { aligned: Aligned { reference, factor, ln_mass }, lost })
        } else {
            None
        }
    }
}

/// Whether usual logits of two rows, whose references are not far out themselves, have differences
/// within range. They are within 87 (f32) or 708 (f64) temperatures of their references, so that holds
/// below a temperature of 2^112 (f32) or 2^1008 (f64).
fn differences_stay_finite<T: Float>(factor: T) -> bool {
    factor > T::MIN_POSITIVE * T::from_f64(16_384.0)
}
