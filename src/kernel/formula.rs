//! What is computed for one element, from input `x`, target `t` and upstream gradient `g`.

use core::marker::PhantomData;

use crate::lanes::{Element, Float, Lanes};
use crate::math::{exp, ln, ln_minus};
use crate::sum::GROUP;

/// A function of one element. `ANY` is as in [`crate::math`]: without it, `x` and `t` are
/// known to be usual.
pub(crate) trait Formula<T: Element>: Copy {
    /// Whether these elements can be given to `value::<L, false>`.
    fn usual<L: Lanes<Elem = T>>(self, l: L, x: [L::Vec; GROUP], t: [L::Vec; GROUP]) -> bool;

    /// Its value.
    fn value<L: Lanes<Elem = T>, const ANY: bool>(
        self,
        l: L,
        x: L::Vec,
        t: L::Vec,
        g: L::Vec,
    ) -> L::Vec;

    /// An input and a target whose value is +0.
    fn fill(self) -> (T, T);

    /// The values of a group.
    #[inline(always)]
    fn values<L: Lanes<Elem = T>, const ANY: bool>(
        self,
        l: L,
        [x0, x1, x2, x3]: [L::Vec; GROUP],
        [t0, t1, t2, t3]: [L::Vec; GROUP],
        [g0, g1, g2, g3]: [L::Vec; GROUP],
    ) -> [L::Vec; GROUP] {
        [
            self.value::<L, ANY>(l, x0, t0, g0),
            self.value::<L, ANY>(l, x1, t1, g1),
            self.value::<L, ANY>(l, x2, t2, g2),
            self.value::<L, ANY>(l, x3, t3, g3),
        ]
    }
}

/// What the input numbers are.
pub(crate) trait InputForm: Copy {
    fn usual<L: Lanes>(l: L, x: [L::Vec; GROUP]) -> bool;
    /// `ln q`.
    fn ln_q<L: Lanes, const ANY: bool>(l: L, x: L::Vec) -> L::Vec;
    /// The derivative of `−p·ln q` by the input, times `g`.
    fn grad<L: Lanes>(l: L, p: L::Vec, x: L::Vec, g: L::Vec) -> L::Vec;
}

/// What the target numbers are.
pub(crate) trait TargetForm: Copy {
    fn usual<L: Lanes>(l: L, t: [L::Vec; GROUP]) -> bool;
    fn p<L: Lanes, const ANY: bool>(l: L, t: L::Vec) -> L::Vec;
    /// `ln p − y`.
    fn ln_p_minus<L: Lanes, const ANY: bool>(l: L, t: L::Vec, y: L::Vec) -> L::Vec;
    /// The derivative of `p·(ln p − y)` by the target, from `difference = ln p − y`.
    fn grad<L: Lanes>(l: L, p: L::Vec, difference: L::Vec) -> L::Vec;
    /// A target of probability zero.
    fn zero<T: Element>() -> T;
}

/// Probabilities.
#[derive(Clone, Copy)]
pub(crate) struct Probs;

/// Natural logarithms of probabilities.
#[derive(Clone, Copy)]
pub(crate) struct LnProbs;

impl InputForm for LnProbs {
    #[inline(always)]
    fn usual<L: Lanes>(_: L, _: [L::Vec; GROUP]) -> bool {
        true
    }
    #[inline(always)]
    fn ln_q<L: Lanes, const ANY: bool>(_: L, x: L::Vec) -> L::Vec {
        x
    }
    #[inline(always)]
    fn grad<L: Lanes>(l: L, p: L::Vec, _: L::Vec, g: L::Vec) -> L::Vec {
        l.mul(negative(l, p), g)
    }
}

impl InputForm for Probs {
    #[inline(always)]
    fn usual<L: Lanes>(l: L, x: [L::Vec; GROUP]) -> bool {
        l.all_positive_normal(x)
    }
    #[inline(always)]
    fn ln_q<L: Lanes, const ANY: bool>(l: L, x: L::Vec) -> L::Vec {
        ln::<L, ANY>(l, x)
    }
    #[inline(always)]
    fn grad<L: Lanes>(l: L, p: L::Vec, x: L::Vec, g: L::Vec) -> L::Vec {
        l.mul(l.div(negative(l, p), x), g)
    }
}

