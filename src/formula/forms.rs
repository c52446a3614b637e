//! What the numbers of either side are, probabilities or their logarithms, and what follows for the
//! formulas.

use super::negative;
use crate::float::Float;
use crate::lanes::{Arithmetic, Lanes};
use crate::math::{exp, exp_factor, ln, ln_minus};
use crate::stream::order::GROUP;

/// What the input numbers are.
pub(crate) trait InputForm: Copy {
    /// Whether the input matters to [`InputForm::grad`].
    const GRAD_READS_INPUT: bool;

    fn usual<L: Lanes, const N: usize>(l: L, x: [L::Vec; N]) -> bool;
    /// `ln q`.
    fn ln_q<A: Arithmetic>(a: A, x: A::Vec) -> A::Vec;
    /// `ln p − ln q`: exactly 0 where both are given in the same form and are equal.
    fn ln_ratio<A: Arithmetic, R: TargetForm>(a: A, x: A::Vec, t: A::Vec) -> A::Vec;
    /// The derivative of `−p·ln q` by the input, times `g`.
    fn grad<A: Arithmetic>(a: A, p: A::Vec, x: A::Vec, g: A::Vec) -> A::Vec;
    /// An input of probability one.
    fn certain<T: Float>() -> T;
}

/// What the target numbers are.
pub(crate) trait TargetForm: Copy {
    /// Whether [`Arithmetic::split_any`] is all that unusual numbers ask for: of a single element it
    /// is a branch, and usual ones take it for nothing.
    const BRANCHES: bool;
    /// [`Formula::SUM_SHOWS`](super::Formula::SUM_SHOWS).
    const SUM_SHOWS: bool = false;

    fn usual<L: Lanes, const N: usize>(l: L, t: [L::Vec; N]) -> bool;
    /// [`Formula::usual_if_sum_is_finite`](super::Formula::usual_if_sum_is_finite), as far as the target goes.
    #[inline(always)]
    fn usual_if_sum_is_finite<L: Lanes>(l: L, t: [L::Vec; GROUP]) -> bool {
        Self::usual(l, t)
    }
    /// The probability, as a factor of something.
    fn p<A: Arithmetic>(a: A, t: A::Vec) -> A::Vec;
    /// The same as a result: rounded better.
    #[inline(always)]
    fn p_alone<A: Arithmetic>(a: A, t: A::Vec) -> A::Vec {
        Self::p(a, t)
    }
    /// `ln p`.
    fn ln_p<A: Arithmetic>(a: A, t: A::Vec) -> A::Vec;
    /// `ln p − y`.
    fn ln_p_minus<A: Arithmetic>(a: A, t: A::Vec, y: A::Vec) -> A::Vec;
    /// The derivative of `p·(ln p − y)` by the target, from `difference = ln p − y`.
    fn grad<A: Arithmetic>(a: A, p: A::Vec, difference: A::Vec) -> A::Vec;
    /// A target of probability one.
    fn certain<T: Float>() -> T;
    /// A target of probability zero.
    fn impossible<T: Float>() -> T;
}

/// Probabilities.
#[derive(Clone, Copy)]
pub(crate) struct Probs;

/// Natural logarithms of probabilities.
#[derive(Clone, Copy)]
pub(crate) struct LnProbs;

impl InputForm for LnProbs {
    const GRAD_READS_INPUT: bool = false;

    #[inline(always)]
    fn usual<L: Lanes, const N: usize>(_: L, _: [L::Vec; N]) -> bool {
        true
    }
    #[inline(always)]
    fn ln_q<A: Arithmetic>(_: A, x: A::Vec) -> A::Vec {
        x
    }
    #[inline(always)]
    fn ln_ratio<A: Arithmetic, R: TargetForm>(a: A, x: A::Vec, t: A::Vec) -> A::Vec {
        R::ln_p_minus(a, t, x)
    }
    #[inline(always)]
    fn grad<A: Arithmetic>(a: A, p: A::Vec, _: A::Vec, g: A::Vec) -> A::Vec {
        a.mul(negative(a, p), g)
    }
    #[inline(always)]
    fn certain<T: Float>() -> T {
        T::ZERO
    }
}

