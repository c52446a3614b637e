//! What a caller passes, as kernels take it.

use crate::compiled::pairs::Form;
use crate::compiled::stored::Stored;
use crate::element::Element;
use crate::forms::{Input, Target};
use crate::numbers::Numbers;

#[inline(always)]
pub(super) fn input<T: Element>(input: Input<'_, T>) -> (Form, Numbers<'_, T::Real>) {
    match input {
        Input::LogProbs(x) => (Form::LogProbs, T::Kernels::numbers(x)),
        Input::Probs(x) => (Form::Probs, T::Kernels::numbers(x)),
    }
}

#[inline(always)]
pub(super) fn target<T: Element>(target: Target<'_, T>) -> (Form, Numbers<'_, T::Real>) {
    match target {
        Target::LogProbs(t) => (Form::LogProbs, T::Kernels::numbers(t)),
        Target::Probs(t) => (Form::Probs, T::Kernels::numbers(t)),
    }
}
