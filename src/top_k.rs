//! A teacher that names few classes of each row: plain data.

use crate::error::Error;
use crate::float::Computed;
use crate::numbers::Numbers;
use crate::shape;

/// What a teacher whose rows name few classes says of all the others: of `r = 1 − P`, where `P` is the sum
/// of the row's probabilities.
///
/// With `q` the student's probabilities, `s` their sum over the `n` classes elsewhere, which the row does not
/// name, `g` the upstream factor times the row's weight and τ the temperature:
///
/// | | value | gradient over `g/τ`, named | elsewhere |
/// |---|---|---|---|
/// | `Renormalise` | `Σ (p/P)·(ln(p/P) − ln q)` | `q − p/P` | `q` |
/// | `Bucket` | `Σ p·(ln p − ln q) + r·(ln r − ln s)` | `q − p` | `q·(1 − r/s)` |
/// | `Uniform` | `Σ p·(ln p − ln q) + Σ_elsewhere (r/n)·(ln(r/n) − ln q)` | `q − p` | `q − r/n` |
/// | `Ignore` | `Σ p·(ln p − ln q)` | `P·q − p` | `P·q` |
///
/// # Special values
/// | case | what holds |
/// |---|---|
/// | `P` above 1, by rounding or otherwise | `r` is 0 |
/// | `r` of at most `16 u`, which is rounding, beside `s = 0` | `r` is 0 |
/// | a larger `r` beside `s = 0` | `Bucket`: loss +∞; where the student has no probability either, gradient 0 |
/// | `r > 0` and an elsewhere class that the student excludes | `Uniform`: loss +∞ |
/// | no class elsewhere | `Uniform` leaves `r` out |
/// | no class named | `P = 0`; `Renormalise`, which has nothing to divide, makes loss and gradient 0 |
///
/// # Examples
/// ```
/// use kldiv::{DistillLoss, Rest, Rows, Teacher, TopK};
///
/// // Of four classes the teacher names one and gives it ¼; the student gives ¼ to each.
/// let student = Rows::new(&[0.0_f64; 4], 4)?;
/// let (classes, log_probs) = ([2], [-(4.0_f64.ln())]);
/// for (rest, expected) in [
///     (Rest::Renormalise, 4.0_f64.ln()), // as if it were certain of it
///     (Rest::Bucket, 0.0),               // ¼ to this one and ¾ to the others, as the student has it
///     (Rest::Uniform, 0.0),              // ¼ to each
///     (Rest::Ignore, 0.0),               // ¼ against ¼, and nothing else
/// ] {
///     let teacher = Teacher::TopK(TopK::new(&classes, &log_probs, 1, rest)?);
///     let loss = DistillLoss::new(student, teacher)?.weighted_mean();
///     assert!((loss - expected).abs() < 1e-15);
/// }
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rest {
    /// The others have nothing: what is there is divided by its sum.
    Renormalise,
    /// The others are one class of probability `r`.
    Bucket,
    /// `r` is spread evenly over the others.
    Uniform,
    /// The others are left out. That is no divergence, and may be negative.
    Ignore,
}

/// A teacher that names `k` classes of each row, with its log-probabilities for them: how large teachers are
/// stored.
///
/// The log-probabilities are those of all classes of the row, taken as they are: the temperature does not divide
/// them. Their order is free; it is that in which they are summed, so another one may change last bits.
///
/// # Shape
/// Row `i` has the places `i·k` up to `(i + 1)·k` of both slices. `k` may be 0, then there is nothing in them,
/// and the rows are as many as the student's; it may be the number of classes.
/// # Special values
/// A log-probability of −∞ is an empty place, whatever its class: rows of fewer than `k` classes are filled up
/// with them. In any other place the class is one of the student's, or [`DistillLoss::new`] refuses it;
/// [`IGNORED`](crate::IGNORED) has no meaning here. A class that is named twice is not looked for; the loss then means
/// nothing. [`validate_top_k`](crate::validate_top_k) finds it.
///
/// [`DistillLoss::new`]: crate::DistillLoss::new
/// # Examples
/// ```
/// use kldiv::{DistillLoss, Rest, Rows, Teacher, TopK, Upstream};
///
/// let ln = f64::ln;
/// let student = Rows::new(&[0.0, 0.0, 0.0, 0.0, 2.0, 1.0, 0.0, 0.0], 4)?;
/// let classes = [3, 0, 1, 0];
/// let log_probs = [ln(0.5), ln(0.25), ln(0.75), f64::NEG_INFINITY];
/// let teacher = Teacher::TopK(TopK::new(&classes, &log_probs, 2, Rest::Uniform)?);
/// let mut grad = [0.0; 8];
/// DistillLoss::new(student, teacher)?.grad_student(Upstream::Uniform(8.0), &mut grad)?;
/// // q is ¼ each; p is ¼, ⅛, ⅛, ½.
/// for (got, expected) in grad[..4].iter().zip([0.0, 1.0, 1.0, -2.0]) {
///     assert!((got - expected).abs() < 1e-14);
/// }
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopK<'a, T> {
    pub(crate) classes: &'a [u32],
    pub(crate) log_probs: &'a [T],
    pub(crate) k: usize,
    pub(crate) rest: Rest,
}

