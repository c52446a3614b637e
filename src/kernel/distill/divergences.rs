//! The divergences, a file each: what is computed of a class, and which side weighs.
//!
//! Another one is a file here, a variant of [`Divergence`](crate::teacher::Divergence), and an arm in each
//! match that the compiler then asks for.

pub(crate) mod forward;
pub(crate) mod mixture;
pub(crate) mod reverse;
mod weighted;

use super::parts::class::{Asked, Class};
use super::problem::Party;
use crate::float::Float;
use crate::lanes::Arithmetic;
use crate::teacher::Divergence;

pub(crate) use weighted::terms;

/// The two terms of a class and its gradient; what was not asked for may be anything.
#[inline(always)]
pub(crate) fn of_class<A: Arithmetic>(
    a: A,
    divergence: Divergence<A::Elem>,
    asked: Asked<A::Elem>,
    class: Class<A::Vec>,
) -> [A::Vec; 3] {
    match divergence {
        Divergence::Forward => forward::of_class(a, asked, class),
        Divergence::Reverse => reverse::of_class(a, asked, class),
        Divergence::JensenShannon { beta } => mixture::of_class(a, beta, asked, class),
    }
}

/// Whether a side weighs the differences of logarithms.
pub(crate) fn weighs<T: Float>(divergence: Divergence<T>, party: Party) -> bool {
    match divergence {
        Divergence::Forward => party == Party::Teacher,
        Divergence::Reverse => party == Party::Student,
        Divergence::JensenShannon { .. } => true,
    }
}
