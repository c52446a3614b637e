//! The elementwise core: check, dispatch, done.

mod computed;
mod validate;

use crate::backend::Backend;
use crate::compiled::pairs::{Pair, Pairs, Single};
use crate::compiled::stored::Stored;
use crate::element::Element;
use crate::error::{Error, Side};
use crate::forms::{Input, Target};
use crate::isa::Isa;
use crate::reduction::Reduction;
use crate::shape;
use crate::upstream::Upstream;
use validate::{input_as_target, validate_elements, validate_rows};

/// The divergence of an input from a target, `Σ p·(ln p − ln q)`, and what belongs to it.
///
/// This borrows both slices and remembers an instruction set. Nothing is computed before a method is
/// called, and nothing is kept.
///
/// # Shape
/// Input and target have one length, which may be 0. Methods that speak of rows cut that length into
/// equal parts.
/// # Units
/// Probabilities and natural-log probabilities; results are in nats.
/// # Accuracy
/// As listed in the [crate documentation](crate#accuracy), where `u` is defined too; the bits are the
/// same on every instruction set.
/// # Special values
/// An element with a target probability of zero takes no part; the
/// [crate documentation](crate#special-values) has the table.
/// # Examples
/// ```
/// use kldiv::{Input, KlDiv, Target};
///
/// // Certainty against a fair coin: one bit, ln 2 nats.
/// let kl = KlDiv::new(Input::Probs(&[0.5_f64, 0.5]), Target::Probs(&[1.0, 0.0]))?;
/// assert!((kl.sum() - core::f64::consts::LN_2).abs() < 1e-15);
/// // The divergence is the cross-entropy less the entropy.
/// assert_eq!(kl.sum(), kl.cross_entropy() - kl.entropy());
/// # Ok::<(), kldiv::Error>(())
/// ```
/// # Source
/// S. Kullback and R. A. Leibler, *On Information and Sufficiency*, Annals of Mathematical Statistics
/// 22 (1951).
#[derive(Clone, Copy, Debug)]
pub struct KlDiv<'a, T> {
    backend: Backend,
    input: Input<'a, T>,
    target: Target<'a, T>,
}

impl<'a, T: Element> KlDiv<'a, T> {
    /// Pairs an input with a target of the same length, for the widest instruction set there is.
    ///
    /// # Shape
    /// Input and target have one length, which may be 0.
    /// # Errors
    /// [`Error::Length`] if they do not.
    /// # Examples
    /// ```
    /// use kldiv::{Error, Input, KlDiv, Target};
    ///
    /// let kl = KlDiv::new(Input::LogProbs(&[-1.0_f32]), Target::Probs(&[1.0]))?;
    /// assert_eq!(kl.sum(), 1.0);
    /// # Ok::<(), Error>(())
    /// ```
    #[inline]
    pub fn new(input: Input<'a, T>, target: Target<'a, T>) -> Result<Self, Error> {
        shape::same(input.values().len(), target.values().len())?;
        Ok(KlDiv { backend: Backend::best(), input, target })
    }

    /// The same pair on another instruction set: other speed, the same bits.
    ///
    /// # Errors
    /// [`Error::IsaUnavailable`] if this machine or this build does not have it.
    /// # Examples
    /// ```
    /// use kldiv::{Input, Isa, KlDiv, Target};
    ///
    /// let kl = KlDiv::new(Input::LogProbs(&[-1.5, -0.3]), Target::Probs(&[0.7_f32, 0.3]))?;
    /// for isa in Isa::available() {
    ///     assert_eq!(kl.on(isa)?.sum().to_bits(), kl.sum().to_bits());
    /// }
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[inline]
    pub fn on(mut self, isa: Isa) -> Result<Self, Error> {
        self.backend = Backend::of(isa)?;
        Ok(self)
    }

