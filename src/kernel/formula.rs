//! What is computed for one element, from input `x`, target `t` and upstream gradient `g`.

use core::marker::PhantomData;

use crate::lanes::{Arithmetic, Float, Lanes, Two};
use crate::math::{exp, exp_factor, ln, ln_minus};
use crate::sum::GROUP;

/// A function of one element. `ANY` is as in [`crate::math`]: without it, `x` and `t` are
/// known to be usual.
pub(crate) trait Formula<T: Float>: Copy {
    /// Whether it is in such demand that [`Lanes::VARIANTS`] holds for it.
    const VARIANTS: bool;
    /// Whether [`Formula::element`] costs a usual element no more than `value::<_, false>` does.
    const BRANCHES: bool = false;

    /// Whether these elements can be given to `value::<_, false>`.
    fn usual<L: Lanes<Elem = T>, const N: usize>(
        self,
        l: L,
        x: [L::Vec; N],
        t: [L::Vec; N],
    ) -> bool;

    /// Whether the value of an element that is not usual shows as an infinite or undefined sum, even
    /// when given to `value::<_, false>`, unless [`Formula::usual_if_sum_is_finite`] finds it.
    const SUM_SHOWS: bool = false;

    /// [`Formula::usual`], for less, where a sum that is not finite is taken again.
    #[inline(always)]
    fn usual_if_sum_is_finite<L: Lanes<Elem = T>>(
        self,
        l: L,
        x: [L::Vec; GROUP],
        t: [L::Vec; GROUP],
    ) -> bool {
        self.usual(l, x, t)
    }

    /// Its value.
    fn value<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        x: A::Vec,
        t: A::Vec,
        g: A::Vec,
    ) -> A::Vec;

    /// The value of a single element, whatever it is.
    #[inline(always)]
    fn element<L: Lanes<Elem = T>>(self, l: L, x: L::Vec, t: L::Vec) -> L::Vec {
        any_value(l, self, x, t, l.splat(T::ZERO))
    }

    /// An input and a target whose value is a zero, if possible usual ones.
    fn fill(self) -> (T, T);
}

/// The values of a group of usual elements, two registers in lockstep.
#[inline(always)]
pub(crate) fn usual_values<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: [L::Vec; GROUP],
    t: [L::Vec; GROUP],
    g: [L::Vec; GROUP],
) -> [L::Vec; GROUP] {
    let [a, b] = formula.value::<Two<L>, false>(Two(l), [x[0], x[1]], [t[0], t[1]], [g[0], g[1]]);
    let [c, d] = formula.value::<Two<L>, false>(Two(l), [x[2], x[3]], [t[2], t[3]], [g[2], g[3]]);
    [a, b, c, d]
}

/// Whether a kernel has code of its own for short and for long slices.
#[inline(always)]
pub(crate) const fn variants<L: Lanes, F: Formula<L::Elem>>() -> bool {
    L::VARIANTS && F::VARIANTS
}

/// The values of one register.
#[inline(always)]
pub(crate) fn register_value<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: L::Vec,
    t: L::Vec,
    g: L::Vec,
) -> L::Vec {
    if (variants::<L, F>() || L::COUNT == 1) && formula.usual(l, [x], [t]) {
        formula.value::<L, false>(l, x, t, g)
    } else {
        any_value(l, formula, x, t, g)
    }
}

/// The values of one register, whatever it holds.
#[inline(always)]
pub(crate) fn any_value<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: L::Vec,
    t: L::Vec,
    g: L::Vec,
) -> L::Vec {
    if L::VARIANTS {
        formula.value::<L, true>(l, x, t, g)
    } else {
        one_any_value(l, formula, x, t, g)
    }
}

/// The same, once in a program for all callers. Only where no instruction set would be left by a
/// call: back-ends without [`Lanes::VARIANTS`] use what the whole program may.
#[cold]
#[inline(never)]
fn one_any_value<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: L::Vec,
    t: L::Vec,
    g: L::Vec,
) -> L::Vec {
    formula.value::<L, true>(l, x, t, g)
}

