//! What NEON has beside pulp's own trait.

use pulp::{NullaryFnOnce, cast};

use super::Token;

impl Token for pulp::aarch64::Neon {
    type Bank<X: Copy> = [X; 8];

    #[inline(always)]
    fn bank<X: Copy>(x: X) -> [X; 8] {
        [x; 8]
    }
    #[inline(always)]
    fn with_features<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.vectorize(f)
    }
    #[inline(always)]
    fn shift_to_exponent_u32s(self, bits: Self::u32s) -> Self::u32s {
        cast(self.neon.vshlq_n_u32::<23>(cast(bits)))
    }
    #[inline(always)]
    fn shift_to_exponent_u64s(self, bits: Self::u64s) -> Self::u64s {
        cast(self.neon.vshlq_n_u64::<52>(cast(bits)))
    }
    #[inline(always)]
    fn to_f32s(self, integers: Self::u32s) -> Self::f32s {
        cast(self.neon.vcvtq_f32_s32(cast(integers)))
    }
    #[inline(always)]
    fn high_bits_to_f64s(self, bits: Self::u64s) -> Self::f64s {
        cast(self.neon.vcvtq_f64_s64(self.neon.vshrq_n_s64::<52>(cast(bits))))
    }
    #[inline(always)]
    fn none(self, mask: Self::m32s) -> bool {
        self.neon.vmaxvq_u32(cast(mask)) == 0
    }
}