impl<'a, T> TopK<'a, T> {
    /// Cuts classes and log-probabilities into rows of `k` places.
    ///
    /// # Shape
    /// As many classes as log-probabilities, a multiple of `k`.
    /// # Errors
    /// [`Error::TopKLength`] if their numbers differ, [`Error::TopKRows`] if `k` does not divide them.
    /// # Examples
    /// ```
    /// use kldiv::{Error, Rest, TopK};
    ///
    /// let refused = TopK::new(&[0, 1, 2], &[-1.0, -2.0, -3.0], 2, Rest::Ignore);
    /// assert_eq!(refused.unwrap_err(), Error::TopKRows { len: 3, k: 2 });
    /// ```
    pub fn new(
        classes: &'a [u32],
        log_probs: &'a [T],
        k: usize,
        rest: Rest,
    ) -> Result<Self, Error> {
        shape::top_k(classes.len(), log_probs.len(), k)?;
        Ok(TopK { classes, log_probs, k, rest })
    }

    /// Number of rows; without places there are as many as are wanted.
    pub(crate) fn rows(&self) -> Option<usize> {
        self.classes.len().checked_div(self.k)
    }

    /// The places of one row.
    #[inline]
    pub(crate) fn row(&self, index: usize) -> Option<TopKRow<'a, T>> {
        let start = index.checked_mul(self.k)?;
        Some(TopKRow {
            classes: self.classes.get(start..)?.get(..self.k)?,
            log_probs: self.log_probs.get(start..)?.get(..self.k)?,
        })
    }
}

/// The places of one row: as many log-probabilities as classes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TopKRow<'a, T> {
    pub(crate) classes: &'a [u32],
    pub(crate) log_probs: &'a [T],
}

/// Such a teacher as kernels take it.
#[derive(Clone, Copy, Debug)]
pub struct TopKNumbers<'a, R: Computed> {
    pub(crate) classes: &'a [u32],
    pub(crate) log_probs: Numbers<'a, R>,
    pub(crate) k: usize,
    pub(crate) rest: Rest,
}

impl<'a, R: Computed> TopKNumbers<'a, R> {
    /// The rows before `middle`, which there are, and the others.
    #[cfg(feature = "rayon")]
    pub(crate) fn split_at(self, middle: usize) -> (Self, Self) {
        let middle = middle * self.k;
        let (classes, other_classes) = self.classes.split_at(middle);
        let (log_probs, other_log_probs) = self.log_probs.halves(middle);
        (
            TopKNumbers { classes, log_probs, ..self },
            TopKNumbers { classes: other_classes, log_probs: other_log_probs, ..self },
        )
    }

    /// The places of one row.
    #[inline]
    pub(crate) fn row(&self, index: usize) -> Option<NamedRow<'a, R>> {
        let start = index.checked_mul(self.k)?;
        Some(NamedRow {
            classes: self.classes.get(start..)?.get(..self.k)?,
            log_probs: self.log_probs.part(start, self.k)?,
        })
    }
}

/// The same as kernels take it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedRow<'a, R: Computed> {
    pub(crate) classes: &'a [u32],
    pub(crate) log_probs: Numbers<'a, R>,
}

impl<'a, R: Computed> NamedRow<'a, R> {
    /// Takes the first `length` places off, or as many as there are; nothing if there are none.
    #[inline(always)]
    pub(crate) fn take(&mut self, length: usize) -> Option<Self> {
        let length = length.min(self.classes.len());
        let classes = self.classes.split_off(..length)?;
        let log_probs = self.log_probs.take(length)?;
        (length > 0).then_some(NamedRow { classes, log_probs })
    }
}