    /// Number of elements, of the input as of the target.
    ///
    /// # Examples
    /// ```
    /// use kldiv::{Input, KlDiv, Target};
    ///
    /// assert_eq!(KlDiv::new(Input::Probs(&[0.5; 2]), Target::Probs(&[0.5; 2]))?.len(), 2);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.target.values().len()
    }

    /// Whether there are no elements.
    ///
    /// # Examples
    /// ```
    /// use kldiv::{Input, KlDiv, Target};
    ///
    /// assert!(KlDiv::<f32>::new(Input::Probs(&[]), Target::Probs(&[]))?.is_empty());
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The divergence, `Σ p·(ln p − ln q)`.
    ///
    /// # Shape
    /// Any length; nothing sums to 0.
    /// # Units
    /// Nats.
    /// # Accuracy
    /// At most `2 u·|sum| + 8 u·Σ p·(|ln p| + |ln q|)` ([`SUM_MAX_U`](crate::accuracy::SUM_MAX_U),
    /// [`SUM_MAX_U_OF_SCALE`](crate::accuracy::SUM_MAX_U_OF_SCALE)), whatever the length. The order of
    /// the additions is [fixed](crate#equal-bits), and so are the bits.
    /// # Special values
    /// | terms | sum |
    /// |---|---|
    /// | one is NaN, or there are both +∞ and −∞ | NaN |
    /// | one is +∞ (target above zero, input probability zero) | +∞ |
    /// | one is −∞ | −∞ |
    /// | all finite, a partial sum out of range | ±∞, or NaN where both occur |
    /// # Examples
    /// ```
    /// use kldiv::{Input, KlDiv, Target};
    ///
    /// // 1·(ln 1 + 3), and an element that takes no part.
    /// let x = [-3.0, f64::NEG_INFINITY];
    /// let kl = KlDiv::new(Input::LogProbs(&x), Target::Probs(&[1.0, 0.0]))?;
    /// assert_eq!(kl.sum(), 3.0);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    /// # Source
    /// The compensated additions are T. J. Dekker's (Numerische Mathematik 18, 1971) and D. E. Knuth's
    /// (*The Art of Computer Programming*, volume 2, 4.2.2).
    #[must_use]
    pub fn sum(&self) -> T::Real {
        T::Kernels::sum(self.computed())
    }

    /// The mean of the terms, `sum / len`.
    ///
    /// # Units
    /// Nats for each element. For the divergence of a batch take [`KlDiv::batch_mean`].
    /// # Accuracy
    /// That of [`KlDiv::sum`], and one rounding of the quotient (with more than 2²⁴ elements in `f32`
    /// also one of the length).
    /// # Special values
    /// Those of [`KlDiv::sum`]. No elements: NaN.
    /// # Examples
    /// ```
    /// use kldiv::{Input, KlDiv, Target};
    ///
    /// let kl = KlDiv::new(Input::LogProbs(&[-3.0, -1.0]), Target::Probs(&[1.0, 0.0]))?;
    /// assert_eq!(kl.mean(), 1.5);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn mean(&self) -> T::Real {
        self.reduce(Reduction::Mean)
    }

    /// The sum over the number of distributions, `sum / batch`.
    ///
    /// # Shape
    /// `batch` only divides; it need not divide the length.
    /// # Units
    /// Nats for each distribution.
    /// # Accuracy
    /// That of [`KlDiv::sum`], and one rounding of the quotient.
    /// # Special values
    /// Those of [`KlDiv::sum`]. With `batch = 0`, 0/0 is NaN and any other sum is infinite.
    /// # Examples
    /// ```
    /// use kldiv::{Input, KlDiv, Target};
    ///
    /// let (x, p) = ([-3.0, -1.0, -2.0, -4.0], [1.0, 0.0, 0.0, 1.0]);
    /// assert_eq!(KlDiv::new(Input::LogProbs(&x), Target::Probs(&p))?.batch_mean(2), 3.5);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn batch_mean(&self, batch: usize) -> T::Real {
        self.reduce(Reduction::BatchMean(batch))
    }

    /// The sum over what the reduction divides by: [`KlDiv::sum`], [`KlDiv::mean`] or
    /// [`KlDiv::batch_mean`].
    ///
    /// # Examples
    /// ```
    /// use kldiv::{Input, KlDiv, Reduction, Target};
    ///
    /// let kl = KlDiv::new(Input::LogProbs(&[-3.0, -1.0]), Target::Probs(&[1.0, 0.0]))?;
    /// assert_eq!(kl.reduce(Reduction::Sum), 3.0);
    /// assert_eq!(kl.reduce(Reduction::Mean), 1.5);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn reduce(&self, reduction: Reduction) -> T::Real {
        reduction.of(self.sum(), self.len())
    }

    /// The target's entropy, `H(target) = −Σ p·ln p`. The input is not read.
    ///
    /// # Units
    /// Nats.
    /// # Accuracy
    /// At most `2 u·|result| + 8 u·Σ p·|ln p|`, with the order of [`KlDiv::sum`].
    /// # Special values
    /// | target p | adds |
    /// |---|---|
    /// | 0, −0, or eᵗ = 0 | nothing |
    /// | negative or NaN | NaN |
    /// | +∞ | −∞ |
    /// # Examples
    /// ```
    /// use kldiv::{Input, KlDiv, Target};
    ///
    /// // Four equal chances: two bits, 2·ln 2 nats.
    /// let kl = KlDiv::new(Input::Probs(&[1.0_f64; 4]), Target::Probs(&[0.25; 4]))?;
    /// assert!((kl.entropy() - 2.0 * core::f64::consts::LN_2).abs() < 1e-15);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    /// # Source
    /// C. E. Shannon, *A Mathematical Theory of Communication*, Bell System Technical Journal 27 (1948).
    #[must_use]
    pub fn entropy(&self) -> T::Real {
        let KlDiv { backend, target, .. } = *self;
        T::Kernels::entropy(Single { backend, values: computed::target(target) })
    }

    /// The cross-entropy, `H(target, input) = −Σ p·ln q`: [`KlDiv::sum`] plus [`KlDiv::entropy`].
    ///
    /// # Units
    /// Nats.
    /// # Accuracy
    /// At most `2 u·|result| + 8 u·Σ p·|ln q|`, with the order of [`KlDiv::sum`].
    /// # Special values
    /// | target p | input | adds |
    /// |---|---|---|
    /// | 0, −0, or eᵗ = 0 | anything | nothing |
    /// | positive, finite | q = 0, ln q = −∞ | +∞ |
    /// | positive, finite | q or ln q = +∞ | −∞ |
    /// | anything else | q negative, q or ln q NaN | NaN |
    /// | negative or +∞ | finite | −p·ln q, as it is |
    /// | NaN | anything | NaN |
    /// # Examples
    /// ```
    /// use kldiv::{Input, KlDiv, Target};
    ///
    /// // A target that names one class picks that class.
    /// let kl = KlDiv::new(Input::LogProbs(&[-3.0, -0.25]), Target::Probs(&[0.0, 1.0]))?;
    /// assert_eq!(kl.cross_entropy(), 0.25);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn cross_entropy(&self) -> T::Real {
        T::Kernels::cross_entropy(self.computed())
    }

    /// Each term, `out[i] = p·(ln p − ln q)`: PyTorch's reduction "none".
    ///
    /// # Shape
    /// `out` has the length of input and target; none of it is read.
    /// # Units
    /// Nats.
    /// # Errors
    /// [`Error::OutputLength`] if `out` has another length; it has not been touched.
    /// # Accuracy
    /// At most `4 u·p·(|ln p| + |ln q|)`, or `4 u·|term|` where both are given as logarithms
    /// ([`TERM_MAX_U`](crate::accuracy::TERM_MAX_U)).
    /// # Special values
    /// | target p | input | term |
    /// |---|---|---|
    /// | 0, −0, or eᵗ = 0 | anything | +0 |
    /// | positive, finite | q = 0, ln q = −∞ | +∞ |
    /// | positive, finite | q or ln q = +∞ | −∞ |
    /// | positive | q negative, q or ln q NaN | NaN |
    /// | negative or NaN | anything | NaN |
    /// | t = +∞ | finite; +∞ | +∞; NaN |
    /// | t finite, eᵗ = +∞ | not NaN | ∞·(t − ln q) |
    /// # Examples
    /// ```
    /// use kldiv::{Input, KlDiv, Target};
    ///
    /// let mut terms = [0.0; 3];
    /// let x = [-2.0, f64::NEG_INFINITY, f64::NEG_INFINITY];
    /// let kl = KlDiv::new(Input::LogProbs(&x), Target::Probs(&[1.0, 0.0, 0.5]))?;
    /// kl.pointwise(&mut terms)?;
    /// assert_eq!(terms, [2.0, 0.0, f64::INFINITY]);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn pointwise(&self, out: &mut [T]) -> Result<(), Error> {
        shape::output(self.len(), out.len())?;
        T::Kernels::pointwise(self.computed(), T::Kernels::places(out));
        Ok(())
    }

    /// The divergence of each row, `out[r] = Σ p·(ln p − ln q)` over row `r`.
    ///
    /// # Shape
    /// As many rows as `out` has elements, of equal length, one after another. Of no elements any number
    /// of rows can be made, and they sum to 0.
    /// # Units
    /// Nats.
    /// # Errors
    /// [`Error::Rows`] if the length is not a multiple of `out.len()`; `out` has not been touched.
    /// # Accuracy
    /// That of [`KlDiv::sum`], row by row: each has the bits of a `KlDiv` of that row alone.
    /// # Special values
    /// Those of [`KlDiv::sum`]; a row is not touched by what another holds.
    /// # Examples
    /// ```
    /// use kldiv::{Input, KlDiv, Target};
    ///
    /// let (x, p) = ([-3.0, -1.0, -2.0, -4.0], [1.0, 0.0, 0.0, 1.0]);
    /// let mut rows = [0.0; 2];
    /// KlDiv::new(Input::LogProbs(&x), Target::Probs(&p))?.row_sums(&mut rows)?;
    /// assert_eq!(rows, [3.0, 4.0]);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn row_sums(&self, out: &mut [T::Real]) -> Result<(), Error> {
        match shape::row_length(self.len(), out.len())? {
            0 => out.fill(T::Real::ZERO),
            row_length => T::Kernels::row_sums(self.computed(), row_length, out),
        }
        Ok(())
    }

    /// The gradient by the input, `grad[i] = g·(−p)` for log-probabilities, `g·(−p/q)` for
    /// probabilities, with `g` from `upstream`.
    ///
    /// The input is not differentiated through a normalisation: for that see the gradients of what made it.
    ///
    /// # Shape
    /// `grad` has the length of input and target; none of it is read. `upstream` as in [`Upstream`].
    /// # Units
    /// Loss per unit of the input: its probability or its natural logarithm.
    /// # Errors
    /// [`Error::OutputLength`] if `grad` has another length, [`Error::UpstreamLength`] if the factors per
    /// element have, [`Error::Rows`] if the length is not a multiple of the number of factors per row.
    /// `grad` has not been touched.
    /// # Accuracy
    /// At most `4 u` of the result, where no part of the formula is subnormal.
    /// # Special values
    /// | target p | input | derivative |
    /// |---|---|---|
    /// | 0, −0, or eᵗ = 0 | anything | +0, whatever g is |
    /// | anything else | ln q, NaN and ±∞ too | −p |
    /// | positive | q = 0; q = −0 | −∞; +∞ |
    /// | positive, finite | q = ±∞ | 0 of either sign |
    /// | +∞ | q = ±∞ | NaN |
    /// | anything else | q NaN | NaN |
    /// | NaN | anything | NaN |
    ///
    /// A negative p or q enters −p and −p/q as it is.
    /// # Examples
    /// ```
    /// use kldiv::{Input, KlDiv, Target, Upstream};
    ///
    /// let mut grad = [0.0; 2];
    /// let kl = KlDiv::new(Input::Probs(&[0.5, 0.5]), Target::Probs(&[1.0, 0.0]))?;
    /// kl.grad_input(Upstream::Uniform(3.0), &mut grad)?;
    /// assert_eq!(grad, [-6.0, 0.0]);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn grad_input(&self, upstream: Upstream<'_, T::Real>, grad: &mut [T]) -> Result<(), Error> {
        let row_length = upstream.row_length(self.len(), grad.len())?;
        if row_length > 0 {
            let grad = T::Kernels::places(grad);
            T::Kernels::grad_input(self.computed(), row_length, upstream, grad);
        }
        Ok(())
    }

    /// The gradient by the target, `grad[i] = g·(ln p − ln q + 1)` for probabilities, `p` times that for
    /// log-probabilities, with `g` from `upstream`.
    ///
    /// # Shape
    /// `grad` has the length of input and target; none of it is read. `upstream` as in [`Upstream`].
    /// # Units
    /// Loss per unit of the target: its probability or its natural logarithm.
    /// # Errors
    /// [`Error::OutputLength`] if `grad` has another length, [`Error::UpstreamLength`] if the factors per
    /// element have, [`Error::Rows`] if the length is not a multiple of the number of factors per row.
    /// `grad` has not been touched.
    /// # Accuracy
    /// At most `6 u·|g|·(|ln p| + |ln q| + 1)` for probabilities, `p` times that for log-probabilities.
    /// # Special values
    /// | target p | input | derivative |
    /// |---|---|---|
    /// | 0, −0, or eᵗ = 0 | anything | +0, whatever g is |
    /// | positive, finite | q = 0, ln q = −∞ | +∞ |
    /// | positive, finite | q or ln q = +∞ | −∞ |
    /// | positive | q negative, q or ln q NaN | NaN |
    /// | negative or NaN | anything | NaN, even where g = 0 |
    /// | t = +∞ | finite; +∞ | +∞; NaN |
    /// | t finite, eᵗ = +∞ | not NaN | ∞·(t − ln q + 1) |
    ///
    /// The limit of `ln p − ln q + 1` as p falls to zero is −∞. Zero is what leaves the element out.
    /// # Examples
    /// ```
    /// use kldiv::{Input, KlDiv, Target, Upstream};
    ///
    /// let mut grad = [0.0; 2];
    /// let kl = KlDiv::new(Input::LogProbs(&[-1.0, -1.0]), Target::Probs(&[1.0, 0.0]))?;
    /// kl.grad_target(Upstream::Uniform(3.0), &mut grad)?;
    /// assert_eq!(grad, [6.0, 0.0]); // 3·(ln 1 + 1 + 1), and an element that takes no part
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn grad_target(
        &self,
        upstream: Upstream<'_, T::Real>,
        grad: &mut [T],
    ) -> Result<(), Error> {
        let row_length = upstream.row_length(self.len(), grad.len())?;
        if row_length > 0 {
            let grad = T::Kernels::places(grad);
            T::Kernels::grad_target(self.computed(), row_length, upstream, grad);
        }
        Ok(())
    }

    /// Checks that the numbers are what they are said to be. No other method does.
    ///
    /// The commonest mistake it finds is probabilities passed as log-probabilities: they are above zero.
    ///
    /// # Shape
    /// `rows` distributions of equal length, one after another.
    /// # Errors
    /// The first of these that is found, in this order:
    ///
    /// 1. [`Error::Rows`] if the length is not a multiple of `rows`.
    /// 2. Element by element, the input before the target: [`Error::Nan`];
    ///    [`Error::NegativeProbability`], without tolerance; [`Error::PositiveLogProbability`] for a
    ///    log-probability above `tolerance`.
    /// 3. Row by row, the input before the target: [`Error::RowSum`] if the probabilities of a row do
    ///    not sum to 1 within `tolerance`.
    /// # Accuracy
    /// Rows are summed as by [`KlDiv::sum`], with an error of at most `10 u` of their sum: a smaller
    /// tolerance may refuse good data.
    /// # Special values
    /// | value | as a probability | as a log-probability |
    /// |---|---|---|
    /// | −0 | passes | passes |
    /// | −∞ | negative | passes: probability 0 |
    /// | +∞ | refused with its row | positive |
    /// | NaN | refused | refused |
    ///
    /// A tolerance of NaN accepts no row.
    /// # Examples
    /// ```
    /// use kldiv::{Error, Input, KlDiv, Side, Target};
    ///
    /// let (q, p) = ([0.25, 0.75], [0.5, 0.5]);
    /// assert_eq!(KlDiv::new(Input::Probs(&q), Target::Probs(&p))?.validate(1, 1e-6), Ok(()));
    ///
    /// let mistaken = KlDiv::new(Input::LogProbs(&q), Target::Probs(&p))?;
    /// let found = Error::PositiveLogProbability { side: Side::Input, index: 0, value: 0.25 };
    /// assert_eq!(mistaken.validate(1, 1e-6), Err(found));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn validate(&self, rows: usize, tolerance: T::Real) -> Result<(), Error> {
        let row_length = shape::row_length(self.len(), rows)?;
        let KlDiv { backend, input, target } = *self;
        let sides = [(Side::Input, input_as_target(input)), (Side::Target, target)];
        sides.iter().try_for_each(|&(side, values)| validate_elements(side, values, tolerance))?;
        if row_length > 0 {
            for (side, values) in sides {
                validate_rows(side, backend, values, row_length, tolerance)?;
            }
        }
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn computed(&self) -> Pair<'a, T::Real> {
        let KlDiv { backend, input, target } = *self;
        Pair { backend, input: computed::input(input), target: computed::target(target) }
    }
}
