//! Rows of logits to probabilities or their logarithms.
//!
//! Each row is read three times, while it is in cache: for its maximum, for the sum of the
//! exponentials below it, and for the result. A row that fits a register is read once.

use super::sum::sum;
use super::write::map;
use crate::float::Float;
use crate::formula::Formula;
use crate::lanes::{Arithmetic, Kernel, Lanes, Two, usual};
use crate::math::{exp_factor, ln};
use crate::numbers::{Numbers, Places, room};
use crate::rows::{NumberRows, PlaceRows};
use crate::stream::ahead::Ahead;
use crate::stream::compensated::Compensated;
use crate::stream::fold::{FOUR, is_short, merge_four, quarter, sum_lanes};
use crate::stream::group::only;
use crate::stream::order::{GROUP, PIECE, WRITTEN_PIECE};

/// Whether shares are wanted as they are or as logarithms.
#[derive(Clone, Copy)]
pub(crate) enum ShareForm {
    Probability,
    Logarithm,
}

/// The shares of rows of logits. Both have one layout.
pub(crate) struct Softmax<'a, T: Float> {
    pub(crate) form: ShareForm,
    pub(crate) logits: NumberRows<'a, T>,
    pub(crate) out: PlaceRows<'a, T>,
}

impl<T: Float> Kernel<T> for Softmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) {
        let Softmax { form, logits, out } = self;
        match form {
            ShareForm::Probability => rows::<L, false>(l, logits, out),
            ShareForm::Logarithm => rows::<L, true>(l, logits, out),
        }
    }
}

/// All rows. Two loops, not one that asks each row for the form: what both forms need stays in registers.
#[inline(always)]
fn rows<L: Lanes, const LN: bool>(
    l: L,
    mut logits: NumberRows<'_, L::Elem>,
    mut out: PlaceRows<'_, L::Elem>,
) {
    let NumberRows { values, classes, stride } = logits;
    if is_short::<L>(classes) && stride == classes {
        return short_rows_of::<L, LN>(l, values, classes, out.values);
    }
    let zero = L::Elem::ZERO;
    loop {
        let reach = logits.values;
        let (Some(row), Some([out, mut padding])) = (logits.take_row(), out.take_row()) else {
            break;
        };
        let largest = largest_of(l, row, reach.plain());
        let mass = sum(l, Exp { largest }, [row, row], [&[], &[]]);
        if LN {
            let ln_mass = l.first(ln_of(l, mass));
            map(l, LnShare { largest, ln_mass }, reach, reach, zero, &[], out);
        } else {
            map(l, Share { largest, mass }, reach, reach, zero, &[], out);
        }
        if padding.len() > 0 {
            padding.fill(zero);
        }
    }
}

/// Short rows without padding; of those stored in 16 bits as many at a time as there is room for.
#[inline(always)]
fn short_rows_of<L: Lanes, const LN: bool>(
    l: L,
    mut logits: Numbers<'_, L::Elem>,
    classes: usize,
    mut out: Places<'_, L::Elem>,
) {
    let zero = L::Elem::ZERO;
    let (mut room_in, mut room_out) = (room::<_, WRITTEN_PIECE>(), room::<_, WRITTEN_PIECE>());
    let piece = if out.is_wide() { out.len() } else { WRITTEN_PIECE / classes * classes };
    loop {
        let length = piece.min(out.len());
        let (Some(logits), Some(mut out_piece)) = (logits.take(length), out.take(length)) else {
            return;
        };
        let values = logits.in_room(zero, &mut room_in);
        let places = out_piece.in_room(zero, &mut room_out, false);
        short_rows::<L, LN>(l, values, classes, places);
        out_piece.keep(&room_out);
        if out.len() == 0 {
            return;
        }
    }
}

/// The logarithm of a number in every lane.
#[inline(always)]
fn ln_of<L: Lanes>(l: L, x: L::Elem) -> L::Vec {
    if L::VARIANTS && x.is_positive_normal() { ln(usual(l), l.splat(x)) } else { ln(l, l.splat(x)) }
}

