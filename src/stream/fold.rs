//! Lanes merged into one, always in the order of [step 3](super).

use super::compensated::Compensated;
use crate::float::Float;
use crate::lanes::{Arithmetic, Lanes};

/// Registers whose lanes can be merged at once.
pub(crate) const FOUR: usize = 4;

/// Whether rows fit a register, and registers are large enough for that to be worth code of its own.
#[inline(always)]
pub(crate) const fn is_short<L: Lanes>(row_length: usize) -> bool {
    L::VARIANTS && L::COUNT >= 2 * FOUR && row_length <= L::COUNT
}

/// Merges all lanes: first whole registers, then those of the last one.
#[inline(always)]
pub(crate) fn fold<L: Lanes>(l: L, mut bank: &mut [Compensated<L::Vec>]) -> Compensated<L::Elem> {
    while bank.len() > 1 {
        let (lower, upper) = bank.split_at_mut(bank.len() / 2);
        for (a, b) in lower.iter_mut().zip(upper) {
            *a = a.merge(l, *b);
        }
        bank = lower;
    }
    merge_lanes(l, bank.first().copied().unwrap_or(Compensated::zero(l))).first(l)
}

/// Merges the lanes of a register: all hold the result.
#[inline(always)]
pub(crate) fn merge_lanes<A: Arithmetic>(a: A, all: Compensated<A::Vec>) -> Compensated<A::Vec> {
    merge_parts(a, all, A::COUNT)
}

/// Merges the lanes of four registers, each by itself, but side by side in one register as soon as
/// what is left of them fits. [`quarter`] finds the results.
#[inline(always)]
pub(crate) fn merge_four<L: Lanes>(l: L, [a, b, c, d]: [L::Vec; FOUR]) -> Compensated<L::Vec> {
    let (half, part) = (L::COUNT / 2, L::COUNT / FOUR);
    let (zero, one) = (l.splat(L::Elem::ZERO), l.splat(L::Elem::ONE));
    let in_lower_half = l.first_lanes(half);
    let first_part = l.select(l.first_lanes(part), one, zero);
    let in_first_or_third = l.equal(l.add(first_part, l.rotate(first_part, half)), one);
    let [a, b] = [Compensated { sum: a, lost: zero }, Compensated { sum: b, lost: zero }];
    let [c, d] = [Compensated { sum: c, lost: zero }, Compensated { sum: d, lost: zero }];
    let ac = merge_halves(l, in_lower_half, half, a, c);
    let bd = merge_halves(l, in_lower_half, half, b, d);
    merge_parts(l, merge_halves(l, in_first_or_third, part, ac, bd), part)
}

/// Merges each lane of `a` and `b` under the mask with the one `by` lanes above it. Results of `b` go to the
/// lanes above.
#[inline(always)]
fn merge_halves<A: Arithmetic>(
    l: A,
    mask: A::Mask,
    by: usize,
    a: Compensated<A::Vec>,
    b: Compensated<A::Vec>,
) -> Compensated<A::Vec> {
    let (lowered, raised) = (rotate(l, a, by), rotate(l, b, A::COUNT - by));
    let lower = Compensated {
        sum: l.select(mask, a.sum, raised.sum),
        lost: l.select(mask, a.lost, raised.lost),
    };
    let upper = Compensated {
        sum: l.select(mask, lowered.sum, b.sum),
        lost: l.select(mask, lowered.lost, b.lost),
    };
    lower.merge(l, upper)
}

/// The first element of a quarter of a register.
#[inline(always)]
pub(crate) fn quarter<L: Lanes>(l: L, v: L::Vec, which: usize) -> L::Elem {
    l.first(l.rotate(v, which * (L::COUNT / FOUR)))
}

/// Merges the lanes of parts of so many, a power of two, each time with the other half of them: a
/// part's first lane holds its result.
#[inline(always)]
fn merge_parts<A: Arithmetic>(
    a: A,
    mut all: Compensated<A::Vec>,
    lanes: usize,
) -> Compensated<A::Vec> {
    let mut by = lanes / 2;
    while by > 0 {
        all = all.merge(a, rotate(a, all, by));
        by /= 2;
    }
    all
}

#[inline(always)]
fn rotate<A: Arithmetic>(a: A, all: Compensated<A::Vec>, by: usize) -> Compensated<A::Vec> {
    Compensated { sum: a.rotate(all.sum, by), lost: a.rotate(all.lost, by) }
}

/// The sum of a register's lanes in each of them, if it is finite.
#[inline(always)]
pub(crate) fn sum_lanes<A: Arithmetic>(a: A, terms: A::Vec) -> A::Vec {
    let Compensated { sum, lost } =
        merge_lanes(a, Compensated { sum: terms, ..Compensated::zero(a) });
    a.add(sum, lost)
}
