//! The number types that are computed with, `f32` and `f64`: their constants, and their bits.

mod exp;
#[cfg(feature = "half")]
pub(crate) mod half;
mod ln;
pub(crate) mod narrow;
mod phi;

use core::ops::{Add, Div, Mul, Sub};

pub use exp::ExpConstants;
pub use ln::LnConstants;
pub use narrow::Computed;
#[cfg(feature = "half")]
pub use narrow::Narrow;
pub use phi::PhiConstants;

/// What the back-ends and the maths need to know of a number type.
pub trait Float:
    Computed
    + PartialOrd
    + Into<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + LnConstants
    + ExpConstants
    + PhiConstants
{
    /// +0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// +∞.
    const INFINITY: Self;
    /// −∞.
    const NEG_INFINITY: Self;
    /// A NaN.
    const NAN: Self;
    /// The lowest finite number.
    const MIN: Self;
    /// The smallest positive normal number.
    const MIN_POSITIVE: Self;
    /// The smallest positive number, a subnormal.
    const SMALLEST: Self;
    /// One of each for the virtual lanes: 128 bytes of elements.
    type Bank<X: Copy>: Copy + AsMut<[X]>;
    /// Half the distance from 1 to the next number, the `u` of the error bounds.
    const UNIT: Self;
    /// Terms with a share below this may underflow though their sum does not: 2^-64, 2^-512.
    const SMALL_SHARE: Self;
    /// What such terms are multiplied by: 2^96, 2^768.
    const SHARE_SCALE: Self;

    /// `x` in every place.
    fn bank<X: Copy>(x: X) -> Self::Bank<X>;
    /// Rounded to nearest.
    fn from_f64(x: f64) -> Self;
    /// Rounded to nearest.
    fn from_usize(x: usize) -> Self;
    /// Rounded to an integer `n`, ties to even, and `2^n`: the law of `Arithmetic::round_pow2`.
    fn round_pow2(self) -> (Self, Self);
    /// Mantissa and exponent: the law of `Arithmetic::split`.
    fn split(self) -> (Self, Self);
    /// Whether it is above zero, finite and not subnormal.
    fn is_positive_normal(self) -> bool;
    /// Whether its absolute value is below [`ExpConstants::USUAL`]; false for a NaN.
    fn is_usual_exponent(self) -> bool;
}

impl Float for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = f32::INFINITY;
    const NEG_INFINITY: Self = f32::NEG_INFINITY;
    const NAN: Self = f32::NAN;
    const MIN: Self = f32::MIN;
    const MIN_POSITIVE: Self = f32::MIN_POSITIVE;
    const SMALLEST: Self = f32::from_bits(1);
    const UNIT: Self = f32::EPSILON / 2.0;
    const SMALL_SHARE: Self = f32::from_bits((127 - 64) << 23);
    const SHARE_SCALE: Self = f32::from_bits((127 + 96) << 23);
    type Bank<X: Copy> = [X; 32];

    #[inline(always)]
    fn bank<X: Copy>(x: X) -> [X; 32] {
        [x; 32]
    }
    #[inline(always)]
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
    #[inline(always)]
    fn from_usize(x: usize) -> f32 {
        x as f32
    }
    #[inline(always)]
    fn round_pow2(self) -> (f32, f32) {
        let shifted = self + ROUND_F32;
        (shifted - ROUND_F32, f32::from_bits(shifted.to_bits() << 23))
    }
    #[inline(always)]
    fn split(self) -> (f32, f32) {
        let above = self.to_bits().wrapping_sub(SPLIT_F32);
        let exponent = above & EXPONENT_F32;
        let mantissa = f32::from_bits(self.to_bits().wrapping_sub(exponent));
        (mantissa, exponent.cast_signed() as f32)
    }
    #[inline(always)]
    fn is_positive_normal(self) -> bool {
        self.to_bits().wrapping_sub(NORMAL_F32) <= NORMAL_SPAN_F32
    }
    #[inline(always)]
    fn is_usual_exponent(self) -> bool {
        self.to_bits() & MAGNITUDE_F32 < Self::USUAL.to_bits()
    }
}

impl Float for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = f64::INFINITY;
    const NEG_INFINITY: Self = f64::NEG_INFINITY;
    const NAN: Self = f64::NAN;
    const MIN: Self = f64::MIN;
    const MIN_POSITIVE: Self = f64::MIN_POSITIVE;
    const SMALLEST: Self = f64::from_bits(1);
    const UNIT: Self = f64::EPSILON / 2.0;
    const SMALL_SHARE: Self = f64::from_bits((1023 - 512) << 52);
    const SHARE_SCALE: Self = f64::from_bits((1023 + 768) << 52);
    type Bank<X: Copy> = [X; 16];

    #[inline(always)]
    fn bank<X: Copy>(x: X) -> [X; 16] {
        [x; 16]
    }
    #[inline(always)]
    fn from_f64(x: f64) -> f64 {
        x
    }
    #[inline(always)]
    fn from_usize(x: usize) -> f64 {
        x as f64
    }
    #[inline(always)]
    fn round_pow2(self) -> (f64, f64) {
        let shifted = self + ROUND_F64;
        (shifted - ROUND_F64, f64::from_bits(shifted.to_bits() << 52))
    }
    #[inline(always)]
    fn split(self) -> (f64, f64) {
        let above = self.to_bits().wrapping_sub(SPLIT_F64);
        let exponent = above & EXPONENT_F64;
        let mantissa = f64::from_bits(self.to_bits().wrapping_sub(exponent));
        (mantissa, (exponent.cast_signed() >> 52) as f64)
    }
    #[inline(always)]
    fn is_positive_normal(self) -> bool {
        self.to_bits().wrapping_sub(NORMAL_F64) <= NORMAL_SPAN_F64
    }
    #[inline(always)]
    fn is_usual_exponent(self) -> bool {
        self.to_bits() & MAGNITUDE_F64 < Self::USUAL.to_bits()
    }
}

/// Added to `x`, it leaves in the low bits the integer nearest to `x`, biased like an exponent.
pub(crate) const ROUND_F32: f32 = 12_582_912.0 + 127.0; // 1.5·2^23 + 127
/// The same for f64.
pub(crate) const ROUND_F64: f64 = 6_755_399_441_055_744.0 + 1023.0; // 1.5·2^52 + 1023
/// 0.6875, the lower end of the interval that `split` brings a mantissa to.
pub(crate) const SPLIT_F32: u32 = 0.6875_f32.to_bits();
/// The same for f64.
pub(crate) const SPLIT_F64: u64 = 0.6875_f64.to_bits();
/// Sign and exponent.
pub(crate) const EXPONENT_F32: u32 = 0xff80_0000;
/// The same for f64.
pub(crate) const EXPONENT_F64: u64 = 0xfff0_0000_0000_0000;
/// All but the sign.
pub(crate) const MAGNITUDE_F32: u32 = 0x7fff_ffff;
/// The same for f64.
pub(crate) const MAGNITUDE_F64: u64 = 0x7fff_ffff_ffff_ffff;
/// The smallest positive normal number.
pub(crate) const NORMAL_F32: u32 = f32::MIN_POSITIVE.to_bits();
/// The same for f64.
pub(crate) const NORMAL_F64: u64 = f64::MIN_POSITIVE.to_bits();
/// From there to the largest finite number.
pub(crate) const NORMAL_SPAN_F32: u32 = f32::MAX.to_bits() - NORMAL_F32;
/// The same for f64.
pub(crate) const NORMAL_SPAN_F64: u64 = f64::MAX.to_bits() - NORMAL_F64;
