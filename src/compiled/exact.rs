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
    ($($elem:ty),+) => {$(
        impl Exact<$elem> for $elem {
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

compile!(f32, f64);
