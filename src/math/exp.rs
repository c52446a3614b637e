//! The exponential function.
//!
//! `x = n·ln 2 + r` with an integer `n` and `|r| <= ln 2 / 2`, in two steps (Cody and Waite), and
//!
//! ```text
//! e^x = 2^n·(1 + r + r²·Q(r))
//! ```
//!
//! [`exp`] recovers the rounding error of `1 + r` and adds it to the small last part. Three
//! operations less are [`exp_factor`], for what is multiplied, divided or added afterwards.

use super::horner::horner_pairs;
use crate::float::{ExpConstants, Float};
use crate::lanes::Arithmetic;

/// `e^x` within [`crate::accuracy`]: 0 at −∞, +∞ at +∞.
#[inline(always)]
pub(crate) fn exp<L: Arithmetic>(l: L, x: L::Vec) -> L::Vec {
    exponential::<L, true>(l, x)
}

/// The same within [`EXP_FACTOR_MAX_U`](crate::accuracy::EXP_FACTOR_MAX_U).
#[inline(always)]
pub(crate) fn exp_factor<L: Arithmetic>(l: L, x: L::Vec) -> L::Vec {
    exponential::<L, false>(l, x)
}

#[inline(always)]
fn exponential<L: Arithmetic, const RECOVER: bool>(l: L, x: L::Vec) -> L::Vec {
    if L::USUAL {
        let Scaled { mantissa, power, .. } = scaled::<L, RECOVER>(l, x);
        return l.mul(mantissa, power);
    }
    // Where the result is zero, not even a subnormal number may arise on the way: x86 takes
    // over a hundred cycles for one.
    let zero = l.splat(L::Elem::ZERO);
    let vanishes = l.less(x, l.splat(L::Elem::UNDERFLOW));
    let highest = l.splat(L::Elem::OVERFLOW);
    let x = l.select(vanishes, zero, x);
    let x = l.select(l.less(highest, x), highest, x);
    let Scaled { mantissa, n, .. } = scaled::<L, RECOVER>(l, x);
    // 2^n may be out of range: two factors that are not.
    let (half, first) = l.round_pow2(l.mul(n, l.splat(L::Elem::from_f64(0.5))));
    let (_, second) = l.round_pow2(l.sub(n, half));
    l.select(vanishes, zero, l.mul(l.mul(mantissa, first), second))
}

/// `mantissa·2^n`, and `power = 2^n` where that is a normal number.
struct Scaled<V> {
    mantissa: V,
    n: V,
    power: V,
}

#[inline(always)]
fn scaled<L: Arithmetic, const RECOVER: bool>(l: L, x: L::Vec) -> Scaled<L::Vec> {
    let (n, power) = l.round_pow2(l.mul(x, l.splat(L::Elem::LOG2_E)));
    let top = l.sub(x, l.mul(n, l.splat(L::Elem::LN2_TOP)));
    let rest = l.mul(n, l.splat(L::Elem::LN2_REST));
    let r = l.sub(top, rest);
    let square = l.mul(r, r);
    let bend = l.mul(square, horner_pairs(l, r, square, L::Elem::EXP_TAIL));
    let small = l.sub(bend, rest);
    let one = l.splat(L::Elem::ONE);
    let mantissa = if RECOVER {
        let sum = l.add(one, top);
        let lost = l.sub(top, l.sub(sum, one));
        l.add(sum, l.add(lost, small))
    } else {
        l.add(one, l.add(top, small))
    };
    Scaled { mantissa, n, power }
}

/// `E = e^d − 1`, within `2 u` of itself however small `d` is, and for `|d| <= ln 2 / 2` beside it
/// `φ(d) = E − d`, likewise. With `d = n·ln 2 + r` the former is `(2^n − 1) + 2^n·(r + r²·Q(r))`, of which
/// nothing cancels but for `n = −1`, where half is left. For `d` where `2^n` is a normal number; elsewhere
/// both may be anything.
#[inline(always)]
pub(crate) fn exp_less_one<L: Arithmetic>(l: L, d: L::Vec) -> [L::Vec; 2] {
    let (n, power) = l.round_pow2(l.mul(d, l.splat(L::Elem::LOG2_E)));
    let top = l.sub(d, l.mul(n, l.splat(L::Elem::LN2_TOP)));
    let r = l.sub(top, l.mul(n, l.splat(L::Elem::LN2_REST)));
    let square = l.mul(r, r);
    let bend = l.mul(square, horner_pairs(l, r, square, L::Elem::EXP_TAIL));
    let less_one = l.sub(power, l.splat(L::Elem::ONE));
    [l.add(less_one, l.mul(power, l.add(r, bend))), bend]
}
