//! The face that PyTorch users know.

use core::fmt;

use crate::element::Element;
use crate::error::Error;
use crate::forms::{Input, Target};
use crate::kl::KlDiv;
use crate::reduction::Reduction;
use crate::upstream::Upstream;

/// The loss of PyTorch's `torch.nn.KLDivLoss`, forward and backward. Inputs are log-probabilities.
///
/// PyTorch's `reduction` "mean", "sum" and "batchmean" are [`Reduction`]'s; "none" is
/// [`forward_pointwise`](KlDivLoss::forward_pointwise). Its deprecated `size_average` and `reduce` are
/// not here. Slices have no shape, so [`Reduction::BatchMean`] is told the number of rows. Whatever
/// else there is (inputs as probabilities, rows, a choice of instruction set) is in [`KlDiv`].
///
/// # Shape
/// Input and target have one length, which may be 0; nothing is broadcast.
/// # Units
/// Natural-log probabilities, and probabilities if `log_target` is false; results are in nats.
/// # Accuracy
/// That of [`KlDiv`]; the bits are the same on every instruction set.
/// # Special values
/// A target probability of zero takes no part. Where PyTorch answers otherwise is listed in the
/// [crate documentation](crate#special-values).
/// # Examples
/// ```
/// use kldiv::{KlDivLoss, Reduction};
///
/// let loss = KlDivLoss::new().with_reduction(Reduction::BatchMean(2));
/// assert_eq!(loss.to_string(), "reduction=batchmean, log_target=false");
///
/// let (input, target) = ([-3.0_f32, -1.0, -2.0, -4.0], [1.0, 0.0, 0.0, 1.0]);
/// assert_eq!(loss.forward(&input, &target)?, 3.5);
/// let mut grad = [0.0; 4];
/// loss.backward_input(&input, &target, 1.0, &mut grad)?;
/// assert_eq!(grad, [-0.5, 0.0, 0.0, -0.5]);
/// # Ok::<(), kldiv::Error>(())
/// ```
/// # Source
/// PyTorch, `torch.nn.KLDivLoss`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KlDivLoss {
    /// What to do with the terms.
    pub reduction: Reduction,
    /// Whether targets are log-probabilities too.
    pub log_target: bool,
}

