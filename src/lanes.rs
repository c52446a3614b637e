//! The seam between formulas and instruction sets.
//!
//! [`Lanes`] says what a kernel means, not which instruction does it. Every operation has one
//! right answer, so all back-ends agree to the last bit. There is no fused multiply-add and no
//! reciprocal estimate, and no maximum as machines have it, which differs between them where NaN
//! or −0 meet: [`Arithmetic::larger`] is a comparison and a selection, for which x86 has one
//! instruction.

#[cfg(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "aarch64", target_feature = "neon")
))]
pub(crate) mod pulp;
pub(crate) mod scalar;
#[cfg(any(
    all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"),
    all(target_arch = "wasm32", target_feature = "simd128")
))]
pub(crate) mod wide;

use core::fmt::Debug;
use core::ops::{Add, Div, Mul, Sub};

use crate::kernel::Compiled;
use crate::math::{ExpConstants, LnConstants};

/// Arithmetic on vectors of one element type.
///
/// The laws below hold for every element. "Normal" is meant as in IEEE 754.
pub trait Arithmetic: Copy {
    /// What a lane holds.
    type Elem: Float;
    /// Some lanes.
    type Vec: Copy;
    /// One truth value a lane.
    type Mask: Copy;
    /// Lanes of a register.
    const COUNT: usize;

    /// `x` in every lane.
    fn splat(self, x: Self::Elem) -> Self::Vec;
    /// IEEE sum.
    fn add(self, a: Self::Vec, b: Self::Vec) -> Self::Vec;
    /// IEEE difference.
    fn sub(self, a: Self::Vec, b: Self::Vec) -> Self::Vec;
    /// IEEE product.
    fn mul(self, a: Self::Vec, b: Self::Vec) -> Self::Vec;
    /// IEEE quotient.
    fn div(self, a: Self::Vec, b: Self::Vec) -> Self::Vec;
    /// `a < b`; false where unordered.
    fn less(self, a: Self::Vec, b: Self::Vec) -> Self::Mask;
    /// `a == b`, zeros of either sign equal; false where unordered.
    fn equal(self, a: Self::Vec, b: Self::Vec) -> Self::Mask;
    /// `yes` where the mask is true, `no` elsewhere.
    fn select(self, mask: Self::Mask, yes: Self::Vec, no: Self::Vec) -> Self::Vec;
    /// The larger; `a` where unordered or equal.
    #[inline(always)]
    fn larger(self, a: Self::Vec, b: Self::Vec) -> Self::Vec {
        self.select(self.less(a, b), b, a)
    }
    /// `x` rounded to an integer `n`, ties to even, and `2^n`. The first holds for
    /// `|x| < 2^21` (f32) or `2^50` (f64), the second where `2^n` is normal.
    fn round_pow2(self, x: Self::Vec) -> (Self::Vec, Self::Vec);
    /// For positive normal `x` the `m` in [0.6875, 1.375) and `e` with `x = m·2^e`; the second
    /// result is `e` times [`LnConstants::EXPONENT_UNIT`].
    fn split(self, x: Self::Vec) -> (Self::Vec, Self::Vec);
    /// [`Arithmetic::split`] for every `x`: where the logarithm is not finite the second result is
    /// what the logarithm is, and the first one means nothing, but is finite.
    #[inline(always)]
    fn split_any(self, x: Self::Vec) -> (Self::Vec, Self::Vec) {
        let zero = self.splat(Self::Elem::ZERO);
        let subnormal = self.less(x, self.splat(Self::Elem::MIN_POSITIVE));
        let normalized = self.mul(x, self.splat(Self::Elem::NORMALIZE));
        let (mantissa, exponent) = self.split(self.select(subnormal, normalized, x));
        let lowered = self.sub(exponent, self.splat(Self::Elem::NORMALIZE_EXPONENT));
        let exponent = self.select(subnormal, lowered, exponent);

        let of_infinite_or_nan = x;
        let of_negative = self.splat(Self::Elem::NAN);
        let special = self.select(self.less(x, zero), of_negative, of_infinite_or_nan);
        let special =
            self.select(self.equal(x, zero), self.splat(Self::Elem::NEG_INFINITY), special);
        let finite = self.less(x, self.splat(Self::Elem::INFINITY));
        (mantissa, self.select(self.less(zero, x), self.select(finite, exponent, special), special))
    }
    /// Lane `i` of the result is lane `(i + by) mod COUNT`.
    fn rotate(self, v: Self::Vec, by: usize) -> Self::Vec;
}

