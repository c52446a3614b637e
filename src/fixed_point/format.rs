//! Number types as IEEE 754 lays out their bits: a sign, an exponent, a fraction.

/// The layout of `T`. Two widths say all of it, so a further type is two numbers, how its bits are had, and a line in
/// the list at the end of this file.
pub trait BinaryFormat<T> {
    /// Bits of the fraction.
    const FRACTION_BITS: u32;
    /// Bits of the exponent.
    const EXPONENT_BITS: u32;
    /// The exponent field of infinities and NaN.
    const SPECIAL_EXPONENT: u64 = (1 << Self::EXPONENT_BITS) - 1;
    /// The leading bit of a normal number, which is not stored.
    const LEADING_BIT: u64 = 1 << Self::FRACTION_BITS;
    /// +∞.
    const INFINITY: u64 = Self::SPECIAL_EXPONENT << Self::FRACTION_BITS;
    /// A quiet NaN.
    const NAN: u64 = Self::INFINITY | Self::LEADING_BIT >> 1;
    /// The sign.
    const SIGN: u64 = 1 << (Self::FRACTION_BITS + Self::EXPONENT_BITS);
    /// The smallest positive number is two to the power of minus this.
    const SMALLEST: u32 = (1 << (Self::EXPONENT_BITS - 1)) - 2 + Self::FRACTION_BITS;

    /// The bits, in the lower end.
    fn to_bits(x: T) -> u64;
    /// The number of these bits.
    fn from_bits(bits: u64) -> T;
}

macro_rules! binary_format {
    ($($type:ident: $bits:ident, fraction $fraction:literal, exponent $exponent:literal;)+) => {$(
        impl BinaryFormat<$type> for $type {
            const FRACTION_BITS: u32 = $fraction;
            const EXPONENT_BITS: u32 = $exponent;

            #[inline(always)]
            fn to_bits(x: $type) -> u64 {
                $type::to_bits(x).into()
            }
            #[inline(always)]
            fn from_bits(bits: u64) -> $type {
                $type::from_bits(bits as $bits)
            }
        }
    )+};
}

binary_format! {
    f32: u32, fraction 23, exponent 8;
    f64: u64, fraction 52, exponent 11;
}

#[cfg(feature = "half")]
use half::{bf16, f16};

#[cfg(feature = "half")]
binary_format! {
    f16: u16, fraction 10, exponent 5;
    bf16: u16, fraction 7, exponent 8;
}