impl KlDivLoss {
    /// The mean over all elements, targets as probabilities: PyTorch's defaults.
    ///
    /// # Examples
    /// ```
    /// use kldiv::{KlDivLoss, Reduction};
    ///
    /// let expected = KlDivLoss { reduction: Reduction::Mean, log_target: false };
    /// assert_eq!(KlDivLoss::new(), expected);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        KlDivLoss { reduction: Reduction::Mean, log_target: false }
    }

    /// The same loss with another reduction.
    ///
    /// # Examples
    /// ```
    /// use kldiv::{KlDivLoss, Reduction};
    ///
    /// const SUM: KlDivLoss = KlDivLoss::new().with_reduction(Reduction::Sum);
    /// assert_eq!(SUM.forward(&[-3.0_f32, -1.0], &[1.0, 0.0])?, 3.0);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub const fn with_reduction(self, reduction: Reduction) -> Self {
        KlDivLoss { reduction, ..self }
    }

    /// The same loss with targets as log-probabilities, or as probabilities.
    ///
    /// # Examples
    /// ```
    /// use kldiv::KlDivLoss;
    ///
    /// // e⁰·(0 + 3), and a probability of zero.
    /// let loss = KlDivLoss::new().with_log_target(true);
    /// assert_eq!(loss.forward(&[-3.0, -1.0], &[0.0, f64::NEG_INFINITY])?, 1.5);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub const fn with_log_target(self, log_target: bool) -> Self {
        KlDivLoss { log_target, ..self }
    }

    /// The loss: the terms `t·(ln t − x)`, or `eᵗ·(t − x)` with `log_target`, reduced.
    ///
    /// # Shape
    /// `input` and `target` have one length. Nothing has the mean NaN and the sum 0.
    /// # Units
    /// Nats.
    /// # Errors
    /// [`Error::Length`] if lengths differ.
    /// # Accuracy
    /// That of [`KlDiv::sum`], and one rounding where the reduction divides.
    /// # Special values
    /// Those of [`KlDiv::sum`], [`KlDiv::mean`] and [`KlDiv::batch_mean`].
    /// # Examples
    /// ```
    /// use kldiv::{KlDivLoss, Reduction};
    ///
    /// // (9, 12, 4) out of 25 against three equal chances.
    /// let input = [(1.0_f64 / 3.0).ln(); 3];
    /// let loss = KlDivLoss::new().with_reduction(Reduction::Sum);
    /// assert!((loss.forward(&input, &[0.36, 0.48, 0.16])? - 0.0853).abs() < 5e-5);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn forward<T: Element>(&self, input: &[T], target: &[T]) -> Result<T::Real, Error> {
        Ok(self.pair(input, target)?.reduce(self.reduction))
    }

    /// The terms by themselves, `out[i] = t·(ln t − x)`, or `eᵗ·(t − x)` with `log_target`: PyTorch's
    /// reduction "none". The reduction of this loss is not used.
    ///
    /// # Shape
    /// `input`, `target` and `out` have one length; nothing of `out` is read.
    /// # Units
    /// Nats.
    /// # Errors
    /// [`Error::Length`] if input and target differ in length, [`Error::OutputLength`] if `out` does;
    /// `out` has not been touched.
    /// # Accuracy
    /// That of [`KlDiv::pointwise`].
    /// # Special values
    /// Those of [`KlDiv::pointwise`].
    /// # Examples
    /// ```
    /// use kldiv::KlDivLoss;
    ///
    /// let mut terms = [0.0; 2];
    /// KlDivLoss::new().forward_pointwise(&[-3.0, -1.0], &[1.0, 0.0], &mut terms)?;
    /// assert_eq!(terms, [3.0, 0.0]);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn forward_pointwise<T: Element>(
        &self,
        input: &[T],
        target: &[T],
        out: &mut [T],
    ) -> Result<(), Error> {
        self.pair(input, target)?.pointwise(out)
    }

    /// The gradient by the input, `grad[i] = −t·g`, or `−eᵗ·g` with `log_target`: what PyTorch's
    /// `backward` leaves in `input.grad`.
    ///
    /// `g` is `grad_output`, the gradient of what follows by this loss, over what the reduction divides
    /// by. For PyTorch's reduction "none", where each term has a gradient of its own, take
    /// [`KlDiv::grad_input`] with [`Upstream::PerElement`].
    ///
    /// # Shape
    /// `input`, `target` and `grad` have one length; nothing of `grad` is read.
    /// # Units
    /// Loss per nat of the input.
    /// # Errors
    /// [`Error::Length`] if input and target differ in length, [`Error::OutputLength`] if `grad` does;
    /// `grad` has not been touched.
    /// # Accuracy
    /// That of [`KlDiv::grad_input`], and one rounding where the reduction divides.
    /// # Special values
    /// Those of [`KlDiv::grad_input`].
    /// # Examples
    /// ```
    /// use kldiv::KlDivLoss;
    ///
    /// let mut grad = [0.0; 2];
    /// KlDivLoss::new().backward_input(&[-3.0, -1.0], &[0.75, 0.25], 1.0, &mut grad)?;
    /// assert_eq!(grad, [-0.375, -0.125]); // the mean of two
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn backward_input<T: Element>(
        &self,
        input: &[T],
        target: &[T],
        grad_output: T::Real,
        grad: &mut [T],
    ) -> Result<(), Error> {
        let pair = self.pair(input, target)?;
        pair.grad_input(self.upstream(&pair, grad_output), grad)
    }

    /// The gradient by the target, `grad[i] = (ln t − x + 1)·g`, or `eᵗ·(t − x + 1)·g` with
    /// `log_target`: what PyTorch's `backward` leaves in `target.grad`.
    ///
    /// `g` is `grad_output`, the gradient of what follows by this loss, over what the reduction divides
    /// by. For PyTorch's reduction "none" take [`KlDiv::grad_target`] with [`Upstream::PerElement`].
    ///
    /// # Shape
    /// `input`, `target` and `grad` have one length; nothing of `grad` is read.
    /// # Units
    /// Loss per unit of the target: its probability, or a nat with `log_target`.
    /// # Errors
    /// [`Error::Length`] if input and target differ in length, [`Error::OutputLength`] if `grad` does;
    /// `grad` has not been touched.
    /// # Accuracy
    /// That of [`KlDiv::grad_target`], and one rounding where the reduction divides.
    /// # Special values
    /// Those of [`KlDiv::grad_target`]: 0 at a target of zero, where PyTorch has NaN.
    /// # Examples
    /// ```
    /// use kldiv::KlDivLoss;
    ///
    /// let mut grad = [0.0; 2];
    /// KlDivLoss::new().backward_target(&[-3.0, -1.0], &[1.0, 0.0], 1.0, &mut grad)?;
    /// assert_eq!(grad, [2.0, 0.0]); // (ln 1 + 3 + 1) / 2
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn backward_target<T: Element>(
        &self,
        input: &[T],
        target: &[T],
        grad_output: T::Real,
        grad: &mut [T],
    ) -> Result<(), Error> {
        let pair = self.pair(input, target)?;
        pair.grad_target(self.upstream(&pair, grad_output), grad)
    }

    fn pair<'a, T: Element>(&self, input: &'a [T], target: &'a [T]) -> Result<KlDiv<'a, T>, Error> {
        let target = if self.log_target { Target::LogProbs(target) } else { Target::Probs(target) };
        KlDiv::new(Input::LogProbs(input), target)
    }

    fn upstream<T: Element>(
        &self,
        pair: &KlDiv<'_, T>,
        grad_output: T::Real,
    ) -> Upstream<'static, T::Real> {
        Upstream::Uniform(self.reduction.of(grad_output, pair.len()))
    }
}

