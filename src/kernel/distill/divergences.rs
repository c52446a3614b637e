//! The divergences, a file each: what is computed of a class, and which side weighs.
//!
//! Another one is a file here, a variant of [`Divergence`](crate::teacher::Divergence) and of [`Prepared`],
//! and an arm in each match that the compiler then asks for.

mod forward;
mod mixture;
mod reverse;
mod weighted;

use super::parts::class::{Asked, Class};
use super::problem::Party;
use crate::float::Float;
use crate::lanes::Arithmetic;
use crate::teacher::Divergence;

use mixture::Mixture;
pub(crate) use weighted::terms;

/// A divergence with what need not be computed for each class.
#[derive(Clone, Copy)]
pub(crate) enum Prepared<T> {
    Forward,
    Reverse,
    Mixture(Mixture<T>),
}

impl<T: Float> Prepared<T> {
    pub(crate) fn new(divergence: Divergence<T>) -> Self {
        match divergence {
            Divergence::Forward => Prepared::Forward,
            Divergence::Reverse => Prepared::Reverse,
            Divergence::JensenShannon { beta } => Prepared::Mixture(Mixture::new(beta)),
        }
    }

    /// The two terms of a class and its gradient; what was not asked for may be anything.
    #[inline(always)]
    pub(crate) fn of_class<A: Arithmetic<Elem = T>>(
        self,
        a: A,
        asked: Asked<T>,
        class: Class<A::Vec>,
    ) -> [A::Vec; 3] {
        match self {
            Prepared::Forward => forward::of_class(a, asked, class),
            Prepared::Reverse => reverse::of_class(a, asked, class),
            Prepared::Mixture(mixture) => mixture::of_class(a, mixture, asked, class),
        }
    }

    /// Whether a side weighs the differences of logarithms.
    pub(crate) fn weighs(self, party: Party) -> bool {
        match self {
            Prepared::Forward => party == Party::Teacher,
            Prepared::Reverse => party == Party::Student,
            Prepared::Mixture(_) => true,
        }
    }

    /// What a gradient has as a factor beside the upstream's.
    pub(crate) fn share(self, of: Party) -> T {
        match self {
            Prepared::Forward | Prepared::Reverse => T::ONE,
            Prepared::Mixture(mixture) => mixture.share(of),
        }
    }

    /// What the sum of the first terms is multiplied by.
    pub(crate) fn unscale(self) -> T {
        match self {
            Prepared::Forward | Prepared::Reverse => T::ONE,
            Prepared::Mixture(mixture) => mixture.unscale,
        }
    }
}
