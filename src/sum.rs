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

use crate::kernel::Formula;
use crate::lanes::{Arithmetic, Float, Four, Lanes, virtual_lanes};

/// Terms after which the lanes are merged.
pub(crate) const CHUNK: usize = 65_536;

/// Terms that a lane adds up before the one compensated addition.
pub(crate) const GROUP: usize = 4;

/// A sum and what rounding took from it.
#[derive(Clone, Copy)]
struct Compensated<V> {
    sum: V,
    lost: V,
}

impl<V: Copy> Compensated<V> {
    #[inline(always)]
    fn zero<L: Arithmetic<Vec = V>>(l: L) -> Self {
        let zero = l.splat(L::Elem::ZERO);
        Compensated { sum: zero, lost: zero }
    }

    /// Adds four terms. Exact but for the second sum's own rounding while the sum outweighs
    /// the terms (Dekker's fast two-sum); else what goes missing is within `2 u` of the terms.
    #[inline(always)]
    fn add<L: Arithmetic<Vec = V>>(self, l: L, [a, b, c, d]: [V; GROUP]) -> Self {
        let terms = l.add(l.add(a, b), l.add(c, d));
        let sum = l.add(self.sum, terms);
        let error = l.sub(terms, l.sub(sum, self.sum));
        Compensated { sum, lost: l.add(self.lost, error) }
    }

    /// Adds another sum, by Knuth's two-sum: exact whichever outweighs the other.
    #[inline(always)]
    fn merge<L: Arithmetic<Vec = V>>(self, l: L, other: Self) -> Self {
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
    let mut chunks = x.chunks(CHUNK).zip(t.chunks(CHUNK));
    let Some((first_x, first_t)) = chunks.next() else {
        return L::Elem::ZERO;
    };
    let mut total = sum_chunk(l, formula, first_x, first_t);
    for (x, t) in chunks {
        total = total.merge(l, sum_chunk(l, formula, x, t));
    }
    let sum = l.first(total.sum);
    let compensated = sum + l.first(total.lost);
    let is_finite = sum - sum == L::Elem::ZERO;
    if is_finite { compensated } else { sum }
}

/// Lane 0 of the result holds the chunk's sum.
#[inline(always)]
fn sum_chunk<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: &[L::Elem],
    t: &[L::Elem],
) -> Compensated<L::Vec> {
    let registers = virtual_lanes::<L::Elem>() / L::COUNT;
    let zero = l.splat(L::Elem::ZERO);
    let mut bank = l.bank(Compensated::zero(l));
    let bank = bank.as_mut();

    let (x, x_tail) = l.split_slice(x);
    let (t, t_tail) = l.split_slice(t);
    let mut x_blocks = x.chunks_exact(GROUP * registers);
    let mut t_blocks = t.chunks_exact(GROUP * registers);
    loop {
        // After the full blocks comes one that is not, and may be empty.
        let (x, t, is_last) = match (x_blocks.next(), t_blocks.next()) {
            (Some(x), Some(t)) => (x, t, false),
            _ => (x_blocks.remainder(), t_blocks.remainder(), true),
        };
        let has_tail = is_last && !t_tail.is_empty();
        let used = (t.len() + usize::from(has_tail)).min(registers);
        for (v, lanes) in bank.iter_mut().enumerate().take(used) {
            if let (false, Some(x), Some(t)) =
                (is_last, group::<L>(x, v, registers), group::<L>(t, v, registers))
            {
                let x = [l.load(*x[0]), l.load(*x[1]), l.load(*x[2]), l.load(*x[3])];
                let t = [l.load(*t[0]), l.load(*t[1]), l.load(*t[2]), l.load(*t[3])];
                if formula.usual(l, x, t) {
                    let terms = formula.value::<Four<L>, false>(Four(l), x, t, [zero; GROUP]);
                    *lanes = lanes.add(l, terms);
                    continue;
                }
            }
            let mut terms = [zero; GROUP];
            for (g, term) in terms.iter_mut().enumerate() {
                let at = g * registers + v;
                let (x, t) = if let (Some(&x), Some(&t)) = (x.get(at), t.get(at)) {
                    (l.load(x), l.load(t))
                } else if has_tail && at == t.len() {
                    let (fill_x, fill_t) = formula.fill();
                    (l.load_tail(x_tail, fill_x), l.load_tail(t_tail, fill_t))
                } else {
                    break;
                };
                *term = formula.value::<L, true>(l, x, t, zero);
            }
            *lanes = lanes.add(l, terms);
        }
        if is_last {
            return fold(l, bank);
        }
    }
}

/// Register `v` of each of the four parts of a full block.
#[inline(always)]
fn group<L: Lanes>(block: &[L::Raw], v: usize, registers: usize) -> Option<[&L::Raw; GROUP]> {
    let (a, block) = block.split_at_checked(registers)?;
    let (b, block) = block.split_at_checked(registers)?;
    let (c, d) = block.split_at_checked(registers)?;
    Some([a.get(v)?, b.get(v)?, c.get(v)?, d.get(v)?])
}

/// Merges all lanes into lane 0: first whole registers, then within the last one.
#[inline(always)]
fn fold<L: Lanes>(l: L, mut bank: &mut [Compensated<L::Vec>]) -> Compensated<L::Vec> {
    while bank.len() > 1 {
        let (lower, upper) = bank.split_at_mut(bank.len() / 2);
        for (a, b) in lower.iter_mut().zip(upper) {
            *a = a.merge(l, *b);
        }
        bank = lower;
    }
    let mut all = bank.first().copied().unwrap_or(Compensated::zero(l));
    let mut by = L::COUNT / 2;
    while by > 0 {
        let rotated = Compensated { sum: l.rotate(all.sum, by), lost: l.rotate(all.lost, by) };
        all = all.merge(l, rotated);
        by /= 2;
    }
    all
}
