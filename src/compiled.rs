//! Every kernel for every type, compiled once, in this crate: users' crates would otherwise compile
//! all of them again, for each of their artefacts.

pub(crate) mod distill;
pub(crate) mod exact;
pub(crate) mod pairs;
pub(crate) mod rows;
pub(crate) mod stored;

use crate::float::{Computed, Float};
#[cfg(feature = "rayon")]
use crate::lanes::scalar::Scalar as OneElement;
#[cfg(feature = "rayon")]
use crate::stream::compensated::Compensated;

/// All kernels for numbers that are stored as `T` and computed with as `R`.
pub trait Compiled<T, R: Computed>:
    stored::Stored<T, R>
    + exact::Exact<T>
    + pairs::Pairs<R>
    + rows::Shares<R>
    + distill::Distill<R>
    + Scalar<R>
{
}

impl<T, R: Computed, K> Compiled<T, R> for K where
    K: stored::Stored<T, R>
        + exact::Exact<T>
        + pairs::Pairs<R>
        + rows::Shares<R>
        + distill::Distill<R>
        + Scalar<R>
{
}

/// What is asked of single numbers.
pub trait Scalar<T> {
    /// Whether logits can be divided by it: positive, normal, finite.
    fn is_temperature(x: T) -> bool;
    /// Whether it is above 0 and below 1.
    fn is_share(x: T) -> bool;
    /// `total / count`, the count rounded to nearest.
    fn per(total: T, count: usize) -> T;
    /// Sums of chunks, each the next of its stream, merged with what came before.
    #[cfg(feature = "rayon")]
    fn merged(before: Compensated<T>, chunks: &[Compensated<T>]) -> Compensated<T>;
    /// The sum of a stream from all its chunks.
    #[cfg(feature = "rayon")]
    fn value(merged: Compensated<T>) -> T;
}

impl<T: Float> Scalar<T> for T {
    fn is_temperature(x: T) -> bool {
        x.is_positive_normal()
    }
    fn is_share(x: T) -> bool {
        T::ZERO < x && x < T::ONE
    }
    #[inline]
    fn per(total: T, count: usize) -> T {
        total / T::from_usize(count)
    }
    #[cfg(feature = "rayon")]
    fn merged(before: Compensated<T>, chunks: &[Compensated<T>]) -> Compensated<T> {
        chunks.iter().fold(before, |merged, &chunk| merged.merge(OneElement::<T>::NEW, chunk))
    }
    #[cfg(feature = "rayon")]
    fn value(merged: Compensated<T>) -> T {
        merged.value()
    }
}
