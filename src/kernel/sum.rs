//! Sums of a formula: over a stream, over each row, over one chunk. The order is that of [`crate::stream`].

use crate::float::Float;
use crate::formula::{Formula, any_value, register_value, usual_values, variants};
use crate::lanes::scalar::Scalar;
use crate::lanes::{Kernel, Lanes};
use crate::stream::ahead::Ahead;
use crate::stream::compensated::Compensated;
use crate::stream::fold::{FOUR, fold, is_short, merge_four, merge_lanes, quarter};
use crate::stream::group::{
    both_registers, both_whole, last_parts, of_one_length, only, registers,
};
use crate::stream::order::{CHUNK, GROUP, SMALL, virtual_lanes};

/// The sum of a formula over each row of `row_length` elements, a stream of its own each.
pub(crate) struct RowSums<'a, T, F> {
    pub(crate) formula: F,
    pub(crate) x: &'a [T],
    pub(crate) t: &'a [T],
    pub(crate) row_length: usize,
    pub(crate) out: &'a mut [T],
}

impl<T: Float, F: Formula<T>> Kernel<T> for RowSums<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) {
        let RowSums { formula, mut x, mut t, row_length, mut out } = self;
        if F::VARIANTS && is_short::<L>(row_length) && out.len() >= FOUR {
            let four = ..FOUR * row_length;
            while let (Some(x), Some(t), Some([a, b, c, d])) =
                (x.split_off(four), t.split_off(four), out.split_off_mut(..FOUR))
            {
                [*a, *b, *c, *d] = sum_four(l, formula, x, t, row_length);
            }
        }
        for out in out {
            let reach = [x, t];
            // Not `chunks`: it would bring a panic for a length of zero.
            let (Some(x), Some(t)) = (x.split_off(..row_length), t.split_off(..row_length)) else {
                return;
            };
            *out = sum(l, formula, [x, t], reach);
        }
    }
}

/// The sum of a formula over one chunk of a stream, for whoever merges the chunks.
#[cfg(feature = "rayon")]
pub(crate) struct ChunkSum<'a, T, F> {
    pub(crate) formula: F,
    pub(crate) x: &'a [T],
    pub(crate) t: &'a [T],
}

#[cfg(feature = "rayon")]
impl<T: Float, F: Formula<T>> Kernel<T> for ChunkSum<'_, T, F> {
    type Output = Compensated<T>;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) -> Self::Output {
        sum_chunk(l, self.formula, [self.x, self.t], 0, [self.x, self.t])
    }
}

/// The sum of `formula` over a stream of two slices of one length. `reach` is what is read before long: slices that
/// begin as these do and may go on where they end.
#[inline(always)]
pub(crate) fn sum<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    [mut x, mut t]: [&[L::Elem]; 2],
    reach: [&[L::Elem]; 2],
) -> L::Elem {
    if variants::<L, F>() && t.len() <= L::COUNT {
        let sum = sum_register(l, formula, x, t);
        return merge_lanes(l, Compensated { sum, ..Compensated::zero(l) }).first(l).value();
    }
    if variants::<L, F>() && t.len() <= virtual_lanes::<L::Elem>() {
        return sum_short(l, formula, x, t).value();
    }
    // On a microcontroller a bank of all lanes is dear; in a large cache the terms of a single lane
    // are far apart.
    if L::COUNT == 1 && SMALL {
        return by_lane(l, formula, x, t).first(l).value();
    }
    let scalar = Scalar::<L::Elem>::NEW;
    let mut total = Compensated::zero(scalar);
    let mut start = 0;
    while !t.is_empty() {
        let count = CHUNK.min(t.len());
        let (Some(x), Some(t)) = (x.split_off(..count), t.split_off(..count)) else { break };
        total = total.merge(scalar, sum_chunk(l, formula, [x, t], start, reach));
        start += count;
    }
    total.value()
}

/// The sums of four streams, the rows of two slices, where rows fit a register: [`is_short`].
#[inline(always)]
pub(crate) fn sum_four<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    mut x: &[L::Elem],
    mut t: &[L::Elem],
    row_length: usize,
) -> [L::Elem; FOUR] {
    let mut sums = [l.splat(L::Elem::ZERO); FOUR];
    for sum in &mut sums {
        if let (Some(x), Some(t)) = (x.split_off(..row_length), t.split_off(..row_length)) {
            *sum = sum_register(l, formula, x, t);
        }
    }
    let sums = merge_four(l, sums);
    [value_of(l, sums, 0), value_of(l, sums, 1), value_of(l, sums, 2), value_of(l, sums, 3)]
}

#[inline(always)]
fn value_of<L: Lanes>(l: L, sums: Compensated<L::Vec>, which: usize) -> L::Elem {
    let (sum, lost) = (quarter(l, sums.sum, which), quarter(l, sums.lost, which));
    Compensated { sum, lost }.value()
}

