//! Reads of the classes that a row does not name: their mass, and their gradient.
//!
//! The classes that it names count as −∞ there. So the mass elsewhere is a sum of its own, with a reference of
//! its own: nothing is subtracted, and it does not vanish beside a peak among the named ones.

use super::first::{Statistics, Sums, TILES, add_tile, all_below, raise};
use crate::float::Float;
use crate::formula::Formula;
use crate::kernel::distill::parts::companion::Companion;
use crate::kernel::distill::parts::logits::Logits;
use crate::kernel::distill::parts::named::{Marks, WINDOW};
use crate::kernel::distill::parts::totals::totals;
use crate::kernel::distill::problem::Accumulation;
use crate::kernel::write::map;
use crate::lanes::{Arithmetic, Kernel, Lanes};
use crate::math::exp_factor;
use crate::numbers::{Numbers, Places};
use crate::stream::ahead::Ahead;
use crate::stream::compensated::Compensated;
use crate::stream::order::{GROUP, tile_length};
use crate::top_k::NamedRow;

/// Room for any block.
const BLOCK: usize = TILES * tile_length::<f32>();

/// The logits weigh their own exponents evenly: the mass is the number of those that are not −∞, the weighted
/// sum that of their exponents with the other sign.
#[derive(Clone, Copy)]
pub(crate) struct Even;

impl<T: Float> Companion<T> for Even {
    const FILL: T = T::ZERO;

    #[inline(always)]
    fn usual<L: Lanes<Elem = T>>(self, _: L, _: [L::Vec; GROUP]) -> bool {
        true
    }
    #[inline(always)]
    fn all_below<L: Lanes<Elem = T>>(self, _: L, _: [L::Vec; GROUP]) -> bool {
        true
    }
    #[inline(always)]
    fn padding(self) -> T {
        T::ZERO
    }
    #[inline(always)]
    fn values<A: Arithmetic<Elem = T>>(
        self,
        a: A,
        exponent: A::Vec,
        _: A::Vec,
        _: A::Vec,
    ) -> (A::Vec, A::Vec) {
        let [zero, one] = [a.splat(T::ZERO), a.splat(T::ONE)];
        let negative = a.sub(zero, exponent);
        if A::USUAL {
            return (one, negative);
        }
        let counts = a.less(a.splat(T::NEG_INFINITY), exponent);
        (a.select(counts, one, zero), a.select(counts, negative, zero))
    }
}

/// A read of the classes elsewhere, with `WEIGH` of the companion's weighted sum too.
pub(crate) struct ElsewhereRead<'a, T: Float, C, const WEIGH: bool> {
    pub(crate) logits: Logits<T>,
    pub(crate) companion: C,
    pub(crate) row: Numbers<'a, T>,
    pub(crate) named: NamedRow<'a, T>,
}

impl<T: Float, C: Companion<T>, const WEIGH: bool> Kernel<T> for ElsewhereRead<'_, T, C, WEIGH> {
    type Output = Statistics<T, C>;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) -> Statistics<T, C> {
        let ElsewhereRead { mut logits, mut companion, row, named } = self;
        let mut sums: Sums<L> = [l.bank(Compensated::zero(l)); 3];
        let mut is_first = true;
        let tile = tile_length::<T>();
        let block = TILES * tile;
        let mut marks = Marks::new();
        let mut room = [T::ZERO; BLOCK];
        let mut reach = row.plain();
        let mut start = 0;
        while start < row.len() {
            if start % WINDOW == 0 {
                marks.mark(named, start);
            }
            let length = block.min(row.len() - start);
            let Some(x) = row.part(start, length) else { break };
            let x = marks.without(start % WINDOW, x, &mut room);
            let both = [Numbers::Wide(x); 2];
            let mut usual = !is_first && all_below(l, logits, companion, both[0], both[1]);
            if !usual {
                let before = (!is_first).then_some(&mut sums);
                let reach = [&[][..]; 2];
                raise::<L, C, WEIGH>(l, &mut logits, &mut companion, both, reach, before);
                usual = all_below(l, logits, companion, both[0], both[1]);
            }
            is_first = false;
            for x in x.chunks(tile) {
                let nothing = &mut [][..];
                let ahead = [Ahead::at(l, block, None, reach), Ahead::at(l, block, None, &[])];
                add_tile::<L, C, WEIGH>(
                    l,
                    logits,
                    companion,
                    [x, x],
                    usual,
                    ahead,
                    nothing,
                    &mut sums,
                );
                reach = reach.get(tile..).unwrap_or_default();
            }
            start += length;
        }
        let [mass, companion_mass, weighted] = totals(l, sums, row.len());
        Statistics { logits, companion, mass, companion_mass, weighted, usual: false }
    }
}

/// Writes the gradient of the classes elsewhere. Those that the row names get anything, or, where the gradient
/// is added to what is there, nothing.
pub(crate) struct ElsewhereSlopes<'a, T: Float> {
    pub(crate) formula: ElsewhereSlope<T>,
    pub(crate) row: Numbers<'a, T>,
    pub(crate) named: NamedRow<'a, T>,
    pub(crate) accumulation: Accumulation,
    /// As long as the row.
    pub(crate) grad: Places<'a, T>,
}

impl<T: Float> Kernel<T> for ElsewhereSlopes<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) {
        let ElsewhereSlopes { formula, mut row, named, accumulation, mut grad } = self;
        let block = match accumulation {
            Accumulation::Replace => return map(l, formula, row, row, T::ZERO, &[], grad),
            Accumulation::Add => TILES * tile_length::<T>(),
        };
        let mut marks = Marks::new();
        let mut room = [T::ZERO; BLOCK];
        let mut start = 0;
        while row.len() > 0
            && let Some(x) = row.take(block.min(row.len()))
            && let (Some(slopes), Some(grad)) = (room.get_mut(..x.len()), grad.take(x.len()))
        {
            if start % WINDOW == 0 {
                marks.mark(named, start);
            }
            map(l, formula, x, x, T::ZERO, &[], Places::Wide(slopes));
            // −0 added to any number leaves it as it is.
            marks.replace(start % WINDOW, slopes, T::ZERO * (T::ZERO - T::ONE));
            grad.add(slopes);
            start += x.len();
        }
    }
}

/// `scale·e^exponent − less`.
#[derive(Clone, Copy)]
pub(crate) struct ElsewhereSlope<T> {
    pub(crate) logits: Logits<T>,
    pub(crate) scale: T,
    pub(crate) less: T,
}

impl<T: Float> Formula<T> for ElsewhereSlope<T> {
    const VARIANTS: bool = true;

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
        for v in &mut t {
            *v = self.logits.scaled(l, *v);
        }
        l.all_usual_exponents(t)
    }
    #[inline(always)]
    fn value<A: Arithmetic<Elem = T>>(self, a: A, _: A::Vec, t: A::Vec, _: A::Vec) -> A::Vec {
        let above_zero = exp_factor(a, self.logits.exponent(a, t));
        a.sub(a.mul(above_zero, a.splat(self.scale)), a.splat(self.less))
    }
    #[inline(always)]
    fn fill(self) -> (T, T) {
        (T::ZERO, T::NEG_INFINITY)
    }
}
