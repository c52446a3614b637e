//! A gradient's formula for one class.

use super::logits::Side;
use crate::float::Float;
use crate::formula::or_nothing;
use crate::lanes::Arithmetic;

/// The formula; each is multiplied by a factor. `w` is the side that weighs the differences of
/// logarithms, `o` the other one.
#[derive(Clone, Copy)]
pub(crate) enum Slope<T> {
    /// `mass·o − w` for the side that does not weigh: the softmax of its logits, or, with a mass
    /// of 0, its log-probabilities.
    Other { mass: T },
    /// `−w / o` for its probabilities.
    OtherProbs,
    /// `w·(ln w − ln o − center)` for the side that weighs.
    Weight { center: T },
    /// The same without `w`, for its probabilities.
    WeightProbs { center: T },
    /// `ln w − ln o` alone: what a read yields for one that knows the center.
    Difference,
}

/// The gradient for either side, from `difference = ln w − ln o`.
#[inline(always)]
pub(crate) fn slope<A: Arithmetic>(
    a: A,
    formula: Slope<A::Elem>,
    [weight, other]: [Side<A::Vec>; 2],
    difference: A::Vec,
) -> A::Vec {
    match formula {
        Slope::Other { mass } => a.sub(a.mul(a.splat(mass), other.p), weight.p),
        Slope::OtherProbs => {
            let negative = a.sub(a.splat(A::Elem::ZERO), weight.p);
            or_nothing(a, weight.p, a.div(negative, other.p))
        }
        Slope::Weight { .. } | Slope::WeightProbs { .. } | Slope::Difference => {
            weighted_slope(a, formula, weight.p, difference)
        }
    }
}

/// The gradient for the side that weighs; 0 without weight.
#[inline(always)]
pub(crate) fn weighted_slope<A: Arithmetic>(
    a: A,
    formula: Slope<A::Elem>,
    weight: A::Vec,
    difference: A::Vec,
) -> A::Vec {
    let value = match formula {
        Slope::WeightProbs { center } => a.sub(difference, a.splat(center)),
        Slope::Weight { center } => a.mul(weight, a.sub(difference, a.splat(center))),
        Slope::Other { .. } | Slope::OtherProbs | Slope::Difference => difference,
    };
    or_nothing(a, weight, value)
}
