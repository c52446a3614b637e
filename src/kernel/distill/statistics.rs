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

use super::tile::{any_group, store_group, tile_length, whole_group};
use crate::kernel::distill::exp_of;
use crate::kernel::softmax::largest;
use crate::kernel::{Kernel, or_nothing};
use crate::lanes::scalar::Scalar;
use crate::lanes::{Arithmetic, Float, Lanes};
use crate::math::{exp_factor, ln_minus};
use crate::sum::{Compensated, GROUP, fold};

/// Tiles of a block: 4 KB of each slice.
const TILES: usize = 8;

/// How far, in exponents, references may rise before what was usual has to be looked at again.
const CLOSE: f64 = 16.0;

/// Logits as a stream: `(logit − reference) / temperature` is what is exponentiated.
#[derive(Clone, Copy)]
pub(super) struct Logits<T> {
    pub(super) reference: T,
    /// `1 / temperature`.
    pub(super) factor: T,
    /// The temperature: by so much a logit may lie above the reference.
    slack: T,
    /// `reference + slack`.
    top: T,
}

impl<T: Float> Logits<T> {
    #[inline(always)]
    pub(super) fn new(temperature: T) -> Self {
        let factor = T::ONE / temperature;
        Logits { reference: T::MIN, factor, slack: temperature, top: T::MIN }.at(T::MIN)
    }

    /// The same with another reference.
    #[inline(always)]
    pub(super) fn at(self, reference: T) -> Self {
        Logits { reference, top: reference + self.slack, ..self }
    }

    /// What is exponentiated.
    #[inline(always)]
    pub(super) fn scaled<A: Arithmetic<Elem = T>>(self, a: A, logits: A::Vec) -> A::Vec {
        a.mul(a.sub(logits, a.splat(self.reference)), a.splat(self.factor))
    }

    /// The same for all logits with `ANY`: a difference out of range, of which the temperature may
    /// leave a finite number, is taken by halves.
    #[inline(always)]
    pub(super) fn exponent<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        logits: A::Vec,
    ) -> A::Vec {
        let exponent = self.scaled(a, logits);
        if !ANY {
            return exponent;
        }
        let half = a.splat(T::from_f64(0.5));
        let apart = a.sub(a.mul(logits, half), a.splat(self.reference * T::from_f64(0.5)));
        let by_halves = a.mul(apart, a.splat(self.factor + self.factor));
        a.select(a.equal(exponent, a.splat(T::NEG_INFINITY)), by_halves, exponent)
    }

    /// Whether none is above `top` and none far below: none underflows, not even relative to a
    /// reference that [`stays close`](Self::is_close_to).
    #[inline(always)]
    fn all_below<L: Lanes<Elem = T>>(self, l: L, [a, b, c, d]: [L::Vec; GROUP]) -> bool {
        let top = l.splat(self.top);
        let below = [l.sub(top, a), l.sub(top, b), l.sub(top, c), l.sub(top, d)];
        l.all_from_zero_to(below, self.slack * (T::USUAL - T::from_f64(CLOSE)))
    }

    /// Whether a reference has since risen by little.
    #[inline(always)]
    fn is_close_to(self, first: T) -> bool {
        (self.reference - first) * self.factor < T::from_f64(CLOSE - 2.0)
    }

    #[inline(always)]
    pub(super) fn usual<L: Lanes<Elem = T>>(self, l: L, [a, b, c, d]: [L::Vec; GROUP]) -> bool {
        l.all_usual_exponents([
            self.scaled(l, a),
            self.scaled(l, b),
            self.scaled(l, c),
            self.scaled(l, d),
        ])
    }
}

/// The slice that goes with the logits.
pub(super) trait Companion<T: Float>: Copy {
    /// A number without mass.
    const FILL: T;

    /// Whether the logits' masses are the weights.
    const LOGITS_WEIGH: bool = false;

    /// Its logits, if it has any.
    #[inline(always)]
    fn logits(&mut self) -> Option<&mut Logits<T>> {
        None
    }

    /// Whether these can be given to `values::<_, false>`.
    fn usual<L: Lanes<Elem = T>>(self, l: L, t: [L::Vec; GROUP]) -> bool;

    /// The same, but also whether no reference has to move.
    fn all_below<L: Lanes<Elem = T>>(self, l: L, t: [L::Vec; GROUP]) -> bool;

    /// A number that is below.
    fn padding(self) -> T;

    /// Its masses, and the weighted differences of logarithms, from the logits' exponents and
    /// masses.
    fn values<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        exponent: A::Vec,
        mass: A::Vec,
        t: A::Vec,
    ) -> (A::Vec, A::Vec);
}

/// Other logits; the first ones' masses weigh `exponent − exponent of these`.
impl<T: Float> Companion<T> for Logits<T> {
    const FILL: T = T::NEG_INFINITY;
    const LOGITS_WEIGH: bool = true;

