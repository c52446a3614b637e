//! A formula written element by element.

use super::{Formula, Kernel, any_value, register_value};
use crate::lanes::{Float, Lanes, Two};

/// Registers of a step. With four the loop has so many places in the code that read memory that
/// the prefetcher of a Zen 5 takes some for others, and the kernel half of its speed from memory.
const STEP: usize = 2;

/// A formula over slices of one length, in rows of `row_length > 0` elements.
pub(crate) struct Map<'a, T, F> {
    pub(crate) formula: F,
    pub(crate) x: &'a [T],
    pub(crate) t: &'a [T],
    pub(crate) row_length: usize,
    pub(crate) factors: Factors<'a, T>,
    pub(crate) out: &'a mut [T],
}

/// The upstream gradient.
#[derive(Clone, Copy)]
pub enum Factors<'a, T> {
    /// One factor for all.
    Uniform(T),
    /// A factor for each row.
    PerRow(&'a [T]),
    /// A factor for each element; there is one row.
    PerElement(&'a [T]),
}

impl<T: Float, F: Formula<T>> Kernel<T> for Map<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) {
        let Map { formula, mut x, mut t, row_length, factors, mut out } = self;
        let mut index = 0;
        while let (Some(x), Some(t), Some(out)) =
            (x.split_off(..row_length), t.split_off(..row_length), out.split_off_mut(..row_length))
            && !out.is_empty()
        {
            let (same, each) = match factors {
                Factors::Uniform(factor) => (factor, &[][..]),
                Factors::PerRow(rows) => (rows.get(index).copied().unwrap_or(T::ZERO), &[][..]),
                Factors::PerElement(each) => (T::ZERO, each),
            };
            map(l, formula, x, t, same, each, out);
            index += 1;
        }
    }
}

/// The upstream gradient of element `i` is `each[i]`, or `same` where `each` is empty.
#[inline(always)]
pub(super) fn map<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: &[L::Elem],
    t: &[L::Elem],
    same: L::Elem,
    each: &[L::Elem],
    out: &mut [L::Elem],
) {
    let same = l.splat(same);
    let (x, x_tail) = l.split_slice(x);
    let (t, t_tail) = l.split_slice(t);
    let (each, each_tail) = l.split_slice(each);
    let (out, out_tail) = l.split_slice_mut(out);

    let steps = x.chunks(STEP).zip(t.chunks(STEP)).zip(out.chunks_mut(STEP));
    for (index, ((x, t), out)) in steps.enumerate() {
        let each = each.get(index * STEP..).unwrap_or(&[]);
        if let (Some(x), Some(t), [a, b]) = (pair(l, x), pair(l, t), &mut *out)
            && formula.usual(l, x, t)
        {
            let g = pair(l, each).unwrap_or([same; STEP]);
            let [first, second] = formula.value::<Two<L>, false>(Two(l), x, t, g);
            [*a, *b] = [l.store(first), l.store(second)];
            continue;
        }
        for (k, ((&x, &t), out)) in x.iter().zip(t).zip(out).enumerate() {
            let g = match each.get(k) {
                Some(&raw) => l.load(raw),
                None => same,
            };
            *out = l.store(any_value(l, formula, l.load(x), l.load(t), g));
        }
    }
    if !out_tail.is_empty() {
        let (fill_x, fill_t) = formula.fill();
        let x = l.load_tail(x_tail, fill_x);
        let t = l.load_tail(t_tail, fill_t);
        let g = if each_tail.is_empty() { same } else { l.load_tail(each_tail, L::Elem::ZERO) };
        l.store_tail(out_tail, register_value(l, formula, x, t, g));
    }
}

/// The first two registers, if there are as many.
#[inline(always)]
fn pair<L: Lanes>(l: L, raw: &[L::Raw]) -> Option<[L::Vec; STEP]> {
    match raw {
        &[a, b, ..] => Some([l.load(a), l.load(b)]),
        _ => None,
    }
}
