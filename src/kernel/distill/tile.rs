//! The stretch of a row that goes through the kernels at once: four elements for each virtual
//! lane, as many as one compensated addition takes.

use crate::lanes::Lanes;
use crate::stream::order::{GROUP, virtual_lanes};

/// Registers that hold one element for each virtual lane.
#[inline(always)]
const fn registers<L: Lanes>() -> usize {
    virtual_lanes::<L::Elem>() / L::COUNT
}

/// Registers from the first of a whole group to its last.
#[inline(always)]
const fn span<L: Lanes>() -> usize {
    3 * registers::<L>() + 1
}

/// The four registers of a tile whose elements are those of the same lanes, if all are there.
#[inline(always)]
pub(super) fn whole_group<L: Lanes>(
    l: L,
    tile: &[L::Raw],
    index: usize,
) -> Option<[L::Vec; GROUP]> {
    let group = tile.get(index..index + span::<L>())?;
    Some([
        l.load(group[0]),
        l.load(group[registers::<L>()]),
        l.load(group[2 * registers::<L>()]),
        l.load(group[3 * registers::<L>()]),
    ])
}

/// As many of the four as there are, how many are whole registers and how many there are in all: the
/// last may be part of one. The rest holds `fill`.
#[inline(always)]
pub(super) fn any_group<L: Lanes>(
    l: L,
    tile: &[L::Raw],
    tail: &[L::Elem],
    index: usize,
    fill: L::Elem,
) -> ([L::Vec; GROUP], [usize; 2]) {
    let mut group = [l.splat(fill); GROUP];
    let [mut whole, mut present] = [0; 2];
    for (k, register) in group.iter_mut().enumerate() {
        let at = index + k * registers::<L>();
        if let Some(&raw) = tile.get(at) {
            *register = l.load(raw);
            whole += 1;
        } else if at == tile.len() && !tail.is_empty() {
            *register = l.load_tail(tail, fill);
        } else {
            break;
        }
        present += 1;
    }
    (group, [whole, present])
}

/// Writes a group where [`any_group`] found it.
#[inline(always)]
pub(super) fn store_group<L: Lanes>(
    l: L,
    tile: &mut [L::Raw],
    tail: &mut [L::Elem],
    index: usize,
    group: [L::Vec; GROUP],
) {
    let whole = tile.len();
    if let Some(places) = tile.get_mut(index..index + span::<L>()) {
        let [a, b, c, d] = group;
        places[0] = l.store(a);
        places[registers::<L>()] = l.store(b);
        places[2 * registers::<L>()] = l.store(c);
        places[3 * registers::<L>()] = l.store(d);
        return;
    }
    for (k, register) in group.into_iter().enumerate() {
        let at = index + k * registers::<L>();
        if let Some(raw) = tile.get_mut(at) {
            *raw = l.store(register);
        } else if at == whole && !tail.is_empty() {
            l.store_tail(tail, register);
        }
    }
}
