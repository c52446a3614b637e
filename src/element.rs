//! The number types of the interface.

use core::fmt::Debug;
use core::ops::{Add, Div, Mul, Sub};

use crate::compiled::Compiled;
use crate::float::Computed;

/// The number types of this crate: `f32` and `f64`, and with the feature `half` that crate's `f16` and `bf16`. Sealed.
///
/// Numbers of 16 bits are widened to `f32`, computed with, and rounded once to nearest, ties to even, where a result is
/// one for each element; sums stay `f32`.
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
    Computed
    + Copy
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

#[cfg(feature = "half")]
mod half_types {
    use half::{bf16, f16};

    use super::Element;
    use crate::float::Computed;
    use crate::float::half::{to_bf16, to_f16, to_odd};
    use crate::float::narrow::Never;

    macro_rules! half_type {
        ($($elem:ident from $narrow:ident),+) => {$(
            impl Computed for $elem {
                type Narrow = Never;
            }

            /// With the feature `half`. Its own arithmetic rounds each result; what is computed here is computed in
            /// `f32`.
            impl Element for $elem {
                type Real = f32;
                type Kernels = f32;
                const ZERO: $elem = $elem::ZERO;
                const ONE: $elem = $elem::ONE;

                #[inline]
                fn from_f64(x: f64) -> $elem {
                    $elem::from_bits($narrow(to_odd(x)))
                }
                #[inline]
                fn to_f64(self) -> f64 {
                    self.into()
                }
            }
        )+};
    }

    half_type!(f16 from to_f16, bf16 from to_bf16);
}
