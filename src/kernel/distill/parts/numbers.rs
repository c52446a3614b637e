//! Arithmetic on single numbers, once a row.

use crate::float::Float;
use crate::lanes::scalar::Scalar;
use crate::math::{exp_factor, ln};
use crate::stream::compensated::Compensated;

pub(crate) fn magnitude<T: Float>(x: T) -> T {
    if x < T::ZERO { T::ZERO - x } else { x }
}

pub(crate) fn is_finite<T: Float>(x: T) -> bool {
    T::NEG_INFINITY < x && x < T::INFINITY
}

pub(crate) fn total<T: Float>(sum: Compensated<T>) -> T {
    if is_finite(sum.sum) { sum.sum + sum.lost } else { sum.sum }
}

#[inline(never)]
pub(crate) fn exp_of<T: Float>(x: T) -> T {
    exp_factor(Scalar::<T>::NEW, x)
}

#[inline(never)]
pub(crate) fn ln_of<T: Float>(x: T) -> T {
    ln(Scalar::<T>::NEW, x)
}