/// Arithmetic on a register, and how it gets there.
pub trait Lanes: Arithmetic {
    /// A register's elements as they lie in a slice.
    type Raw: Copy;
    /// `L / COUNT` of anything: what it takes to hold one thing for each virtual lane.
    type Bank<X: Copy>: Copy + AsMut<[X]>;
    /// Whether kernels have code of their own for short and for long slices, and for unusual
    /// elements wherever they occur: speed for size.
    const VARIANTS: bool;
    /// Whether [`Lanes::all_positive_normal_if_finite`] is less than the whole check.
    const IF_FINITE: bool = false;

    /// `x` in every place.
    fn bank<X: Copy>(self, x: X) -> Self::Bank<X>;
    /// Cuts a slice into whole registers and what is left, which is fewer than `COUNT`.
    fn split_slice(self, slice: &[Self::Elem]) -> (&[Self::Raw], &[Self::Elem]);
    /// The same for writing.
    fn split_slice_mut(self, slice: &mut [Self::Elem]) -> (&mut [Self::Raw], &mut [Self::Elem]);
    /// From memory to a register.
    fn load(self, raw: Self::Raw) -> Self::Vec;
    /// From a register to memory.
    fn store(self, v: Self::Vec) -> Self::Raw;
    /// Fewer than `COUNT` elements; the lanes beyond them hold `fill`.
    fn load_tail(self, part: &[Self::Elem], fill: Self::Elem) -> Self::Vec;
    /// True in the first `count` lanes.
    fn first_lanes(self, count: usize) -> Self::Mask;
    /// The first `part.len()` lanes; fewer than `COUNT`.
    fn store_tail(self, part: &mut [Self::Elem], v: Self::Vec);
    /// The element in lane 0.
    fn first(self, v: Self::Vec) -> Self::Elem;
    /// Whether all elements are positive, normal and finite.
    fn all_positive_normal<const N: usize>(self, group: [Self::Vec; N]) -> bool;
    /// The same for less, but +∞ and NaN may pass, and what shares a lane with a NaN.
    #[inline(always)]
    fn all_positive_normal_if_finite<const N: usize>(self, group: [Self::Vec; N]) -> bool {
        self.all_positive_normal(group)
    }
    /// Whether all absolute values are below [`ExpConstants::USUAL`]; false for a NaN.
    fn all_usual_exponents<const N: usize>(self, group: [Self::Vec; N]) -> bool;
    /// Whether all elements are in [+0, `limit`), for a positive normal `limit`. It may be false
    /// for elements next to the limit, and for −0.
    fn all_from_zero_to<const N: usize>(self, group: [Self::Vec; N], limit: Self::Elem) -> bool;
}

/// Two registers in lockstep: each operation stands twice in a row, so that the processor's
/// window, too short for whole formulas, always holds independent work.
#[derive(Clone, Copy)]
pub(crate) struct Two<L>(pub(crate) L);

/// Operations of `Two`, each twice that of one register.
macro_rules! twice {
    ($($name:ident($($arg:ident: $of:ident),+) -> $out:ident;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: [L::$of; 2]),+) -> [L::$out; 2] {
            [self.0.$name($($arg[0]),+), self.0.$name($($arg[1]),+)]
        }
    )*};
}

impl<L: Arithmetic> Arithmetic for Two<L> {
    type Elem = L::Elem;
    type Vec = [L::Vec; 2];
    type Mask = [L::Mask; 2];
    const COUNT: usize = L::COUNT;

    twice! {
        add(a: Vec, b: Vec) -> Vec;
        sub(a: Vec, b: Vec) -> Vec;
        mul(a: Vec, b: Vec) -> Vec;
        div(a: Vec, b: Vec) -> Vec;
        less(a: Vec, b: Vec) -> Mask;
        equal(a: Vec, b: Vec) -> Mask;
        larger(a: Vec, b: Vec) -> Vec;
        select(mask: Mask, yes: Vec, no: Vec) -> Vec;
    }

