//! The number types of the interface.

use core::fmt::Debug;
use core::ops::{Add, Div, Mul, Sub};

use crate::compiled::Compiled;

/// The number types of this crate: `f32` and `f64`. Sealed.
///
/// # Examples
/// Code that takes any of them can compute:
/// ```
/// use kldiv::Element;
///
/// fn mean<T: Element>(values: &[T]) -> f64 {
///     let sum = values.iter().fold(0.0, |sum, x| sum + x.to_f64());
///     sum / values.len() as f64
/// }
///
/// assert_eq!(mean(&[1.0_f32, 2.0]), 1.5);
/// assert_eq!(f32::from_f64(0.1), 0.1_f32);
/// ```
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
    /// What is computed in, and what sums are given in.
    type Real: Element<Real = Self::Real>;
    /// The kernels: kept out of this trait, so that their names are free in generic code.
    #[doc(hidden)]
    type Kernels: Compiled<Self, Self::Real>;

    /// +0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// The nearest number of this type, ties to even.
    fn from_f64(x: f64) -> Self;
    /// The same number; exact.
    fn to_f64(self) -> f64;
}

impl Element for f32 {
    type Real = f32;
    type Kernels = f32;
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;

    #[inline]
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
    #[inline]
    fn to_f64(self) -> f64 {
        self.into()
    }
}

impl Element for f64 {
    type Real = f64;
    type Kernels = f64;
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;

    #[inline]
    fn from_f64(x: f64) -> f64 {
        x
    }
    #[inline]
    fn to_f64(self) -> f64 {
        self
    }
}