    #[inline(always)]
    fn logits(&mut self) -> Option<&mut Logits<T>> {
        Some(self)
    }
    #[inline(always)]
    fn usual<L: Lanes<Elem = T>>(self, l: L, t: [L::Vec; GROUP]) -> bool {
        Logits::usual(self, l, t)
    }
    #[inline(always)]
    fn all_below<L: Lanes<Elem = T>>(self, l: L, t: [L::Vec; GROUP]) -> bool {
        Logits::all_below(self, l, t)
    }
    #[inline(always)]
    fn padding(self) -> T {
        self.top
    }
    #[inline(always)]
    fn values<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        exponent: A::Vec,
        mass: A::Vec,
        t: A::Vec,
    ) -> (A::Vec, A::Vec) {
        let own = self.exponent::<A, ANY>(a, t);
        let weighted = a.mul(mass, a.sub(exponent, own));
        (exp_factor::<A, ANY>(a, own), if ANY { or_nothing(a, mass, weighted) } else { weighted })
    }
}

/// Probabilities `t`, which weigh `ln t − exponent`.
#[derive(Clone, Copy)]
pub(super) struct Probs;

impl<T: Float> Companion<T> for Probs {
    const FILL: T = T::ZERO;

    #[inline(always)]
    fn usual<L: Lanes<Elem = T>>(self, l: L, t: [L::Vec; GROUP]) -> bool {
        l.all_positive_normal(t)
    }
    #[inline(always)]
    fn all_below<L: Lanes<Elem = T>>(self, l: L, t: [L::Vec; GROUP]) -> bool {
        l.all_positive_normal(t)
    }
    #[inline(always)]
    fn padding(self) -> T {
        T::ONE
    }
    #[inline(always)]
    fn values<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        exponent: A::Vec,
        _: A::Vec,
        t: A::Vec,
    ) -> (A::Vec, A::Vec) {
        let weighted = a.mul(t, ln_minus::<A, ANY>(a, t, exponent));
        (t, if ANY { or_nothing(a, t, weighted) } else { weighted })
    }
}

/// Nothing: the logits alone.
#[derive(Clone, Copy)]
pub(super) struct Nothing;

impl<T: Float> Companion<T> for Nothing {
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
    fn values<A: Arithmetic<Elem = T>, const ANY: bool>(
        self,
        a: A,
        _: A::Vec,
        _: A::Vec,
        _: A::Vec,
    ) -> (A::Vec, A::Vec) {
        (a.splat(T::ZERO), a.splat(T::ZERO))
    }
}

/// A row's sums, relative to the references.
pub(super) struct Statistics<T, C> {
    pub(super) logits: Logits<T>,
    pub(super) companion: C,
    pub(super) mass: Compensated<T>,
    pub(super) companion_mass: Compensated<T>,
    pub(super) weighted: Compensated<T>,
    /// Whether all numbers are known to be usual.
    pub(super) usual: bool,
}

/// One sum for each virtual lane: of the logits' masses, the companion's, the weighted
/// differences.
type Sums<L> = [<L as Lanes>::Bank<Compensated<<L as Arithmetic>::Vec>>; 3];

/// A read of a row of logits and its companion, which is as long or, for [`Nothing`], the logits.
/// Without `WEIGH` the weighted differences are left out.
pub(super) struct FirstRead<'a, T, C, const WEIGH: bool> {
    pub(super) logits: Logits<T>,
    pub(super) companion: C,
    pub(super) x: &'a [T],
    pub(super) t: &'a [T],
    /// Where the logits' masses are left; or empty, as always with `WEIGH`.
    pub(super) masses: &'a mut [T],
}

