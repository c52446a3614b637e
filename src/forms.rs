//! What a caller says of the two distributions of a divergence: plain data.

/// What the input numbers are: what the model says.
///
/// # Units
/// Probabilities, or their natural logarithms.
/// # Special values
/// The logarithm of a probability of zero is −∞. Neither form is checked; [`KlDiv::validate`](crate::KlDiv::validate) does.
/// # Examples
/// ```
/// use kldiv::{Input, KlDiv, Target};
///
/// let (ln_q, q, p) = ([0.0, f64::NEG_INFINITY], [1.0, 0.0], [1.0, 0.0]);
/// let of_logs = KlDiv::new(Input::LogProbs(&ln_q), Target::Probs(&p))?;
/// let of_probs = KlDiv::new(Input::Probs(&q), Target::Probs(&p))?;
/// assert_eq!((of_logs.sum(), of_probs.sum()), (0.0, 0.0));
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input<'a, T> {
    /// Natural logarithms of probabilities, `ln q`.
    LogProbs(&'a [T]),
    /// Probabilities, `q`.
    Probs(&'a [T]),
}

/// What the target numbers are: the reference distribution.
///
/// # Units
/// Probabilities, or their natural logarithms.
/// # Special values
/// A probability of ±0, and a logarithm whose exponential rounds to 0, take no part: see the
/// [crate documentation](crate#special-values). Neither form is checked; [`KlDiv::validate`](crate::KlDiv::validate) does.
/// # Examples
/// ```
/// use kldiv::{Input, KlDiv, Target};
///
/// let (x, p, ln_p) = ([-3.0, -5.0], [1.0, 0.0], [0.0, f64::NEG_INFINITY]);
/// let of_probs = KlDiv::new(Input::LogProbs(&x), Target::Probs(&p))?;
/// let of_logs = KlDiv::new(Input::LogProbs(&x), Target::LogProbs(&ln_p))?;
/// assert_eq!((of_probs.sum(), of_logs.sum()), (3.0, 3.0));
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<'a, T> {
    /// Probabilities, `p`.
    Probs(&'a [T]),
    /// Natural logarithms of probabilities, `ln p`.
    LogProbs(&'a [T]),
}

impl<'a, T: Copy> Input<'a, T> {
    pub(crate) fn values(self) -> &'a [T] {
        let (Input::LogProbs(values) | Input::Probs(values)) = self;
        values
    }
}

impl<'a, T: Copy> Target<'a, T> {
    pub(crate) fn values(self) -> &'a [T] {
        let (Target::Probs(values) | Target::LogProbs(values)) = self;
        values
    }

    /// The same form with other numbers.
    pub(crate) fn with(self, values: &'a [T]) -> Self {
        match self {
            Target::Probs(_) => Target::Probs(values),
            Target::LogProbs(_) => Target::LogProbs(values),
        }
    }
}