impl fmt::Display for KlDivLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reduction={}, log_target={}", self.reduction, self.log_target)
    }
}

/// The loss as one call, in the shape of PyTorch's `torch.nn.functional.kl_div`. Inputs are
/// log-probabilities.
///
/// It is [`KlDivLoss::forward`]; the reduction "none" is [`KlDivLoss::forward_pointwise`].
///
/// # Shape
/// `input` and `target` have one length. Nothing has the mean NaN and the sum 0.
/// # Units
/// Natural-log probabilities, and probabilities if `log_target` is false; the result is in nats.
/// # Errors
/// [`Error::Length`] if lengths differ.
/// # Accuracy
/// That of [`KlDiv::sum`], and one rounding where the reduction divides.
/// # Special values
/// Those of [`KlDiv::sum`], [`KlDiv::mean`] and [`KlDiv::batch_mean`].
/// # Examples
/// ```
/// use kldiv::{Reduction, kl_div};
///
/// assert_eq!(kl_div(&[-3.0_f32, -1.0], &[1.0, 0.0], Reduction::Sum, false)?, 3.0);
/// assert_eq!(kl_div(&[-3.0_f32, -1.0], &[0.0, -1.0], Reduction::Sum, true)?, 3.0);
/// # Ok::<(), kldiv::Error>(())
/// ```
/// # Source
/// PyTorch, `torch.nn.functional.kl_div`.
pub fn kl_div<T: Element>(
    input: &[T],
    target: &[T],
    reduction: Reduction,
    log_target: bool,
) -> Result<T::Real, Error> {
    KlDivLoss { reduction, log_target }.forward(input, target)
}