impl InputForm for Probs {
    const GRAD_READS_INPUT: bool = true;

    #[inline(always)]
    fn usual<L: Lanes, const N: usize>(l: L, x: [L::Vec; N]) -> bool {
        l.all_positive_normal(x)
    }
    #[inline(always)]
    fn ln_q<A: Arithmetic>(a: A, x: A::Vec) -> A::Vec {
        ln(a, x)
    }
    #[inline(always)]
    fn ln_ratio<A: Arithmetic, R: TargetForm>(a: A, x: A::Vec, t: A::Vec) -> A::Vec {
        a.sub(R::ln_p(a, t), ln(a, x))
    }
    #[inline(always)]
    fn grad<A: Arithmetic>(a: A, p: A::Vec, x: A::Vec, g: A::Vec) -> A::Vec {
        a.mul(a.div(negative(a, p), x), g)
    }
    #[inline(always)]
    fn certain<T: Float>() -> T {
        T::ONE
    }
}

impl TargetForm for Probs {
    const BRANCHES: bool = true;
    const SUM_SHOWS: bool = true;

    #[inline(always)]
    fn usual<L: Lanes, const N: usize>(l: L, t: [L::Vec; N]) -> bool {
        l.all_positive_normal(t)
    }
    /// All formulas have the probability as a factor: of an infinite one and of a NaN nothing
    /// becomes finite.
    #[inline(always)]
    fn usual_if_sum_is_finite<L: Lanes>(l: L, t: [L::Vec; GROUP]) -> bool {
        l.all_positive_normal_if_finite(t)
    }
    #[inline(always)]
    fn p<A: Arithmetic>(_: A, t: A::Vec) -> A::Vec {
        t
    }
    #[inline(always)]
    fn ln_p<A: Arithmetic>(a: A, t: A::Vec) -> A::Vec {
        ln(a, t)
    }
    #[inline(always)]
    fn ln_p_minus<A: Arithmetic>(a: A, t: A::Vec, y: A::Vec) -> A::Vec {
        ln_minus(a, t, y)
    }
    #[inline(always)]
    fn grad<A: Arithmetic>(a: A, _: A::Vec, difference: A::Vec) -> A::Vec {
        a.add(difference, a.splat(A::Elem::ONE))
    }
    #[inline(always)]
    fn certain<T: Float>() -> T {
        T::ONE
    }
    #[inline(always)]
    fn impossible<T: Float>() -> T {
        T::ZERO
    }
}

impl TargetForm for LnProbs {
    const BRANCHES: bool = false;

    #[inline(always)]
    fn usual<L: Lanes, const N: usize>(l: L, t: [L::Vec; N]) -> bool {
        l.all_usual_exponents(t)
    }
    #[inline(always)]
    fn p<A: Arithmetic>(a: A, t: A::Vec) -> A::Vec {
        exp_factor(a, t)
    }
    #[inline(always)]
    fn p_alone<A: Arithmetic>(a: A, t: A::Vec) -> A::Vec {
        exp(a, t)
    }
    #[inline(always)]
    fn ln_p<A: Arithmetic>(_: A, t: A::Vec) -> A::Vec {
        t
    }
    #[inline(always)]
    fn ln_p_minus<A: Arithmetic>(a: A, t: A::Vec, y: A::Vec) -> A::Vec {
        a.sub(t, y)
    }
    #[inline(always)]
    fn grad<A: Arithmetic>(a: A, p: A::Vec, difference: A::Vec) -> A::Vec {
        a.mul(p, a.add(difference, a.splat(A::Elem::ONE)))
    }
    #[inline(always)]
    fn certain<T: Float>() -> T {
        T::ZERO
    }
    #[inline(always)]
    fn impossible<T: Float>() -> T {
        T::NEG_INFINITY
    }
}
