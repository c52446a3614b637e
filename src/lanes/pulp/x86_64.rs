//! What AVX2 and AVX-512 have beside pulp's own trait.

use pulp::{NullaryFnOnce, Simd, cast};

use super::Token;

impl Token for pulp::x86::V3 {
    type Bank<X: Copy> = [X; 4];

    #[inline(always)]
    fn bank<X: Copy>(x: X) -> [X; 4] {
        [x; 4]
    }
    #[inline(always)]
    fn with_features<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.vectorize(f)
    }
    #[inline(always)]
    fn shift_to_exponent_u32s(self, bits: Self::u32s) -> Self::u32s {
        self.shl_const_u32x8::<23>(bits)
    }
    #[inline(always)]
    fn shift_to_exponent_u64s(self, bits: Self::u64s) -> Self::u64s {
        self.shl_const_u64x4::<52>(bits)
    }
    #[inline(always)]
    fn to_f32s(self, integers: Self::u32s) -> Self::f32s {
        cast(self.avx._mm256_cvtepi32_ps(cast(integers)))
    }
    #[inline(always)]
    fn high_bits_to_f64s(self, bits: Self::u64s) -> Self::f64s {
        // No such conversion before AVX-512: the integer, biased to be positive, becomes the
        // low bits of 2^52.
        const TWO_POW_52: u64 = 0x4330_0000_0000_0000;
        let biased = self.add_u64s(bits, self.splat_u64s(1023 << 52));
        let integer = self.shr_const_u64x4::<52>(biased);
        let shifted = self.or_u64s(integer, self.splat_u64s(TWO_POW_52));
        self.sub_f64s(cast(shifted), self.splat_f64s(f64::from_bits(TWO_POW_52) + 1023.0))
    }
    #[inline(always)]
    fn none(self, mask: Self::m32s) -> bool {
        self.avx._mm256_movemask_ps(cast(mask)) == 0
    }
}

#[cfg(feature = "avx512")]
impl Token for pulp::x86::V4 {
    type Bank<X: Copy> = [X; 2];

    #[inline(always)]
    fn bank<X: Copy>(x: X) -> [X; 2] {
        [x; 2]
    }
    #[inline(always)]
    fn with_features<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.vectorize(f)
    }
    #[inline(always)]
    fn shift_to_exponent_u32s(self, bits: Self::u32s) -> Self::u32s {
        self.shl_const_u32x16::<23>(bits)
    }
    #[inline(always)]
    fn shift_to_exponent_u64s(self, bits: Self::u64s) -> Self::u64s {
        self.shl_const_u64x8::<52>(bits)
    }
    #[inline(always)]
    fn to_f32s(self, integers: Self::u32s) -> Self::f32s {
        cast(self.avx512f._mm512_cvtepi32_ps(cast(integers)))
    }
    #[inline(always)]
    fn high_bits_to_f64s(self, bits: Self::u64s) -> Self::f64s {
        let integer = self.avx512f._mm512_srai_epi64::<52>(cast(bits));
        cast(self.avx512dq._mm512_cvtepi64_pd(integer))
    }
    #[inline(always)]
    fn none(self, mask: Self::m32s) -> bool {
        mask.0 == 0
    }
}
