//! A formula written element by element.

use crate::float::Float;
use crate::formula::{Formula, any_value, register_value, usual_values};
use crate::lanes::{Kernel, Lanes, usual};
use crate::numbers::{Numbers, Places, room};
use crate::stream::group::first_four;
use crate::stream::order::{GROUP, WRITTEN_PIECE};
use crate::upstream::Upstream;

/// A formula over numbers of one length, in rows of `row_length > 0` elements.
pub(crate) struct Map<'a, T: Float, F> {
    pub(crate) formula: F,
    pub(crate) x: Numbers<'a, T>,
    pub(crate) t: Numbers<'a, T>,
    pub(crate) row_length: usize,
    pub(crate) upstream: Upstream<'a, T>,
    pub(crate) out: Places<'a, T>,
}

impl<T: Float, F: Formula<T>> Kernel<T> for Map<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) {
        let Map { formula, mut x, mut t, row_length, upstream, mut out } = self;
        let mut index = 0;
        while out.len() > 0
            && let (Some(x), Some(t), Some(out)) =
                (x.take(row_length), t.take(row_length), out.take(row_length))
        {
            let (same, each) = match upstream {
                Upstream::Uniform(factor) => (factor, &[][..]),
                Upstream::PerRow(rows) => (rows.get(index).copied().unwrap_or(T::ZERO), &[][..]),
                Upstream::PerElement(each) => (T::ZERO, each),
            };
            map(l, formula, x, t, same, each, out);
            index += 1;
        }
    }
}

/// The upstream gradient of element `i` is `each[i]`, or `same` where `each` is empty. What is stored in 16 bits
/// goes by in pieces.
#[inline(always)]
pub(crate) fn map<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    mut x: Numbers<'_, L::Elem>,
    mut t: Numbers<'_, L::Elem>,
    same: L::Elem,
    mut each: &[L::Elem],
    mut out: Places<'_, L::Elem>,
) {
    let zero = L::Elem::ZERO;
    let (mut room_x, mut room_t, mut room_out) =
        (room::<_, WRITTEN_PIECE>(), room::<_, WRITTEN_PIECE>(), room::<_, WRITTEN_PIECE>());
    let piece = if out.is_wide() { out.len() } else { WRITTEN_PIECE };
    loop {
        let length = piece.min(out.len());
        let (Some(x), Some(t), Some(mut out_piece)) =
            (x.take(length), t.take(length), out.take(length))
        else {
            return;
        };
        let each = each.split_off(..length.min(each.len())).unwrap_or_default();
        let x = x.in_room(zero, &mut room_x);
        let t = t.in_room(zero, &mut room_t);
        let places = out_piece.in_room(zero, &mut room_out, false);
        map_slices(l, formula, x, t, same, each, places);
        out_piece.keep(&room_out);
        if out.len() == 0 {
            return;
        }
    }
}

/// The same over slices.
#[inline(always)]
fn map_slices<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: &[L::Elem],
    t: &[L::Elem],
    same: L::Elem,
    each: &[L::Elem],
    out: &mut [L::Elem],
) {
    // Where a register is a cache line, one at a time: with two or four the loop has so many places
    // that read memory that a Zen 5's prefetcher takes some for others, at three quarters of the rate.
    // Registers that do not wait for each other overlap anyway.
    let alone = size_of::<L::Raw>() == 64;
    let step = if alone { 1 } else { GROUP };
    let same = l.splat(same);
    let (x, x_tail) = l.split_slice(x);
    let (t, t_tail) = l.split_slice(t);
    let (each, each_tail) = l.split_slice(each);
    let (out, out_tail) = l.split_slice_mut(out);

    let steps = x.chunks(step).zip(t.chunks(step)).zip(out.chunks_mut(step));
    for (index, ((x, t), out)) in steps.enumerate() {
        let each = each.get(index * step..).unwrap_or(&[]);
        if !alone
            && let (Some(x), Some(t), [a, b, c, d]) =
                (first_four(l, x), first_four(l, t), &mut *out)
            && formula.usual(l, x, t)
        {
            let g = first_four(l, each).unwrap_or([same; GROUP]);
            let [va, vb, vc, vd] = usual_values(l, formula, x, t, g);
            [*a, *b, *c, *d] = [l.store(va), l.store(vb), l.store(vc), l.store(vd)];
            continue;
        }
        for (k, ((&x, &t), out)) in x.iter().zip(t).zip(out).enumerate() {
            let g = match each.get(k) {
                Some(&raw) => l.load(raw),
                None => same,
            };
            let (x, t) = (l.load(x), l.load(t));
            *out = l.store(if alone && formula.usual(l, [x], [t]) {
                formula.value(usual(l), x, t, g)
            } else {
                any_value(l, formula, x, t, g)
            });
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
