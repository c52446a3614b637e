//! Compensated sums, in the order that is part of the contract.
//!
//! With `L = 128 / size_of::<T>()` virtual lanes (32 for f32, 16 for f64):
//!
//! 1. Term `i` of a stream belongs to lane `i mod L`.
//! 2. A lane takes its terms four at a time, `(a + b) + (c + d)`, absent ones as +0, and adds
//!    that to its sum; the rounding error of this addition goes to a second sum.
//! 3. Lanes are merged pairwise: `i` with `i + L/2`, then with `i + L/4`, down to `i + 1`.
//! 4. A stream longer than [`CHUNK`] is cut into chunks, whose results are merged in order.
//! 5. At the end the two sums are added.
//!
//! The main sum alone decides whether the result is finite, so infinities and NaNs come out as
//! the plain sum has them.

use crate::kernel::{Formula, usual_values};
use crate::lanes::{Arithmetic, Float, Lanes, virtual_lanes};

/// Terms after which the lanes are merged.
pub(crate) const CHUNK: usize = 65_536;

/// Terms that a lane adds up before the one compensated addition.
pub(crate) const GROUP: usize = 4;

/// A sum and what rounding took from it.
#[derive(Clone, Copy)]
pub(crate) struct Compensated<V> {
    pub(crate) sum: V,
    pub(crate) lost: V,
}

impl<V: Copy> Compensated<V> {
    #[inline(always)]
    pub(crate) fn zero<L: Arithmetic<Vec = V>>(l: L) -> Self {
        let zero = l.splat(L::Elem::ZERO);
        Compensated { sum: zero, lost: zero }
    }

    /// Adds four terms. Exact but for the second sum's own rounding while the sum outweighs
    /// the terms (Dekker's fast two-sum); else what goes missing is within `2 u` of the terms.
    #[inline(always)]
    pub(crate) fn add<L: Arithmetic<Vec = V>>(self, l: L, [a, b, c, d]: [V; GROUP]) -> Self {
        let terms = l.add(l.add(a, b), l.add(c, d));
        let sum = l.add(self.sum, terms);
        let error = l.sub(terms, l.sub(sum, self.sum));
        Compensated { sum, lost: l.add(self.lost, error) }
    }

    /// Adds another sum, by Knuth's two-sum: exact whichever outweighs the other.
    #[inline(always)]
    pub(crate) fn merge<L: Arithmetic<Vec = V>>(self, l: L, other: Self) -> Self {
        let sum = l.add(self.sum, other.sum);
        let of_other = l.sub(sum, self.sum);
        let of_self = l.sub(sum, of_other);
        let error = l.add(l.sub(self.sum, of_self), l.sub(other.sum, of_other));
        Compensated { sum, lost: l.add(l.add(self.lost, other.lost), error) }
    }
}

/// The sum of `formula` over a stream of two slices of one length.
#[inline(always)]
pub(crate) fn sum<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: &[L::Elem],
    t: &[L::Elem],
) -> L::Elem {
    let mut total = Compensated::zero(l);
    for (x, t) in x.chunks(CHUNK).zip(t.chunks(CHUNK)) {
        total = total.merge(l, sum_chunk(l, formula, x, t));
    }
    let sum = l.first(total.sum);
    let compensated = sum + l.first(total.lost);
    let is_finite = L::Elem::NEG_INFINITY < sum && sum < L::Elem::INFINITY;
    if is_finite { compensated } else { sum }
}

