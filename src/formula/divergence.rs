//! The divergence of two forms, what belongs to it, and its derivatives.

use core::marker::PhantomData;

use super::forms::{InputForm, TargetForm};
use super::{Formula, any_value, negative, or_nothing};
use crate::float::Float;
use crate::lanes::{Arithmetic, Lanes};
use crate::stream::order::GROUP;

/// A formula for every pair of forms.
pub(crate) trait Family: Copy {
    /// Whether the input matters to [`Formula::usual`].
    const READS_INPUT: bool;
    /// [`Formula::READS_UPSTREAM`].
    const READS_UPSTREAM: bool = false;
    /// [`Formula::VARIANTS`].
    const VARIANTS: bool;

    /// Whether the input matters to [`Family::value`].
    #[inline(always)]
    fn reads_input<I: InputForm>() -> bool {
        Self::READS_INPUT
    }

    /// The probability as [`Family::value`] has it.
    #[inline(always)]
    fn p<A: Arithmetic, R: TargetForm>(a: A, t: A::Vec) -> A::Vec {
        R::p(a, t)
    }

    /// As [`Formula::value`], where the target probability is not zero.
    fn value<A: Arithmetic, I: InputForm, R: TargetForm>(
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
    const READS_UPSTREAM: bool = F::READS_UPSTREAM;
    const SUM_SHOWS: bool = R::SUM_SHOWS;

    #[inline(always)]
    fn reads_input(self) -> bool {
        F::reads_input::<I>()
    }
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
    fn value<A: Arithmetic<Elem = T>>(self, a: A, x: A::Vec, t: A::Vec, g: A::Vec) -> A::Vec {
        let value = F::value::<A, I, R>(a, x, t, g);
        if A::USUAL {
            value
        } else {
            // Without target probability an element takes no part.
            or_nothing(a, F::p::<A, R>(a, t), value)
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
        F::value::<L, I, R>(l, x, t, zero)
    }
}

/// `p·(ln p − ln q)`, the divergence.
#[derive(Clone, Copy)]
pub(crate) struct Forward;

impl Family for Forward {
    const READS_INPUT: bool = true;
    const VARIANTS: bool = true;

    #[inline(always)]
    fn value<A: Arithmetic, I: InputForm, R: TargetForm>(
        a: A,
        x: A::Vec,
        t: A::Vec,
        _: A::Vec,
    ) -> A::Vec {
        a.mul(R::p(a, t), I::ln_ratio::<A, R>(a, x, t))
    }
}

/// The derivative of the divergence by the input, times the upstream gradient.
#[derive(Clone, Copy)]
pub(crate) struct InputGrad;

impl Family for InputGrad {
    const READS_INPUT: bool = false;
    const READS_UPSTREAM: bool = true;
    const VARIANTS: bool = false;

    #[inline(always)]
    fn reads_input<I: InputForm>() -> bool {
        I::GRAD_READS_INPUT
    }
    #[inline(always)]
    fn p<A: Arithmetic, R: TargetForm>(a: A, t: A::Vec) -> A::Vec {
        R::p_alone(a, t)
    }
    #[inline(always)]
    fn value<A: Arithmetic, I: InputForm, R: TargetForm>(
        a: A,
        x: A::Vec,
        t: A::Vec,
        g: A::Vec,
    ) -> A::Vec {
        I::grad(a, Self::p::<A, R>(a, t), x, g)
    }
}

/// The derivative of the divergence by the target, times the upstream gradient.
#[derive(Clone, Copy)]
pub(crate) struct TargetGrad;

impl Family for TargetGrad {
    const READS_INPUT: bool = true;
    const READS_UPSTREAM: bool = true;
    const VARIANTS: bool = false;

    #[inline(always)]
    fn value<A: Arithmetic, I: InputForm, R: TargetForm>(
        a: A,
        x: A::Vec,
        t: A::Vec,
        g: A::Vec,
    ) -> A::Vec {
        let ln_ratio = I::ln_ratio::<A, R>(a, x, t);
        a.mul(R::grad(a, R::p(a, t), ln_ratio), g)
    }
}

/// `−p·ln p`.
#[derive(Clone, Copy)]
pub(crate) struct Entropy;

impl Family for Entropy {
    const READS_INPUT: bool = false;
    const VARIANTS: bool = false;

    #[inline(always)]
    fn value<A: Arithmetic, I: InputForm, R: TargetForm>(
        a: A,
        _: A::Vec,
        t: A::Vec,
        _: A::Vec,
    ) -> A::Vec {
        a.mul(negative(a, R::p(a, t)), R::ln_p(a, t))
    }
}

/// `−p·ln q`.
#[derive(Clone, Copy)]
pub(crate) struct CrossEntropy;

impl Family for CrossEntropy {
    const READS_INPUT: bool = true;
    const VARIANTS: bool = false;

    #[inline(always)]
    fn value<A: Arithmetic, I: InputForm, R: TargetForm>(
        a: A,
        x: A::Vec,
        t: A::Vec,
        _: A::Vec,
    ) -> A::Vec {
        a.mul(negative(a, R::p(a, t)), I::ln_q(a, x))
    }
}

/// `p`.
#[derive(Clone, Copy)]
pub(crate) struct Mass;

impl Family for Mass {
    const READS_INPUT: bool = false;
    const VARIANTS: bool = false;

    #[inline(always)]
    fn value<A: Arithmetic, I: InputForm, R: TargetForm>(
        a: A,
        _: A::Vec,
        t: A::Vec,
        _: A::Vec,
    ) -> A::Vec {
        R::p(a, t)
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
