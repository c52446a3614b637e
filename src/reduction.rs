//! What becomes of the terms of a loss.

use core::fmt;

use crate::compiled::Scalar;
use crate::element::Element;

/// What to do with the terms. The default is the mean, as in PyTorch.
///
/// # Units
/// A sum, a mean or a share of nats. The divergence of a batch of distributions, averaged over the
/// batch, is [`BatchMean`](Reduction::BatchMean): the mean divides by the number of classes too.
/// # Special values
/// A divisor of 0 is divided by: 0/0 is NaN, as is the mean of nothing.
/// # Examples
/// ```
/// use kldiv::{Input, KlDiv, Reduction, Target};
///
/// // Two rows of two classes, a divergence of 1 and of 2.
/// let x = [-1.0, -9.0, -9.0, -2.0];
/// let kl = KlDiv::new(Input::LogProbs(&x), Target::Probs(&[1.0, 0.0, 0.0, 1.0]))?;
/// assert_eq!(kl.reduce(Reduction::Sum), 3.0);
/// assert_eq!(kl.reduce(Reduction::BatchMean(2)), 1.5);
/// assert_eq!(kl.reduce(Reduction::default()), 0.75);
/// assert_eq!(Reduction::BatchMean(2).to_string(), "batchmean");
/// # Ok::<(), kldiv::Error>(())
/// ```
/// # Source
/// PyTorch's `reduction` of `nn.KLDivLoss`; its "none" is [`KlDiv::pointwise`](crate::KlDiv::pointwise).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Their sum over their number.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum over the number of rows given.
    BatchMean(usize),
}

impl Reduction {
    /// A sum over `len` terms, reduced.
    pub(crate) fn of<R: Element<Real = R>>(self, sum: R, len: usize) -> R {
        match self {
            Reduction::Mean => R::Kernels::per(sum, len),
            Reduction::Sum => sum,
            Reduction::BatchMean(batch) => R::Kernels::per(sum, batch),
        }
    }
}

impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Reduction::Mean => "mean",
            Reduction::Sum => "sum",
            Reduction::BatchMean(_) => "batchmean",
        })
    }
}