impl<T: Float, C: Companion<T>, const WEIGH: bool> Kernel<T> for FirstRead<'_, T, C, WEIGH> {
    type Output = Statistics<T, C>;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) -> Statistics<T, C> {
        let FirstRead { mut logits, mut companion, x, t, mut masses } = self;
        let mut sums: Sums<L> = [l.bank(Compensated::zero(l)); 3];
        let mut all_usual = true;
        let mut first = None;
        let tile = tile_length::<T>();
        let block = TILES * tile;
        if !WEIGH && !masses.is_empty() {
            raise::<L, C, WEIGH>(l, &mut logits, &mut companion, [x, t], None);
            first = Some(references(logits, companion));
        }
        for (x, t) in x.chunks(block).zip(t.chunks(block)) {
            let mut usual = first.is_some() && all_below(l, logits, companion, x, t);
            if !usual {
                let before = first.is_some().then_some(&mut sums);
                raise::<L, C, WEIGH>(l, &mut logits, &mut companion, [x, t], before);
                usual = all_below(l, logits, companion, x, t);
            }
            all_usual &= usual;
            if first.is_none() {
                first = Some(references(logits, companion));
            }
            for (x, t) in x.chunks(tile).zip(t.chunks(tile)) {
                let masses = masses.split_off_mut(..x.len().min(masses.len())).unwrap_or_default();
                add_tile::<L, C, WEIGH>(l, logits, companion, [x, t], usual, masses, &mut sums);
            }
        }
        if let Some([of_logits, of_companion]) = first {
            all_usual &= logits.is_close_to(of_logits);
            if let Some(logits) = companion.logits() {
                all_usual &= logits.is_close_to(of_companion);
            }
        }
        let [mass, companion_mass, weighted] = totals(l, sums, x.len());
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
fn all_below<L: Lanes, C: Companion<L::Elem>>(
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
    logits.all_below(l, padded(l, x_rest, x_tail, logits.top))
        && companion.all_below(l, padded(l, t_rest, t_tail, companion.padding()))
}

/// Fewer than four registers, less than another one, and `fill`.
#[inline(always)]
fn padded<L: Lanes>(
    l: L,
    registers: &[L::Raw],
    tail: &[L::Elem],
    fill: L::Elem,
) -> [L::Vec; GROUP] {
    let mut group = [l.splat(fill); GROUP];
    for (register, &raw) in group.iter_mut().zip(registers) {
        *register = l.load(raw);
    }
    if !tail.is_empty() {
        group[GROUP - 1] = l.load_tail(tail, fill);
    }
    group
}

/// Moves the references that a block has risen above, and rescales the sums so far, if any.
#[inline(always)]
fn raise<L: Lanes, C: Companion<L::Elem>, const WEIGH: bool>(
    l: L,
    logits: &mut Logits<L::Elem>,
    companion: &mut C,
    [x, t]: [&[L::Elem]; 2],
    sums: Option<&mut Sums<L>>,
) {
    let none = L::Elem::ZERO;
    let by_logits = risen(l, logits, x);
    let by_companion = match companion.logits() {
        Some(logits) => risen(l, logits, t),
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
        *mass = rescaled(l, *mass, factor);
        *companion_mass = rescaled(l, *companion_mass, companion_factor);
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
fn risen<L: Lanes>(l: L, logits: &mut Logits<L::Elem>, block: &[L::Elem]) -> L::Elem {
    let largest = largest(l, block);
    if logits.top < largest {
        let at_largest = logits.at(largest);
        let by = at_largest.exponent::<_, true>(Scalar::<L::Elem>::NEW, logits.reference);
        *logits = at_largest;
        by
    } else {
        L::Elem::ZERO
    }
}

#[inline(always)]
fn add_tile<L: Lanes, C: Companion<L::Elem>, const WEIGH: bool>(
    l: L,
    logits: Logits<L::Elem>,
    companion: C,
    [x, t]: [&[L::Elem]; 2],
    usual: bool,
    kept: &mut [L::Elem],
    [masses, companion_masses, weighted]: &mut Sums<L>,
) {
    let keep = !WEIGH && !kept.is_empty();
    let (kept, kept_tail) = l.split_slice_mut(kept);
    let (x, x_tail) = l.split_slice(x);
    let (t, t_tail) = l.split_slice(t);
    let sums = masses.as_mut().iter_mut().zip(companion_masses.as_mut()).zip(weighted.as_mut());
    for (index, ((mass, companion_mass), weighted)) in sums.enumerate() {
        let values = match (whole_group(l, x, index), whole_group(l, t, index)) {
            (Some(x), Some(t)) if usual || (logits.usual(l, x) && companion.usual(l, t)) => {
                usual_values(l, logits, companion, x, t)
            }
            _ => {
                let (x, [whole, present]) = any_group(l, x, x_tail, index, L::Elem::NEG_INFINITY);
                let (t, _) = any_group(l, t, t_tail, index, C::FILL);
                if present == 0 {
                    break;
                }
                let usual = if usual { whole } else { 0 };
                any_values(l, logits, companion, [usual, present], x, t)
            }
        };
        if keep {
            store_group(l, kept, kept_tail, index, values[0]);
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
    let [a, e, i] = values::<L, C, false>(l, logits, companion, x0, t0);
    let [b, f, j] = values::<L, C, false>(l, logits, companion, x1, t1);
    let [c, g, k] = values::<L, C, false>(l, logits, companion, x2, t2);
    let [d, h, m] = values::<L, C, false>(l, logits, companion, x3, t3);
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
            values::<L, C, false>(l, logits, companion, x, t)
        } else {
            values::<L, C, true>(l, logits, companion, x, t)
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
fn values<A: Arithmetic, C: Companion<A::Elem>, const ANY: bool>(
    a: A,
    logits: Logits<A::Elem>,
    companion: C,
    x: A::Vec,
    t: A::Vec,
) -> [A::Vec; 3] {
    let exponent = logits.exponent::<A, ANY>(a, x);
    let mass = exp_factor::<A, ANY>(a, exponent);
    let (companion_mass, weighted) = companion.values::<A, ANY>(a, exponent, mass, t);
    [mass, companion_mass, weighted]
}

/// Each stream's sum over all lanes, of a row of so many elements.
#[inline(always)]
pub(super) fn totals<L: Lanes, const N: usize>(
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
