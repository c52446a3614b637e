//! Groups of four registers, as one compensated addition takes them: read and written, whole or in part.
//!
//! A group lies `step` registers apart in a slice that was cut into whole registers and a tail of
//! fewer elements than another one has. With [`registers`] as the step its elements belong to the same
//! virtual lanes.

use super::order::{GROUP, virtual_lanes};
use crate::lanes::Lanes;

/// Registers that hold one element for each virtual lane.
#[inline(always)]
pub(crate) const fn registers<L: Lanes>() -> usize {
    virtual_lanes::<L::Elem>() / L::COUNT
}

/// Two slices of one length, for the compiler: it checks the one where it checks the other.
#[inline(always)]
pub(crate) fn of_one_length<X>([x, t]: [&[X]; 2]) -> [&[X]; 2] {
    let length = x.len().min(t.len());
    [x.get(..length).unwrap_or_default(), t.get(..length).unwrap_or_default()]
}

/// The group whose first register is at `start`, if it is all there.
#[inline(always)]
pub(crate) fn whole<L: Lanes>(
    l: L,
    slice: &[L::Raw],
    start: usize,
    step: usize,
) -> Option<[L::Vec; GROUP]> {
    Some(load(l, span::<L>(slice, start, step)?))
}

/// The groups at one place of two slices, if they are all there. Both are looked for before either is
/// loaded.
#[inline(always)]
pub(crate) fn both_whole<L: Lanes>(
    l: L,
    [x, t]: [&[L::Raw]; 2],
    start: usize,
    step: usize,
) -> Option<[[L::Vec; GROUP]; 2]> {
    let (x, t) = (span::<L>(x, start, step)?, span::<L>(t, start, step)?);
    Some([load(l, x), load(l, t)])
}

/// Where a group lies. The last register is looked for before the others: they need no check then.
#[inline(always)]
fn span<L: Lanes>(slice: &[L::Raw], start: usize, step: usize) -> Option<[&L::Raw; GROUP]> {
    let group = slice.get(start..)?;
    let d = group.get(3 * step)?;
    Some([group.first()?, group.get(step)?, group.get(2 * step)?, d])
}

#[inline(always)]
fn load<L: Lanes>(l: L, [a, b, c, d]: [&L::Raw; GROUP]) -> [L::Vec; GROUP] {
    [l.load(*a), l.load(*b), l.load(*c), l.load(*d)]
}

/// The first four registers, which follow each other, if there are as many.
#[inline(always)]
pub(crate) fn first_four<L: Lanes>(l: L, slice: &[L::Raw]) -> Option<[L::Vec; GROUP]> {
    match slice {
        &[a, b, c, d, ..] => Some([l.load(a), l.load(b), l.load(c), l.load(d)]),
        [] | [_] | [_, _] | [_, _, _] => None,
    }
}

/// The parts of a register at the end of two slices of one length; the numbers that fill in the lanes beyond
/// them.
#[inline(always)]
pub(crate) fn last_parts<L: Lanes>(
    l: L,
    [x_tail, t_tail]: [&[L::Elem]; 2],
    (fill_x, fill_t): (L::Elem, L::Elem),
) -> [L::Vec; 2] {
    if t_tail.is_empty() {
        return [l.splat(fill_x), l.splat(fill_t)];
    }
    [l.load_tail(x_tail, fill_x), l.load_tail(t_tail, fill_t)]
}

/// The registers at one place of two slices of one length: whole ones, or those parts. No `Option` of registers: on
/// SSE2 it goes through memory, twice.
#[inline(always)]
pub(crate) fn both_registers<L: Lanes>(
    l: L,
    [x, t]: [&[L::Raw]; 2],
    last_parts: [L::Vec; 2],
    at: usize,
) -> [L::Vec; 2] {
    match (x.get(at), t.get(at)) {
        (Some(&x), Some(&t)) => [l.load(x), l.load(t)],
        _ => last_parts,
    }
}

/// The register at one place of a slice: a whole one, or the part of one at its end with `fill` in the lanes beyond.
#[inline(always)]
pub(crate) fn register<L: Lanes>(
    l: L,
    slice: &[L::Raw],
    tail: &[L::Elem],
    at: usize,
    fill: L::Elem,
) -> L::Vec {
    match slice.get(at) {
        Some(&raw) => l.load(raw),
        None => l.load_tail(tail, fill),
    }
}

/// A group of which some may be missing.
pub(crate) struct Part<L: Lanes> {
    /// What is there first; then nothing but the value that fills.
    pub(crate) registers: [L::Vec; GROUP],
    /// How many are whole registers in memory.
    pub(crate) whole: usize,
    /// How many are there in all: the last may be part of one.
    pub(crate) present: usize,
}

/// As much as there is of the group whose first register is at `start`; `fill` elsewhere.
#[inline(always)]
pub(crate) fn part<L: Lanes>(
    l: L,
    slice: &[L::Raw],
    tail: &[L::Elem],
    [start, step]: [usize; 2],
    fill: L::Elem,
) -> Part<L> {
    let mut part = Part { registers: [l.splat(fill); GROUP], whole: 0, present: 0 };
    for (k, register) in part.registers.iter_mut().enumerate() {
        let at = start + k * step;
        if let Some(&raw) = slice.get(at) {
            *register = l.load(raw);
            part.whole += 1;
        } else if at == slice.len() && !tail.is_empty() {
            *register = l.load_tail(tail, fill);
        } else {
            break;
        }
        part.present += 1;
    }
    part
}

/// Writes a group where [`part`] finds it.
#[inline(always)]
pub(crate) fn store<L: Lanes>(
    l: L,
    slice: &mut [L::Raw],
    tail: &mut [L::Elem],
    [start, step]: [usize; 2],
    group: [L::Vec; GROUP],
) {
    if let Some(places) = slice.get_mut(start..start + 3 * step + 1) {
        let [a, b, c, d] = group;
        places[0] = l.store(a);
        places[step] = l.store(b);
        places[2 * step] = l.store(c);
        places[3 * step] = l.store(d);
        return;
    }
    let whole = slice.len();
    for (k, register) in group.into_iter().enumerate() {
        let at = start + k * step;
        if let Some(raw) = slice.get_mut(at) {
            *raw = l.store(register);
        } else if at == whole && !tail.is_empty() {
            l.store_tail(tail, register);
        }
    }
}

/// The only register of a slice; `fill` in the lanes without an element.
#[inline(always)]
pub(crate) fn only<L: Lanes>(l: L, slice: &[L::Elem], fill: L::Elem) -> L::Vec {
    let (whole, tail) = l.split_slice(slice);
    register(l, whole, tail, 0, fill)
}
