//! The number types that tests, fuzz targets and benchmarks run over, and what they ask of a type.
//!
//! A further type is one `number!` here and one line in `for_each_number!`. Without `std` and without
//! memory of its own, because firmware includes this file too.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each program that includes this file uses its own part"
)]

use kldiv::{Element, accuracy};

/// A type of the elements in memory. (Names keep clear of those of the library's own traits.)
pub(crate) trait Number: Element<Real = Self> {
    /// What is computed with, [`Element::Real`]: the type of totals, of factors and of what lies between.
    type Computed: Number<Computed = Self::Computed>;
    /// As in Rust, which is also how the golden files spell it.
    const NAME: &'static str;
    /// Of a number in memory.
    const BITS: u32;
    /// Stored, so without the leading one.
    const MANTISSA_BITS: u32;
    const EXPONENT_BIAS: i16;
    /// Half the distance from 1 to the next number: the largest relative error of one rounding.
    const UNIT: f64 = 1.0 / (2_u64 << Self::MANTISSA_BITS) as f64;
    /// Below this absolute error the golden files do not distinguish: subnormals.
    const FLOOR: f64;
    /// The error of `kldiv::reference`, which computes in `f64`, in units of this type.
    const REFERENCE_MAX_U: f64;
    const EXP_MAX_ULP: f64;
    /// The smallest positive number, a subnormal.
    const SMALLEST: Self;
    const SMALLEST_NORMAL: Self;
    const LARGEST: Self;
    /// The smallest `t` whose `eᵗ` does not round to zero.
    const LN_SMALLEST: Self;
    /// The largest `t` whose `eᵗ` is finite.
    const LN_LARGEST: Self;
    /// Some `t` whose `eᵗ` is subnormal, in the middle of them.
    const LN_SUBNORMAL: Self;

    /// The nearest number of this type.
    fn of(value: f64) -> Self;
    fn bits(self) -> u64;
    fn from_bits(bits: u64) -> Self;

    /// The bit pattern of a result: one for all NaNs, which may differ between machines.
    fn result_bits(self) -> u64 {
        if self.to_f64().is_nan() { (1 << (Self::BITS - 1)) - 1 } else { self.bits() }
    }
    /// The neighbour on the far side from zero.
    fn outward(self) -> Self {
        Self::from_bits(self.bits() + 1)
    }
    /// The neighbour on zero's side.
    fn inward(self) -> Self {
        Self::from_bits(self.bits() - 1)
    }
    fn negative(self) -> Self {
        Self::from_bits(self.bits() ^ 1 << (Self::BITS - 1))
    }
    /// From the big-endian hex of the bit pattern.
    fn from_hex(hex: &str) -> Self {
        Self::from_bits(u64::from_str_radix(hex, 16).expect("a hexadecimal bit pattern"))
    }
    /// ±(1 + mantissa)·2^exponent, the mantissa the uppermost of 64 bits: nothing is rounded.
    fn compose(negative: bool, exponent: i16, mantissa: u64) -> Self {
        let biased = u64::from((exponent + Self::EXPONENT_BIAS).unsigned_abs());
        let magnitude = (biased << Self::MANTISSA_BITS) | mantissa >> (64 - Self::MANTISSA_BITS);
        Self::from_bits(u64::from(negative) << (Self::BITS - 1) | magnitude)
    }
}

macro_rules! number {
    (
        $type:ty as $name:literal, computed in $computed:ty, from $of:expr;
        $word:ty: $mantissa_bits:literal bits of mantissa, bias $bias:literal;
        exp: $exp_max_ulp:expr, bits of arguments
            $ln_smallest:literal, $ln_subnormal:literal, $ln_largest:literal;
        floor $floor:literal, reference $reference_max_u:literal
    ) => {
        impl Number for $type {
            type Computed = $computed;
            const NAME: &'static str = $name;
            const BITS: u32 = <$word>::BITS;
            const MANTISSA_BITS: u32 = $mantissa_bits;
            const EXPONENT_BIAS: i16 = $bias;
            const FLOOR: f64 = $floor;
            const REFERENCE_MAX_U: f64 = $reference_max_u;
            const EXP_MAX_ULP: f64 = $exp_max_ulp;
            const SMALLEST: Self = <$type>::from_bits(1);
            const SMALLEST_NORMAL: Self = <$type>::MIN_POSITIVE;
            const LARGEST: Self = <$type>::MAX;
            const LN_SMALLEST: Self = <$type>::from_bits($ln_smallest);
            const LN_LARGEST: Self = <$type>::from_bits($ln_largest);
            const LN_SUBNORMAL: Self = <$type>::from_bits($ln_subnormal);

            fn of(value: f64) -> Self {
                let of: fn(f64) -> Self = $of;
                of(value)
            }
            fn bits(self) -> u64 {
                self.to_bits().into()
            }
            fn from_bits(bits: u64) -> Self {
                <$type>::from_bits(<$word>::try_from(bits).expect("a bit pattern of this width"))
            }
        }
    };
}

number!(
    f32 as "f32", computed in f32, from |value| value as f32;
    u32: 23 bits of mantissa, bias 127;
    exp: accuracy::EXP_F32_MAX_ULP, bits of arguments 0xc2cf_f1b4, 0xc2c8_0000, 0x42b1_7217;
    floor 1e-40, reference 0.0
);
number!(
    f64 as "f64", computed in f64, from |value| value;
    u64: 52 bits of mantissa, bias 1023;
    exp: accuracy::EXP_F64_MAX_ULP, bits of arguments
        0xc087_4910_d52d_3051, 0xc087_2000_0000_0000, 0x4086_2e42_fefa_39ef;
    floor 1e-318, reference 2.0
);

/// Does the same for each number type: `for_each_number!(R => check::<R>())`.
macro_rules! for_each_number {
    ($number:ident => $work:expr) => {{
        {
            type $number = f32;
            $work;
        }
        {
            type $number = f64;
            $work;
        }
    }};
}
pub(crate) use for_each_number;

/// Whether two numbers are the same answer: equal bits, or both NaN.
pub(crate) fn same<N: Number>(a: N, b: N) -> bool {
    a.result_bits() == b.result_bits()
}