/// Lane 0 of the result holds the chunk's sum.
///
/// The chunk's groups are numbered: group `i` holds register `i mod registers` of each of the
/// four parts of block `i / registers`. The last block may lack some or all of them.
#[inline(always)]
fn sum_chunk<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: &[L::Elem],
    t: &[L::Elem],
) -> Compensated<L::Vec> {
    let registers = virtual_lanes::<L::Elem>() / L::COUNT;
    let zero = l.splat(L::Elem::ZERO);
    let (fill_x, fill_t) = formula.fill();
    if t.len() <= L::COUNT && L::COUNT > 1 {
        // One register at most: what follows, less what would be done with zeros.
        let value = formula.value::<L, true>(l, only(l, x, fill_x), only(l, t, fill_t), zero);
        return fold_register(l, Compensated { sum: l.add(value, zero), lost: zero });
    }

    let (x, x_tail) = l.split_slice(x);
    let (t, t_tail) = l.split_slice(t);
    let blocks = t.len() / (GROUP * registers);
    let left = t.len() % (GROUP * registers) + usize::from(!t_tail.is_empty());
    let groups = blocks * registers + left.min(registers);
    let mut bank = l.bank(Compensated::zero(l));
    let bank = bank.as_mut();

    let mut index = 0;
    loop {
        // The usual case: as many full groups of usual elements as come.
        while let Some([gx, gt]) = full_group(l, x, t, index) {
            let (gx, gt) = (load(l, gx), load(l, gt));
            if !formula.usual(l, gx, gt) {
                break;
            }
            let terms = usual_values(l, formula, gx, gt, [zero; GROUP]);
            add_to(l, bank, index % registers, terms);
            index += 1;
        }
        if index >= groups {
            return fold(l, bank);
        }
        // Any other group, one register at a time.
        let start = first_of_group(index, registers);
        let mut terms = [zero; GROUP];
        for (g, term) in terms.iter_mut().enumerate() {
            let at = start + g * registers;
            let (x, t) = if let (Some(&x), Some(&t)) = (x.get(at), t.get(at)) {
                (l.load(x), l.load(t))
            } else if at == t.len() && !t_tail.is_empty() {
                (l.load_tail(x_tail, fill_x), l.load_tail(t_tail, fill_t))
            } else {
                break;
            };
            *term = formula.value::<L, true>(l, x, t, zero);
        }
        add_to(l, bank, index % registers, terms);
        index += 1;
    }
}

/// Where the first register of a group lies.
#[inline(always)]
fn first_of_group(index: usize, registers: usize) -> usize {
    index / registers * (GROUP * registers) + index % registers
}

/// Where group `index` of both slices lies, if it is all there.
#[inline(always)]
fn full_group<'a, L: Lanes>(
    _: L,
    x: &'a [L::Raw],
    t: &'a [L::Raw],
    index: usize,
) -> Option<[&'a [L::Raw]; 2]> {
    let registers = virtual_lanes::<L::Elem>() / L::COUNT;
    let start = first_of_group(index, registers);
    let span = 3 * registers + 1;
    Some([x.get(start..)?.get(..span)?, t.get(start..)?.get(..span)?])
}

/// The registers of a group.
#[inline(always)]
fn load<L: Lanes>(l: L, group: &[L::Raw]) -> [L::Vec; GROUP] {
    let registers = virtual_lanes::<L::Elem>() / L::COUNT;
    [
        l.load(group[0]),
        l.load(group[registers]),
        l.load(group[2 * registers]),
        l.load(group[3 * registers]),
    ]
}

/// The only register of a slice.
#[inline(always)]
fn only<L: Lanes>(l: L, slice: &[L::Elem], fill: L::Elem) -> L::Vec {
    let (whole, tail) = l.split_slice(slice);
    match whole.first() {
        Some(&raw) => l.load(raw),
        None => l.load_tail(tail, fill),
    }
}

#[inline(always)]
fn add_to<L: Lanes>(
    l: L,
    bank: &mut [Compensated<L::Vec>],
    register: usize,
    terms: [L::Vec; GROUP],
) {
    if let Some(lanes) = bank.get_mut(register) {
        *lanes = lanes.add(l, terms);
    }
}

/// Merges all lanes into lane 0: first whole registers, then within the last one.
#[inline(always)]
pub(crate) fn fold<L: Lanes>(l: L, mut bank: &mut [Compensated<L::Vec>]) -> Compensated<L::Vec> {
    while bank.len() > 1 {
        let (lower, upper) = bank.split_at_mut(bank.len() / 2);
        for (a, b) in lower.iter_mut().zip(upper) {
            *a = a.merge(l, *b);
        }
        bank = lower;
    }
    fold_register(l, bank.first().copied().unwrap_or(Compensated::zero(l)))
}

/// Merges the lanes of a register into lane 0.
#[inline(always)]
fn fold_register<L: Lanes>(l: L, mut all: Compensated<L::Vec>) -> Compensated<L::Vec> {
    let mut by = L::COUNT / 2;
    while by > 0 {
        let rotated = Compensated { sum: l.rotate(all.sum, by), lost: l.rotate(all.lost, by) };
        all = all.merge(l, rotated);
        by /= 2;
    }
    all
}