impl TargetForm for Probs {
    #[inline(always)]
    fn usual<L: Lanes>(l: L, t: [L::Vec; GROUP]) -> bool {
        l.all_positive_normal(t)
    }
    #[inline(always)]
    fn p<L: Lanes, const ANY: bool>(_: L, t: L::Vec) -> L::Vec {
        t
    }
    #[inline(always)]
    fn ln_p_minus<L: Lanes, const ANY: bool>(l: L, t: L::Vec, y: L::Vec) -> L::Vec {
        ln_minus::<L, ANY>(l, t, y)
    }
    #[inline(always)]
    fn grad<L: Lanes>(l: L, _: L::Vec, difference: L::Vec) -> L::Vec {
        l.add(difference, l.splat(L::Elem::ONE))
    }
    #[inline(always)]
    fn zero<T: Element>() -> T {
        T::ZERO
    }
}

impl TargetForm for LnProbs {
    #[inline(always)]
    fn usual<L: Lanes>(l: L, t: [L::Vec; GROUP]) -> bool {
        l.all_usual_exponents(t)
    }
    #[inline(always)]
    fn p<L: Lanes, const ANY: bool>(l: L, t: L::Vec) -> L::Vec {
        exp::<L, ANY>(l, t)
    }
    #[inline(always)]
    fn ln_p_minus<L: Lanes, const ANY: bool>(l: L, t: L::Vec, y: L::Vec) -> L::Vec {
        l.sub(t, y)
    }
    #[inline(always)]
    fn grad<L: Lanes>(l: L, p: L::Vec, difference: L::Vec) -> L::Vec {
        l.mul(p, l.add(difference, l.splat(L::Elem::ONE)))
    }
    #[inline(always)]
    fn zero<T: Element>() -> T {
        T::NEG_INFINITY
    }
}

#[inline(always)]
fn negative<L: Lanes>(l: L, v: L::Vec) -> L::Vec {
    l.sub(l.splat(L::Elem::ZERO), v)
}

