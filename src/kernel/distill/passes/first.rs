//! What one read of a row tells: the largest logits, the masses above them, the weighted sum.
//!
//! A row goes by in blocks that stay in cache. Each logit is taken relative to a reference, the
//! largest of the row's first block. A later block that rises more than one above it (after
//! division by the temperature) moves the reference, and the sums so far are rescaled. Each such
//! move shrinks what was summed before by more than `e`, so errors of rescaling do not pile up.
//! Whether a block moves the reference depends on the block's numbers alone, not on how many of
//! them a register holds: the bits are the same everywhere.
//!
//! For a gradient, which needs more reads anyway, the reference is the largest logit of the row: it
//! never moves, and the masses can be kept.

use crate::float::Float;
use crate::formula::or_nothing;
use crate::kernel::distill::parts::companion::Companion;
use crate::kernel::distill::parts::logits::Logits;
use crate::kernel::distill::parts::numbers::exp_of;
use crate::kernel::distill::parts::totals::totals;
use crate::kernel::softmax::largest_of;
use crate::lanes::scalar::Scalar;
use crate::lanes::{self, Arithmetic, Kernel, Lanes};
use crate::math::exp_factor;
use crate::numbers::{Numbers, room};
use crate::stream::ahead::{Ahead, distance};
use crate::stream::compensated::Compensated;
use crate::stream::group::{part, registers, store, whole};
use crate::stream::order::{GROUP, PIECE, SMALL, tile_length};

/// Tiles of a block: 4 KB of each slice.
pub(super) const TILES: usize = 8;

/// Room for any block.
const BLOCK: usize = TILES * tile_length::<f32>();

/// A row's sums, relative to the references.
pub(crate) struct Statistics<T, C> {
    pub(crate) logits: Logits<T>,
    pub(crate) companion: C,
    pub(crate) mass: Compensated<T>,
    pub(crate) companion_mass: Compensated<T>,
    pub(crate) weighted: Compensated<T>,
    /// Whether all numbers are known to be usual.
    pub(crate) usual: bool,
}

/// One sum for each virtual lane: of the logits' masses, the companion's, the weighted
/// differences.
pub(super) type Sums<L> = [<L as Lanes>::Bank<Compensated<<L as Arithmetic>::Vec>>; 3];

/// A read of a row of logits and its companion, which is as long or, for [`Nothing`], the logits.
/// Without `WEIGH` the weighted differences are left out.
pub(crate) struct FirstRead<'a, T: Float, C, const WEIGH: bool> {
    pub(crate) logits: Logits<T>,
    pub(crate) companion: C,
    pub(crate) x: Numbers<'a, T>,
    pub(crate) t: Numbers<'a, T>,
    /// What is read before long: slices that begin as these do and may go on where they end, or empty ones.
    pub(crate) reach: [&'a [T]; 2],
    /// Where the logits' masses are left; or empty, as always with `WEIGH`.
    pub(crate) masses: &'a mut [T],
    pub(crate) reference: Reference,
}

/// What logits are taken relative to.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Reference {
    /// The largest of the first block, moved by later ones.
    OfBlocks,
    /// The largest of the row.
    OfRow,
}

impl<T: Float, C: Companion<T>, const WEIGH: bool> Kernel<T> for FirstRead<'_, T, C, WEIGH> {
    type Output = Statistics<T, C>;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) -> Statistics<T, C> {
        let FirstRead { mut logits, mut companion, x, t, reach, mut masses, reference } = self;
        let [mut reach_x, mut reach_t] = reach;
        let mut sums: Sums<L> = [l.bank(Compensated::zero(l)); 3];
        let mut all_usual = true;
        let mut first = None;
        let block = TILES * tile_length::<T>();
        if !WEIGH && reference == Reference::OfRow {
            raise::<L, C, WEIGH>(l, &mut logits, &mut companion, [x, t], reach, None);
            first = Some(references(logits, companion));
        }
        let (mut room_x, mut room_t) = (room::<_, BLOCK>(), room::<_, BLOCK>());
        let elements = x.len();
        let mut start = 0;
        while start < elements {
            let length = block.min(elements - start);
            let (Some(mut x), Some(mut t)) = (x.part(start, length), t.part(start, length)) else {
                break;
            };
            // Where there is room, a block is widened once for all that is done with it.
            if !SMALL {
                x = Numbers::Wide(x.in_room(T::ZERO, &mut room_x));
                t = if C::HAS_NUMBERS { Numbers::Wide(t.in_room(T::ZERO, &mut room_t)) } else { x };
            }
            let mut usual = first.is_some() && all_below(l, logits, companion, x, t);
            if !usual {
                let before = first.is_some().then_some(&mut sums);
                raise::<L, C, WEIGH>(l, &mut logits, &mut companion, [x, t], [&[], &[]], before);
                usual = all_below(l, logits, companion, x, t);
            }
            all_usual &= usual;
            if first.is_none() {
                first = Some(references(logits, companion));
            }
            add_block::<L, C, WEIGH>(
                l,
                logits,
                companion,
                [x, t],
                usual,
                [&mut reach_x, &mut reach_t],
                &mut masses,
                &mut sums,
            );
            start += length;
        }
        if let Some([of_logits, of_companion]) = first {
            all_usual &= logits.is_close_to(of_logits);
            if let Some(logits) = companion.logits() {
                all_usual &= logits.is_close_to(of_companion);
            }
        }
        let [mass, companion_mass, weighted] = totals(l, sums, elements);
        Statistics { logits, companion, mass, companion_mass, weighted, usual: all_usual }
    }
}

