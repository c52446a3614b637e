//! Every kernel for both types, compiled once, in this crate: users' crates would otherwise
//! compile all of them again, for each of their artefacts.

#[cfg(feature = "rayon")]
use super::ChunkSum;
use super::RowSums;
use super::distill::{Outcome, Problem, Wanted, distill};
use super::formula::{
    CrossEntropy, Entropy, Family, Forward, InputGrad, LnProbs, Mass, Of, Probs, TargetGrad,
};
use super::map::{Factors, Map};
use super::softmax::{LogSoftmax, Softmax};
use crate::isa::Backend;
use crate::kl::{Input, Target};
#[cfg(feature = "rayon")]
use crate::lanes::scalar::Scalar;
#[cfg(feature = "rayon")]
use crate::sum::Compensated;

/// The kernels of a number type. Slices that go together have one length; `row_length`, 0 only
/// where that is 0, divides it.
pub trait Compiled<T> {
    /// `Σ p·(ln p − ln q)` of each row.
    fn row_sums(pair: Pair<'_, T>, row_length: usize, out: &mut [T]);
    /// `Σ p·(ln p − ln q)`.
    fn sum(pair: Pair<'_, T>) -> T;
    /// `Σ −p·ln q`.
    fn cross_entropy(pair: Pair<'_, T>) -> T;
    /// `Σ −p·ln p`.
    fn entropy(of: Single<'_, T>) -> T;
    /// `Σ p`.
    fn mass(of: Single<'_, T>) -> T;
    /// `p·(ln p − ln q)`.
    fn pointwise(pair: Pair<'_, T>, out: &mut [T]);
    /// Its derivative by the input.
    fn grad_input(pair: Pair<'_, T>, row_length: usize, g: Factors<'_, T>, out: &mut [T]);
    /// Its derivative by the target.
    fn grad_target(pair: Pair<'_, T>, row_length: usize, g: Factors<'_, T>, out: &mut [T]);
    /// Log-probabilities of rows of logits.
    fn log_softmax(backend: Backend, logits: &[T], classes: usize, out: &mut [T]);
    /// Probabilities of rows of logits.
    fn softmax(backend: Backend, logits: &[T], classes: usize, out: &mut [T]);
    /// Losses between rows of logits, and gradients.
    fn distill(problem: Problem<'_, T>, wanted: Wanted<'_, T>) -> Outcome<T>;
    /// The same problem with weights so small that their sums stay in range.
    fn with_small_weights(problem: Problem<'_, T>) -> Problem<'_, T>;
    /// Whether logits can be divided by it: positive, normal, finite.
    fn is_temperature(x: T) -> bool;
    /// Whether it is above 0 and below 1.
    fn is_share(x: T) -> bool;
    /// `total / count`, the count rounded to nearest.
    fn per(total: T, count: usize) -> T;
    /// +0.
    fn zero() -> T;
    /// 1.
    fn one() -> T;
    /// The total over one chunk of a stream: at most [`CHUNK`](crate::sum::CHUNK) elements.
    #[cfg(feature = "rayon")]
    fn chunk(of: Total, pair: Pair<'_, T>) -> Compensated<T>;
    /// No chunks merged.
    #[cfg(feature = "rayon")]
    fn no_chunks() -> Compensated<T>;
    /// One more merged, the next of its stream.
    #[cfg(feature = "rayon")]
    fn merge(merged: Compensated<T>, chunk: Compensated<T>) -> Compensated<T>;
    /// The sum of a stream from all its chunks.
    #[cfg(feature = "rayon")]
    fn value(merged: Compensated<T>) -> T;
}

/// What is added up over a stream.
#[cfg(feature = "rayon")]
#[derive(Clone, Copy, Debug)]
pub enum Total {
    /// `Σ p·(ln p − ln q)`
    Divergence,
    /// `Σ −p·ln q`
    CrossEntropy,
    /// `Σ −p·ln p`
    Entropy,
}

/// Two distributions and what to run on.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a, T> {
    pub(crate) backend: Backend,
    pub(crate) input: Input<'a, T>,
    pub(crate) target: Target<'a, T>,
}

/// One distribution and what to run on.
#[derive(Clone, Copy, Debug)]
pub struct Single<'a, T> {
    pub(crate) backend: Backend,
    pub(crate) values: Target<'a, T>,
}

/// A formula of one pair of forms, summed over rows.
trait SumRows<T> {
    fn sum_rows(backend: Backend, x: &[T], t: &[T], row_length: usize, out: &mut [T]);
    #[cfg(feature = "rayon")]
    fn sum_chunk(backend: Backend, x: &[T], t: &[T]) -> Compensated<T>;
}

/// A formula of one pair of forms, written element by element.
trait Write<T> {
    fn write(
        backend: Backend,
        x: &[T],
        t: &[T],
        row_length: usize,
        factors: Factors<'_, T>,
        out: &mut [T],
    );
}

macro_rules! sum_rows {
    ($elem:ty, $family:ident: $($input:ident $target:ident),+) => {$(
        impl SumRows<$elem> for Of<$family, $input, $target> {
            fn sum_rows(
                backend: Backend,
                x: &[$elem],
                t: &[$elem],
                row_length: usize,
                out: &mut [$elem],
            ) {
                backend.run(RowSums { formula: Self::NEW, x, t, row_length, out });
            }
            #[cfg(feature = "rayon")]
            fn sum_chunk(backend: Backend, x: &[$elem], t: &[$elem]) -> Compensated<$elem> {
                backend.run(ChunkSum { formula: Self::NEW, x, t })
            }
        }
    )+};
}

macro_rules! write {
    ($elem:ty, $family:ident: $($input:ident $target:ident),+) => {$(
        impl Write<$elem> for Of<$family, $input, $target> {
            fn write(
                backend: Backend,
                x: &[$elem],
                t: &[$elem],
                row_length: usize,
                factors: Factors<'_, $elem>,
                out: &mut [$elem],
            ) {
                backend.run(Map { formula: Self::NEW, x, t, row_length, factors, out });
            }
        }
    )+};
}

macro_rules! compile {
    ($elem:ty) => {
        sum_rows!($elem, Forward: LnProbs Probs, LnProbs LnProbs, Probs Probs, Probs LnProbs);
        sum_rows!($elem, CrossEntropy: LnProbs Probs, LnProbs LnProbs, Probs Probs, Probs LnProbs);
        sum_rows!($elem, Entropy: LnProbs Probs, LnProbs LnProbs);
        sum_rows!($elem, Mass: LnProbs Probs, LnProbs LnProbs);
        write!($elem, Forward: LnProbs Probs, LnProbs LnProbs, Probs Probs, Probs LnProbs);
        write!($elem, InputGrad: LnProbs Probs, LnProbs LnProbs, Probs Probs, Probs LnProbs);
        write!($elem, TargetGrad: LnProbs Probs, LnProbs LnProbs, Probs Probs, Probs LnProbs);

        impl Compiled<$elem> for $elem {
            #[inline]
            fn row_sums(pair: Pair<'_, $elem>, row_length: usize, out: &mut [$elem]) {
                pair.sum_rows::<Forward>(row_length, out);
            }
            #[inline]
            fn sum(pair: Pair<'_, $elem>) -> $elem {
                let mut out = [0.0];
                Self::row_sums(pair, pair.target.values().len(), &mut out);
                out[0]
            }
            #[inline]
            fn cross_entropy(pair: Pair<'_, $elem>) -> $elem {
                let mut out = [0.0];
                pair.sum_rows::<CrossEntropy>(pair.target.values().len(), &mut out);
                out[0]
            }
            #[inline]
            fn entropy(of: Single<'_, $elem>) -> $elem {
                let mut out = [0.0];
                of.sum_rows::<Entropy>(of.values.values().len(), &mut out);
                out[0]
            }
            #[inline]
            fn mass(of: Single<'_, $elem>) -> $elem {
                let mut out = [0.0];
                of.sum_rows::<Mass>(of.values.values().len(), &mut out);
                out[0]
            }
            #[inline]
            fn pointwise(pair: Pair<'_, $elem>, out: &mut [$elem]) {
                let row_length = out.len().max(1);
                pair.write::<Forward>(row_length, Factors::Uniform(1.0), out);
            }
            #[inline]
            fn grad_input(
                pair: Pair<'_, $elem>,
                row_length: usize,
                factors: Factors<'_, $elem>,
                out: &mut [$elem],
            ) {
                pair.write::<InputGrad>(row_length, factors, out);
            }
            #[inline]
            fn grad_target(
                pair: Pair<'_, $elem>,
                row_length: usize,
                factors: Factors<'_, $elem>,
                out: &mut [$elem],
            ) {
                pair.write::<TargetGrad>(row_length, factors, out);
            }
            fn log_softmax(backend: Backend, logits: &[$elem], classes: usize, out: &mut [$elem]) {
                backend.run(LogSoftmax { logits, classes, out });
            }
            fn softmax(backend: Backend, logits: &[$elem], classes: usize, out: &mut [$elem]) {
                backend.run(Softmax { logits, classes, out });
            }
            fn distill(problem: Problem<'_, $elem>, wanted: Wanted<'_, $elem>) -> Outcome<$elem> {
                distill(problem, wanted)
            }
            fn with_small_weights(problem: Problem<'_, $elem>) -> Problem<'_, $elem> {
                problem.with_small_weights()
            }
            fn is_temperature(x: $elem) -> bool {
                x.is_normal() && x > 0.0
            }
            fn is_share(x: $elem) -> bool {
                0.0 < x && x < 1.0
            }
            #[inline]
            fn per(total: $elem, count: usize) -> $elem {
                total / count as $elem
            }
            #[inline]
            fn zero() -> $elem {
                0.0
            }
            fn one() -> $elem {
                1.0
            }
            #[cfg(feature = "rayon")]
            fn chunk(of: Total, pair: Pair<'_, $elem>) -> Compensated<$elem> {
                match of {
                    Total::Divergence => pair.sum_chunk::<Forward>(),
                    Total::CrossEntropy => pair.sum_chunk::<CrossEntropy>(),
                    Total::Entropy => {
                        let Pair { backend, target, .. } = pair;
                        Single { backend, values: target }.sum_chunk::<Entropy>()
                    }
                }
            }
            #[cfg(feature = "rayon")]
            fn no_chunks() -> Compensated<$elem> {
                Compensated::zero(Scalar::<$elem>::NEW)
            }
            #[cfg(feature = "rayon")]
            fn merge(merged: Compensated<$elem>, chunk: Compensated<$elem>) -> Compensated<$elem> {
                merged.merge(Scalar::<$elem>::NEW, chunk)
            }
            #[cfg(feature = "rayon")]
            fn value(merged: Compensated<$elem>) -> $elem {
                merged.value()
            }
        }
    };
}

// Two modules, so that the compiler can work on both types at once.
mod single {
    use super::*;
    compile!(f32);
}
mod double {
    use super::*;
    compile!(f64);
}

// The only places where the forms are told apart. They are inlined into users' code, the kernels are
// not: a program that uses one pair holds the kernels of that pair alone.
macro_rules! of_pair {
    ($pair:ident, $family:ident, $kernel:ident($($argument:ident),*)) => {
        match ($pair.input, $pair.target) {
            (Input::LogProbs(x), Target::Probs(t)) => {
                Of::<$family, LnProbs, Probs>::$kernel($pair.backend, x, t $(, $argument)*)
            }
            (Input::LogProbs(x), Target::LogProbs(t)) => {
                Of::<$family, LnProbs, LnProbs>::$kernel($pair.backend, x, t $(, $argument)*)
            }
            (Input::Probs(x), Target::Probs(t)) => {
                Of::<$family, Probs, Probs>::$kernel($pair.backend, x, t $(, $argument)*)
            }
            (Input::Probs(x), Target::LogProbs(t)) => {
                Of::<$family, Probs, LnProbs>::$kernel($pair.backend, x, t $(, $argument)*)
            }
        }
    };
}

macro_rules! of_single {
    ($single:ident, $family:ident, $kernel:ident($($argument:ident),*)) => {
        match $single.values {
            Target::Probs(t) => {
                Of::<$family, LnProbs, Probs>::$kernel($single.backend, t, t $(, $argument)*)
            }
            Target::LogProbs(t) => {
                Of::<$family, LnProbs, LnProbs>::$kernel($single.backend, t, t $(, $argument)*)
            }
        }
    };
}

impl<T> Pair<'_, T> {
    #[inline(always)]
    fn sum_rows<F: Family>(self, row_length: usize, out: &mut [T])
    where
        Of<F, LnProbs, Probs>: SumRows<T>,
        Of<F, LnProbs, LnProbs>: SumRows<T>,
        Of<F, Probs, Probs>: SumRows<T>,
        Of<F, Probs, LnProbs>: SumRows<T>,
    {
        of_pair!(self, F, sum_rows(row_length, out))
    }

    #[cfg(feature = "rayon")]
    #[inline(always)]
    fn sum_chunk<F: Family>(self) -> Compensated<T>
    where
        Of<F, LnProbs, Probs>: SumRows<T>,
        Of<F, LnProbs, LnProbs>: SumRows<T>,
        Of<F, Probs, Probs>: SumRows<T>,
        Of<F, Probs, LnProbs>: SumRows<T>,
    {
        of_pair!(self, F, sum_chunk())
    }

    #[inline(always)]
    fn write<F: Family>(self, row_length: usize, factors: Factors<'_, T>, out: &mut [T])
    where
        Of<F, LnProbs, Probs>: Write<T>,
        Of<F, LnProbs, LnProbs>: Write<T>,
        Of<F, Probs, Probs>: Write<T>,
        Of<F, Probs, LnProbs>: Write<T>,
    {
        of_pair!(self, F, write(row_length, factors, out))
    }
}

impl<T> Single<'_, T> {
    #[inline(always)]
    fn sum_rows<F: Family>(self, row_length: usize, out: &mut [T])
    where
        Of<F, LnProbs, Probs>: SumRows<T>,
        Of<F, LnProbs, LnProbs>: SumRows<T>,
    {
        of_single!(self, F, sum_rows(row_length, out))
    }

    #[cfg(feature = "rayon")]
    #[inline(always)]
    fn sum_chunk<F: Family>(self) -> Compensated<T>
    where
        Of<F, LnProbs, Probs>: SumRows<T>,
        Of<F, LnProbs, LnProbs>: SumRows<T>,
    {
        of_single!(self, F, sum_chunk())
    }
}
