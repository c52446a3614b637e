//! A formula written element by element.

use crate::float::Float;
use crate::formula::{Formula, any_value, register_value, usual_values};
use crate::lanes::{Kernel, LINE, Lanes, usual};
use crate::numbers::{Numbers, Places, room};
use crate::stream::ahead::Ahead;
use crate::stream::group::{first_four, register};
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
        while let Some(out) = out.take(row_length)
            && out.len() > 0
        {
            let (same, each) = match upstream {
                Upstream::Uniform(factor) => (factor, &[][..]),
                Upstream::PerRow(rows) => (rows.get(index).copied().unwrap_or(T::ZERO), &[][..]),
                Upstream::PerElement(each) => (T::ZERO, each),
            };
            map(l, formula, x, t, same, each, out);
            let (Some(next_x), Some(next_t)) = (x.after(row_length), t.after(row_length)) else {
                return;
            };
            (x, t) = (next_x, next_t);
            index += 1;
        }
    }
}

/// The upstream gradient of element `i` is `each[i]`, or `same` where `each` is empty. `x` and `t` may go on where
/// `out` ends, with what is read next. What is stored in 16 bits goes by in pieces.
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
    let wide = x.is_wide() && t.is_wide() && out.is_wide();
    let piece = if wide { out.len() } else { WRITTEN_PIECE };
    loop {
        let length = piece.min(out.len());
        let Some(mut out_piece) = out.take(length) else { return };
        let each = each.split_off(..length.min(each.len())).unwrap_or_default();
        let numbers = [
            x.begin_in_room(zero, length, &mut room_x),
            t.begin_in_room(zero, length, &mut room_t),
        ];
        let places = out_piece.in_room(zero, &mut room_out, false);
        map_slices(l, formula, numbers, same, each, places);
        out_piece.keep(&room_out);
        if out.len() == 0 {
            return;
        }
        let (Some(next_x), Some(next_t)) = (x.after(length), t.after(length)) else { return };
        (x, t) = (next_x, next_t);
    }
}

/// The same over slices.
#[inline(always)]
fn map_slices<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    numbers: [&[L::Elem]; 2],
    same: L::Elem,
    each: &[L::Elem],
    out: &mut [L::Elem],
) {
    // Where a register is a cache line, one at a time: with two or four the loop has so many places
    // that read memory that a Zen 5's prefetcher takes some for others, at three quarters of the rate.
    // Registers that do not wait for each other overlap anyway.
    if size_of::<L::Raw>() == LINE {
        map_in_steps::<L, F, 1>(l, formula, numbers, same, each, out);
    } else {
        map_in_steps::<L, F, GROUP>(l, formula, numbers, same, each, out);
    }
}

/// The same in steps of one register or of a group.
#[inline(always)]
fn map_in_steps<L: Lanes, F: Formula<L::Elem>, const STEP: usize>(
    l: L,
    formula: F,
    [x, t]: [&[L::Elem]; 2],
    same: L::Elem,
    each: &[L::Elem],
    out: &mut [L::Elem],
) {
    let ahead = Ahead::<L, STEP>::new(l, if formula.reads_input() { Some(x) } else { None }, t);
    let length = out.len();
    let (Some(x), Some(t)) = (x.get(..length), t.get(..length)) else { return };
    let same = l.splat(same);
    let (x, x_tail) = l.split_slice(x);
    let (t, t_tail) = l.split_slice(t);
    // Said here, for the compiler: an argument of `any_value` that a formula leaves alone looks read.
    let (each, each_tail) = l.split_slice(if F::READS_UPSTREAM { each } else { &[] });
    let (out, out_tail) = l.split_slice_mut(out);
    let (x, x_rest) = x.as_chunks::<STEP>();
    let (t, t_rest) = t.as_chunks::<STEP>();
    let (each, each_rest) = each.as_chunks::<STEP>();
    let (out, out_rest) = out.as_chunks_mut::<STEP>();

    for (step, ((x, t), out)) in x.iter().zip(t).zip(out).enumerate() {
        ahead.ask(l, step);
        let each = each.get(step);
        if let (Some(x), Some(t), [a, b, c, d]) = (first_four(l, x), first_four(l, t), &mut out[..])
            && formula.usual(l, x, t)
        {
            let g = match each {
                Some(each) => first_four(l, each).unwrap_or([same; GROUP]),
                None => [same; GROUP],
            };
            let [va, vb, vc, vd] = usual_values(l, formula, x, t, g);
            [*a, *b, *c, *d] = [l.store(va), l.store(vb), l.store(vc), l.store(vd)];
            continue;
        }
        for (k, ((&x, &t), out)) in x.iter().zip(t).zip(out).enumerate() {
            let g = match each {
                Some(each) => l.load(each[k]),
                None => same,
            };
            let (x, t) = (l.load(x), l.load(t));
            *out = l.store(if STEP == 1 && formula.usual(l, [x], [t]) {
                formula.value(usual(l), x, t, g)
            } else {
                any_value(l, formula, x, t, g)
            });
        }
    }
    // Registers that make no step, and part of one.
    let (fill_x, fill_t) = formula.fill();
    for k in 0..out_rest.len() + usize::from(!out_tail.is_empty()) {
        let x = register(l, x_rest, x_tail, k, fill_x);
        let t = register(l, t_rest, t_tail, k, fill_t);
        let g = if each_rest.is_empty() && each_tail.is_empty() {
            same
        } else {
            register(l, each_rest, each_tail, k, L::Elem::ZERO)
        };
        let value = register_value(l, formula, x, t, g);
        match out_rest.get_mut(k) {
            Some(raw) => *raw = l.store(value),
            None => l.store_tail(out_tail, value),
        }
    }
}
