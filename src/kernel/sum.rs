//! Sums of a formula: over a stream, over each row, over one chunk. The order is that of [`crate::stream`].

use crate::float::Float;
use crate::formula::{Formula, any_value, register_value, usual_values, variants};
use crate::lanes::scalar::Scalar;
use crate::lanes::{Kernel, Lanes};
use crate::numbers::{Numbers, room};
use crate::stream::ahead::Ahead;
use crate::stream::compensated::Compensated;
use crate::stream::fold::{FOUR, fold, is_short, merge_four, merge_lanes, quarter};
use crate::stream::group::{
    both_registers, both_whole, last_parts, of_one_length, only, registers,
};
use crate::stream::order::{CHUNK, GROUP, PIECE, SMALL, virtual_lanes};

/// The sum of a formula over each row of `row_length` elements, a stream of its own each.
pub(crate) struct RowSums<'a, T: Float, F> {
    pub(crate) formula: F,
    pub(crate) x: Numbers<'a, T>,
    pub(crate) t: Numbers<'a, T>,
    pub(crate) row_length: usize,
    pub(crate) out: &'a mut [T],
}

impl<T: Float, F: Formula<T>> Kernel<T> for RowSums<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) {
        let RowSums { formula, mut x, mut t, row_length, mut out } = self;
        // Rows that are stored in 16 bits are widened as many at a time as there is room for.
        let (mut room_x, mut room_t) = (room::<_, PIECE>(), room::<_, PIECE>());
        let wide = t.is_wide() || is_by_lane::<L>();
        let rows_of_a_piece = if wide { out.len() } else { PIECE / row_length.max(1) };
        while !out.is_empty() {
            let rows = rows_of_a_piece.clamp(1, out.len());
            let (Some(mut x), Some(mut t), Some(mut out)) =
                (x.take(rows * row_length), t.take(rows * row_length), out.split_off_mut(..rows))
            else {
                return;
            };
            if !wide && row_length <= PIECE {
                x = Numbers::Wide(x.in_room(T::ZERO, &mut room_x));
                t = Numbers::Wide(t.in_room(T::ZERO, &mut room_t));
            }
            if F::VARIANTS
                && is_short::<L>(row_length)
                && let (Numbers::Wide(short_x), Numbers::Wide(short_t)) = (&mut x, &mut t)
            {
                let four = ..FOUR * row_length;
                while out.len() >= FOUR
                    && let (Some(x), Some(t), Some([a, b, c, d])) = (
                        short_x.split_off(four),
                        short_t.split_off(four),
                        out.split_off_mut(..FOUR),
                    )
                {
                    [*a, *b, *c, *d] = sum_four(l, formula, x, t, row_length);
                }
            }
            for out in out {
                let reach = [x.plain(), t.plain()];
                let (Some(x), Some(t)) = (x.take(row_length), t.take(row_length)) else {
                    return;
                };
                *out = sum(l, formula, [x, t], reach);
            }
        }
    }
}

/// The sum of a formula over one chunk of a stream, for whoever merges the chunks.
#[cfg(feature = "rayon")]
pub(crate) struct ChunkSum<'a, T: Float, F> {
    pub(crate) formula: F,
    pub(crate) x: Numbers<'a, T>,
    pub(crate) t: Numbers<'a, T>,
}

#[cfg(feature = "rayon")]
impl<T: Float, F: Formula<T>> Kernel<T> for ChunkSum<'_, T, F> {
    type Output = Compensated<T>;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) -> Self::Output {
        sum_chunk(l, self.formula, [self.x, self.t], [self.x.plain(), self.t.plain()])
    }
}

/// Whether sums go [`by_lane`]: on a microcontroller a bank of all lanes is dear; in a large cache the
/// terms of a single lane are far apart.
#[inline(always)]
const fn is_by_lane<L: Lanes>() -> bool {
    L::COUNT == 1 && SMALL
}

