//! What the target guarantees at compile time, by wide: SSE2, WASM simd128.

// On x86 two registers together are as fast as one; in WebAssembly they are twice the code.
#[cfg(target_arch = "wasm32")]
use wide::{
    f32x4 as Singles, f64x2 as Doubles, i32x4 as SignedBits, u32x4 as SingleBits,
    u64x2 as DoubleBits,
};
#[cfg(not(target_arch = "wasm32"))]
use wide::{
    f32x8 as Singles, f64x4 as Doubles, i32x8 as SignedBits, u32x8 as SingleBits,
    u64x4 as DoubleBits,
};

use super::{Arithmetic, Lanes};
use crate::float::{
    EXPONENT_F32, EXPONENT_F64, ExpConstants, Float, ROUND_F32, ROUND_F64, SPLIT_F32, SPLIT_F64,
};

/// A number type that the target has registers of.
pub trait OnWide: Float {
    /// Its back-end.
    fn wide() -> impl Lanes<Elem = Self>;
}

impl OnWide for f32 {
    #[inline(always)]
    fn wide() -> impl Lanes<Elem = f32> {
        F32
    }
}

impl OnWide for f64 {
    #[inline(always)]
    fn wide() -> impl Lanes<Elem = f64> {
        F64
    }
}

/// f32, eight at a time; four in WebAssembly.
#[derive(Clone, Copy)]
pub(crate) struct F32;

/// f64, four at a time; two in WebAssembly.
#[derive(Clone, Copy)]
pub(crate) struct F64;

/// Registers for all virtual lanes.
const BANK: usize = 128 / size_of::<Singles>();

/// Rounded to nearest.
#[inline(always)]
fn singles(integers: SignedBits) -> Singles {
    #[cfg(not(target_arch = "wasm32"))]
    return Singles::from_i32x8(integers);
    #[cfg(target_arch = "wasm32")]
    Singles::from_i32x4(integers)
}

/// The operations that differ between the two types only in the type.
macro_rules! same_but_for_type {
    ($lanes:ident, $elem:ty, $vec:ty, $all_between:ident; $($own:tt)*) => {
        impl Arithmetic for $lanes {
            type Elem = $elem;
            type Vec = $vec;
            type Mask = $vec;
            const COUNT: usize = size_of::<$vec>() / size_of::<$elem>();

            #[inline(always)]
            fn splat(self, x: $elem) -> $vec {
                <$vec>::splat(x)
            }
            #[inline(always)]
            fn add(self, a: $vec, b: $vec) -> $vec {
                a + b
            }
            #[inline(always)]
            fn sub(self, a: $vec, b: $vec) -> $vec {
                a - b
            }
            #[inline(always)]
            fn mul(self, a: $vec, b: $vec) -> $vec {
                a * b
            }
            #[inline(always)]
            fn div(self, a: $vec, b: $vec) -> $vec {
                a / b
            }
            #[inline(always)]
            fn less(self, a: $vec, b: $vec) -> $vec {
                a.simd_lt(b)
            }
            #[inline(always)]
            fn equal(self, a: $vec, b: $vec) -> $vec {
                a.simd_eq(b)
            }
            #[inline(always)]
            fn select(self, mask: $vec, yes: $vec, no: $vec) -> $vec {
                mask.select(yes, no)
            }
            #[inline(always)]
            fn rotate(self, v: $vec, by: usize) -> $vec {
                let lanes = v.to_array();
                let mut rotated = lanes;
                for (i, lane) in rotated.iter_mut().enumerate() {
                    *lane = lanes[(i + by) % Self::COUNT];
                }
                <$vec>::new(rotated)
            }
            $($own)*
        }

        impl Lanes for $lanes {
            type Raw = [$elem; { size_of::<$vec>() / size_of::<$elem>() }];
            type Bank<X: Copy> = [X; BANK];
            const VARIANTS: bool = false;

            #[inline(always)]
            fn bank<X: Copy>(self, x: X) -> [X; BANK] {
                [x; BANK]
            }
            #[inline(always)]
            fn split_slice(self, slice: &[$elem]) -> (&[[$elem; { size_of::<$vec>() / size_of::<$elem>() }]], &[$elem]) {
                slice.as_chunks()
            }
            #[inline(always)]
            fn split_slice_mut(self, slice: &mut [$elem]) -> (&mut [[$elem; { size_of::<$vec>() / size_of::<$elem>() }]], &mut [$elem]) {
                slice.as_chunks_mut()
            }
            #[inline(always)]
            fn load(self, raw: [$elem; { size_of::<$vec>() / size_of::<$elem>() }]) -> $vec {
                <$vec>::new(raw)
            }
            #[inline(always)]
            fn store(self, v: $vec) -> [$elem; { size_of::<$vec>() / size_of::<$elem>() }] {
                v.to_array()
            }
            #[inline(always)]
            fn load_tail(self, part: &[$elem], fill: $elem) -> $vec {
                let mut raw = [fill; { size_of::<$vec>() / size_of::<$elem>() }];
                for (lane, &x) in raw.iter_mut().zip(part) {
                    *lane = x;
                }
                <$vec>::new(raw)
            }
            #[inline(always)]
            fn first_lanes(self, count: usize) -> $vec {
                let mut numbers = [0.0; { size_of::<$vec>() / size_of::<$elem>() }];
                for (number, lane) in numbers.iter_mut().zip(0_u8..) {
                    *number = lane.into();
                }
                <$vec>::new(numbers).simd_lt(<$vec>::splat(count as $elem))
            }
            #[inline(always)]
            fn store_tail(self, part: &mut [$elem], v: $vec) {
                for (x, lane) in part.iter_mut().zip(v.to_array()) {
                    *x = lane;
                }
            }
            #[inline(always)]
            fn first(self, v: $vec) -> $elem {
                v.to_array()[0]
            }
            #[inline(always)]
            fn all_positive_normal<const N: usize>(self, group: [$vec; N]) -> bool {
                $all_between(group, <$vec>::splat(<$elem>::MIN_POSITIVE), <$vec>::splat(<$elem>::MAX))
            }
            #[inline(always)]
            fn all_usual_exponents<const N: usize>(self, group: [$vec; N]) -> bool {
                $all_between(
                    group,
                    <$vec>::splat(-<$elem>::USUAL.next_down()),
                    <$vec>::splat(<$elem>::USUAL.next_down()),
                )
            }
            #[inline(always)]
            fn all_from_zero_to<const N: usize>(self, group: [$vec; N], limit: $elem) -> bool {
                $all_between(group, <$vec>::splat(0.0), <$vec>::splat(limit.next_down()))
            }
        }
    };
}

