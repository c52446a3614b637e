//! The seam between formulas and instruction sets.
//!
//! [`Lanes`] says what a kernel means, not which instruction does it. Every operation has one
//! right answer, so all back-ends agree to the last bit. There is no fused multiply-add and no
//! reciprocal estimate, and no maximum as machines have it, which differs between them where NaN
//! or −0 meet: [`Arithmetic::larger`] is a comparison and a selection, for which x86 has one
//! instruction.

mod hint;
pub(crate) use hint::{LINE, helps};
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

#[cfg(doc)]
use crate::float::ExpConstants;
use crate::float::{Float, LnConstants};

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
    /// Whether the numbers that functions are given are known to be usual: see [`Usual`].
    const USUAL: bool = false;

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
    /// [`Arithmetic::split`] for subnormal `x` too.
    #[inline(always)]
    fn split_positive(self, x: Self::Vec) -> (Self::Vec, Self::Vec) {
        let subnormal = self.less(x, self.splat(Self::Elem::MIN_POSITIVE));
        let normalized = self.mul(x, self.splat(Self::Elem::NORMALIZE));
        let (mantissa, exponent) = self.split(self.select(subnormal, normalized, x));
        let lowered = self.sub(exponent, self.splat(Self::Elem::NORMALIZE_EXPONENT));
        (mantissa, self.select(subnormal, lowered, exponent))
    }
    /// [`Arithmetic::split`] for every `x`: where the logarithm is not finite the second result is
    /// what the logarithm is, and the first one means nothing, but is finite.
    #[inline(always)]
    fn split_any(self, x: Self::Vec) -> (Self::Vec, Self::Vec) {
        let zero = self.splat(Self::Elem::ZERO);
        let (mantissa, exponent) = self.split_positive(x);

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
    /// Whether [`Lanes::will_read`] does anything.
    const READS_AHEAD: bool = hint::IS_THERE;

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
    /// These will be read soon. A hint, once for each cache line: it has no result and so no bits.
    #[inline(always)]
    fn will_read(self, registers: &[Self::Raw]) {
        for register in registers.iter().step_by(registers_of_a_line::<Self>()) {
            hint::will_read(register);
        }
    }
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

/// Registers that lie in one cache line, or one that is as large.
#[inline(always)]
const fn registers_of_a_line<L: Lanes>() -> usize {
    let bytes = size_of::<L::Raw>();
    if bytes < hint::LINE { hint::LINE / bytes } else { 1 }
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
    const USUAL: bool = L::USUAL;

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

/// The same arithmetic with the knowledge that numbers are usual: positive and normal under a
/// logarithm, within [`ExpConstants::USUAL`] under an exponential. [`usual`] makes one.
#[derive(Clone, Copy)]
pub(crate) struct Usual<A>(A);

/// For numbers that are known to be usual.
#[inline(always)]
pub(crate) fn usual<A: Arithmetic>(a: A) -> Usual<A> {
    Usual(a)
}

/// Operations of `Usual`, those of the arithmetic itself.
macro_rules! the_same {
    ($($name:ident($($arg:ident: $of:ty),+) -> $out:ty;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: $of),+) -> $out {
            self.0.$name($($arg),+)
        }
    )*};
}

impl<A: Arithmetic> Arithmetic for Usual<A> {
    type Elem = A::Elem;
    type Vec = A::Vec;
    type Mask = A::Mask;
    const COUNT: usize = A::COUNT;
    const USUAL: bool = true;

    the_same! {
        splat(x: A::Elem) -> A::Vec;
        add(a: A::Vec, b: A::Vec) -> A::Vec;
        sub(a: A::Vec, b: A::Vec) -> A::Vec;
        mul(a: A::Vec, b: A::Vec) -> A::Vec;
        div(a: A::Vec, b: A::Vec) -> A::Vec;
        less(a: A::Vec, b: A::Vec) -> A::Mask;
        equal(a: A::Vec, b: A::Vec) -> A::Mask;
        larger(a: A::Vec, b: A::Vec) -> A::Vec;
        select(mask: A::Mask, yes: A::Vec, no: A::Vec) -> A::Vec;
        round_pow2(x: A::Vec) -> (A::Vec, A::Vec);
        split(x: A::Vec) -> (A::Vec, A::Vec);
        split_positive(x: A::Vec) -> (A::Vec, A::Vec);
        split_any(x: A::Vec) -> (A::Vec, A::Vec);
        rotate(v: A::Vec, by: usize) -> A::Vec;
    }
}

/// Something to run on a back-end. Everything it calls must be inlined: one function that is
/// not leaves the back-end's instruction set and turns each instruction into a call.
pub trait Kernel<T: Float> {
    /// What it returns.
    type Output;
    /// Runs it.
    fn run<L: Lanes<Elem = T>>(self, l: L) -> Self::Output;
}
