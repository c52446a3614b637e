//! What a caller says of a student's teacher and of the comparison: plain data.

use crate::float::Computed;
use crate::rows::{NumberRows, Rows};
use crate::top_k::{TopK, TopKNumbers};

/// A class index that masks its row: the row has no loss, no gradient and no weight, whatever else holds
/// for it. Where labels are signed, this is what −100 or another negative number becomes.
///
/// # Examples
/// ```
/// use kldiv::{DistillLoss, IGNORED, Rows, Teacher};
///
/// let student = Rows::new(&[0.0, 0.0, f64::NAN, 7.0], 2)?;
/// let loss = DistillLoss::new(student, Teacher::Classes(&[1, IGNORED]))?;
/// assert!((loss.weighted_mean() - core::f64::consts::LN_2).abs() < 1e-15); // of the first row alone
/// # Ok::<(), kldiv::Error>(())
/// ```
/// # Source
/// PyTorch's `ignore_index`, −100 there by default.
pub const IGNORED: u32 = u32::MAX;

/// What the student is compared with: row by row, the distribution `p`.
///
/// # Shape
/// As many rows as the student; of classes too, unless they are indices.
/// # Units
/// [`Logits`](Teacher::Logits) are natural logarithms up to a constant for each row, and are divided by
/// the temperature; the other forms are taken as they are.
/// # Special values
/// Probabilities and log-probabilities need not sum to one. Nothing is checked but class indices.
/// # Examples
/// ```
/// use kldiv::{DistillLoss, Rows, Teacher};
///
/// // The same teacher in four forms: certain of the second class.
/// let student = Rows::new(&[1.0, 3.0], 2)?;
/// let logits = Teacher::Logits(Rows::new(&[f64::NEG_INFINITY, 7.0], 2)?);
/// let log_probs = Teacher::LogProbs(Rows::new(&[f64::NEG_INFINITY, 0.0], 2)?);
/// let probs = Teacher::Probs(Rows::new(&[0.0, 1.0], 2)?);
/// let expected = (1.0 + (-2.0_f64).exp()).ln(); // −ln of the student's second probability
/// for teacher in [logits, log_probs, probs, Teacher::Classes(&[1])] {
///     let loss = DistillLoss::new(student, teacher)?.weighted_mean();
///     assert!((loss - expected).abs() < 1e-15);
/// }
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Teacher<'a, T> {
    /// Logits: `p = softmax(t / temperature)`.
    Logits(Rows<'a, T>),
    /// Natural logarithms of probabilities, `p = eᵗ`.
    LogProbs(Rows<'a, T>),
    /// Probabilities, `p = t`.
    Probs(Rows<'a, T>),
    /// The index of the class whose probability is one: the divergence is the cross-entropy loss. Or
    /// [`IGNORED`], for a row that does not count.
    Classes(&'a [u32]),
    /// The probabilities of a few classes of each row; [`Rest`](crate::Rest) says what becomes of all others. It has the
    /// forward divergence alone.
    TopK(TopK<'a, T>),
}

/// A teacher as kernels take it.
#[derive(Clone, Copy, Debug)]
pub enum TeacherNumbers<'a, R: Computed> {
    Logits(NumberRows<'a, R>),
    LogProbs(NumberRows<'a, R>),
    Probs(NumberRows<'a, R>),
    Classes(&'a [u32]),
    TopK(TopKNumbers<'a, R>),
}

/// Which divergence between the teacher's `p` and the student's `q`.
///
/// # Special values
/// A probability of zero takes no part on the side that weighs: the teacher's in
/// [`Forward`](Divergence::Forward), the student's in [`Reverse`](Divergence::Reverse).
/// # Examples
/// ```
/// use kldiv::{DistillLoss, Divergence, Rows, Teacher};
///
/// // Weighed equally against the mean of both, two distributions without overlap are ln 2 apart.
/// let student = Rows::new(&[0.0, f64::NEG_INFINITY], 2)?;
/// let loss = DistillLoss::new(student, Teacher::Classes(&[1]))?;
/// assert_eq!(loss.weighted_mean(), f64::INFINITY);
/// let apart = loss.divergence(Divergence::JensenShannon { beta: 0.5 })?.weighted_mean();
/// assert!((apart - core::f64::consts::LN_2).abs() < 1e-15);
/// # Ok::<(), kldiv::Error>(())
/// ```
/// # Source
/// J. Lin, *Divergence Measures Based on the Shannon Entropy*, IEEE Transactions on Information Theory 37
/// (1991), for the third; D. Endres and J. Schindelin, *A New Metric for Probability Distributions*, likewise 49
/// (2003), for its square root.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Divergence<T> {
    /// `Σ p·(ln p − ln q)`: the student is to cover all that the teacher does.
    #[default]
    Forward,
    /// `Σ q·(ln q − ln p)`: the student is to keep to what the teacher does.
    Reverse,
    /// `beta·Σ p·(ln p − ln m) + (1 − beta)·Σ q·(ln q − ln m)` with `m = beta·p + (1 − beta)·q`.
    ///
    /// With `beta` one half the square root of a row's loss is a distance (symmetric, and with the triangle
    /// inequality), which some libraries give under this name; divided by `ln 2` the loss is in bits, at most 1.
    JensenShannon {
        /// The teacher's share of the mixture, above 0 and below 1; neither end belongs to it.
        beta: T,
    },
}