/// The sum of a stream with no more than one term for each lane: what [`sum_chunk`] does, less
/// what it would do with zeros.
#[inline(always)]
fn sum_short<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    mut x: &[L::Elem],
    mut t: &[L::Elem],
) -> Compensated<L::Elem> {
    let mut bank = l.bank(Compensated::zero(l));
    let bank = bank.as_mut();
    let registers = t.len().div_ceil(L::COUNT);
    for lanes in bank.iter_mut().take(registers) {
        let count = L::COUNT.min(t.len());
        if let (Some(x), Some(t)) = (x.split_off(..count), t.split_off(..count)) {
            lanes.sum = sum_register(l, formula, x, t);
        }
    }
    fold(l, bank.get_mut(..registers.next_power_of_two()).unwrap_or_default())
}

/// The sums of lanes with one term, or without.
#[inline(always)]
fn sum_register<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: &[L::Elem],
    t: &[L::Elem],
) -> L::Vec {
    let zero = l.splat(L::Elem::ZERO);
    let (fill_x, fill_t) = formula.fill();
    let (x, t) = (only(l, x, fill_x), only(l, t, fill_t));
    l.add(register_value(l, formula, x, t, zero), zero)
}

/// The sum of a chunk by registers, which share out the virtual lanes. `reach` as in [`sum`]: the chunk begins at
/// that place of it.
///
/// A block is a group for each of these registers. The last one may lack some or all of theirs.
#[inline(always)]
pub(crate) fn sum_chunk<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    [x, t]: [&[L::Elem]; 2],
    place: usize,
    [reach_x, reach_t]: [&[L::Elem]; 2],
) -> Compensated<L::Elem> {
    let reach_x = if formula.reads_input() { Some(reach_x) } else { None };
    let ahead = Ahead::<L, GROUP>::over(l, [place, t.len()], reach_x, reach_t);
    let registers = registers::<L>();
    let zero = l.splat(L::Elem::ZERO);
    let (x, x_tail) = l.split_slice(x);
    let (t, t_tail) = l.split_slice(t);
    let [x, t] = of_one_length([x, t]);
    let last = last_parts(l, [x_tail, t_tail], formula.fill());
    let present = t.len() + usize::from(!t_tail.is_empty());
    let mut bank = l.bank(Compensated::zero(l));
    let bank = bank.as_mut();

    // A sum that shows what the cheaper check let pass is taken again, with care.
    let shows = L::IF_FINITE && F::SUM_SHOWS && !SMALL;
    let mut careful = false;
    let mut index = 0;
    loop {
        // The usual case: as many whole groups of usual elements as come.
        let mut start = first_of_group(index, registers);
        while !(shows && careful)
            && let Some([gx, gt]) = both_whole(l, [x, t], start, registers)
            && is_usual(l, formula, [gx, gt], shows)
        {
            ahead.ask(l, index);
            add_to(l, bank, index % registers, usual_values(l, formula, gx, gt, [zero; GROUP]));
            index += 1;
            start = first_of_group(index, registers);
        }
        if start < present {
            // Any other group, one register at a time.
            let mut terms = [zero; GROUP];
            for (k, term) in terms.iter_mut().enumerate() {
                let at = start + k * registers;
                if at >= present {
                    break;
                }
                let [x, t] = both_registers(l, [x, t], last, at);
                *term = any_value(l, formula, x, t, zero);
            }
            add_to(l, bank, index % registers, terms);
            index += 1;
            continue;
        }
        if SMALL {
            // Registers without a term add nothing, and a loop over the others takes less code
            // than the whole tree.
            let filled = present.clamp(1, registers).next_power_of_two();
            return fold(l, bank.get_mut(..filled).unwrap_or_default());
        }
        let all = fold(l, bank);
        if !shows || careful || (L::Elem::NEG_INFINITY < all.sum && all.sum < L::Elem::INFINITY) {
            return all;
        }
        careful = true;
        bank.fill(Compensated::zero(l));
        index = 0;
    }
}

/// Where the first register of a group lies.
#[inline(always)]
fn first_of_group(index: usize, registers: usize) -> usize {
    index / registers * (GROUP * registers) + index % registers
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

/// Whether a group is usual. Where the sum shows what is not, less tells.
#[inline(always)]
fn is_usual<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    [x, t]: [[L::Vec; GROUP]; 2],
    shows: bool,
) -> bool {
    if shows { formula.usual_if_sum_is_finite(l, x, t) } else { formula.usual(l, x, t) }
}

