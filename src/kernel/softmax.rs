//! Rows of logits to probabilities or their logarithms.
//!
//! Each row is read three times, while it is in cache: for its maximum, for the sum of the
//! exponentials below it, and for the result.

use super::map::map;
use super::{Formula, Kernel};
use crate::lanes::{Arithmetic, Float, Lanes, virtual_lanes};
use crate::math::{exp, ln};
use crate::sum::{GROUP, sum};

/// Log-probabilities of rows of `classes > 0` logits.
pub(crate) struct LogSoftmax<'a, T> {
    pub(crate) logits: &'a [T],
    pub(crate) classes: usize,
    pub(crate) out: &'a mut [T],
}

impl<T: Float> Kernel<T> for LogSoftmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) {
        let LogSoftmax { mut logits, classes, mut out } = self;
        while let (Some(row), Some(out)) =
            (logits.split_off(..classes), out.split_off_mut(..classes))
            && !out.is_empty()
        {
            let largest = largest(l, row);
            let mass = sum(l, Exp { largest }, row, row);
            let ln_mass = l.first(ln::<L, true>(l, l.splat(mass)));
            map(l, LnShare { largest, ln_mass }, row, row, T::ZERO, &[], out);
        }
    }
}

/// Probabilities of rows of `classes > 0` logits.
pub(crate) struct Softmax<'a, T> {
    pub(crate) logits: &'a [T],
    pub(crate) classes: usize,
    pub(crate) out: &'a mut [T],
}

impl<T: Float> Kernel<T> for Softmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) {
        let Softmax { mut logits, classes, mut out } = self;
        while let (Some(row), Some(out)) =
            (logits.split_off(..classes), out.split_off_mut(..classes))
            && !out.is_empty()
        {
            let largest = largest(l, row);
            let mass = sum(l, Exp { largest }, row, row);
            map(l, Share { largest, mass }, row, row, T::ZERO, &[], out);
        }
    }
}

/// `e^(t − largest)`.
#[derive(Clone, Copy)]
struct Exp<T> {
    largest: T,
}

/// `e^(t − largest) / mass`.
#[derive(Clone, Copy)]
struct Share<T> {
    largest: T,
    mass: T,
}

/// `(t − largest) − ln_mass`.
#[derive(Clone, Copy)]
struct LnShare<T> {
    largest: T,
    ln_mass: T,
}

impl<T: Float> Formula<T> for Exp<T> {
    const VARIANTS: bool = true;

    #[inline(always)]
    fn usual<L: Lanes<Elem = T>>(self, l: L, _: [L::Vec; GROUP], t: [L::Vec; GROUP]) -> bool {
        let largest = l.splat(self.largest);
        l.all_usual_exponents([
            l.sub(t[0], largest),
            l.sub(t[1], largest),
            l.sub(t[2], largest),
            l.sub(t[3], largest),
        ])
    }
    #[inline(always)]
    fn value<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        _: A::Vec,
        t: A::Vec,
        _: A::Vec,
    ) -> A::Vec {
        exp::<A, ANY>(a, a.sub(t, a.splat(self.largest)))
    }
    #[inline(always)]
    fn fill(self) -> (T, T) {
        (T::ZERO, T::NEG_INFINITY)
    }
}

impl<T: Float> Formula<T> for Share<T> {
    const VARIANTS: bool = true;

    #[inline(always)]
    fn usual<L: Lanes<Elem = T>>(self, l: L, x: [L::Vec; GROUP], t: [L::Vec; GROUP]) -> bool {
        Exp { largest: self.largest }.usual(l, x, t)
    }
    #[inline(always)]
    fn value<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        _: A::Vec,
        t: A::Vec,
        _: A::Vec,
    ) -> A::Vec {
        let above_zero = exp::<A, ANY>(a, a.sub(t, a.splat(self.largest)));
        a.div(above_zero, a.splat(self.mass))
    }
    #[inline(always)]
    fn fill(self) -> (T, T) {
        (T::ZERO, T::NEG_INFINITY)
    }
}

impl<T: Float> Formula<T> for LnShare<T> {
    const VARIANTS: bool = true;

    #[inline(always)]
    fn usual<L: Lanes<Elem = T>>(self, _: L, _: [L::Vec; GROUP], _: [L::Vec; GROUP]) -> bool {
        true
    }
    #[inline(always)]
    fn value<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        _: A::Vec,
        t: A::Vec,
        _: A::Vec,
    ) -> A::Vec {
        a.sub(a.sub(t, a.splat(self.largest)), a.splat(self.ln_mass))
    }
    #[inline(always)]
    fn fill(self) -> (T, T) {
        (T::ZERO, T::ZERO)
    }
}

/// The largest element, in the lane order of [`crate::sum`]: which of −0 and +0 wins depends
/// on the order. With a NaN in the row it is any number, and the sum of exponentials is NaN.
#[inline(always)]
pub(super) fn largest<L: Lanes>(l: L, row: &[L::Elem]) -> L::Elem {
    let registers = virtual_lanes::<L::Elem>() / L::COUNT;
    let mut bank = l.bank(l.splat(L::Elem::NEG_INFINITY));
    let bank = bank.as_mut();
    let (row, tail) = l.split_slice(row);
    for block in row.chunks(registers) {
        for (lanes, &raw) in bank.iter_mut().zip(block) {
            *lanes = larger(l, *lanes, l.load(raw));
        }
    }
    if let Some(lanes) = bank.get_mut(row.len() % registers) {
        *lanes = larger(l, *lanes, l.load_tail(tail, L::Elem::NEG_INFINITY));
    }
    let mut bank = &mut *bank;
    while bank.len() > 1 {
        let (lower, upper) = bank.split_at_mut(bank.len() / 2);
        for (a, b) in lower.iter_mut().zip(upper) {
            *a = larger(l, *a, *b);
        }
        bank = lower;
    }
    let mut all = bank.first().copied().unwrap_or(l.splat(L::Elem::NEG_INFINITY));
    let mut by = L::COUNT / 2;
    while by > 0 {
        all = larger(l, all, l.rotate(all, by));
        by /= 2;
    }
    l.first(all)
}

/// The larger; `a` where unordered.
#[inline(always)]
fn larger<L: Lanes>(l: L, a: L::Vec, b: L::Vec) -> L::Vec {
    l.select(l.less(a, b), b, a)
}
