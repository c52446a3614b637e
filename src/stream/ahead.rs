//! Reading ahead: a loop asks for what it will need while it computes something else.
//!
//! A processor's window of instructions is too short to hold both the arithmetic and the waiting for memory, and a
//! real load stays in that window until it arrives. A hint does not wait.

use super::group::of_one_length;
use crate::lanes::{Lanes, helps};

/// Bytes from what a loop reads to what it asks for.
///
/// On a Sapphire Rapids sums, terms and gradients of 2²⁴ elements took 0.65 to 0.86 of the time with AVX-512 and 0.69 to 0.95
/// with AVX2 where they asked 1 to 2 KiB ahead, in one process and by turns; 512 bytes are a little near there, and 16 KiB
/// too far. On a Zen 4, the other way round, sums of 2²⁴ elements took 1.02 to 1.3 of the time with any distance from
/// 512 bytes to 8 KiB, least with this one: see [`helps`].
const DISTANCE: usize = 2_048;

/// The same in elements.
pub(crate) const fn distance<T>() -> usize {
    DISTANCE / size_of::<T>()
}

/// What a loop will read of one slice or of two, in steps of so many registers.
pub(crate) struct Ahead<'a, L: Lanes, const STEP: usize> {
    reads_x: bool,
    x: &'a [[L::Raw; STEP]],
    t: &'a [[L::Raw; STEP]],
}

impl<'a, L: Lanes, const STEP: usize> Ahead<'a, L, STEP> {
    /// Of slices that begin where the loop does and end where reading does, which may be further on than where the
    /// loop ends. Nothing where that is too near.
    #[inline(always)]
    pub(crate) fn new(l: L, x: Option<&'a [L::Elem]>, t: &'a [L::Elem]) -> Self {
        let distance = distance::<L::Elem>();
        Self::at(l, distance, x, t)
    }

    /// For a loop over so many elements of these slices from a place on. Nothing where they make no step: short rows are not
    /// to pay for it.
    #[inline(always)]
    pub(crate) fn over(
        l: L,
        [start, length]: [usize; 2],
        x: Option<&'a [L::Elem]>,
        t: &'a [L::Elem],
    ) -> Self {
        let t = if length < STEP * L::COUNT { &[] } else { t };
        Self::at(l, start + distance::<L::Elem>(), x, t)
    }

    /// The same at another distance, in elements.
    #[inline(always)]
    pub(crate) fn at(l: L, distance: usize, x: Option<&'a [L::Elem]>, t: &'a [L::Elem]) -> Self {
        let reads_x = x.is_some();
        if !L::READS_AHEAD || t.len() <= distance || !helps() {
            return Ahead { reads_x, x: &[], t: &[] };
        }
        let x = x.unwrap_or(t);
        let [x, t] = of_one_length([steps(l, distance, x), steps(l, distance, t)]);
        Ahead { reads_x, x, t }
    }

    /// Asks for what will be read so far ahead of a step, by its number.
    #[inline(always)]
    pub(crate) fn ask(&self, l: L, step: usize) {
        if L::READS_AHEAD
            && let (Some(x), Some(t)) = (self.x.get(step), self.t.get(step))
        {
            if self.reads_x {
                l.will_read(x);
            }
            l.will_read(t);
        }
    }
}

/// What lies so far ahead of a slice's beginning, in whole steps.
#[inline(always)]
fn steps<L: Lanes, const STEP: usize>(
    l: L,
    distance: usize,
    slice: &[L::Elem],
) -> &[[L::Raw; STEP]] {
    match slice.get(distance..) {
        Some(ahead) => l.split_slice(ahead).0.as_chunks().0,
        None => &[],
    }
}
