//! Any pulp token: AVX-512, AVX2, NEON, chosen at run time.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use pulp::{NullaryFnOnce, Simd, cast};

use super::{Arithmetic, Kernel, Lanes};
use crate::float::{
    EXPONENT_F32, EXPONENT_F64, ExpConstants, Float, MAGNITUDE_F32, MAGNITUDE_F64, NORMAL_F32,
    NORMAL_F64, NORMAL_SPAN_F32, NORMAL_SPAN_F64, ROUND_F32, ROUND_F64, SPLIT_F32, SPLIT_F64,
};

/// What pulp's own trait lacks: constant shifts, conversions, a test of a whole mask.
pub trait Token: Simd {
    /// One of each for the registers that make up the virtual lanes.
    type Bank<X: Copy>: Copy + AsMut<[X]>;

    /// `x` in every place.
    fn bank<X: Copy>(x: X) -> Self::Bank<X>;
    /// Calls `f` compiled for this token's instruction set.
    fn with_features<F: NullaryFnOnce>(self, f: F) -> F::Output;
    /// Each lane's bits, 23 places to the left.
    fn shift_to_exponent_u32s(self, bits: Self::u32s) -> Self::u32s;
    /// Each lane's bits, 52 places to the left.
    fn shift_to_exponent_u64s(self, bits: Self::u64s) -> Self::u64s;
    /// Signed integers to floats.
    fn to_f32s(self, integers: Self::u32s) -> Self::f32s;
    /// Twelve high bits, as a signed integer, to a float.
    fn high_bits_to_f64s(self, bits: Self::u64s) -> Self::f64s;
    /// Whether no lane is true.
    fn none(self, mask: Self::m32s) -> bool;
}

/// Runs a kernel on a token's instruction set.
#[inline(always)]
pub(crate) fn run<T: OnToken, S: Token, K: Kernel<T>>(token: S, kernel: K) -> K::Output {
    struct Call<T, S, K> {
        token: S,
        kernel: K,
        element: core::marker::PhantomData<T>,
    }
    impl<T: OnToken, S: Token, K: Kernel<T>> NullaryFnOnce for Call<T, S, K> {
        type Output = K::Output;

        #[inline(always)]
        fn call(self) -> K::Output {
            T::on_token(self.token, self.kernel)
        }
    }
    token.with_features(Call { token, kernel, element: core::marker::PhantomData::<T> })
}

/// A number type that tokens have registers of.
pub trait OnToken: Float {
    /// Runs a kernel on this type's registers.
    fn on_token<S: Token, K: Kernel<Self>>(token: S, kernel: K) -> K::Output;
}

impl OnToken for f32 {
    #[inline(always)]
    fn on_token<S: Token, K: Kernel<f32>>(token: S, kernel: K) -> K::Output {
        kernel.run(F32(token))
    }
}

impl OnToken for f64 {
    #[inline(always)]
    fn on_token<S: Token, K: Kernel<f64>>(token: S, kernel: K) -> K::Output {
        kernel.run(F64(token))
    }
}

/// f32 on a token.
#[derive(Clone, Copy)]
pub(crate) struct F32<S>(pub(crate) S);

/// f64 on a token.
#[derive(Clone, Copy)]
pub(crate) struct F64<S>(pub(crate) S);

