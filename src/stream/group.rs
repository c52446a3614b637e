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

/// The group whose first register is at `start`, if it is all there.
#[inline(always)]
pub(crate) fn whole<L: Lanes>(
    l: L,
    slice: &[L::Raw],
    start: usize,
    step: usize,
) -> Option<[L::Vec; GROUP]> {
    Some(load(l, span::<L>(slice, start, step)?, step))
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
    Some([load(l, x, step), load(l, t, step)])
}

/// What a group lies in.
#[inline(always)]
fn span<L: Lanes>(slice: &[L::Raw], start: usize, step: usize) -> Option<&[L::Raw]> {
    slice.get(start..)?.get(..3 * step + 1)
}

#[inline(always)]
fn load<L: Lanes>(l: L, group: &[L::Raw], step: usize) -> [L::Vec; GROUP] {
    [l.load(group[0]), l.load(group[step]), l.load(group[2 * step]), l.load(group[3 * step])]
}

/// The first four registers, which follow each other, if there are as many.
#[inline(always)]
pub(crate) fn first_four<L: Lanes>(l: L, slice: &[L::Raw]) -> Option<[L::Vec; GROUP]> {
    match slice {
        &[a, b, c, d, ..] => Some([l.load(a), l.load(b), l.load(c), l.load(d)]),
        [] | [_] | [_, _] | [_, _, _] => None,
    }
}

/// The part of a register at the end of a slice, if there is one; `fill` in the lanes beyond it.
#[inline(always)]
pub(crate) fn last_part<L: Lanes>(l: L, tail: &[L::Elem], fill: L::Elem) -> Option<L::Vec> {
    if tail.is_empty() { None } else { Some(l.load_tail(tail, fill)) }
}

/// The register at one place: a whole one, or that part.
#[inline(always)]
pub(crate) fn register<L: Lanes>(
    l: L,
    slice: &[L::Raw],
    last_part: Option<L::Vec>,
    at: usize,
) -> Option<L::Vec> {
    match slice.get(at) {
        Some(&raw) => Some(l.load(raw)),
        None if at == slice.len() => last_part,
        None => None,
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
    match whole.first() {
        Some(&raw) => l.load(raw),
        None => l.load_tail(tail, fill),
    }
}
