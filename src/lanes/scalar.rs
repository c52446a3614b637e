//! One element at a time, in plain Rust: every target, and what the other back-ends must equal.

use core::marker::PhantomData;

use super::{Arithmetic, Lanes};
use crate::float::Float;

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
    // Memory is faster than one element at a time anyway.
    const READS_AHEAD: bool = false;

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
