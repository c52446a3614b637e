//! A divergence of which one side weighs: `Σ w·(ln w − ln o)`.
//!
//! Where both distributions sum to one, that is `Σ w·φ(ln o − ln w)` with `φ(d) = e^d − 1 − d`: terms
//! that are never negative and do not cancel, however close the two distributions are. For larger `d`
//! the parts of `φ` are at hand, `w·e^d = o`.

use crate::float::Float;
use crate::kernel::distill::parts::class::Asked;
use crate::kernel::distill::parts::logits::Side;
use crate::kernel::distill::parts::slope::slope;
use crate::lanes::Arithmetic;
use crate::math::phi;

/// The terms and the gradient, for `d = ln o − ln w`.
#[inline(always)]
pub(super) fn weighted<A: Arithmetic>(
    a: A,
    asked: Asked<A::Elem>,
    [weight, other]: [Side<A::Vec>; 2],
    d: A::Vec,
    zeros: bool,
) -> [A::Vec; 3] {
    let none = a.splat(A::Elem::ZERO);
    let [mut convex, mut plain, mut gradient] = [none; 3];
    if asked.terms {
        [convex, plain] = terms(a, weight.p, other.p, d, zeros);
    }
    if let Some((formula, factor)) = asked.gradient {
        let slope = slope(a, formula, [weight, other], a.sub(none, d));
        gradient = a.mul(slope, a.splat(factor));
    }
    [convex, plain, gradient]
}

/// `w·φ(d)` and `−w·d`, for `d = ln o − ln w`; `zeros` if `w` may be 0.
#[inline(always)]
pub(crate) fn terms<A: Arithmetic>(
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
pub(super) fn close_square<T: Float>() -> T {
    T::from_f64(1.0 / 256.0)
}