/// The sum of `formula` over a stream of as many inputs as targets. `reach` is what is read before long: slices that
/// begin as these do and may go on where they end, or empty ones.
#[inline(always)]
pub(crate) fn sum<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    [mut x, mut t]: [Numbers<'_, L::Elem>; 2],
    [mut reach_x, mut reach_t]: [&[L::Elem]; 2],
) -> L::Elem {
    if variants::<L, F>()
        && let (Numbers::Wide(x), Numbers::Wide(t)) = (x, t)
    {
        if t.len() <= L::COUNT {
            let sum = sum_register(l, formula, x, t);
            return merge_lanes(l, Compensated { sum, ..Compensated::zero(l) }).first(l).value();
        }
        if t.len() <= virtual_lanes::<L::Elem>() {
            return sum_short(l, formula, x, t).value();
        }
    }
    if is_by_lane::<L>() {
        return by_lane(l, formula, x, t).first(l).value();
    }
    let scalar = Scalar::<L::Elem>::NEW;
    let mut total = Compensated::zero(scalar);
    while t.len() > 0 {
        let count = CHUNK.min(t.len());
        let (Some(x), Some(t)) = (x.take(count), t.take(count)) else { break };
        total = total.merge(scalar, sum_chunk(l, formula, [x, t], [reach_x, reach_t]));
        reach_x = reach_x.get(count..).unwrap_or_default();
        reach_t = reach_t.get(count..).unwrap_or_default();
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

/// The sum of a chunk by registers, which share out the virtual lanes. `reach` as in [`sum`].
#[inline(always)]
pub(crate) fn sum_chunk<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    [x, t]: [Numbers<'_, L::Elem>; 2],
    [reach_x, reach_t]: [&[L::Elem]; 2],
) -> Compensated<L::Elem> {
    let reach_x = if formula.reads_input() { Some(reach_x) } else { None };
    let ahead = Ahead::<L, GROUP>::new(l, reach_x, reach_t);
    let mut bank = l.bank(Compensated::zero(l));
    let bank = bank.as_mut();
    let (mut room_x, mut room_t) = (room::<_, PIECE>(), room::<_, PIECE>());
    let piece = if t.is_wide() { CHUNK } else { PIECE };

    // A sum that shows what the cheaper check let pass is taken again, with care.
    let shows = L::IF_FINITE && F::SUM_SHOWS && !SMALL;
    let mut careful = false;
    loop {
        let (mut left_x, mut left_t) = (x, t);
        loop {
            let length = piece.min(left_t.len());
            let (Some(x), Some(t)) = (left_x.take(length), left_t.take(length)) else { break };
            let x = x.in_room(L::Elem::ZERO, &mut room_x);
            let t = t.in_room(L::Elem::ZERO, &mut room_t);
            add_piece(l, formula, [x, t], &ahead, shows, careful, bank);
            if left_t.len() == 0 {
                break;
            }
        }
        if SMALL {
            // Registers without a term add nothing, and a loop over the others takes less code
            // than the whole tree.
            let filled = t.len().div_ceil(L::COUNT).clamp(1, registers::<L>()).next_power_of_two();
            return fold(l, bank.get_mut(..filled).unwrap_or_default());
        }
        let all = fold(l, bank);
        if !shows || careful || (L::Elem::NEG_INFINITY < all.sum && all.sum < L::Elem::INFINITY) {
            return all;
        }
        careful = true;
        bank.fill(Compensated::zero(l));
    }
}

/// Adds a piece of a chunk: whole [tiles](crate::stream::order::tile_length), but for the last one.
///
/// A block is a group for each of the registers that share out the virtual lanes. The last one may lack some or all of
/// theirs.
#[inline(always)]
fn add_piece<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    [x, t]: [&[L::Elem]; 2],
    ahead: &Ahead<'_, L, GROUP>,
    shows: bool,
    careful: bool,
    bank: &mut [Compensated<L::Vec>],
) {
    let registers = registers::<L>();
    let zero = l.splat(L::Elem::ZERO);
    let (x, x_tail) = l.split_slice(x);
    let (t, t_tail) = l.split_slice(t);
    let [x, t] = of_one_length([x, t]);
    let last = last_parts(l, [x_tail, t_tail], formula.fill());
    let present = t.len() + usize::from(last.is_some());
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
        if start >= present {
            return;
        }
        // Any other group, one register at a time.
        let mut terms = [zero; GROUP];
        for (k, term) in terms.iter_mut().enumerate() {
            let at = start + k * registers;
            let Some([x, t]) = both_registers(l, [x, t], last, at) else { break };
            *term = any_value(l, formula, x, t, zero);
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
    x: Numbers<'_, L::Elem>,
    t: Numbers<'_, L::Elem>,
) -> Compensated<L::Vec> {
    let (lanes, length) = (virtual_lanes::<L::Elem>(), t.len());
    let mut total = Compensated::zero(l);
    let mut start = 0;
    loop {
        let end = t.len().min(start + CHUNK);
        let (Some(x), Some(t)) = (x.part(0, end), t.part(0, end)) else { return total };
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
    x: Numbers<'_, L::Elem>,
    t: Numbers<'_, L::Elem>,
    first: usize,
) -> Compensated<L::Vec> {
    let lanes = virtual_lanes::<L::Elem>();
    let zero = l.splat(L::Elem::ZERO);
    let mut all = Compensated::zero(l);
    let mut at = first;
    // Where usual elements have a text of their own, whole groups alone are worth a copy of it.
    while !F::BRANCHES
        && let (Some(x), Some(t)) = (x.group(at, lanes), t.group(at, lanes))
    {
        let mut terms = [zero; GROUP];
        for (term, (x, t)) in terms.iter_mut().zip(x.into_iter().zip(t)) {
            *term = register_value(l, formula, l.splat(x), l.splat(t), zero);
        }
        all = all.add(l, terms);
        at += GROUP * lanes;
    }
    while at < t.len()
        && let (Some(x), Some(t)) = (x.after(at), t.after(at))
    {
        let mut terms = [zero; GROUP];
        for (k, term) in terms.iter_mut().enumerate() {
            let (Some(x), Some(t)) = (x.get(k * lanes), t.get(k * lanes)) else { break };
            *term = formula.element(l, l.splat(x), l.splat(t));
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
                let numbers = [Numbers::Wide(x), Numbers::Wide(t)];
                let chunk = sum_chunk(l, formula, numbers, [x, t]);
                expected = expected.merge(l, chunk);
            }
            let (wide_x, wide_t) = (Numbers::Wide(&x[..]), Numbers::Wide(&t[..]));
            let found = by_lane(l, formula, wide_x, wide_t);
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
