//! Every kernel for both types, compiled once, in this crate: users' crates would otherwise
//! compile all of them again, for each of their artefacts.

use super::formula::{
    CrossEntropy, Entropy, Family, Forward, InputGrad, LnProbs, Mass, Of, Probs, TargetGrad,
};
use super::map::{Factors, Map};
use super::softmax::{LogSoftmax, Softmax};
use super::{Formula, RowSums};
use crate::isa::Backend;
use crate::kl::{Input, Target};
use crate::lanes::Element;

/// The kernels of a number type. Slices that go together have one length; `row_length` is
/// positive and divides it.
pub trait Compiled: Sized {
    /// `Σ p·(ln p − ln q)` of each row.
    fn row_sums(pair: Pair<'_, Self>, row_length: usize, out: &mut [Self]);
    /// `Σ −p·ln q` of each row.
    fn cross_entropy(pair: Pair<'_, Self>, row_length: usize, out: &mut [Self]);
    /// `Σ −p·ln p` of each row.
    fn entropy(of: Single<'_, Self>, row_length: usize, out: &mut [Self]);
    /// `Σ p` of each row.
    fn mass(of: Single<'_, Self>, row_length: usize, out: &mut [Self]);
    /// `p·(ln p − ln q)`.
    fn pointwise(pair: Pair<'_, Self>, out: &mut [Self]);
    /// Its derivative by the input.
    fn grad_input(pair: Pair<'_, Self>, row_length: usize, g: Factors<'_, Self>, out: &mut [Self]);
    /// Its derivative by the target.
    fn grad_target(pair: Pair<'_, Self>, row_length: usize, g: Factors<'_, Self>, out: &mut [Self]);
    /// Log-probabilities of rows of logits.
    fn log_softmax(backend: Backend, logits: &[Self], row_length: usize, out: &mut [Self]);
    /// Probabilities of rows of logits.
    fn softmax(backend: Backend, logits: &[Self], row_length: usize, out: &mut [Self]);
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
        impl Compiled for $elem {
            fn row_sums(pair: Pair<'_, Self>, row_length: usize, out: &mut [Self]) {
                pair.run::<Forward, _>(Totals { row_length, out });
            }
            fn cross_entropy(pair: Pair<'_, Self>, row_length: usize, out: &mut [Self]) {
                pair.run::<CrossEntropy, _>(Totals { row_length, out });
            }
            fn entropy(of: Single<'_, Self>, row_length: usize, out: &mut [Self]) {
                of.run::<Entropy, _>(Totals { row_length, out });
            }
            fn mass(of: Single<'_, Self>, row_length: usize, out: &mut [Self]) {
                of.run::<Mass, _>(Totals { row_length, out });
            }
            fn pointwise(pair: Pair<'_, Self>, out: &mut [Self]) {
                let row_length = out.len().max(1);
                pair.run::<Forward, _>(Each { row_length, factors: Factors::PerRow(&[]), out });
            }
            fn grad_input(
                pair: Pair<'_, Self>,
                row_length: usize,
                factors: Factors<'_, Self>,
                out: &mut [Self],
            ) {
                pair.run::<InputGrad, _>(Each { row_length, factors, out });
            }
            fn grad_target(
                pair: Pair<'_, Self>,
                row_length: usize,
                factors: Factors<'_, Self>,
                out: &mut [Self],
            ) {
                pair.run::<TargetGrad, _>(Each { row_length, factors, out });
            }
            fn log_softmax(backend: Backend, logits: &[Self], classes: usize, out: &mut [Self]) {
                backend.run(LogSoftmax { logits, classes, out });
            }
            fn softmax(backend: Backend, logits: &[Self], classes: usize, out: &mut [Self]) {
                backend.run(Softmax { logits, classes, out });
            }
        }
    };
}

compile!(f32);
compile!(f64);

impl<T: Element> Pair<'_, T> {
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

impl<T: Element> Single<'_, T> {
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
trait Operation<T: Element> {
    fn run<F: Formula<T>>(self, backend: Backend, formula: F, x: &[T], t: &[T]);
}

/// Sum each row.
struct Totals<'a, T> {
    row_length: usize,
    out: &'a mut [T],
}

impl<T: Element> Operation<T> for Totals<'_, T> {
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

impl<T: Element> Operation<T> for Each<'_, T> {
    #[inline(always)]
    fn run<F: Formula<T>>(self, backend: Backend, formula: F, x: &[T], t: &[T]) {
        let Each { row_length, factors, out } = self;
        backend.run(Map { formula, x, t, row_length, factors, out });
    }
}
