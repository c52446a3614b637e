//! Rows of logits to probabilities or their logarithms.
//!
//! Each row is read three times, while it is in cache: for its maximum, for the sum of the
//! exponentials below it, and for the result. What fits a register stays there.

use super::map::map;
use super::{Formula, Kernel};
use crate::lanes::{Arithmetic, Float, Lanes};
use crate::math::{exp, ln};
use crate::sum::{GROUP, only, sum, sum_lanes};

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
            if L::VARIANTS && row.len() <= L::COUNT {
                let Register { below, mass, .. } = Register::of(l, row);
                store_only(l, out, l.sub(below, ln_of(l, mass)));
                continue;
            }
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
            if L::VARIANTS && row.len() <= L::COUNT {
                let Register { above_zero, mass, .. } = Register::of(l, row);
                store_only(l, out, l.div(above_zero, mass));
                continue;
            }
            let largest = largest(l, row);
            let mass = sum(l, Exp { largest }, row, row);
            map(l, Share { largest, mass }, row, row, T::ZERO, &[], out);
        }
    }
}

/// A row of no more elements than a register holds.
struct Register<L: Lanes> {
    /// `t − largest`.
    below: L::Vec,
    /// `e^(t − largest)`.
    above_zero: L::Vec,
    /// Their sum, in every lane.
    mass: L::Vec,
}

impl<L: Lanes> Register<L> {
    #[inline(always)]
    fn of(l: L, row: &[L::Elem]) -> Self {
        let t = only(l, row, L::Elem::NEG_INFINITY);
        let largest = largest_lane(l, t);
        let below = l.sub(l.first_lanes(row.len(), t, l.first(largest)), largest);
        let above_zero = if l.all_usual_exponents([below, below, below, below]) {
            exp::<L, false>(l, below)
        } else {
            exp::<L, true>(l, below)
        };
        let mass = sum_lanes(l, l.first_lanes(row.len(), above_zero, L::Elem::ZERO));
        Register { below, above_zero, mass }
    }
}

/// To the only register of a slice.
#[inline(always)]
fn store_only<L: Lanes>(l: L, out: &mut [L::Elem], v: L::Vec) {
    let (whole, tail) = l.split_slice_mut(out);
    match whole.first_mut() {
        Some(raw) => *raw = l.store(v),
        None => l.store_tail(tail, v),
    }
}

/// The logarithm of what is the same in all lanes.
#[inline(always)]
fn ln_of<L: Lanes>(l: L, mass: L::Vec) -> L::Vec {
    if l.first(mass).is_positive_normal() {
        ln::<L, false>(l, mass)
    } else {
        ln::<L, true>(l, mass)
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
    l.first(largest_lane(l, larger(l, larger(l, a, b), larger(l, c, d))))
}

/// The largest element of a register, +0 where zeros are, in every lane.
#[inline(always)]
fn largest_lane<L: Lanes>(l: L, mut all: L::Vec) -> L::Vec {
    let mut by = L::COUNT / 2;
    while by > 0 {
        all = larger(l, all, l.rotate(all, by));
        by /= 2;
    }
    l.add(all, l.splat(L::Elem::ZERO))
}

/// The larger; `a` where unordered.
#[inline(always)]
fn larger<L: Lanes>(l: L, a: L::Vec, b: L::Vec) -> L::Vec {
    l.select(l.less(a, b), b, a)
}
