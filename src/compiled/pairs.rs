//! Sums and elementwise results of an input and a target, for each type and each pair of forms.

use crate::backend::{Backend, Number};
use crate::float::Computed;
use crate::formula::Formula;
use crate::formula::divergence::{CrossEntropy, Entropy, Forward, InputGrad, Mass, Of, TargetGrad};
use crate::formula::forms::{LnProbs, Probs};
#[cfg(feature = "rayon")]
use crate::kernel::sum::ChunkSum;
use crate::kernel::sum::RowSums;
use crate::kernel::write::Map;
use crate::numbers::{Numbers, Places};
#[cfg(feature = "rayon")]
use crate::stream::compensated::Compensated;
use crate::upstream::Upstream;

/// The kernels of a pair. Slices that go together have one length; `row_length`, 0 only where that is
/// 0, divides it.
pub trait Pairs<T: Computed> {
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
    fn pointwise(pair: Pair<'_, T>, out: Places<'_, T>);
    /// Its derivative by the input.
    fn grad_input(
        pair: Pair<'_, T>,
        row_length: usize,
        upstream: Upstream<'_, T>,
        out: Places<'_, T>,
    );
    /// Its derivative by the target.
    fn grad_target(
        pair: Pair<'_, T>,
        row_length: usize,
        upstream: Upstream<'_, T>,
        out: Places<'_, T>,
    );
    /// The total over one chunk of a stream: at most [`CHUNK`](crate::stream::order::CHUNK) elements.
    #[cfg(feature = "rayon")]
    fn chunk(of: Total, pair: Pair<'_, T>) -> Compensated<T>;
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

/// What numbers say of probabilities.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// They are probabilities.
    Probs,
    /// They are their natural logarithms.
    LogProbs,
}

/// Two distributions and what to run on.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a, T: Computed> {
    pub(crate) backend: Backend,
    pub(crate) input: (Form, Numbers<'a, T>),
    pub(crate) target: (Form, Numbers<'a, T>),
}

/// One distribution and what to run on.
#[derive(Clone, Copy, Debug)]
pub struct Single<'a, T: Computed> {
    pub(crate) backend: Backend,
    pub(crate) values: (Form, Numbers<'a, T>),
}

#[inline(always)]
fn row_sums<T: Number, F: Formula<T>>(
    formula: F,
    backend: Backend,
    x: Numbers<'_, T>,
    t: Numbers<'_, T>,
    row_length: usize,
    out: &mut [T],
) {
    backend.run(RowSums { formula, x, t, row_length, out });
}

#[inline(always)]
fn sum<T: Number, F: Formula<T>>(
    formula: F,
    backend: Backend,
    x: Numbers<'_, T>,
    t: Numbers<'_, T>,
) -> T {
    let mut out = [T::ZERO];
    row_sums(formula, backend, x, t, t.len(), &mut out);
    out[0]
}

#[cfg(feature = "rayon")]
#[inline(always)]
fn chunk<T: Number, F: Formula<T>>(
    formula: F,
    backend: Backend,
    x: Numbers<'_, T>,
    t: Numbers<'_, T>,
) -> Compensated<T> {
    backend.run(ChunkSum { formula, x, t })
}

#[inline(always)]
fn write<T: Number, F: Formula<T>>(
    formula: F,
    backend: Backend,
    x: Numbers<'_, T>,
    t: Numbers<'_, T>,
    row_length: usize,
    upstream: Upstream<'_, T>,
    out: Places<'_, T>,
) {
    backend.run(Map { formula, x, t, row_length, upstream, out });
}

/// A function of its own, compiled in this crate, that calls one of those above with a formula.
macro_rules! compiled {
    (
        $elem:ty, $formula:ty, $backend:expr, $x:expr, $t:expr,
        $function:ident($($argument:ident: $type:ty),*) -> $out:ty
    ) => {{
        fn compiled(
            backend: Backend,
            x: Numbers<'_, $elem>,
            t: Numbers<'_, $elem>,
            $($argument: $type),*
        ) -> $out {
            $function(<$formula>::NEW, backend, x, t, $($argument),*)
        }
        compiled($backend, $x, $t, $($argument),*)
    }};
}

// The only places where the forms are told apart. They are inlined into users' code, the kernels are
// not: a program that uses one pair holds the kernels of that pair alone.
macro_rules! of_pair {
    ($pair:ident, $elem:ty, $family:ident, $($call:tt)*) => {
        match ($pair.input, $pair.target) {
            ((Form::LogProbs, x), (Form::Probs, t)) => {
                compiled!($elem, Of<$family, LnProbs, Probs>, $pair.backend, x, t, $($call)*)
            }
            ((Form::LogProbs, x), (Form::LogProbs, t)) => {
                compiled!($elem, Of<$family, LnProbs, LnProbs>, $pair.backend, x, t, $($call)*)
            }
            ((Form::Probs, x), (Form::Probs, t)) => {
                compiled!($elem, Of<$family, Probs, Probs>, $pair.backend, x, t, $($call)*)
            }
            ((Form::Probs, x), (Form::LogProbs, t)) => {
                compiled!($elem, Of<$family, Probs, LnProbs>, $pair.backend, x, t, $($call)*)
            }
        }
    };
}

macro_rules! of_single {
    ($single:ident, $elem:ty, $family:ident, $($call:tt)*) => {
        match $single.values {
            (Form::Probs, t) => {
                compiled!($elem, Of<$family, LnProbs, Probs>, $single.backend, t, t, $($call)*)
            }
            (Form::LogProbs, t) => {
                compiled!($elem, Of<$family, LnProbs, LnProbs>, $single.backend, t, t, $($call)*)
            }
        }
    };
}

macro_rules! compile {
    ($module:ident, $elem:ty) => {
        mod $module {
            use super::*;

            impl Pairs<$elem> for $elem {
                #[inline]
                fn row_sums(pair: Pair<'_, $elem>, row_length: usize, out: &mut [$elem]) {
                    of_pair!(
                        pair, $elem, Forward,
                        row_sums(row_length: usize, out: &mut [$elem]) -> ()
                    );
                }
                #[inline]
                fn sum(pair: Pair<'_, $elem>) -> $elem {
                    let mut out = [0.0];
                    Self::row_sums(pair, pair.target.1.len(), &mut out);
                    out[0]
                }
                #[inline]
                fn cross_entropy(pair: Pair<'_, $elem>) -> $elem {
                    of_pair!(pair, $elem, CrossEntropy, sum() -> $elem)
                }
                #[inline]
                fn entropy(of: Single<'_, $elem>) -> $elem {
                    of_single!(of, $elem, Entropy, sum() -> $elem)
                }
                #[inline]
                fn mass(of: Single<'_, $elem>) -> $elem {
                    of_single!(of, $elem, Mass, sum() -> $elem)
                }
                #[inline]
                fn pointwise(pair: Pair<'_, $elem>, out: Places<'_, $elem>) {
                    let (row_length, upstream) = (out.len().max(1), Upstream::Uniform(1.0));
                    of_pair!(pair, $elem, Forward, write(
                        row_length: usize, upstream: Upstream<'_, $elem>, out: Places<'_, $elem>
                    ) -> ());
                }
                #[inline]
                fn grad_input(
                    pair: Pair<'_, $elem>,
                    row_length: usize,
                    upstream: Upstream<'_, $elem>,
                    out: Places<'_, $elem>,
                ) {
                    of_pair!(pair, $elem, InputGrad, write(
                        row_length: usize, upstream: Upstream<'_, $elem>, out: Places<'_, $elem>
                    ) -> ());
                }
                #[inline]
                fn grad_target(
                    pair: Pair<'_, $elem>,
                    row_length: usize,
                    upstream: Upstream<'_, $elem>,
                    out: Places<'_, $elem>,
                ) {
                    of_pair!(pair, $elem, TargetGrad, write(
                        row_length: usize, upstream: Upstream<'_, $elem>, out: Places<'_, $elem>
                    ) -> ());
                }
                #[cfg(feature = "rayon")]
                fn chunk(of: Total, pair: Pair<'_, $elem>) -> Compensated<$elem> {
                    match of {
                        Total::Divergence => {
                            of_pair!(pair, $elem, Forward, chunk() -> Compensated<$elem>)
                        }
                        Total::CrossEntropy => {
                            of_pair!(pair, $elem, CrossEntropy, chunk() -> Compensated<$elem>)
                        }
                        Total::Entropy => {
                            let of = Single { backend: pair.backend, values: pair.target };
                            of_single!(of, $elem, Entropy, chunk() -> Compensated<$elem>)
                        }
                    }
                }
            }
        }
    };
}

// Two modules, so that the compiler can work on both types at once.
compile!(single, f32);
compile!(double, f64);
