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

use crate::lanes::{Arithmetic, Float};

/// What the logarithm needs to know of a number type.
pub trait LnConstants: Sized + 'static {
    /// By what [`Arithmetic::split`] multiplies the exponent.
    const EXPONENT_UNIT: Self;
    /// `ln 2 / EXPONENT_UNIT`, rounded.
    const LN2: Self;
    /// Its high part: a product with any exponent is exact.
    const LN2_HI: Self;
    /// Its low part, rounded.
    const LN2_LO: Self;
    /// `P`, lowest power first.
    const ARTANH: &'static [Self];
    /// A power of two that makes every subnormal normal.
    const NORMALIZE: Self;
    /// Its exponent times `EXPONENT_UNIT`.
    const NORMALIZE_EXPONENT: Self;
}

impl LnConstants for f32 {
    const EXPONENT_UNIT: f32 = 8_388_608.0;
    const LN2: f32 = f32::from_bits(0x3f31_7218) / Self::EXPONENT_UNIT;
    const LN2_HI: f32 = f32::from_bits(0x3f31_7200) / Self::EXPONENT_UNIT;
    const LN2_LO: f32 = f32::from_bits(0x35bf_be8e) / Self::EXPONENT_UNIT;
    /// For `|s| <= 0.18519`; relative error of `2 + R` below 2^-29.3; `ln.sollya`.
    const ARTANH: &'static [f32] =
        &[f32::from_bits(0x3f2a_aac8), f32::from_bits(0x3ecc_a490), f32::from_bits(0x3e9a_158f)];
    const NORMALIZE: f32 = 16_777_216.0;
    const NORMALIZE_EXPONENT: f32 = 24.0 * Self::EXPONENT_UNIT;
}

impl LnConstants for f64 {
    const EXPONENT_UNIT: f64 = 1.0;
    const LN2: f64 = f64::from_bits(0x3fe6_2e42_fefa_39ef);
    const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN2_LO: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
    /// For `|s| <= 0.18519`; relative error of `2 + R` below 2^-57.6; `ln.sollya`.
    const ARTANH: &'static [f64] = &[
        f64::from_bits(0x3fe5_5555_5555_560b),
        f64::from_bits(0x3fd9_9999_9995_7df7),
        f64::from_bits(0x3fd2_4924_964d_f8be),
        f64::from_bits(0x3fcc_71c3_6337_f3cc),
        f64::from_bits(0x3fc7_46bd_154d_eb76),
        f64::from_bits(0x3fc3_915f_6867_173e),
        f64::from_bits(0x3fc3_45ad_92ec_d01d),
    ];
    const NORMALIZE: f64 = 18_014_398_509_481_984.0;
    const NORMALIZE_EXPONENT: f64 = 54.0;
}

/// `ln x` within [`crate::accuracy`]: `−∞` at zero, NaN below.
#[inline(always)]
pub(crate) fn ln<L: Arithmetic, const ANY: bool>(l: L, x: L::Vec) -> L::Vec {
    ln_from(l, reduce::<L, ANY>(l, x))
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
pub(crate) fn ln_minus<L: Arithmetic, const ANY: bool>(l: L, x: L::Vec, y: L::Vec) -> L::Vec {
    let Reduced { exponent, f, s, r } = reduce::<L, ANY>(l, x);
    let of_mantissa = l.sub(f, l.mul(s, l.sub(f, r)));
    let of_exponent = l.mul(exponent, l.splat(L::Elem::LN2));
    l.add(l.sub(of_exponent, y), of_mantissa)
}

/// `ln x` as [`ln`] has it for every `x`, but where `|w| < 0.3` instead `ln(1 + w)`, as good
/// relatively however small `w` is; beside it, for such `w` only, `(1 + w)·ln(1 + w) − w`, relatively
/// as good: with `s = w / (2 + w)` that is `s·(w + (1 + w)·R)`, whose parts do not cancel.
#[inline(always)]
pub(crate) fn ln_of_sum<L: Arithmetic>(l: L, w: L::Vec, x: L::Vec) -> [L::Vec; 2] {
    let (mantissa, exponent) = l.split_any(x);
    let one = l.splat(L::Elem::ONE);
    let near = l.less(l.mul(w, w), l.splat(L::Elem::from_f64(0.09)));
    let f = l.select(near, w, l.sub(mantissa, one));
    let exponent = l.select(near, l.splat(L::Elem::ZERO), exponent);
    let next = l.add(one, f);
    let s = l.div(f, l.add(one, next));
    let square = l.mul(s, s);
    let r = l.mul(square, super::horner(l, square, L::Elem::ARTANH));
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
fn reduce<L: Arithmetic, const ANY: bool>(l: L, x: L::Vec) -> Reduced<L::Vec> {
    let (mantissa, exponent) = if ANY { l.split_any(x) } else { l.split(x) };
    let one = l.splat(L::Elem::ONE);
    let f = l.sub(mantissa, one);
    let s = l.div(f, l.add(mantissa, one));
    let square = l.mul(s, s);
    let r = l.mul(square, super::horner(l, square, L::Elem::ARTANH));
    Reduced { exponent, f, s, r }
}
