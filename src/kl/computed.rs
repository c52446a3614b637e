//! What a caller passes, as kernels take it.

use crate::compiled::pairs::Pair;
use crate::compiled::stored::Stored;
use crate::element::Element;
use crate::forms::{Input, Target};

#[inline(always)]
pub(super) fn computed_pair<'a, T: Element>(pair: Pair<'a, T>) -> Pair<'a, T::Real> {
    let Pair { backend, input, target } = pair;
    let input = match input {
        Input::LogProbs(x) => Input::LogProbs(T::Kernels::numbers(x)),
        Input::Probs(x) => Input::Probs(T::Kernels::numbers(x)),
    };
    Pair { backend, input, target: computed_target::<T>(target) }
}

#[inline(always)]
pub(super) fn computed_target<'a, T: Element>(target: Target<'a, T>) -> Target<'a, T::Real> {
    match target {
        Target::LogProbs(t) => Target::LogProbs(T::Kernels::numbers(t)),
        Target::Probs(t) => Target::Probs(T::Kernels::numbers(t)),
    }
}