#[inline(always)]
fn references<T: Float, C: Companion<T>>(logits: Logits<T>, mut companion: C) -> [T; 2] {
    let of_companion = match companion.logits() {
        Some(logits) => logits.reference,
        None => T::ZERO,
    };
    [logits.reference, of_companion]
}

/// Whether a block is all usual and needs no other reference.
#[inline(always)]
pub(super) fn all_below<L: Lanes, C: Companion<L::Elem>>(
    l: L,
    logits: Logits<L::Elem>,
    companion: C,
    mut x: Numbers<'_, L::Elem>,
    mut t: Numbers<'_, L::Elem>,
) -> bool {
    let (mut room_x, mut room_t) = (room::<_, PIECE>(), room::<_, PIECE>());
    let piece = if x.is_wide() && t.is_wide() { x.len() } else { PIECE };
    while x.len() > 0
        && let (Some(x), Some(t)) = (x.take(piece.min(x.len())), t.take(piece.min(t.len())))
    {
        let x = x.in_room(L::Elem::ZERO, &mut room_x);
        let t = if C::HAS_NUMBERS { t.in_room(L::Elem::ZERO, &mut room_t) } else { x };
        if !slices_below(l, logits, companion, x, t) {
            return false;
        }
    }
    true
}

#[inline(always)]
fn slices_below<L: Lanes, C: Companion<L::Elem>>(
    l: L,
    logits: Logits<L::Elem>,
    companion: C,
    x: &[L::Elem],
    t: &[L::Elem],
) -> bool {
    let (x, x_tail) = l.split_slice(x);
    let (t, t_tail) = l.split_slice(t);
    let (x, x_rest) = x.as_chunks::<GROUP>();
    let (t, t_rest) = t.as_chunks::<GROUP>();
    for (&[a, b, c, d], &[e, f, g, h]) in x.iter().zip(t) {
        let x = [l.load(a), l.load(b), l.load(c), l.load(d)];
        let t = [l.load(e), l.load(f), l.load(g), l.load(h)];
        if !logits.all_below(l, x) || !companion.all_below(l, t) {
            return false;
        }
    }
    let x = part(l, x_rest, x_tail, [0, 1], logits.top);
    let t = part(l, t_rest, t_tail, [0, 1], companion.padding());
    logits.all_below(l, x.registers) && companion.all_below(l, t.registers)
}

