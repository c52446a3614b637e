//! The face that PyTorch users know.

use core::fmt;

use crate::error::Error;
use crate::kl::{Input, KlDiv, Reduction, Target, Upstream};
use crate::lanes::Element;

/// `torch.nn.KLDivLoss`: inputs are log-probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KlDivLoss {
    /// What to do with the terms.
    pub reduction: Reduction,
    /// Whether targets are log-probabilities too.
    pub log_target: bool,
}

impl KlDivLoss {
    /// The mean over all elements, targets as probabilities: PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        KlDivLoss { reduction: Reduction::Mean, log_target: false }
    }

    /// With another reduction.
    #[must_use]
    pub const fn with_reduction(self, reduction: Reduction) -> Self {
        KlDivLoss { reduction, ..self }
    }

    /// With targets as log-probabilities or as probabilities.
    #[must_use]
    pub const fn with_log_target(self, log_target: bool) -> Self {
        KlDivLoss { log_target, ..self }
    }

    /// The loss.
    pub fn forward<T: Element>(&self, input: &[T], target: &[T]) -> Result<T, Error> {
        Ok(self.pair(input, target)?.reduce(self.reduction))
    }

    /// The terms; the reduction is not used.
    pub fn forward_pointwise<T: Element>(
        &self,
        input: &[T],
        target: &[T],
        out: &mut [T],
    ) -> Result<(), Error> {
        self.pair(input, target)?.pointwise(out)
    }

    /// The gradient by the input.
    pub fn backward_input<T: Element>(
        &self,
        input: &[T],
        target: &[T],
        grad_output: T,
        grad: &mut [T],
    ) -> Result<(), Error> {
        let pair = self.pair(input, target)?;
        pair.grad_input(self.upstream(&pair, grad_output), grad)
    }

    /// The gradient by the target.
    pub fn backward_target<T: Element>(
        &self,
        input: &[T],
        target: &[T],
        grad_output: T,
        grad: &mut [T],
    ) -> Result<(), Error> {
        let pair = self.pair(input, target)?;
        pair.grad_target(self.upstream(&pair, grad_output), grad)
    }

    fn pair<'a, T: Element>(&self, input: &'a [T], target: &'a [T]) -> Result<KlDiv<'a, T>, Error> {
        let target = if self.log_target { Target::LogProbs(target) } else { Target::Probs(target) };
        KlDiv::new(Input::LogProbs(input), target)
    }

    fn upstream<T: Element>(&self, pair: &KlDiv<'_, T>, grad_output: T) -> Upstream<'static, T> {
        Upstream::Uniform(self.reduction.of(grad_output, pair.len()))
    }
}

impl fmt::Display for KlDivLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reduction={}, log_target={}", self.reduction, self.log_target)
    }
}

/// `torch.nn.functional.kl_div`.
pub fn kl_div<T: Element>(
    input: &[T],
    target: &[T],
    reduction: Reduction,
    log_target: bool,
) -> Result<T, Error> {
    KlDivLoss { reduction, log_target }.forward(input, target)
}
