//! Rows of logits to probabilities or their logarithms.
//!
//! Each row is read three times, while it is in cache: for its maximum, for the sum of the
//! exponentials below it, and for the result.

use super::map::map;
use super::{Formula, Kernel};
use crate::lanes::{Arithmetic, Float, Lanes};
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

/// The largest element, +0 where zeros are. With a NaN in the row it is the largest number, and
/// the sum of exponentials is NaN. No order matters: four registers at a time, each on its own.
#[inline(always)]
pub(super) fn largest<L: Lanes>(l: L, row: &[L::Elem]) -> L::Elem {
    let lowest = L::Elem::NEG_INFINITY;
    let [mut a, mut b, mut c, mut d] = [l.splat(lowest); GROUP];
    let (row, tail) = l.split_slice(row);
    let (groups, rest) = row.as_chunks::<GROUP>();
    for &[e, f, g, h] in groups {
        a = larger(l, a, l.load(e));
        b = larger(l, b, l.load(f));
        c = larger(l, c, l.load(g));
        d = larger(l, d, l.load(h));
    }
    for &raw in rest {
        a = larger(l, a, l.load(raw));
    }
    if !tail.is_empty() {
        b = larger(l, b, l.load_tail(tail, lowest));
    }
    let mut all = larger(l, larger(l, a, b), larger(l, c, d));
    let mut by = L::COUNT / 2;
    while by > 0 {
        all = larger(l, all, l.rotate(all, by));
        by /= 2;
    }
    l.first(all) + L::Elem::ZERO
}

/// The larger; `a` where unordered.
#[inline(always)]
fn larger<L: Lanes>(l: L, a: L::Vec, b: L::Vec) -> L::Vec {
    l.select(l.less(a, b), b, a)
}