/// Moves the references that a block has risen above, and rescales the sums so far, if any.
#[inline(always)]
pub(super) fn raise<L: Lanes, C: Companion<L::Elem>, const WEIGH: bool>(
    l: L,
    logits: &mut Logits<L::Elem>,
    companion: &mut C,
    [x, t]: [Numbers<'_, L::Elem>; 2],
    [reach_x, reach_t]: [&[L::Elem]; 2],
    sums: Option<&mut Sums<L>>,
) {
    let none = L::Elem::ZERO;
    let by_logits = risen(l, logits, x, reach_x);
    let by_companion = match companion.logits() {
        Some(logits) => risen(l, logits, t, reach_t),
        None => none,
    };
    let Some(sums) = sums else { return };
    if by_logits == none && by_companion == none {
        return;
    }
    let [factor, companion_factor] = [exp_of(by_logits), exp_of(by_companion)];
    let [masses, companion_masses, weighted] = sums;
    let all = masses.as_mut().iter_mut().zip(companion_masses.as_mut()).zip(weighted.as_mut());
    for ((mass, companion_mass), weighted) in all {
        // The weighted differences shift with the exponents and shrink with their weights.
        if WEIGH {
            *weighted = if C::LOGITS_WEIGH {
                rescaled(l, shifted(l, *weighted, *mass, by_logits - by_companion), factor)
            } else {
                shifted(l, *weighted, *companion_mass, none - by_logits)
            };
        }
        *mass = shrunk(l, *mass, factor);
        *companion_mass = shrunk(l, *companion_mass, companion_factor);
    }
}

/// `sum + weight·by`; a lane without weight stays as it is, however far the shift.
#[inline(always)]
fn shifted<L: Lanes>(
    l: L,
    sum: Compensated<L::Vec>,
    weight: Compensated<L::Vec>,
    by: L::Elem,
) -> Compensated<L::Vec> {
    let by = l.splat(by);
    let moved = [l.mul(weight.sum, by), l.mul(weight.lost, by)];
    Compensated {
        sum: l.add(sum.sum, or_nothing(l, weight.sum, moved[0])),
        lost: l.add(sum.lost, or_nothing(l, weight.sum, moved[1])),
    }
}

/// `mass·factor`, of masses that are finite or NaN, which stays however small the factor.
#[inline(always)]
fn shrunk<L: Lanes>(l: L, mass: Compensated<L::Vec>, factor: L::Elem) -> Compensated<L::Vec> {
    let factor = l.splat(factor);
    Compensated { sum: l.mul(mass.sum, factor), lost: l.mul(mass.lost, factor) }
}

/// `sum·factor`; a factor of 0 leaves nothing, not even of an infinite sum.
#[inline(always)]
fn rescaled<L: Lanes>(l: L, sum: Compensated<L::Vec>, factor: L::Elem) -> Compensated<L::Vec> {
    let factor = l.splat(factor);
    Compensated {
        sum: or_nothing(l, factor, l.mul(sum.sum, factor)),
        lost: or_nothing(l, factor, l.mul(sum.lost, factor)),
    }
}

/// By how much exponents change (0 or less) now that the logits' reference covers this block.
#[inline(always)]
fn risen<L: Lanes>(
    l: L,
    logits: &mut Logits<L::Elem>,
    block: Numbers<'_, L::Elem>,
    reach: &[L::Elem],
) -> L::Elem {
    let largest = largest_of(l, block, reach);
    if logits.top < largest {
        let at_largest = logits.at(largest);
        let by = at_largest.exponent(Scalar::<L::Elem>::NEW, logits.reference);
        *logits = at_largest;
        by
    } else {
        L::Elem::ZERO
    }
}

/// Adds the tiles of a block, and takes as much off what is read before long and off the masses' places.
#[expect(clippy::too_many_arguments, reason = "a step of one loop")]
#[inline(always)]
fn add_block<L: Lanes, C: Companion<L::Elem>, const WEIGH: bool>(
    l: L,
    logits: Logits<L::Elem>,
    companion: C,
    [mut x, mut t]: [Numbers<'_, L::Elem>; 2],
    usual: bool,
    [reach_x, reach_t]: [&mut &[L::Elem]; 2],
    masses: &mut &mut [L::Elem],
    sums: &mut Sums<L>,
) {
    let (mut room_x, mut room_t) = (room::<_, PIECE>(), room::<_, PIECE>());
    let tile = tile_length::<L::Elem>();
    while x.len() > 0
        && let (Some(x), Some(t)) = (x.take(tile.min(x.len())), t.take(tile.min(t.len())))
    {
        let x = x.in_room(L::Elem::ZERO, &mut room_x);
        let t = if C::HAS_NUMBERS { t.in_room(L::Elem::ZERO, &mut room_t) } else { x };
        let out = masses.split_off_mut(..x.len().min(masses.len())).unwrap_or_default();
        // A block is read at once, so the next one is what will be read.
        let of_x = if C::HAS_NUMBERS { Some(*reach_x) } else { None };
        let ahead = [
            Ahead::at(l, TILES * tile, of_x, reach_t),
            Ahead::at(l, distance::<L::Elem>(), None, masses),
        ];
        add_tile::<L, C, WEIGH>(l, logits, companion, [x, t], usual, ahead, out, sums);
        *reach_x = reach_x.get(tile..).unwrap_or_default();
        *reach_t = reach_t.get(tile..).unwrap_or_default();
    }
}

#[expect(clippy::too_many_arguments, reason = "a step of one loop")]
#[inline(always)]
pub(super) fn add_tile<L: Lanes, C: Companion<L::Elem>, const WEIGH: bool>(
    l: L,
    logits: Logits<L::Elem>,
    companion: C,
    [x, t]: [&[L::Elem]; 2],
    usual: bool,
    [ahead, ahead_kept]: [Ahead<'_, L, GROUP>; 2],
    kept: &mut [L::Elem],
    [masses, companion_masses, weighted]: &mut Sums<L>,
) {
    let keep = !WEIGH && !kept.is_empty();
    let (kept, kept_tail) = l.split_slice_mut(kept);
    let (x, x_tail) = l.split_slice(x);
    let (t, t_tail) = l.split_slice(t);
    let sums = masses.as_mut().iter_mut().zip(companion_masses.as_mut()).zip(weighted.as_mut());
    let step = registers::<L>();
    for (start, ((mass, companion_mass), weighted)) in sums.enumerate() {
        ahead.ask(l, start);
        if keep {
            ahead_kept.ask(l, start);
        }
        let values = match (whole(l, x, start, step), whole(l, t, start, step)) {
            (Some(x), Some(t)) if usual || (logits.usual(l, x) && companion.usual(l, t)) => {
                usual_values(l, logits, companion, x, t)
            }
            _ => {
                let x = part(l, x, x_tail, [start, step], L::Elem::NEG_INFINITY);
                let t = part(l, t, t_tail, [start, step], C::FILL);
                if x.present == 0 {
                    break;
                }
                let usual = if usual { x.whole } else { 0 };
                let known = [usual, x.present];
                any_values(l, logits, companion, known, x.registers, t.registers)
            }
        };
        if keep {
            store(l, kept, kept_tail, [start, step], values[0]);
        }
        *mass = mass.add(l, values[0]);
        *companion_mass = companion_mass.add(l, values[1]);
        if WEIGH {
            *weighted = weighted.add(l, values[2]);
        }
    }
}

#[inline(always)]
fn usual_values<L: Lanes, C: Companion<L::Elem>>(
    l: L,
    logits: Logits<L::Elem>,
    companion: C,
    [x0, x1, x2, x3]: [L::Vec; GROUP],
    [t0, t1, t2, t3]: [L::Vec; GROUP],
) -> [[L::Vec; GROUP]; 3] {
    // The two sides are independent work enough: not two registers at a time, as elsewhere.
    let [a, e, i] = values(lanes::usual(l), logits, companion, x0, t0);
    let [b, f, j] = values(lanes::usual(l), logits, companion, x1, t1);
    let [c, g, k] = values(lanes::usual(l), logits, companion, x2, t2);
    let [d, h, m] = values(lanes::usual(l), logits, companion, x3, t3);
    [[a, b, c, d], [e, f, g, h], [i, j, k, m]]
}

/// Of registers the first `usual` of which are known to be that.
#[inline(always)]
fn any_values<L: Lanes, C: Companion<L::Elem>>(
    l: L,
    logits: Logits<L::Elem>,
    companion: C,
    [usual, present]: [usize; 2],
    x: [L::Vec; GROUP],
    t: [L::Vec; GROUP],
) -> [[L::Vec; GROUP]; 3] {
    let mut all = [[l.splat(L::Elem::ZERO); GROUP]; 3];
    for (k, (x, t)) in x.into_iter().zip(t).enumerate().take(present) {
        let values = if k < usual {
            values(lanes::usual(l), logits, companion, x, t)
        } else {
            values(l, logits, companion, x, t)
        };
        for (all, value) in all.iter_mut().zip(values) {
            if let Some(place) = all.get_mut(k) {
                *place = value;
            }
        }
    }
    all
}

/// The logits' mass, the companion's, the weighted difference.
#[inline(always)]
fn values<A: Arithmetic, C: Companion<A::Elem>>(
    a: A,
    logits: Logits<A::Elem>,
    companion: C,
    x: A::Vec,
    t: A::Vec,
) -> [A::Vec; 3] {
    let exponent = logits.exponent(a, x);
    let mass = exp_factor(a, exponent);
    let (companion_mass, weighted) = companion.values(a, exponent, mass, t);
    [mass, companion_mass, weighted]
}