/// The operations that differ between the two types only in their names.
macro_rules! same_but_for_names {
    (
        $lanes:ident, $elem:ty, $vec:ident, $mask:ident, $count:ident, $lane_numbers:ident,
        $as_simd:ident, $as_mut_simd:ident, $partial_load:ident, $partial_store:ident,
        $splat:ident, $rotate:ident, $add:ident, $sub:ident, $mul:ident, $div:ident,
        $less:ident, $equal:ident, $max:ident, $select:ident;
        arithmetic { $($arithmetic:tt)* } lanes { $($own:tt)* }
    ) => {
        impl<S: Token> Arithmetic for $lanes<S> {
            type Elem = $elem;
            type Vec = S::$vec;
            type Mask = S::$mask;
            const COUNT: usize = S::$count;

            #[inline(always)]
            fn splat(self, x: $elem) -> S::$vec {
                self.0.$splat(x)
            }
            #[inline(always)]
            fn add(self, a: S::$vec, b: S::$vec) -> S::$vec {
                self.0.$add(a, b)
            }
            #[inline(always)]
            fn sub(self, a: S::$vec, b: S::$vec) -> S::$vec {
                self.0.$sub(a, b)
            }
            #[inline(always)]
            fn mul(self, a: S::$vec, b: S::$vec) -> S::$vec {
                self.0.$mul(a, b)
            }
            #[inline(always)]
            fn div(self, a: S::$vec, b: S::$vec) -> S::$vec {
                self.0.$div(a, b)
            }
            #[inline(always)]
            fn less(self, a: S::$vec, b: S::$vec) -> S::$mask {
                self.0.$less(a, b)
            }
            #[inline(always)]
            fn equal(self, a: S::$vec, b: S::$vec) -> S::$mask {
                self.0.$equal(a, b)
            }
            #[inline(always)]
            fn larger(self, a: S::$vec, b: S::$vec) -> S::$vec {
                if cfg!(target_arch = "x86_64") {
                    // x86's maximum is its second operand where they are unordered or equal.
                    self.0.$max(b, a)
                } else {
                    self.select(self.less(a, b), b, a)
                }
            }
            #[inline(always)]
            fn select(self, mask: S::$mask, yes: S::$vec, no: S::$vec) -> S::$vec {
                // Pulp's selection of floats is not always inlined; that of integers is.
                cast(self.0.$select(mask, cast(yes), cast(no)))
            }
            #[inline(always)]
            fn rotate(self, v: S::$vec, by: usize) -> S::$vec {
                self.0.$rotate(v, by)
            }
            $($arithmetic)*
        }

        impl<S: Token> Lanes for $lanes<S> {
            type Raw = S::$vec;
            type Bank<X: Copy> = S::Bank<X>;
            const VARIANTS: bool = true;

            #[inline(always)]
            fn bank<X: Copy>(self, x: X) -> S::Bank<X> {
                S::bank(x)
            }
            #[inline(always)]
            fn split_slice(self, slice: &[$elem]) -> (&[S::$vec], &[$elem]) {
                S::$as_simd(slice)
            }
            #[inline(always)]
            fn split_slice_mut(self, slice: &mut [$elem]) -> (&mut [S::$vec], &mut [$elem]) {
                S::$as_mut_simd(slice)
            }
            #[inline(always)]
            fn load(self, raw: S::$vec) -> S::$vec {
                raw
            }
            #[inline(always)]
            fn store(self, v: S::$vec) -> S::$vec {
                v
            }
            #[inline(always)]
            fn load_tail(self, part: &[$elem], fill: $elem) -> S::$vec {
                // Pulp fills with +0.
                let loaded = self.0.$partial_load(part);
                if fill.to_bits() == 0 {
                    return loaded;
                }
                self.select(self.first_lanes(part.len()), loaded, self.0.$splat(fill))
            }
            #[inline(always)]
            fn first_lanes(self, count: usize) -> S::$mask {
                let count = self.0.$splat(count as $elem);
                let (numbers, _) = S::$as_simd(&$lane_numbers);
                self.0.$less(numbers.first().copied().unwrap_or(count), count)
            }
            #[inline(always)]
            fn store_tail(self, part: &mut [$elem], v: S::$vec) {
                self.0.$partial_store(part, v);
            }
            #[inline(always)]
            fn first(self, v: S::$vec) -> $elem {
                pulp::cast_lossy(v)
            }
            $($own)*
        }
    };
}

const LANE_NUMBERS_F32: [f32; 16] =
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0];
const LANE_NUMBERS_F64: [f64; 8] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];

same_but_for_names! {
    F32, f32, f32s, m32s, F32_LANES, LANE_NUMBERS_F32,
    as_simd_f32s, as_mut_simd_f32s, partial_load_f32s, partial_store_f32s,
    splat_f32s, rotate_left_f32s, add_f32s, sub_f32s, mul_f32s, div_f32s,
    less_than_f32s, equal_f32s, max_f32s, select_u32s;
    arithmetic {
        #[inline(always)]
        fn round_pow2(self, x: S::f32s) -> (S::f32s, S::f32s) {
            let s = self.0;
            let shifted = s.add_f32s(x, s.splat_f32s(ROUND_F32));
            let power = s.shift_to_exponent_u32s(cast(shifted));
            (s.sub_f32s(shifted, s.splat_f32s(ROUND_F32)), cast(power))
        }
        #[inline(always)]
        fn split(self, x: S::f32s) -> (S::f32s, S::f32s) {
            let s = self.0;
            let bits = cast(x);
            let above = s.sub_u32s(bits, s.splat_u32s(SPLIT_F32));
            let exponent = s.and_u32s(above, s.splat_u32s(EXPONENT_F32));
            let mantissa = s.sub_u32s(bits, exponent);
            (cast(mantissa), s.to_f32s(exponent))
        }
    }
    lanes {
        #[inline(always)]
        fn all_positive_normal<const N: usize>(self, group: [S::f32s; N]) -> bool {
            let s = self.0;
            let lowest = s.splat_u32s(NORMAL_F32);
            let mut highest = s.splat_u32s(0);
            for v in group {
                let above = s.sub_u32s(cast(v), lowest);
                highest = s.max_u32s(highest, above);
            }
            s.none(s.greater_than_u32s(highest, s.splat_u32s(NORMAL_SPAN_F32)))
        }
        const IF_FINITE: bool = true;
        #[inline(always)]
        fn all_positive_normal_if_finite<const N: usize>(self, group: [S::f32s; N]) -> bool {
            let s = self.0;
            let mut lowest = s.splat_i32s(i32::MAX);
            for v in group {
                lowest = s.min_i32s(lowest, cast(v));
            }
            s.none(s.less_than_i32s(lowest, s.splat_i32s(NORMAL_F32.cast_signed())))
        }
        #[inline(always)]
        fn all_usual_exponents<const N: usize>(self, group: [S::f32s; N]) -> bool {
            let s = self.0;
            let magnitude = s.splat_u32s(MAGNITUDE_F32);
            let mut highest = s.splat_u32s(0);
            for v in group {
                highest = s.max_u32s(highest, s.and_u32s(cast(v), magnitude));
            }
            let limit = s.splat_u32s(f32::USUAL.to_bits() - 1);
            s.none(s.greater_than_u32s(highest, limit))
        }
        #[inline(always)]
        fn all_from_zero_to<const N: usize>(self, group: [S::f32s; N], limit: f32) -> bool {
            let s = self.0;
            let mut highest = s.splat_u32s(0);
            for v in group {
                highest = s.max_u32s(highest, cast(v));
            }
            let limit = s.splat_u32s(limit.to_bits() - 1);
            s.none(s.greater_than_u32s(highest, limit))
        }
    }
}

