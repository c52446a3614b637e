//! The natural logarithm.
//!
//! `x = m·2^e` with `m` in [0.6875, 1.375); with `f = m − 1` and `s = f / (2 + f)`
//!
//! ```text
//! ln m = 2·artanh s = f − s·(f − R),    R = s²·P(s²)
//! ```
//!
//! (the form of Sun's fdlibm, `e_log.c`). A division costs less here than the six further
//! coefficients that a polynomial in `f` needs: on x86 it runs beside the other operations, on
//! machines without hardware floats it is cheaper than they are.

use super::horner::horner;
use crate::float::{Float, LnConstants};
use crate::lanes::Arithmetic;

/// `ln x` within [`crate::accuracy`]: `−∞` at zero, NaN below.
#[inline(always)]
pub(crate) fn ln<L: Arithmetic>(l: L, x: L::Vec) -> L::Vec {
    ln_from(l, reduce(l, x))
}

#[inline(always)]
fn ln_from<L: Arithmetic>(l: L, reduced: Reduced<L::Vec>) -> L::Vec {
    let Reduced { exponent, f, s, r } = reduced;
    let half_square = l.mul(l.mul(l.splat(L::Elem::from_f64(0.5)), f), f);
    let bend = l.sub(half_square, l.mul(s, l.add(half_square, r)));
    let low = l.mul(exponent, l.splat(L::Elem::LN2_LO));
    let high = l.mul(exponent, l.splat(L::Elem::LN2_HI));
    l.add(high, l.sub(f, l.sub(bend, low)))
}

/// `ln x − y` with an error below `2 u·(|ln x| + |y|)`: cheaper than [`ln`] and a subtraction,
/// and as good, because `y` is subtracted before the exponent's share is rounded away.
#[inline(always)]
pub(crate) fn ln_minus<L: Arithmetic>(l: L, x: L::Vec, y: L::Vec) -> L::Vec {
    let Reduced { exponent, f, s, r } = reduce(l, x);
    let of_mantissa = l.sub(f, l.mul(s, l.sub(f, r)));
    let of_exponent = l.mul(exponent, l.splat(L::Elem::LN2));
    l.add(l.sub(of_exponent, y), of_mantissa)
}

/// `ln x` as [`ln`] has it, but where `|w| < 0.3` instead `ln(1 + w)`, as good relatively however
/// small `w` is (of usual numbers `x` may be subnormal); beside it, for such `w` only, `(1 + w)·ln(1 + w) − w`, relatively
/// as good: with `s = w / (2 + w)` that is `s·(w + (1 + w)·R)`, whose parts do not cancel.
#[inline(always)]
pub(crate) fn ln_of_sum<L: Arithmetic>(l: L, w: L::Vec, x: L::Vec) -> [L::Vec; 2] {
    let (mantissa, exponent) = if L::USUAL { l.split_positive(x) } else { l.split_any(x) };
    let one = l.splat(L::Elem::ONE);
    let near = l.less(l.mul(w, w), l.splat(L::Elem::from_f64(0.09)));
    let f = l.select(near, w, l.sub(mantissa, one));
    let exponent = l.select(near, l.splat(L::Elem::ZERO), exponent);
    let next = l.add(one, f);
    let s = l.div(f, l.add(one, next));
    let square = l.mul(s, s);
    let r = l.mul(square, horner(l, square, L::Elem::ARTANH));
    let bent = l.mul(s, l.add(f, l.mul(next, r)));
    [ln_from(l, Reduced { exponent, f, s, r }), bent]
}

/// The argument reduced: `m = 1 + f`, `s = f / (2 + f)`, `r = R(s²)`.
struct Reduced<V> {
    exponent: V,
    f: V,
    s: V,
    r: V,
}

#[inline(always)]
fn reduce<L: Arithmetic>(l: L, x: L::Vec) -> Reduced<L::Vec> {
    let (mantissa, exponent) = if L::USUAL { l.split(x) } else { l.split_any(x) };
    let one = l.splat(L::Elem::ONE);
    let f = l.sub(mantissa, one);
    let s = l.div(f, l.add(mantissa, one));
    let square = l.mul(s, s);
    let r = l.mul(square, horner(l, square, L::Elem::ARTANH));
    Reduced { exponent, f, s, r }
}