    #[inline(always)]
    fn splat(self, x: L::Elem) -> [L::Vec; 2] {
        [self.0.splat(x); 2]
    }
    #[inline(always)]
    fn round_pow2(self, [a, b]: [L::Vec; 2]) -> ([L::Vec; 2], [L::Vec; 2]) {
        let (n0, power0) = self.0.round_pow2(a);
        let (n1, power1) = self.0.round_pow2(b);
        ([n0, n1], [power0, power1])
    }
    #[inline(always)]
    fn split(self, [a, b]: [L::Vec; 2]) -> ([L::Vec; 2], [L::Vec; 2]) {
        let (m0, e0) = self.0.split(a);
        let (m1, e1) = self.0.split(b);
        ([m0, m1], [e0, e1])
    }
    #[inline(always)]
    fn rotate(self, [a, b]: [L::Vec; 2], by: usize) -> [L::Vec; 2] {
        [self.0.rotate(a, by), self.0.rotate(b, by)]
    }
}

/// What the back-ends and the maths need to know of a number type.
pub trait Float: Element + LnConstants + ExpConstants {
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
    /// One of each for the virtual lanes: 128 bytes of elements.
    type Bank<X: Copy>: Copy + AsMut<[X]>;

    /// `x` in every place.
    fn bank<X: Copy>(x: X) -> Self::Bank<X>;
    /// Rounded to nearest.
    fn from_f64(x: f64) -> Self;
    /// [`Lanes::round_pow2`] of one element.
    fn round_pow2(self) -> (Self, Self);
    /// [`Lanes::split`] of one element.
    fn split(self) -> (Self, Self);
    /// [`Lanes::all_positive_normal`] of one element.
    fn is_positive_normal(self) -> bool;
    /// [`Lanes::all_usual_exponents`] of one element.
    fn is_usual_exponent(self) -> bool;

    /// The back-end of this type on what the target guarantees.
    #[cfg(any(
        all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"),
        all(target_arch = "wasm32", target_feature = "simd128")
    ))]
    fn wide() -> impl Lanes<Elem = Self>;

    /// Runs a kernel on the back-end of this type for a token.
    #[cfg(any(
        all(target_arch = "x86_64", target_feature = "sse2"),
        all(target_arch = "aarch64", target_feature = "neon")
    ))]
    fn on_token<S: pulp::Token, K: crate::kernel::Kernel<Self>>(token: S, kernel: K) -> K::Output;
}

/// The number types of this crate: `f32` and `f64`. Sealed.
pub trait Element:
    Copy
    + Debug
    + PartialOrd
    + Into<f64>
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + 'static
{
    /// The kernels: kept out of this trait, so that their names are free in generic code.
    #[doc(hidden)]
    type Kernels: Compiled<Self>;
}

impl Element for f32 {
    type Kernels = f32;
}

impl Element for f64 {
    type Kernels = f64;
}

/// Terms of a stream that are summed side by side, each in a virtual lane of its own.
pub(crate) const fn virtual_lanes<T>() -> usize {
    128 / size_of::<T>()
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::isa::{Backend, Isa};
    use crate::kernel::Kernel;
    use std::vec::Vec;

    /// The larger of each pair of these numbers, in lane 0.
    struct LargerOfPairs<'a, T>(&'a [T]);

    impl<T: Float> Kernel<T> for LargerOfPairs<'_, T> {
        type Output = Vec<T>;

        #[inline(always)]
        fn run<L: Lanes<Elem = T>>(self, l: L) -> Vec<T> {
            let pairs = self.0.iter().flat_map(|&a| self.0.iter().map(move |&b| (a, b)));
            pairs.map(|(a, b)| l.first(l.larger(l.splat(a), l.splat(b)))).collect()
        }
    }

    fn compare<T: Float>(numbers: &[T], bits: fn(T) -> u64) {
        let larger = |&a: &T, &b: &T| bits(if a < b { b } else { a });
        let expected: Vec<u64> =
            numbers.iter().flat_map(|a| numbers.iter().map(move |b| larger(a, b))).collect();
        for isa in Isa::available() {
            let backend = Backend::new(isa).expect("an available instruction set");
            let found: Vec<u64> =
                backend.run(LargerOfPairs(numbers)).into_iter().map(bits).collect();
            assert_eq!(found, expected, "{isa}");
        }
    }

    /// The first where they are unordered or equal: two zeros, two NaNs.
    #[test]
    fn larger_is_a_comparison_and_a_selection() {
        let nan = f32::from_bits(0x7fc0_0001);
        compare(&[0.0, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, nan], |x| {
            u64::from(x.to_bits())
        });
        let nan = f64::from_bits(0x7ff8_0000_0000_0001);
        compare(
            &[0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, nan],
            f64::to_bits,
        );
    }
}
