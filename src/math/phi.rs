//! What is left of the exponential once its first terms have cancelled, for small arguments.

use super::horner::horner;
use crate::float::PhiConstants;
use crate::lanes::Arithmetic;

/// `φ(d) = e^d − 1 − d` for `|d| <= 1/16`, from `d` and `d²`: Taylor's series.
#[inline(always)]
pub(crate) fn phi<A: Arithmetic>(a: A, d: A::Vec, square: A::Vec) -> A::Vec {
    a.mul(square, horner(a, d, A::Elem::RECIPROCAL_FACTORIALS))
}