/// [`sum`] for single elements: lane by lane, each in registers from its first term to its last,
/// so that small machines need no bank.
///
/// The lanes come in the order in which the tree of [`fold`] takes them; those without a term,
/// which would add nothing to it, are left out.
#[inline(always)]
fn by_lane<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: &[L::Elem],
    t: &[L::Elem],
) -> Compensated<L::Vec> {
    let (x, _) = l.split_slice(x);
    let (t, _) = l.split_slice(t);
    let (lanes, length) = (virtual_lanes::<L::Elem>(), t.len());
    let mut total = Compensated::zero(l);
    let mut start = 0;
    loop {
        let end = t.len().min(start + CHUNK);
        let (Some(x), Some(t)) = (x.get(..end), t.get(..end)) else { return total };
        // Twice the lane, and one for the chunks before, which wait as a left branch does.
        let mut node = 1;
        let mut waiting = [total; DEPTH];
        let mut depth = 1;
        loop {
            let mut all = sum_lane(l, formula, x, t, start + node / 2);
            let mut bit = lanes;
            loop {
                if node & bit != 0 {
                    depth -= 1;
                    all = waiting[depth % DEPTH].merge(l, all);
                    node ^= bit;
                } else if bit == 0 || start + (node | bit) / 2 < end {
                    break;
                }
                bit /= 2;
            }
            if bit == 0 {
                total = all;
                break;
            }
            waiting[depth % DEPTH] = all;
            depth += 1;
            node |= bit;
        }
        start = end;
        if start == length {
            return total;
        }
    }
}

/// Levels of the tree, rounded up to a power of two: an index needs no check then.
const DEPTH: usize = 8;

/// The sum of one lane's terms: its first one is at `first`.
#[inline(always)]
fn sum_lane<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: &[L::Raw],
    t: &[L::Raw],
    first: usize,
) -> Compensated<L::Vec> {
    let lanes = virtual_lanes::<L::Elem>();
    let zero = l.splat(L::Elem::ZERO);
    let mut all = Compensated::zero(l);
    let mut at = first;
    // Where usual elements have a text of their own, whole groups alone are worth a copy of it.
    while !F::BRANCHES
        && let Some([x, t]) = both_whole(l, [x, t], at, lanes)
    {
        let mut terms = [zero; GROUP];
        for (term, (x, t)) in terms.iter_mut().zip(x.into_iter().zip(t)) {
            *term = register_value(l, formula, x, t, zero);
        }
        all = all.add(l, terms);
        at += GROUP * lanes;
    }
    while at < t.len()
        && let (Some(x), Some(t)) = (x.get(at..), t.get(at..))
    {
        let mut terms = [zero; GROUP];
        for (k, term) in terms.iter_mut().enumerate() {
            let (Some(&x), Some(&t)) = (x.get(k * lanes), t.get(k * lanes)) else { break };
            *term = formula.element(l, l.load(x), l.load(t));
        }
        all = all.add(l, terms);
        if !F::BRANCHES {
            break; // known to be the last: no loop, for the compiler
        }
        at += GROUP * lanes;
    }
    all
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::formula::divergence::{Forward, Of};
    use crate::formula::forms::{LnProbs, Probs};
    use std::vec::Vec;

    /// Sums whose terms change their sign; some targets are `impossible`, some `unusual`.
    fn compare<T: Float, F: Formula<T>>(formula: F, [impossible, unusual]: [T; 2]) {
        let l = Scalar::<T>::NEW;
        let part = |i: usize| T::from_f64((i * 40_503 % 65_521) as f64 / 65_521.0);
        let target = |i: usize| match i % 13 {
            3 => impossible,
            5 => unusual,
            _ => part(i),
        };
        for length in (0..300).chain([1_000, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 45]) {
            let x: Vec<T> = (0..length).map(|i| part(i * i) - T::from_f64(0.5)).collect();
            let t: Vec<T> = (0..length).map(target).collect();
            let mut expected = Compensated::zero(l);
            for (x, t) in x.chunks(CHUNK).zip(t.chunks(CHUNK)) {
                expected = expected.merge(l, sum_chunk(l, formula, [x, t], 0, [x, t]));
            }
            let found = by_lane(l, formula, &x, &t);
            assert_eq!([found.sum, found.lost], [expected.sum, expected.lost], "{length} terms");
        }
    }

    /// The first is what targets of 32 bits do.
    #[test]
    fn lane_by_lane_as_by_registers() {
        let probs = Of::<Forward, LnProbs, Probs>::NEW;
        compare(probs, [0.0, 1e-39_f32]);
        compare(probs, [0.0, 1e-309_f64]);
        let ln_probs = Of::<Forward, LnProbs, LnProbs>::NEW;
        compare(ln_probs, [f32::NEG_INFINITY, -95.0]);
        compare(ln_probs, [f64::NEG_INFINITY, -720.0]);
    }
}