/// Rows of no more elements than a register holds, four at a time as long as there are four: with
/// one the processor would mostly wait.
#[inline(always)]
fn short_rows<L: Lanes, const LN: bool>(
    l: L,
    mut logits: &[L::Elem],
    classes: usize,
    mut out: &mut [L::Elem],
) {
    let present = l.first_lanes(classes);
    while let (Some(mut rows), Some(mut out)) =
        (logits.split_off(..FOUR * classes), out.split_off_mut(..FOUR * classes))
    {
        let t = [
            [next_row(l, &mut rows, classes), next_row(l, &mut rows, classes)],
            [next_row(l, &mut rows, classes), next_row(l, &mut rows, classes)],
        ];
        let below = below(Two(Two(l)), t, [[present; 2]; 2]);
        let [[a, b], [c, d]] = below;
        let [[a, b], [c, d]] = if l.all_usual_exponents([a, b, c, d]) {
            shares_of_four::<_, _, LN>(l, usual(l), below, present)
        } else {
            shares_of_four::<_, _, LN>(l, l, below, present)
        };
        for result in [a, b, c, d] {
            store_next_row(l, &mut out, classes, result);
        }
    }
    while out.len() >= classes {
        let t = next_row(l, &mut logits, classes);
        let below = below(l, t, present);
        let result = if l.all_usual_exponents([below, below, below, below]) {
            shares::<_, LN>(usual(l), below, present)
        } else {
            shares::<_, LN>(l, below, present)
        };
        store_next_row(l, &mut out, classes, result);
    }
}

/// `t − largest`, the largest of the present lanes; 0 in the others.
#[inline(always)]
fn below<A: Arithmetic>(a: A, t: A::Vec, present: A::Mask) -> A::Vec {
    let largest = largest_lane(a, t);
    a.sub(a.select(present, t, largest), largest)
}

/// Each exponential as a share of their sum, or the logarithm of that. The sum of usual ones is at
/// least the largest, which is 1.
#[inline(always)]
fn shares<A: Arithmetic, const LN: bool>(a: A, below: A::Vec, present: A::Mask) -> A::Vec {
    let above_zero = exp_factor(a, below);
    let mass = sum_lanes(a, only_present(a, above_zero, present));
    if LN { a.sub(below, ln(a, mass)) } else { a.div(above_zero, mass) }
}

/// [`shares`] of four rows, with one logarithm for all. The arithmetic is that of the lanes, and may know
/// that numbers are usual.
#[inline(always)]
fn shares_of_four<L, A, const LN: bool>(
    l: L,
    a: A,
    below: [[L::Vec; 2]; 2],
    present: L::Mask,
) -> [[L::Vec; 2]; 2]
where
    L: Lanes,
    A: Arithmetic<Elem = L::Elem, Vec = L::Vec, Mask = L::Mask>,
{
    let four = Two(Two(a));
    let above_zero = exp_factor(four, below);
    let [[e, f], [g, h]] = only_present(four, above_zero, [[present; 2]; 2]);
    let Compensated { sum, lost } = merge_four(l, [e, f, g, h]);
    let mass = l.add(sum, lost);
    let of_mass = if LN { ln(a, mass) } else { mass };
    let of_row = [
        [l.splat(quarter(l, of_mass, 0)), l.splat(quarter(l, of_mass, 1))],
        [l.splat(quarter(l, of_mass, 2)), l.splat(quarter(l, of_mass, 3))],
    ];
    if LN { four.sub(below, of_row) } else { four.div(above_zero, of_row) }
}

/// 0 in the other lanes.
#[inline(always)]
fn only_present<A: Arithmetic>(a: A, v: A::Vec, present: A::Mask) -> A::Vec {
    a.select(present, v, a.splat(A::Elem::ZERO))
}

/// Takes a row off, −∞ in the lanes without an element.
#[inline(always)]
fn next_row<L: Lanes>(l: L, logits: &mut &[L::Elem], classes: usize) -> L::Vec {
    only(l, logits.split_off(..classes).unwrap_or_default(), L::Elem::NEG_INFINITY)
}