/// A formula for every pair of forms.
pub(crate) trait Family: Copy {
    /// As [`Formula::usual`].
    fn usual<L: Lanes, I: InputForm, R: TargetForm>(
        l: L,
        x: [L::Vec; GROUP],
        t: [L::Vec; GROUP],
    ) -> bool;
    /// As [`Formula::value`].
    fn value<L: Lanes, I: InputForm, R: TargetForm, const ANY: bool>(
        l: L,
        x: L::Vec,
        t: L::Vec,
        g: L::Vec,
    ) -> L::Vec;
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

impl<T: Element, F: Family, I: InputForm, R: TargetForm> Formula<T> for Of<F, I, R> {
    #[inline(always)]
    fn usual<L: Lanes<Elem = T>>(self, l: L, x: [L::Vec; GROUP], t: [L::Vec; GROUP]) -> bool {
        F::usual::<L, I, R>(l, x, t)
    }
    #[inline(always)]
    fn value<L: Lanes<Elem = T>, const ANY: bool>(
        self,
        l: L,
        x: L::Vec,
        t: L::Vec,
        g: L::Vec,
    ) -> L::Vec {
        let value = F::value::<L, I, R, ANY>(l, x, t, g);
        if ANY {
            // Without target probability an element takes no part.
            let zero = l.splat(T::ZERO);
            l.select(l.equal(R::p::<L, ANY>(l, t), zero), zero, value)
        } else {
            value
        }
    }
    #[inline(always)]
    fn fill(self) -> (T, T) {
        (T::ZERO, R::zero())
    }
}

/// `p·(ln p − ln q)`, the divergence.
#[derive(Clone, Copy)]
pub(crate) struct Forward;

impl Family for Forward {
    #[inline(always)]
    fn usual<L: Lanes, I: InputForm, R: TargetForm>(
        l: L,
        x: [L::Vec; GROUP],
        t: [L::Vec; GROUP],
    ) -> bool {
        I::usual(l, x) && R::usual(l, t)
    }
    #[inline(always)]
    fn value<L: Lanes, I: InputForm, R: TargetForm, const ANY: bool>(
        l: L,
        x: L::Vec,
        t: L::Vec,
        _: L::Vec,
    ) -> L::Vec {
        let difference = R::ln_p_minus::<L, ANY>(l, t, I::ln_q::<L, ANY>(l, x));
        l.mul(R::p::<L, ANY>(l, t), difference)
    }
}

/// The derivative of the divergence by the input, times the upstream gradient.
#[derive(Clone, Copy)]
pub(crate) struct InputGrad;

impl Family for InputGrad {
    #[inline(always)]
    fn usual<L: Lanes, I: InputForm, R: TargetForm>(
        l: L,
        _: [L::Vec; GROUP],
        t: [L::Vec; GROUP],
    ) -> bool {
        R::usual(l, t)
    }
    #[inline(always)]
    fn value<L: Lanes, I: InputForm, R: TargetForm, const ANY: bool>(
        l: L,
        x: L::Vec,
        t: L::Vec,
        g: L::Vec,
    ) -> L::Vec {
        I::grad(l, R::p::<L, ANY>(l, t), x, g)
    }
}

/// The derivative of the divergence by the target, times the upstream gradient.
#[derive(Clone, Copy)]
pub(crate) struct TargetGrad;

impl Family for TargetGrad {
    #[inline(always)]
    fn usual<L: Lanes, I: InputForm, R: TargetForm>(
        l: L,
        x: [L::Vec; GROUP],
        t: [L::Vec; GROUP],
    ) -> bool {
        I::usual(l, x) && R::usual(l, t)
    }
    #[inline(always)]
    fn value<L: Lanes, I: InputForm, R: TargetForm, const ANY: bool>(
        l: L,
        x: L::Vec,
        t: L::Vec,
        g: L::Vec,
    ) -> L::Vec {
        let difference = R::ln_p_minus::<L, ANY>(l, t, I::ln_q::<L, ANY>(l, x));
        l.mul(R::grad(l, R::p::<L, ANY>(l, t), difference), g)
    }
}

/// `−p·ln p`.
#[derive(Clone, Copy)]
pub(crate) struct Entropy;

impl Family for Entropy {
    #[inline(always)]
    fn usual<L: Lanes, I: InputForm, R: TargetForm>(
        l: L,
        _: [L::Vec; GROUP],
        t: [L::Vec; GROUP],
    ) -> bool {
        R::usual(l, t)
    }
    #[inline(always)]
    fn value<L: Lanes, I: InputForm, R: TargetForm, const ANY: bool>(
        l: L,
        _: L::Vec,
        t: L::Vec,
        _: L::Vec,
    ) -> L::Vec {
        let ln_p = R::ln_p_minus::<L, ANY>(l, t, l.splat(L::Elem::ZERO));
        l.mul(negative(l, R::p::<L, ANY>(l, t)), ln_p)
    }
}

/// `−p·ln q`.
#[derive(Clone, Copy)]
pub(crate) struct CrossEntropy;

impl Family for CrossEntropy {
    #[inline(always)]
    fn usual<L: Lanes, I: InputForm, R: TargetForm>(
        l: L,
        x: [L::Vec; GROUP],
        t: [L::Vec; GROUP],
    ) -> bool {
        I::usual(l, x) && R::usual(l, t)
    }
    #[inline(always)]
    fn value<L: Lanes, I: InputForm, R: TargetForm, const ANY: bool>(
        l: L,
        x: L::Vec,
        t: L::Vec,
        _: L::Vec,
    ) -> L::Vec {
        l.mul(negative(l, R::p::<L, ANY>(l, t)), I::ln_q::<L, ANY>(l, x))
    }
}

/// `p`.
#[derive(Clone, Copy)]
pub(crate) struct Mass;

impl Family for Mass {
    #[inline(always)]
    fn usual<L: Lanes, I: InputForm, R: TargetForm>(
        l: L,
        _: [L::Vec; GROUP],
        t: [L::Vec; GROUP],
    ) -> bool {
        R::usual(l, t)
    }
    #[inline(always)]
    fn value<L: Lanes, I: InputForm, R: TargetForm, const ANY: bool>(
        l: L,
        _: L::Vec,
        t: L::Vec,
        _: L::Vec,
    ) -> L::Vec {
        R::p::<L, ANY>(l, t)
    }
}
