//! One element at a time, in plain Rust: every target, and what the other back-ends must equal.

use core::marker::PhantomData;

use super::{Arithmetic, Float, Lanes};
use crate::math::ExpConstants;

/// The back-end without vectors.
#[derive(Clone, Copy)]
pub(crate) struct Scalar<T>(PhantomData<T>);

impl<T> Scalar<T> {
    pub(crate) const NEW: Self = Scalar(PhantomData);
}

impl<T: Float> Arithmetic for Scalar<T> {
    type Elem = T;
    type Vec = T;
    type Mask = bool;
    const COUNT: usize = 1;

    #[inline(always)]
    fn splat(self, x: T) -> T {
        x
    }
    #[inline(always)]
    fn add(self, a: T, b: T) -> T {
        a + b
    }
    #[inline(always)]
    fn sub(self, a: T, b: T) -> T {
        a - b
    }
    #[inline(always)]
    fn mul(self, a: T, b: T) -> T {
        a * b
    }
    #[inline(always)]
    fn div(self, a: T, b: T) -> T {
        a / b
    }
    #[inline(always)]
    fn less(self, a: T, b: T) -> bool {
        a < b
    }
    #[inline(always)]
    fn equal(self, a: T, b: T) -> bool {
        a == b
    }
    #[inline(always)]
    fn select(self, mask: bool, yes: T, no: T) -> T {
        if mask { yes } else { no }
    }
    #[inline(always)]
    fn round_pow2(self, x: T) -> (T, T) {
        x.round_pow2()
    }
    #[inline(always)]
    fn split(self, x: T) -> (T, T) {
        x.split()
    }
    #[inline(always)]
    fn split_any(self, x: T) -> (T, T) {
        if x.is_positive_normal() { x.split() } else { split_unusual(x) }
    }
    #[inline(always)]
    fn rotate(self, v: T, _: usize) -> T {
        v
    }
}

/// Whether something holds for each element of a group; one and four without the loop that
/// optimisation for size would leave.
macro_rules! all {
    ($group:ident, $x:ident => $holds:expr) => {
        match *$group.as_slice() {
            [$x] => $holds,
            [a, b, c, d] => {
                all!(a, $x, $holds)
                    && all!(b, $x, $holds)
                    && all!(c, $x, $holds)
                    && all!(d, $x, $holds)
            }
            ref group => group.iter().all(|&$x| $holds),
        }
    };
    ($element:ident, $x:ident, $holds:expr) => {{
        let $x = $element;
        $holds
    }};
}

impl<T: Float> Lanes for Scalar<T> {
    type Raw = T;
    type Bank<X: Copy> = T::Bank<X>;
    const VARIANTS: bool = false;

    #[inline(always)]
    fn bank<X: Copy>(self, x: X) -> T::Bank<X> {
        T::bank(x)
    }
    #[inline(always)]
    fn split_slice(self, slice: &[T]) -> (&[T], &[T]) {
        (slice, &[])
    }
    #[inline(always)]
    fn split_slice_mut(self, slice: &mut [T]) -> (&mut [T], &mut [T]) {
        (slice, &mut [])
    }
    #[inline(always)]
    fn load(self, raw: T) -> T {
        raw
    }
    #[inline(always)]
    fn store(self, v: T) -> T {
        v
    }
    #[inline(always)]
    fn load_tail(self, _: &[T], fill: T) -> T {
        fill
    }
    #[inline(always)]
    fn first_lanes(self, count: usize) -> bool {
        count > 0
    }
    #[inline(always)]
    fn store_tail(self, _: &mut [T], _: T) {}
    #[inline(always)]
    fn first(self, v: T) -> T {
        v
    }
    #[inline(always)]
    fn all_positive_normal<const N: usize>(self, group: [T; N]) -> bool {
        all!(group, x => x.is_positive_normal())
    }
    #[inline(always)]
    fn all_usual_exponents<const N: usize>(self, group: [T; N]) -> bool {
        all!(group, x => x.is_usual_exponent())
    }
    #[inline(always)]
    fn all_from_zero_to<const N: usize>(self, group: [T; N], limit: T) -> bool {
        all!(group, x => T::ZERO <= x && x < limit)
    }
}

/// [`Arithmetic::split_any`] of an `x` that is not positive and normal.
#[cold]
fn split_unusual<T: Float>(x: T) -> (T, T) {
    let (mantissa, exponent) = (x * T::NORMALIZE).split();
    let exponent = if x < T::MIN_POSITIVE {
        if T::ZERO < x {
            exponent - T::NORMALIZE_EXPONENT
        } else if x == T::ZERO {
            T::NEG_INFINITY
        } else {
            T::NAN
        }
    } else {
        x
    };
    (mantissa, exponent)
}

impl Float for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = f32::INFINITY;
    const NEG_INFINITY: Self = f32::NEG_INFINITY;
    const NAN: Self = f32::NAN;
    const MIN: Self = f32::MIN;
    const MIN_POSITIVE: Self = f32::MIN_POSITIVE;
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
    #[cfg(any(
        all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"),
        all(target_arch = "wasm32", target_feature = "simd128")
    ))]
    #[inline(always)]
    fn wide() -> impl Lanes<Elem = f32> {
        super::wide::F32
    }
    #[cfg(any(
        all(target_arch = "x86_64", target_feature = "sse2"),
        all(target_arch = "aarch64", target_feature = "neon")
    ))]
    #[inline(always)]
    fn on_token<S: super::pulp::Token, K: crate::kernel::Kernel<f32>>(
        token: S,
        kernel: K,
    ) -> K::Output {
        kernel.run(super::pulp::F32(token))
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
    #[cfg(any(
        all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"),
        all(target_arch = "wasm32", target_feature = "simd128")
    ))]
    #[inline(always)]
    fn wide() -> impl Lanes<Elem = f64> {
        super::wide::F64
    }
    #[cfg(any(
        all(target_arch = "x86_64", target_feature = "sse2"),
        all(target_arch = "aarch64", target_feature = "neon")
    ))]
    #[inline(always)]
    fn on_token<S: super::pulp::Token, K: crate::kernel::Kernel<f64>>(
        token: S,
        kernel: K,
    ) -> K::Output {
        kernel.run(super::pulp::F64(token))
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
