//! The sums of a row.

use crate::float::Float;
use crate::lanes::Lanes;
use crate::stream::compensated::Compensated;
use crate::stream::fold::fold;

/// Each stream's sum over all lanes, of a row of so many elements.
#[inline(always)]
pub(crate) fn totals<L: Lanes, const N: usize>(
    l: L,
    mut sums: [L::Bank<Compensated<L::Vec>>; N],
    len: usize,
) -> [Compensated<L::Elem>; N] {
    let mut totals = [Compensated { sum: L::Elem::ZERO, lost: L::Elem::ZERO }; N];
    for (total, bank) in totals.iter_mut().zip(&mut sums) {
        let bank = bank.as_mut();
        // Of a short row all other registers are zero, and adding them changes nothing.
        let filled = if len <= L::COUNT { bank.split_at_mut(1).0 } else { bank };
        *total = fold(l, filled);
    }
    totals
}
