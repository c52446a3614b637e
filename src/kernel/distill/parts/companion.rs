//! What goes with the logits in the first read of a row.

use crate::float::Float;
use crate::formula::or_nothing;
use crate::kernel::distill::parts::logits::Logits;
use crate::lanes::{Arithmetic, Lanes};
use crate::math::{exp_factor, ln_minus};
use crate::stream::order::GROUP;

/// The slice that goes with the logits.
pub(crate) trait Companion<T: Float>: Copy {
    /// A number without mass.
    const FILL: T;
    /// Whether it has numbers of its own.
    const HAS_NUMBERS: bool = true;

    /// Whether the logits' masses are the weights.
    const LOGITS_WEIGH: bool = false;

    /// Its logits, if it has any.
    #[inline(always)]
    fn logits(&mut self) -> Option<&mut Logits<T>> {
        None
    }

    /// Whether these can be given to [`Companion::values`] with usual arithmetic.
    fn usual<L: Lanes<Elem = T>>(self, l: L, t: [L::Vec; GROUP]) -> bool;

    /// The same, but also whether no reference has to move.
    fn all_below<L: Lanes<Elem = T>>(self, l: L, t: [L::Vec; GROUP]) -> bool;

    /// A number that is below.
    fn padding(self) -> T;

    /// Its masses, and the weighted differences of logarithms, from the logits' exponents and
    /// masses.
    fn values<A: Arithmetic<Elem = T>>(
        self,
        a: A,
        exponent: A::Vec,
        mass: A::Vec,
        t: A::Vec,
    ) -> (A::Vec, A::Vec);
}

/// Other logits; the first ones' masses weigh `exponent − exponent of these`.
impl<T: Float> Companion<T> for Logits<T> {
    const FILL: T = T::NEG_INFINITY;
    const LOGITS_WEIGH: bool = true;

    #[inline(always)]
    fn logits(&mut self) -> Option<&mut Logits<T>> {
        Some(self)
    }
    #[inline(always)]
    fn usual<L: Lanes<Elem = T>>(self, l: L, t: [L::Vec; GROUP]) -> bool {
        Logits::usual(self, l, t)
    }
    #[inline(always)]
    fn all_below<L: Lanes<Elem = T>>(self, l: L, t: [L::Vec; GROUP]) -> bool {
        Logits::all_below(self, l, t)
    }
    #[inline(always)]
    fn padding(self) -> T {
        self.top
    }
    #[inline(always)]
    fn values<A: Arithmetic<Elem = T>>(
        self,
        a: A,
        exponent: A::Vec,
        mass: A::Vec,
        t: A::Vec,
    ) -> (A::Vec, A::Vec) {
        let own = self.exponent(a, t);
        let weighted = a.mul(mass, a.sub(exponent, own));
        (exp_factor(a, own), if A::USUAL { weighted } else { or_nothing(a, mass, weighted) })
    }
}

/// Probabilities `t`, which weigh `ln t − exponent`.
#[derive(Clone, Copy)]
pub(crate) struct Probs;

impl<T: Float> Companion<T> for Probs {
    const FILL: T = T::ZERO;

    #[inline(always)]
    fn usual<L: Lanes<Elem = T>>(self, l: L, t: [L::Vec; GROUP]) -> bool {
        l.all_positive_normal(t)
    }
    #[inline(always)]
    fn all_below<L: Lanes<Elem = T>>(self, l: L, t: [L::Vec; GROUP]) -> bool {
        l.all_positive_normal(t)
    }
    #[inline(always)]
    fn padding(self) -> T {
        T::ONE
    }
    #[inline(always)]
    fn values<A: Arithmetic<Elem = T>>(
        self,
        a: A,
        exponent: A::Vec,
        _: A::Vec,
        t: A::Vec,
    ) -> (A::Vec, A::Vec) {
        let weighted = a.mul(t, ln_minus(a, t, exponent));
        (t, if A::USUAL { weighted } else { or_nothing(a, t, weighted) })
    }
}

/// Nothing: the logits alone.
#[derive(Clone, Copy)]
pub(crate) struct Nothing;

impl<T: Float> Companion<T> for Nothing {
    const FILL: T = T::ZERO;
    const HAS_NUMBERS: bool = false;

    #[inline(always)]
    fn usual<L: Lanes<Elem = T>>(self, _: L, _: [L::Vec; GROUP]) -> bool {
        true
    }
    #[inline(always)]
    fn all_below<L: Lanes<Elem = T>>(self, _: L, _: [L::Vec; GROUP]) -> bool {
        true
    }
    #[inline(always)]
    fn padding(self) -> T {
        T::ZERO
    }
    #[inline(always)]
    fn values<A: Arithmetic<Elem = T>>(
        self,
        a: A,
        _: A::Vec,
        _: A::Vec,
        _: A::Vec,
    ) -> (A::Vec, A::Vec) {
        (a.splat(T::ZERO), a.splat(T::ZERO))
    }
}
