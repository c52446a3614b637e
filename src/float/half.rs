//! The two kinds of numbers of 16 bits that are computed with in `f32`.

use super::narrow::{Computed, Narrow};

/// How 16 bits are a number.
#[derive(Clone, Copy, Debug)]
pub enum Half {
    /// IEEE 754: 5 bits of exponent, 10 of fraction.
    F16,
    /// The upper half of an `f32`: 8 bits of exponent, 7 of fraction.
    Bf16,
}

impl Computed for f32 {
    type Narrow = Half;
}

impl Narrow<f32> for Half {
    #[inline(always)]
    fn widened(self, bits: u16) -> f32 {
        match self {
            Half::F16 => from_f16(bits),
            Half::Bf16 => from_bf16(bits),
        }
    }
    #[inline(always)]
    fn widen(self, bits: &[u16], out: &mut [f32]) {
        match self {
            Half::F16 => {
                for (out, &bits) in out.iter_mut().zip(bits) {
                    *out = from_f16(bits);
                }
            }
            Half::Bf16 => {
                for (out, &bits) in out.iter_mut().zip(bits) {
                    *out = from_bf16(bits);
                }
            }
        }
    }
    #[inline(always)]
    fn narrowed(self, value: f32) -> u16 {
        match self {
            Half::F16 => to_f16(value),
            Half::Bf16 => to_bf16(value),
        }
    }
    #[inline(always)]
    fn narrow(self, values: &[f32], out: &mut [u16]) {
        match self {
            Half::F16 => {
                for (out, &value) in out.iter_mut().zip(values) {
                    *out = to_f16(value);
                }
            }
            Half::Bf16 => {
                for (out, &value) in out.iter_mut().zip(values) {
                    *out = to_bf16(value);
                }
            }
        }
    }
}

/// All but the sign, of an `f32`.
const MAGNITUDE: u32 = 0x7fff_ffff;
/// +∞ of an `f32`.
const INFINITY: u32 = f32::INFINITY.to_bits();
/// Bits of an f32's fraction that f16 lacks.
const F16_LACKS: u32 = 13;
/// One binade of an `f32`.
const BINADE: u32 = 1 << 23;
/// How much less the exponents of f16 are biased than those of `f32`: 127 − 15 binades.
const F16_BIAS: u32 = (127 - 15) * BINADE;
/// 2^-14, the smallest normal number of f16, as an `f32`.
const F16_NORMAL: u32 = F16_BIAS + BINADE;
/// 2^16, the first power of two beyond f16, as an `f32`.
const F16_BEYOND: u32 = F16_BIAS + 31 * BINADE;
/// An f32 whose last bit is worth 2^-24, as that of the subnormal numbers of f16 is.
const HALF: u32 = 0.5_f32.to_bits();

#[inline(always)]
fn from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[inline(always)]
fn from_f16(bits: u16) -> f32 {
    let bits = u32::from(bits);
    let sign = (bits & 0x8000) << 16;
    let magnitude = (bits & 0x7fff) << F16_LACKS;
    // The difference is exact, and no operand is subnormal, which many processors take long for.
    let subnormal = f32::from_bits(magnitude + F16_NORMAL) - f32::from_bits(F16_NORMAL);
    let normal = magnitude + F16_BIAS;
    let finite = if magnitude < BINADE { subnormal.to_bits() } else { normal };
    let any = if magnitude < 31 * BINADE { finite } else { magnitude | INFINITY };
    f32::from_bits(any | sign)
}

/// To nearest, ties to even: a carry out of the fraction counts the exponent up, and beyond the largest number
/// gives the bits of infinity.
#[inline(always)]
pub(crate) fn to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    // The leading bit of the fraction makes sure that something is left of a NaN.
    let nan = bits >> 16 | 0x40;
    (if bits & MAGNITUDE > INFINITY { nan } else { rounded }) as u16
}

#[inline(always)]
pub(crate) fn to_f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let magnitude = bits & MAGNITUDE;
    // The sum rounds to the last bit that counts.
    let sum = f32::from_bits(magnitude) + f32::from_bits(HALF);
    let subnormal = sum.to_bits().wrapping_sub(HALF);
    let even = magnitude >> F16_LACKS & 1;
    let normal =
        (magnitude + (1 << (F16_LACKS - 1)) - 1 + even).wrapping_sub(F16_BIAS) >> F16_LACKS;
    let finite = if magnitude < F16_NORMAL { subnormal } else { normal };
    let large = if magnitude > INFINITY { 0x7e00 } else { 0x7c00 };
    let any = if magnitude < F16_BEYOND { finite } else { large };
    (any | (bits >> 16 & 0x8000)) as u16
}

/// The `f32` with one more bit than a number of 16 bits has, and the last one set where something is left over:
/// it rounds to the same number as `x` does.
pub(crate) fn to_odd(x: f64) -> f32 {
    let nearest = x as f32;
    let widened = f64::from(nearest);
    if widened == x || x.is_nan() {
        return nearest;
    }
    let outward = u32::from(widened.abs() > x.abs());
    f32::from_bits((nearest.to_bits() - outward) | 1)
}
