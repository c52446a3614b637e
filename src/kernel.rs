//! Formulas, and the loops that run them over slices: one text for all back-ends and both types.

mod compiled;
mod distill;
mod formula;
mod map;
mod softmax;

#[cfg(feature = "rayon")]
pub(crate) use compiled::Total;
pub(crate) use compiled::{Compiled, Pair, Single};
pub(crate) use distill::{Gradient, Outcome, Problem, Wanted};
pub(crate) use formula::{Formula, any_value, or_nothing, register_value, usual_values, variants};
#[cfg(test)]
pub(crate) use formula::{Forward, LnProbs, Of, Probs};
pub(crate) use map::Factors;

use crate::lanes::{Float, Lanes};
use crate::sum::{FOUR, is_short, sum_four};

/// Something to run on a back-end. Everything it calls must be inlined: one function that is
/// not leaves the back-end's instruction set and turns each instruction into a call.
pub trait Kernel<T: Float> {
    /// What it returns.
    type Output;
    /// Runs it.
    fn run<L: Lanes<Elem = T>>(self, l: L) -> Self::Output;
}

/// The sum of a formula over each row of `row_length` elements, a stream of its own each.
pub(crate) struct RowSums<'a, T, F> {
    pub(crate) formula: F,
    pub(crate) x: &'a [T],
    pub(crate) t: &'a [T],
    pub(crate) row_length: usize,
    pub(crate) out: &'a mut [T],
}

impl<T: Float, F: Formula<T>> Kernel<T> for RowSums<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) {
        let RowSums { formula, mut x, mut t, row_length, mut out } = self;
        if F::VARIANTS && is_short::<L>(row_length) && out.len() >= FOUR {
            let four = ..FOUR * row_length;
            while let (Some(x), Some(t), Some([a, b, c, d])) =
                (x.split_off(four), t.split_off(four), out.split_off_mut(..FOUR))
            {
                [*a, *b, *c, *d] = sum_four(l, formula, x, t, row_length);
            }
        }
        for out in out {
            // Not `chunks`: it would bring a panic for a length of zero.
            let (Some(x), Some(t)) = (x.split_off(..row_length), t.split_off(..row_length)) else {
                return;
            };
            *out = crate::sum::sum(l, formula, x, t);
        }
    }
}

/// The sum of a formula over one chunk of a stream, for whoever merges the chunks.
#[cfg(feature = "rayon")]
pub(crate) struct ChunkSum<'a, T, F> {
    pub(crate) formula: F,
    pub(crate) x: &'a [T],
    pub(crate) t: &'a [T],
}

#[cfg(feature = "rayon")]
impl<T: Float, F: Formula<T>> Kernel<T> for ChunkSum<'_, T, F> {
    type Output = crate::sum::Compensated<T>;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) -> Self::Output {
        crate::sum::sum_chunk(l, self.formula, self.x, self.t)
    }
}
