//! Arithmetic on single numbers, once a row.

use crate::float::Float;
use crate::lanes::scalar::Scalar;
use crate::math::{exp_factor, ln};
use crate::stream::compensated::Compensated;

pub(crate) fn magnitude<T: Float>(x: T) -> T {
    if x < T::ZERO { T::ZERO - x } else { x }
}

pub(crate) fn total<T: Float>(sum: Compensated<T>) -> T {
    let is_finite = T::NEG_INFINITY < sum.sum && sum.sum < T::INFINITY;
    if is_finite { sum.sum + sum.lost } else { sum.sum }
}

#[inline(never)]
pub(crate) fn exp_of<T: Float>(x: T) -> T {
    exp_factor(Scalar::<T>::NEW, x)
}

#[inline(never)]
pub(crate) fn ln_of<T: Float>(x: T) -> T {
    ln(Scalar::<T>::NEW, x)
}
