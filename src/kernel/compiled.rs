//! Every kernel for both types, compiled once, in this crate: users' crates would otherwise
//! compile all of them again, for each of their artefacts.

use super::distill::{Distill, Outcome, Problem, Wanted};
use super::formula::{
    CrossEntropy, Entropy, Family, Forward, InputGrad, LnProbs, Mass, Of, Probs, TargetGrad,
};
use super::map::{Factors, Map};
use super::softmax::{LogSoftmax, Softmax};
use super::{Formula, RowSums};
use crate::isa::Backend;
use crate::kl::{Input, Target};
use crate::lanes::Float;

/// The kernels of a number type. Slices that go together have one length; `row_length` is
/// positive and divides it.
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
    /// Whether logits can be divided by it: positive, normal, finite.
    fn is_temperature(x: T) -> bool;
    /// Whether it is between 0 and 1, neither of them.
    fn is_share(x: T) -> bool;
    /// `total / count`, the count rounded to nearest.
    fn per(total: T, count: usize) -> T;
    /// +0.
    fn zero() -> T;
    /// 1.
    fn one() -> T;
    /// A NaN.
    fn nan() -> T;
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

macro_rules! compile {
    ($elem:ty) => {
        impl Compiled<$elem> for $elem {
            fn row_sums(pair: Pair<'_, $elem>, row_length: usize, out: &mut [$elem]) {
                pair.run::<Forward, _>(Totals { row_length, out });
            }
            fn sum(pair: Pair<'_, $elem>) -> $elem {
                let row_length = pair.target.values().len().max(1);
                let mut out = [0.0];
                Self::row_sums(pair, row_length, &mut out);
                out[0]
            }
            fn cross_entropy(pair: Pair<'_, $elem>) -> $elem {
                let row_length = pair.target.values().len().max(1);
                let mut out = [0.0];
                pair.run::<CrossEntropy, _>(Totals { row_length, out: &mut out });
                out[0]
            }
            fn entropy(of: Single<'_, $elem>) -> $elem {
                let row_length = of.values.values().len().max(1);
                let mut out = [0.0];
                of.run::<Entropy, _>(Totals { row_length, out: &mut out });
                out[0]
            }
            fn mass(of: Single<'_, $elem>) -> $elem {
                let row_length = of.values.values().len().max(1);
                let mut out = [0.0];
                of.run::<Mass, _>(Totals { row_length, out: &mut out });
                out[0]
            }
            fn pointwise(pair: Pair<'_, $elem>, out: &mut [$elem]) {
                let row_length = out.len().max(1);
                pair.run::<Forward, _>(Each { row_length, factors: Factors::Uniform(1.0), out });
            }
            fn grad_input(
                pair: Pair<'_, $elem>,
                row_length: usize,
                factors: Factors<'_, $elem>,
                out: &mut [$elem],
            ) {
                pair.run::<InputGrad, _>(Each { row_length, factors, out });
            }
            fn grad_target(
                pair: Pair<'_, $elem>,
                row_length: usize,
                factors: Factors<'_, $elem>,
                out: &mut [$elem],
            ) {
                pair.run::<TargetGrad, _>(Each { row_length, factors, out });
            }
            fn log_softmax(backend: Backend, logits: &[$elem], classes: usize, out: &mut [$elem]) {
                backend.run(LogSoftmax { logits, classes, out });
            }
            fn softmax(backend: Backend, logits: &[$elem], classes: usize, out: &mut [$elem]) {
                backend.run(Softmax { logits, classes, out });
            }
            fn distill(problem: Problem<'_, $elem>, wanted: Wanted<'_, $elem>) -> Outcome<$elem> {
                problem.backend.run(Distill { problem, wanted })
            }
            fn is_temperature(x: $elem) -> bool {
                x.is_normal() && x > 0.0
            }
            fn is_share(x: $elem) -> bool {
                0.0 < x && x < 1.0
            }
            fn per(total: $elem, count: usize) -> $elem {
                total / count as $elem
            }
            fn zero() -> $elem {
                0.0
            }
            fn one() -> $elem {
                1.0
            }
            fn nan() -> $elem {
                <$elem>::NAN
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

impl<T: Float> Pair<'_, T> {
    /// The one place where the four pairs are told apart.
    #[inline(always)]
    fn run<F: Family, O: Operation<T>>(self, operation: O) {
        let backend = self.backend;
        match (self.input, self.target) {
            (Input::LogProbs(x), Target::Probs(t)) => {
                operation.run(backend, Of::<F, LnProbs, Probs>::NEW, x, t);
            }
            (Input::LogProbs(x), Target::LogProbs(t)) => {
                operation.run(backend, Of::<F, LnProbs, LnProbs>::NEW, x, t);
            }
            (Input::Probs(x), Target::Probs(t)) => {
                operation.run(backend, Of::<F, Probs, Probs>::NEW, x, t);
            }
            (Input::Probs(x), Target::LogProbs(t)) => {
                operation.run(backend, Of::<F, Probs, LnProbs>::NEW, x, t);
            }
        }
    }
}

impl<T: Float> Single<'_, T> {
    #[inline(always)]
    fn run<F: Family, O: Operation<T>>(self, operation: O) {
        match self.values {
            Target::Probs(t) => {
                operation.run(self.backend, Of::<F, LnProbs, Probs>::NEW, t, t);
            }
            Target::LogProbs(t) => {
                operation.run(self.backend, Of::<F, LnProbs, LnProbs>::NEW, t, t);
            }
        }
    }
}

/// What to do with a formula, once it is known which.
trait Operation<T: Float> {
    fn run<F: Formula<T>>(self, backend: Backend, formula: F, x: &[T], t: &[T]);
}

/// Sum each row.
struct Totals<'a, T> {
    row_length: usize,
    out: &'a mut [T],
}

impl<T: Float> Operation<T> for Totals<'_, T> {
    #[inline(always)]
    fn run<F: Formula<T>>(self, backend: Backend, formula: F, x: &[T], t: &[T]) {
        let Totals { row_length, out } = self;
        backend.run(RowSums { formula, x, t, row_length, out });
    }
}

/// Write each element.
struct Each<'a, T> {
    row_length: usize,
    factors: Factors<'a, T>,
    out: &'a mut [T],
}

impl<T: Float> Operation<T> for Each<'_, T> {
    #[inline(always)]
    fn run<F: Formula<T>>(self, backend: Backend, formula: F, x: &[T], t: &[T]) {
        let Each { row_length, factors, out } = self;
        backend.run(Map { formula, x, t, row_length, factors, out });
    }
}
