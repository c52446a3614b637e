//! Exact sums, for each type.

use crate::fixed_point::FixedPoint;

/// What a fixed-point total does with numbers of a type.
pub trait Exact<T> {
    /// One more term.
    fn add(total: &mut FixedPoint, x: T);
    /// Each of these is one more term.
    fn extend(total: &mut FixedPoint, values: &[T]);
    /// The number nearest to the total, rounded once.
    fn nearest(total: &FixedPoint) -> T;
}

macro_rules! compile {
    ($($elem:ty as $kernels:ty),+) => {$(
        impl Exact<$elem> for $kernels {
            #[inline]
            fn add(total: &mut FixedPoint, x: $elem) {
                total.add::<$elem, $elem>(x);
            }
            fn extend(total: &mut FixedPoint, values: &[$elem]) {
                total.extend::<$elem, $elem>(values);
            }
            fn nearest(total: &FixedPoint) -> $elem {
                total.nearest::<$elem, $elem>()
            }
        }
    )+};
}

compile!(f32 as f32, f64 as f64);
#[cfg(feature = "half")]
compile!(half::f16 as f32, half::bf16 as f32);
