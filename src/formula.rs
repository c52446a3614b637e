//! What is computed for one element, from input `x`, target `t` and upstream gradient `g`.

pub(crate) mod divergence;
pub(crate) mod forms;

use crate::float::Float;
use crate::lanes::{Arithmetic, Lanes, Two, usual};
use crate::stream::order::GROUP;

/// A function of one element. Arithmetic that is [`USUAL`](Arithmetic::USUAL) is for `x` and `t` that
/// [`Formula::usual`] has let pass.
pub(crate) trait Formula<T: Float>: Copy {
    /// Whether it is in such demand that [`Lanes::VARIANTS`] holds for it.
    const VARIANTS: bool;
    /// Whether [`Formula::element`] costs a usual element no more than [`Formula::value`] with usual arithmetic does.
    const BRANCHES: bool = false;
    /// Whether the upstream gradient matters to [`Formula::value`].
    const READS_UPSTREAM: bool = false;

    /// Whether `x` matters to [`Formula::value`].
    fn reads_input(self) -> bool;

    /// Whether these elements are usual: [`Formula::value`] can take them with arithmetic that knows.
    fn usual<L: Lanes<Elem = T>, const N: usize>(
        self,
        l: L,
        x: [L::Vec; N],
        t: [L::Vec; N],
    ) -> bool;

    /// Whether the value of an element that is not usual shows as an infinite or undefined sum, even
    /// when given to [`Formula::value`] with usual arithmetic, unless [`Formula::usual_if_sum_is_finite`] finds it.
    const SUM_SHOWS: bool = false;

    /// [`Formula::usual`], for less, where a sum that is not finite is taken again.
    #[inline(always)]
    fn usual_if_sum_is_finite<L: Lanes<Elem = T>>(
        self,
        l: L,
        x: [L::Vec; GROUP],
        t: [L::Vec; GROUP],
    ) -> bool {
        self.usual(l, x, t)
    }

    /// Its value.
    fn value<A: Arithmetic<Elem = T>>(self, a: A, x: A::Vec, t: A::Vec, g: A::Vec) -> A::Vec;

    /// The value of a single element, whatever it is.
    #[inline(always)]
    fn element<L: Lanes<Elem = T>>(self, l: L, x: L::Vec, t: L::Vec) -> L::Vec {
        any_value(l, self, x, t, l.splat(T::ZERO))
    }

    /// An input and a target whose value is a zero, if possible usual ones.
    fn fill(self) -> (T, T);
}

/// The values of a group of usual elements, two registers in lockstep.
#[inline(always)]
pub(crate) fn usual_values<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: [L::Vec; GROUP],
    t: [L::Vec; GROUP],
    g: [L::Vec; GROUP],
) -> [L::Vec; GROUP] {
    let [a, b] = formula.value(usual(Two(l)), [x[0], x[1]], [t[0], t[1]], [g[0], g[1]]);
    let [c, d] = formula.value(usual(Two(l)), [x[2], x[3]], [t[2], t[3]], [g[2], g[3]]);
    [a, b, c, d]
}

/// Whether a kernel has code of its own for short and for long slices.
#[inline(always)]
pub(crate) const fn variants<L: Lanes, F: Formula<L::Elem>>() -> bool {
    L::VARIANTS && F::VARIANTS
}

/// The values of one register.
#[inline(always)]
pub(crate) fn register_value<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: L::Vec,
    t: L::Vec,
    g: L::Vec,
) -> L::Vec {
    if (variants::<L, F>() || L::COUNT == 1) && formula.usual(l, [x], [t]) {
        formula.value(usual(l), x, t, g)
    } else {
        any_value(l, formula, x, t, g)
    }
}

/// The values of one register, whatever it holds.
#[inline(always)]
pub(crate) fn any_value<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: L::Vec,
    t: L::Vec,
    g: L::Vec,
) -> L::Vec {
    if L::VARIANTS { formula.value(l, x, t, g) } else { one_any_value(l, formula, x, t, g) }
}

/// The same, once in a program for all callers. Only where no instruction set would be left by a
/// call: back-ends without [`Lanes::VARIANTS`] use what the whole program may.
#[cold]
#[inline(never)]
fn one_any_value<L: Lanes, F: Formula<L::Elem>>(
    l: L,
    formula: F,
    x: L::Vec,
    t: L::Vec,
    g: L::Vec,
) -> L::Vec {
    formula.value(l, x, t, g)
}

/// `value`, or 0 where there is no weight: whatever stands on the other side takes no part.
#[inline(always)]
pub(crate) fn or_nothing<A: Arithmetic>(a: A, weight: A::Vec, value: A::Vec) -> A::Vec {
    let zero = a.splat(A::Elem::ZERO);
    a.select(a.equal(weight, zero), zero, value)
}

/// `−v`.
#[inline(always)]
fn negative<A: Arithmetic>(a: A, v: A::Vec) -> A::Vec {
    a.sub(a.splat(A::Elem::ZERO), v)
}
