//! One side of a row: its logits relative to a reference, and what is known of it once its mass is.

use super::numbers::{ln_of, magnitude, total};
use crate::float::Float;
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
        let exponent = self.logits.scaled(a, t);
        Side {
            ln: a.sub(exponent, a.splat(self.ln_mass)),
            p: a.mul(exp_factor(a, exponent), a.splat(self.share)),
        }
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
        a.sub(a.mul(apart, a.splat(self.factor)), a.splat(self.ln_mass))
    }
}

impl<T: Float> Aligned<T> {
    /// For references less than a temperature apart; further apart, differences between logits
    /// would lose what their distances from the references keep.
    pub(crate) fn new(student: Measured<T>, teacher: Measured<T>) -> Option<Self> {
        let reference = student.logits.reference - teacher.logits.reference;
        let factor = student.logits.factor;
        if magnitude(reference * factor) < T::ONE {
            Some(Aligned { reference, factor, ln_mass: ln_of(student.mass / teacher.mass) })
        } else {
            None
        }
    }
}