/// What the input numbers are.
pub(crate) trait InputForm: Copy {
    fn usual<L: Lanes, const N: usize>(l: L, x: [L::Vec; N]) -> bool;
    /// `ln q`.
    fn ln_q<A: Arithmetic, const ANY: bool>(a: A, x: A::Vec) -> A::Vec;
    /// `ln p − ln q`: exactly 0 where both are given in the same form and are equal.
    fn ln_ratio<A: Arithmetic, R: TargetForm, const ANY: bool>(
        a: A,
        x: A::Vec,
        t: A::Vec,
    ) -> A::Vec;
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
    /// [`Formula::SUM_SHOWS`].
    const SUM_SHOWS: bool = false;

    fn usual<L: Lanes, const N: usize>(l: L, t: [L::Vec; N]) -> bool;
    /// [`Formula::usual_if_sum_is_finite`], as far as the target goes.
    #[inline(always)]
    fn usual_if_sum_is_finite<L: Lanes>(l: L, t: [L::Vec; GROUP]) -> bool {
        Self::usual(l, t)
    }
    /// The probability, as a factor of something.
    fn p<A: Arithmetic, const ANY: bool>(a: A, t: A::Vec) -> A::Vec;
    /// The same as a result: rounded better.
    #[inline(always)]
    fn p_alone<A: Arithmetic, const ANY: bool>(a: A, t: A::Vec) -> A::Vec {
        Self::p::<A, ANY>(a, t)
    }
    /// `ln p`.
    fn ln_p<A: Arithmetic, const ANY: bool>(a: A, t: A::Vec) -> A::Vec;
    /// `ln p − y`.
    fn ln_p_minus<A: Arithmetic, const ANY: bool>(a: A, t: A::Vec, y: A::Vec) -> A::Vec;
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
    #[inline(always)]
    fn usual<L: Lanes, const N: usize>(_: L, _: [L::Vec; N]) -> bool {
        true
    }
    #[inline(always)]
    fn ln_q<A: Arithmetic, const ANY: bool>(_: A, x: A::Vec) -> A::Vec {
        x
    }
    #[inline(always)]
    fn ln_ratio<A: Arithmetic, R: TargetForm, const ANY: bool>(
        a: A,
        x: A::Vec,
        t: A::Vec,
    ) -> A::Vec {
        R::ln_p_minus::<A, ANY>(a, t, x)
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
    #[inline(always)]
    fn usual<L: Lanes, const N: usize>(l: L, x: [L::Vec; N]) -> bool {
        l.all_positive_normal(x)
    }
    #[inline(always)]
    fn ln_q<A: Arithmetic, const ANY: bool>(a: A, x: A::Vec) -> A::Vec {
        ln::<A, ANY>(a, x)
    }
    #[inline(always)]
    fn ln_ratio<A: Arithmetic, R: TargetForm, const ANY: bool>(
        a: A,
        x: A::Vec,
        t: A::Vec,
    ) -> A::Vec {
        a.sub(R::ln_p::<A, ANY>(a, t), ln::<A, ANY>(a, x))
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
    fn p<A: Arithmetic, const ANY: bool>(_: A, t: A::Vec) -> A::Vec {
        t
    }
    #[inline(always)]
    fn ln_p<A: Arithmetic, const ANY: bool>(a: A, t: A::Vec) -> A::Vec {
        ln::<A, ANY>(a, t)
    }
    #[inline(always)]
    fn ln_p_minus<A: Arithmetic, const ANY: bool>(a: A, t: A::Vec, y: A::Vec) -> A::Vec {
        ln_minus::<A, ANY>(a, t, y)
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
    fn p<A: Arithmetic, const ANY: bool>(a: A, t: A::Vec) -> A::Vec {
        exp_factor::<A, ANY>(a, t)
    }
    #[inline(always)]
    fn p_alone<A: Arithmetic, const ANY: bool>(a: A, t: A::Vec) -> A::Vec {
        exp::<A, ANY>(a, t)
    }
    #[inline(always)]
    fn ln_p<A: Arithmetic, const ANY: bool>(_: A, t: A::Vec) -> A::Vec {
        t
    }
    #[inline(always)]
    fn ln_p_minus<A: Arithmetic, const ANY: bool>(a: A, t: A::Vec, y: A::Vec) -> A::Vec {
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

/// `value`, or 0 where there is no weight: whatever stands on the other side takes no part.
#[inline(always)]
pub(crate) fn or_nothing<A: Arithmetic>(a: A, weight: A::Vec, value: A::Vec) -> A::Vec {
    let zero = a.splat(A::Elem::ZERO);
    a.select(a.equal(weight, zero), zero, value)
}

#[inline(always)]
fn negative<A: Arithmetic>(a: A, v: A::Vec) -> A::Vec {
    a.sub(a.splat(A::Elem::ZERO), v)
}

/// A formula for every pair of forms.
pub(crate) trait Family: Copy {
    /// Whether the input matters to [`Formula::usual`].
    const READS_INPUT: bool;
    /// [`Formula::VARIANTS`].
    const VARIANTS: bool;

    /// The probability as [`Family::value`] has it.
    #[inline(always)]
    fn p<A: Arithmetic, R: TargetForm, const ANY: bool>(a: A, t: A::Vec) -> A::Vec {
        R::p::<A, ANY>(a, t)
    }

    /// As [`Formula::value`], where the target probability is not zero.
    fn value<A: Arithmetic, I: InputForm, R: TargetForm, const ANY: bool>(
        a: A,
        x: A::Vec,
        t: A::Vec,
        g: A::Vec,
    ) -> A::Vec;

    /// A target whose value is a zero where the input is certain.
    #[inline(always)]
    fn fill<T: Float, R: TargetForm>() -> T {
        R::certain()
    }
}

/// The member of a family for an input form and a target form.
pub(crate) struct Of<F, I, R>(PhantomData<(F, I, R)>);

impl<F, I, R> Of<F, I, R> {
    pub(crate) const NEW: Self = Of(PhantomData);
}

impl<F, I, R> Clone for Of<F, I, R> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<F, I, R> Copy for Of<F, I, R> {}

impl<T: Float, F: Family, I: InputForm, R: TargetForm> Formula<T> for Of<F, I, R> {
    const VARIANTS: bool = F::VARIANTS;
    const BRANCHES: bool = R::BRANCHES;
    const SUM_SHOWS: bool = R::SUM_SHOWS;

    #[inline(always)]
    fn usual<L: Lanes<Elem = T>, const N: usize>(
        self,
        l: L,
        x: [L::Vec; N],
        t: [L::Vec; N],
    ) -> bool {
        (!F::READS_INPUT || I::usual(l, x)) && R::usual(l, t)
    }
    #[inline(always)]
    fn usual_if_sum_is_finite<L: Lanes<Elem = T>>(
        self,
        l: L,
        x: [L::Vec; GROUP],
        t: [L::Vec; GROUP],
    ) -> bool {
        (!F::READS_INPUT || I::usual(l, x)) && R::usual_if_sum_is_finite(l, t)
    }
    #[inline(always)]
    fn value<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        x: A::Vec,
        t: A::Vec,
        g: A::Vec,
    ) -> A::Vec {
        let value = F::value::<A, I, R, ANY>(a, x, t, g);
        if ANY {
            // Without target probability an element takes no part.
            or_nothing(a, F::p::<A, R, ANY>(a, t), value)
        } else {
            value
        }
    }
    #[inline(always)]
    fn fill(self) -> (T, T) {
        (I::certain(), F::fill::<T, R>())
    }
    #[inline(always)]
    fn element<L: Lanes<Elem = T>>(self, l: L, x: L::Vec, t: L::Vec) -> L::Vec {
        let zero = l.splat(T::ZERO);
        if !R::BRANCHES {
            return any_value(l, self, x, t, zero);
        }
        if !self.usual(l, [x], [t]) {
            cold();
            if l.first(t) == T::ZERO {
                return zero;
            }
        }
        F::value::<L, I, R, true>(l, x, t, zero)
    }
}

/// `p·(ln p − ln q)`, the divergence.
#[derive(Clone, Copy)]
pub(crate) struct Forward;

impl Family for Forward {
    const READS_INPUT: bool = true;
    const VARIANTS: bool = true;

    #[inline(always)]
    fn value<A: Arithmetic, I: InputForm, R: TargetForm, const ANY: bool>(
        a: A,
        x: A::Vec,
        t: A::Vec,
        _: A::Vec,
    ) -> A::Vec {
        a.mul(R::p::<A, ANY>(a, t), I::ln_ratio::<A, R, ANY>(a, x, t))
    }
}

/// The derivative of the divergence by the input, times the upstream gradient.
#[derive(Clone, Copy)]
pub(crate) struct InputGrad;

impl Family for InputGrad {
    const READS_INPUT: bool = false;
    const VARIANTS: bool = false;

    #[inline(always)]
    fn p<A: Arithmetic, R: TargetForm, const ANY: bool>(a: A, t: A::Vec) -> A::Vec {
        R::p_alone::<A, ANY>(a, t)
    }
    #[inline(always)]
    fn value<A: Arithmetic, I: InputForm, R: TargetForm, const ANY: bool>(
        a: A,
        x: A::Vec,
        t: A::Vec,
        g: A::Vec,
    ) -> A::Vec {
        I::grad(a, Self::p::<A, R, ANY>(a, t), x, g)
    }
}

/// The derivative of the divergence by the target, times the upstream gradient.
#[derive(Clone, Copy)]
pub(crate) struct TargetGrad;

impl Family for TargetGrad {
    const READS_INPUT: bool = true;
    const VARIANTS: bool = false;

    #[inline(always)]
    fn value<A: Arithmetic, I: InputForm, R: TargetForm, const ANY: bool>(
        a: A,
        x: A::Vec,
        t: A::Vec,
        g: A::Vec,
    ) -> A::Vec {
        let ln_ratio = I::ln_ratio::<A, R, ANY>(a, x, t);
        a.mul(R::grad(a, R::p::<A, ANY>(a, t), ln_ratio), g)
    }
}

/// `−p·ln p`.
#[derive(Clone, Copy)]
pub(crate) struct Entropy;

impl Family for Entropy {
    const READS_INPUT: bool = false;
    const VARIANTS: bool = false;

    #[inline(always)]
    fn value<A: Arithmetic, I: InputForm, R: TargetForm, const ANY: bool>(
        a: A,
        _: A::Vec,
        t: A::Vec,
        _: A::Vec,
    ) -> A::Vec {
        a.mul(negative(a, R::p::<A, ANY>(a, t)), R::ln_p::<A, ANY>(a, t))
    }
}

/// `−p·ln q`.
#[derive(Clone, Copy)]
pub(crate) struct CrossEntropy;

impl Family for CrossEntropy {
    const READS_INPUT: bool = true;
    const VARIANTS: bool = false;

    #[inline(always)]
    fn value<A: Arithmetic, I: InputForm, R: TargetForm, const ANY: bool>(
        a: A,
        x: A::Vec,
        t: A::Vec,
        _: A::Vec,
    ) -> A::Vec {
        a.mul(negative(a, R::p::<A, ANY>(a, t)), I::ln_q::<A, ANY>(a, x))
    }
}

/// `p`.
#[derive(Clone, Copy)]
pub(crate) struct Mass;

impl Family for Mass {
    const READS_INPUT: bool = false;
    const VARIANTS: bool = false;

    #[inline(always)]
    fn value<A: Arithmetic, I: InputForm, R: TargetForm, const ANY: bool>(
        a: A,
        _: A::Vec,
        t: A::Vec,
        _: A::Vec,
    ) -> A::Vec {
        R::p::<A, ANY>(a, t)
    }
    #[inline(always)]
    fn fill<T: Float, R: TargetForm>() -> T {
        R::impossible()
    }
}

/// Says that the branch it stands in is rare.
#[cold]
#[inline]
fn cold() {}
