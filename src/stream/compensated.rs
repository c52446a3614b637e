//! A sum that knows what rounding took from it.

use super::order::GROUP;
use crate::float::Float;
use crate::lanes::{Arithmetic, Lanes};

/// A sum and what rounding took from it.
#[derive(Clone, Copy, Debug)]
pub struct Compensated<V> {
    pub(crate) sum: V,
    pub(crate) lost: V,
}

impl<V: Copy> Compensated<V> {
    #[inline(always)]
    pub(crate) fn zero<L: Arithmetic<Vec = V>>(l: L) -> Self {
        let zero = l.splat(L::Elem::ZERO);
        Compensated { sum: zero, lost: zero }
    }

    /// Adds four terms. Exact but for the second sum's own rounding while the sum outweighs
    /// the terms (Dekker's fast two-sum); else what goes missing is within `2 u` of the terms.
    #[inline(always)]
    pub(crate) fn add<L: Arithmetic<Vec = V>>(self, l: L, [a, b, c, d]: [V; GROUP]) -> Self {
        let terms = l.add(l.add(a, b), l.add(c, d));
        let sum = l.add(self.sum, terms);
        let error = l.sub(terms, l.sub(sum, self.sum));
        Compensated { sum, lost: l.add(self.lost, error) }
    }

    /// Adds another sum, by Knuth's two-sum: exact whichever outweighs the other.
    #[inline(always)]
    pub(crate) fn merge<L: Arithmetic<Vec = V>>(self, l: L, other: Self) -> Self {
        let sum = l.add(self.sum, other.sum);
        let of_other = l.sub(sum, self.sum);
        let of_self = l.sub(sum, of_other);
        let error = l.add(l.sub(self.sum, of_self), l.sub(other.sum, of_other));
        Compensated { sum, lost: l.add(l.add(self.lost, other.lost), error) }
    }

    /// That of lane 0.
    #[inline(always)]
    pub(crate) fn first<L: Lanes<Vec = V>>(self, l: L) -> Compensated<L::Elem> {
        Compensated { sum: l.first(self.sum), lost: l.first(self.lost) }
    }
}

impl<T: Float> Compensated<T> {
    /// Both sums together; the main sum alone where it is not finite.
    #[inline(always)]
    pub(crate) fn value(self) -> T {
        let Compensated { sum, lost } = self;
        // What an infinite sum lost is a NaN, or infinite with the other sign.
        let value = sum + lost;
        if value.partial_cmp(&value).is_some() { value } else { sum }
    }
}
