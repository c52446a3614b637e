//! What is left of functions once their first terms have cancelled, for small arguments.

use super::horner::horner;
use crate::float::{Float, PhiConstants};
use crate::lanes::Arithmetic;

/// `φ(d) = e^d − 1 − d` for `|d| <= 1/16`, from `d` and `d²`: Taylor's series.
#[inline(always)]
pub(crate) fn phi<A: Arithmetic>(a: A, d: A::Vec, square: A::Vec) -> A::Vec {
    a.mul(square, horner(a, d, A::Elem::RECIPROCAL_FACTORIALS))
}

/// `ψ(w) = (1 + w)·ln(1 + w) − w` for `|w| <= 0.07`; relative error below 2^-27 (f32) or 2^-57 (f64).
/// With `z = w / (2 + w)`, `ln(1 + w) = 2·artanh z = 2·z·(1 + z²·R)`, and the parts that cancel are
/// taken out by hand.
#[inline(always)]
pub(crate) fn psi<A: Arithmetic>(a: A, w: A::Vec) -> A::Vec {
    let one = a.splat(A::Elem::ONE);
    let z = a.div(w, a.add(a.add(one, one), w));
    let square = a.mul(z, z);
    let rest = horner(a, square, A::Elem::ARTANH_TAIL);
    let bend = a.add(one, a.mul(a.add(z, square), rest));
    a.div(a.mul(a.add(square, square), bend), a.sub(one, z))
}