same_but_for_names! {
    F64, f64, f64s, m64s, F64_LANES, LANE_NUMBERS_F64,
    as_simd_f64s, as_mut_simd_f64s, partial_load_f64s, partial_store_f64s,
    splat_f64s, rotate_left_f64s, add_f64s, sub_f64s, mul_f64s, div_f64s,
    less_than_f64s, equal_f64s, max_f64s, select_u64s;
    arithmetic {
        #[inline(always)]
        fn round_pow2(self, x: S::f64s) -> (S::f64s, S::f64s) {
            let s = self.0;
            let shifted = s.add_f64s(x, s.splat_f64s(ROUND_F64));
            let power = s.shift_to_exponent_u64s(cast(shifted));
            (s.sub_f64s(shifted, s.splat_f64s(ROUND_F64)), cast(power))
        }
        #[inline(always)]
        fn split(self, x: S::f64s) -> (S::f64s, S::f64s) {
            let s = self.0;
            let bits = cast(x);
            let above = s.sub_u64s(bits, s.splat_u64s(SPLIT_F64));
            let exponent = s.and_u64s(above, s.splat_u64s(EXPONENT_F64));
            let mantissa = s.sub_u64s(bits, exponent);
            (cast(mantissa), s.high_bits_to_f64s(above))
        }
    }
    lanes {
        // The high words tell; the low ones are cleared, as no token compares 64 bits well.
        #[inline(always)]
        fn all_positive_normal<const N: usize>(self, group: [S::f64s; N]) -> bool {
            let s = self.0;
            let lowest: S::u32s = cast(s.splat_u64s(NORMAL_F64));
            let high_word = s.splat_u64s(HIGH_WORD);
            let mut highest = s.splat_u32s(0);
            for v in group {
                let word = s.and_u64s(cast(v), high_word);
                highest = s.max_u32s(highest, s.sub_u32s(cast(word), lowest));
            }
            let limit: S::u32s = cast(s.splat_u64s(NORMAL_SPAN_F64 & HIGH_WORD));
            s.none(s.greater_than_u32s(highest, limit))
        }
        #[inline(always)]
        fn all_usual_exponents<const N: usize>(self, group: [S::f64s; N]) -> bool {
            let s = self.0;
            let magnitude = s.splat_u64s(MAGNITUDE_F64 & HIGH_WORD);
            let mut highest = s.splat_u32s(0);
            for v in group {
                let word = s.and_u64s(cast(v), magnitude);
                highest = s.max_u32s(highest, cast(word));
            }
            let limit: S::u32s = cast(s.splat_u64s(f64::USUAL.to_bits() - (1 << 32)));
            s.none(s.greater_than_u32s(highest, limit))
        }
        #[inline(always)]
        fn all_from_zero_to<const N: usize>(self, group: [S::f64s; N], limit: f64) -> bool {
            let s = self.0;
            let high_word = s.splat_u64s(HIGH_WORD);
            let mut highest = s.splat_u32s(0);
            for v in group {
                let word = s.and_u64s(cast(v), high_word);
                highest = s.max_u32s(highest, cast(word));
            }
            let limit: S::u32s = cast(s.splat_u64s((limit.to_bits() & HIGH_WORD) - (1 << 32)));
            s.none(s.greater_than_u32s(highest, limit))
        }
    }
}

const HIGH_WORD: u64 = 0xffff_ffff_0000_0000;