/// Takes the place of a row off and writes it.
#[inline(always)]
fn store_next_row<L: Lanes>(l: L, out: &mut &mut [L::Elem], classes: usize, v: L::Vec) {
    let (whole, tail) = l.split_slice_mut(out.split_off_mut(..classes).unwrap_or_default());
    match whole.first_mut() {
        Some(raw) => *raw = l.store(v),
        None => l.store_tail(tail, v),
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
    fn reads_input(self) -> bool {
        false
    }
    #[inline(always)]
    fn usual<L: Lanes<Elem = T>, const N: usize>(
        self,
        l: L,
        _: [L::Vec; N],
        mut t: [L::Vec; N],
    ) -> bool {
        let largest = l.splat(self.largest);
        for v in &mut t {
            *v = l.sub(*v, largest);
        }
        l.all_usual_exponents(t)
    }
    #[inline(always)]
    fn value<A: Arithmetic<Elem = T>>(self, a: A, _: A::Vec, t: A::Vec, _: A::Vec) -> A::Vec {
        exp_factor(a, a.sub(t, a.splat(self.largest)))
    }
    #[inline(always)]
    fn fill(self) -> (T, T) {
        (T::ZERO, T::NEG_INFINITY)
    }
}

impl<T: Float> Formula<T> for Share<T> {
    const VARIANTS: bool = true;

    #[inline(always)]
    fn reads_input(self) -> bool {
        false
    }
    #[inline(always)]
    fn usual<L: Lanes<Elem = T>, const N: usize>(
        self,
        l: L,
        x: [L::Vec; N],
        t: [L::Vec; N],
    ) -> bool {
        Exp { largest: self.largest }.usual(l, x, t)
    }
    #[inline(always)]
    fn value<A: Arithmetic<Elem = T>>(self, a: A, _: A::Vec, t: A::Vec, _: A::Vec) -> A::Vec {
        let above_zero = exp_factor(a, a.sub(t, a.splat(self.largest)));
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
    fn reads_input(self) -> bool {
        false
    }
    #[inline(always)]
    fn usual<L: Lanes<Elem = T>, const N: usize>(
        self,
        _: L,
        _: [L::Vec; N],
        _: [L::Vec; N],
    ) -> bool {
        true
    }
    #[inline(always)]
    fn value<A: Arithmetic<Elem = T>>(self, a: A, _: A::Vec, t: A::Vec, _: A::Vec) -> A::Vec {
        a.sub(a.sub(t, a.splat(self.largest)), a.splat(self.ln_mass))
    }
    #[inline(always)]
    fn fill(self) -> (T, T) {
        (T::ZERO, T::ZERO)
    }
}

/// The largest of numbers as they are stored, as [`largest`] has it.
#[inline(always)]
pub(crate) fn largest_of<L: Lanes>(
    l: L,
    mut row: Numbers<'_, L::Elem>,
    reach: &[L::Elem],
) -> L::Elem {
    let mut room = room::<_, PIECE>();
    let piece = if row.is_wide() { row.len() } else { PIECE };
    let mut found = L::Elem::NEG_INFINITY;
    while let Some(part) = row.take(piece.min(row.len())) {
        let of_part = largest(l, part.in_room(L::Elem::ZERO, &mut room), reach);
        if found < of_part {
            found = of_part;
        }
        if row.len() == 0 {
            break;
        }
    }
    found
}

/// The largest element, +0 where zeros are. With a NaN in the row it is the largest number, and
/// the sum of exponentials is NaN. No order matters: four registers at a time, each on its own. `reach` is what is
/// read before long: a slice that begins as the row does and may go on where it ends.
#[inline(always)]
pub(crate) fn largest<L: Lanes>(l: L, row: &[L::Elem], reach: &[L::Elem]) -> L::Elem {
    let ahead = Ahead::<L, GROUP>::new(l, None, reach);
    let lowest = L::Elem::NEG_INFINITY;
    let [mut a, mut b, mut c, mut d] = [l.splat(lowest); GROUP];
    let (row, tail) = l.split_slice(row);
    let (groups, rest) = row.as_chunks::<GROUP>();
    for (step, &[e, f, g, h]) in groups.iter().enumerate() {
        ahead.ask(l, step);
        a = l.larger(a, l.load(e));
        b = l.larger(b, l.load(f));
        c = l.larger(c, l.load(g));
        d = l.larger(d, l.load(h));
    }
    for &raw in rest {
        a = l.larger(a, l.load(raw));
    }
    if !tail.is_empty() {
        b = l.larger(b, l.load_tail(tail, lowest));
    }
    l.first(largest_lane(l, l.larger(l.larger(a, b), l.larger(c, d))))
}

/// The largest element of a register, +0 where zeros are, in every lane.
#[inline(always)]
fn largest_lane<A: Arithmetic>(a: A, mut all: A::Vec) -> A::Vec {
    let mut by = A::COUNT / 2;
    while by > 0 {
        all = a.larger(all, a.rotate(all, by));
        by /= 2;
    }
    a.add(all, a.splat(A::Elem::ZERO))
}
