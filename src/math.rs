//! Elementary functions, written once over [`Arithmetic`].
//!
//! Each comes in two forms that agree wherever both are defined. With `ANY = false` the
//! arguments are known to be usual (positive normal for `ln`, within [`ExpConstants::USUAL`]
//! for `exp`) and nothing is spent on the rest; with `ANY = true` every argument is right.

mod exp;
mod ln;

pub(crate) use exp::ExpConstants;
pub(crate) use exp::{exp, exp_factor};
pub(crate) use ln::LnConstants;
pub(crate) use ln::{ln, ln_minus, ln_of_sum};

use crate::lanes::Arithmetic;

/// `coefficients[0] + x·(coefficients[1] + …)`.
#[inline(always)]
fn horner<L: Arithmetic>(l: L, x: L::Vec, coefficients: &[L::Elem]) -> L::Vec {
    // What optimisation for size would leave a loop.
    if let &[a, b, c] = coefficients {
        let upper = l.add(l.splat(b), l.mul(x, l.splat(c)));
        return l.add(l.splat(a), l.mul(x, upper));
    }
    let Some((&highest, lower)) = coefficients.split_last() else {
        return x;
    };
    let mut value = l.splat(highest);
    for &c in lower.iter().rev() {
        value = l.add(l.splat(c), l.mul(x, value));
    }
    value
}

/// The same polynomial, two coefficients at a time: as many operations where the square is
/// at hand, half the latency.
#[inline(always)]
fn horner_pairs<L: Arithmetic>(
    l: L,
    x: L::Vec,
    square: L::Vec,
    coefficients: &[L::Elem],
) -> L::Vec {
    let mut pairs = coefficients.chunks(2).rev();
    let Some(highest) = pairs.next() else {
        return x;
    };
    let mut value = horner(l, x, highest);
    for pair in pairs {
        value = l.add(horner(l, x, pair), l.mul(square, value));
    }
    value
}