/// Whether `low <= x <= high` for every element. By float comparisons: SSE2 has no unsigned ones.
macro_rules! all_between {
    ($name:ident, $vec:ty) => {
        #[inline(always)]
        fn $name<const N: usize>(group: [$vec; N], low: $vec, high: $vec) -> bool {
            if let &[a, b, c, d] = group.as_slice() {
                let above = (low.simd_le(a) & low.simd_le(b)) & (low.simd_le(c) & low.simd_le(d));
                let below =
                    (a.simd_le(high) & b.simd_le(high)) & (c.simd_le(high) & d.simd_le(high));
                return (above & below).all();
            }
            group.into_iter().all(|v| (low.simd_le(v) & v.simd_le(high)).all())
        }
    };
}

all_between!(all_between_f32, Singles);
all_between!(all_between_f64, Doubles);

same_but_for_type! {
    F32, f32, Singles, all_between_f32;

    #[inline(always)]
    fn round_pow2(self, x: Singles) -> (Singles, Singles) {
        let shifted = x + Singles::splat(ROUND_F32);
        (
            shifted - Singles::splat(ROUND_F32),
            Singles::from_bits(shifted.to_bits().unbounded_shl_scalar(23)),
        )
    }
    #[inline(always)]
    fn split(self, x: Singles) -> (Singles, Singles) {
        let bits = x.to_bits();
        let exponent = (bits - SingleBits::splat(SPLIT_F32)) & SingleBits::splat(EXPONENT_F32);
        let signed: SignedBits = wide::bytemuck::cast(exponent);
        (Singles::from_bits(bits - exponent), singles(signed))
    }
}

same_but_for_type! {
    F64, f64, Doubles, all_between_f64;

    #[inline(always)]
    fn round_pow2(self, x: Doubles) -> (Doubles, Doubles) {
        let shifted = x + Doubles::splat(ROUND_F64);
        (
            shifted - Doubles::splat(ROUND_F64),
            Doubles::from_bits(shifted.to_bits().unbounded_shl_scalar(52)),
        )
    }
    #[inline(always)]
    fn split(self, x: Doubles) -> (Doubles, Doubles) {
        // No conversion from 64-bit integers: the exponent, biased to be positive, becomes the
        // low bits of 2^52.
        const TWO_POW_52: u64 = 0x4330_0000_0000_0000;
        let bits = x.to_bits();
        let above = bits - DoubleBits::splat(SPLIT_F64);
        let mantissa = Doubles::from_bits(bits - (above & DoubleBits::splat(EXPONENT_F64)));
        let biased = (above + DoubleBits::splat(1023 << 52)).unbounded_shr_scalar(52);
        let shifted = Doubles::from_bits(biased | DoubleBits::splat(TWO_POW_52));
        let exponent = shifted - Doubles::splat(f64::from_bits(TWO_POW_52) + 1023.0);
        (mantissa, exponent)
    }
}
