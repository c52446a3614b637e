//! Losses of rows of logits: check, dispatch, done.

mod pieces;
mod validate;

pub use validate::validate_top_k;

use core::marker::PhantomData;

use crate::backend::Backend;
use crate::compiled::Scalar;
use crate::compiled::distill::Distill;
use crate::compiled::stored::Stored;
use crate::element::Element;
use crate::error::Error;
use crate::isa::Isa;
use crate::kernel::distill::problem::{
    Accumulation, Gradient, Losses, Outcome, Party, Problem, Wanted,
};
use crate::numbers::Places;
use crate::reduction::Reduction;
use crate::rows::{NumberRows, PlaceRows, Rows};
use crate::shape;
use crate::teacher::{Divergence, IGNORED, Teacher, TeacherNumbers};
use crate::top_k::TopKNumbers;
use crate::upstream::Upstream;

/// The divergence between what a teacher and a student say of each row, from the student's logits.
///
/// This borrows its slices. Nothing is computed before a method is called, nothing is kept, and no
/// temporary is needed: a loss takes one read of each row, a gradient two to four.
///
/// The temperature τ divides the logits of both and nothing else. Where a loss is meant to be
/// multiplied by τ², as is usual for soft targets, the factor goes into the upstream gradient:
/// `Upstream::Uniform(τ² / rows)`.
///
/// # Units
/// Losses are in nats.
/// # Accuracy
/// `u` is that of the [crate documentation](crate#accuracy). A loss is within
/// `8 u·Σ p·(|ln p| + |ln q| + 1)(1 + |ln p − ln q|)` of the exact one. Where teacher and student
/// nearly agree that would be no digit at all; so a loss that comes out below 2¹⁶ `u` of its parts, and
/// any loss that is computed together with its gradient, is the sum of `p·φ(ln q − ln p)` with
/// `φ(d) = e^d − 1 − d`. From logits that is right to 1e-3 relative for all losses above 2¹³ `u²`
/// (3e-11 for `f32`), whichever the divergence and whatever the share of a mixture. From logits or classes a loss is never negative, and it is 0 for rows with equal
/// bits. A teacher of log-probabilities counts as normalised if they sum to one within `16 u`.
///
/// The bits are the same on every instruction set. A row's sums go through virtual lanes as those of
/// [`KlDiv::sum`](crate::KlDiv::sum) do (steps 2, 3 and 5 of the [order](crate#equal-bits)), without
/// chunks; losses of rows are added in order, compensated.
/// # Special values
/// | row | loss and gradient |
/// |---|---|
/// | logit −∞ | a class of probability 0 on that side |
/// | on both sides | takes no part: gradient 0 |
/// | on the side that does not weigh alone, `p > 0` against it | loss +∞; gradient by logits of the side that does not weigh as ever, by those of the other one NaN for the class, −∞·`g` for what else has a probability, 0 for what has none: by a teacher of [0, −∞, −∞], beside a student of [−∞, 0, 0], it is NaN, 0, 0 |
/// | logits of student or teacher all −∞, or with a +∞ or a NaN | NaN throughout, in that row only |
/// | finite logits whose difference is out of range, but not once the temperature has divided it | as any others |
/// | finite logits whose difference is out of range even then | the lower one as −∞ |
/// | weight ±0 | 0: the row is not read |
/// | weight negative | a factor like any other: loss and gradient change their sign; in `weighted_mean` it counts in both sums, and weights that sum to 0 are divided by |
/// | weight NaN | NaN: the row's loss and gradient, and every total |
/// | weight ±∞ | loss and gradient times it, NaN where they are 0; `weighted_mean` NaN |
/// | teacher's probabilities or log-probabilities | as the formulas have it in IEEE arithmetic; zero takes no part where it weighs |
///
/// # Examples
/// ```
/// use kldiv::{DistillLoss, Reduction, Rows, Teacher, Upstream};
///
/// let student = [2.0_f32, 0.0, -1.0, 0.5, 0.5, 0.0];
/// let teacher = [3.0, -1.0, -2.0, 0.0, 2.0, 0.0];
/// let (student, teacher) = (Rows::new(&student, 3)?, Rows::new(&teacher, 3)?);
/// let tau = 2.0;
/// let loss = DistillLoss::new(student, Teacher::Logits(teacher))?.temperature(tau)?;
///
/// let (mut losses, mut grad) = ([0.0; 2], [0.0; 6]);
/// loss.loss_and_grad_student(Upstream::Uniform(tau * tau / 2.0), &mut losses, &mut grad)?;
/// assert!((losses[0] - 0.089_044).abs() < 1e-6);
/// assert!((losses[0] + losses[1] - loss.reduce(Reduction::Sum)).abs() < 1e-6);
/// assert!(grad[0] < 0.0 && grad[1] > 0.0 && grad[2] > 0.0); // more of the first class
/// # Ok::<(), kldiv::Error>(())
/// ```
/// # Source
/// G. Hinton, O. Vinyals and J. Dean, *Distilling the Knowledge in a Neural Network* (2015), for the
/// temperature. The gradients follow from `d ln softmax(s)ᵢ / d sⱼ = [i = j] − softmax(s)ⱼ`.
#[derive(Clone, Copy, Debug)]
pub struct DistillLoss<'a, S: Element, T = S> {
    pub(crate) problem: Problem<'a, S::Real>,
    accumulation: Accumulation,
    stored: PhantomData<(&'a [S], &'a [T])>,
}

impl<'a, S: Element> DistillLoss<'a, S> {
    /// Pairs a student with its teacher: forward divergence, temperature 1, no weights, the widest
    /// instruction set there is.
    ///
    /// # Shape
    /// As many rows on both sides, and classes unless the teacher names them by index.
    /// # Errors
    /// [`Error::TeacherRows`] and [`Error::TeacherClasses`] if they differ, [`Error::ClassIndex`] for the
    /// first index that is not below the number of classes.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Error, Rows, Teacher};
    ///
    /// let student = Rows::new(&[0.0; 6], 3)?;
    /// let refused = DistillLoss::new(student, Teacher::Classes(&[2, 3])).unwrap_err();
    /// assert_eq!(refused, Error::ClassIndex { row: 1, index: 3, classes: 3 });
    /// # Ok::<(), Error>(())
    /// ```
    pub fn new(student: Rows<'a, S>, teacher: Teacher<'a, S>) -> Result<Self, Error> {
        Self::mixed(student, teacher)
    }
}

impl<'a, S: Element, T: Element<Real = S::Real>> DistillLoss<'a, S, T> {
    /// As [`new`](DistillLoss::new), with a teacher whose numbers are stored in another way than the
    /// student's but computed with in the same type.
    ///
    /// # Shape
    /// As many rows on both sides, and classes unless the teacher names them by index.
    /// # Errors
    /// [`Error::TeacherRows`] and [`Error::TeacherClasses`] if they differ, [`Error::ClassIndex`] for the
    /// first index that is not below the number of classes.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Rows, Teacher};
    ///
    /// let (student, teacher) = ([0.0_f32, 0.0], [0.0_f32, 1.0]);
    /// let teacher = Teacher::Probs(Rows::new(&teacher, 2)?);
    /// let loss = DistillLoss::mixed(Rows::new(&student, 2)?, teacher)?;
    /// assert!((loss.weighted_mean() - core::f32::consts::LN_2).abs() < 1e-7);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn mixed(student: Rows<'a, S>, teacher: Teacher<'a, T>) -> Result<Self, Error> {
        let (rows, classes) = (student.rows(), student.classes());
        match teacher {
            Teacher::Logits(of) | Teacher::LogProbs(of) | Teacher::Probs(of) => {
                shape::teacher_rows(rows, of.rows())?;
                shape::teacher_classes(classes, of.classes())?;
            }
            Teacher::Classes(indices) => {
                shape::teacher_rows(rows, indices.len())?;
                shape::class_indices(indices, classes, IGNORED)?;
            }
            Teacher::TopK(top_k) => {
                shape::teacher_rows(rows, top_k.rows().unwrap_or(rows))?;
                let named = top_k.classes.iter().zip(top_k.log_probs);
                let is_empty = |ln_p: T| ln_p.to_f64() == f64::NEG_INFINITY;
                let named = named.map(|(&class, &ln_p)| (!is_empty(ln_p)).then_some(class));
                shape::named_classes(named, top_k.k, classes)?;
            }
        }
        Ok(DistillLoss {
            problem: Problem {
                backend: Backend::best(),
                student: S::Kernels::rows(student),
                teacher: T::Kernels::teacher(teacher),
                temperature: S::Real::ONE,
                divergence: Divergence::Forward,
                weights: None,
                weight_scale: S::Real::ONE,
            },
            accumulation: Accumulation::Replace,
            stored: PhantomData,
        })
    }

    /// The same with another temperature: it divides the student's logits and the teacher's, never
    /// probabilities. Gradients by logits are divided by it too; nothing is multiplied by its square.
    ///
    /// # Errors
    /// [`Error::Temperature`] if it is not a positive, normal, finite number.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Rows, Teacher};
    ///
    /// let student = Rows::new(&[0.0, 4.0], 2)?;
    /// let soft = DistillLoss::new(student, Teacher::Classes(&[1]))?.temperature(2.0)?;
    /// let student = Rows::new(&[0.0, 2.0], 2)?;
    /// let same = DistillLoss::new(student, Teacher::Classes(&[1]))?;
    /// assert_eq!(soft.weighted_mean(), same.weighted_mean());
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn temperature(self, tau: S::Real) -> Result<Self, Error> {
        if !S::Kernels::is_temperature(tau) {
            return Err(Error::Temperature { value: tau.into() });
        }
        Ok(DistillLoss { problem: Problem { temperature: tau, ..self.problem }, ..self })
    }

    /// The same with another divergence.
    ///
    /// # Errors
    /// [`Error::Beta`] for a share that is not above 0 and below 1, [`Error::TopKDivergence`] for any
    /// but the forward one if the teacher is [`Teacher::TopK`].
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Divergence, Rows, Teacher};
    ///
    /// let (student, teacher) = ([0.0_f64, 1.0], [2.0, -1.0]);
    /// let (student, teacher) = (Rows::new(&student, 2)?, Rows::new(&teacher, 2)?);
    /// let reverse =
    ///     DistillLoss::new(student, Teacher::Logits(teacher))?.divergence(Divergence::Reverse)?;
    /// let exchanged = DistillLoss::new(teacher, Teacher::Logits(student))?;
    /// assert_eq!(reverse.weighted_mean(), exchanged.weighted_mean());
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn divergence(self, divergence: Divergence<S::Real>) -> Result<Self, Error> {
        match divergence {
            Divergence::JensenShannon { beta } if !S::Kernels::is_share(beta) => {
                return Err(Error::Beta { value: beta.into() });
            }
            Divergence::Forward | Divergence::Reverse | Divergence::JensenShannon { .. } => {}
        }
        if let TeacherNumbers::TopK(TopKNumbers { k, .. }) = self.problem.teacher
            && divergence != Divergence::Forward
        {
            return Err(Error::TopKDivergence { k });
        }
        Ok(DistillLoss { problem: Problem { divergence, ..self.problem }, ..self })
    }

    /// The same with a weight for each row, by which its loss and its gradient are multiplied. A row of
    /// weight 0 is masked out: it is never read, so whatever it holds, its loss and gradient are 0.
    ///
    /// # Shape
    /// One weight a row.
    /// # Errors
    /// [`Error::WeightsLength`] if there are more or fewer.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Rows, Teacher, Upstream};
    ///
    /// let student = Rows::new(&[0.0, 0.0, f64::NAN, 0.0], 2)?;
    /// let loss = DistillLoss::new(student, Teacher::Classes(&[0, 0]))?.row_weights(&[1.0, 0.0])?;
    /// let mut grad = [f64::NAN; 4];
    /// loss.grad_student(Upstream::Uniform(1.0), &mut grad)?;
    /// assert_eq!(grad, [-0.5, 0.5, 0.0, 0.0]);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn row_weights(self, weights: &'a [S::Real]) -> Result<Self, Error> {
        shape::weights(self.rows(), weights.len())?;
        Ok(DistillLoss { problem: Problem { weights: Some(weights), ..self.problem }, ..self })
    }

    /// The same with gradients that are added to what their slices hold, if it is `on`, instead of
    /// replacing it. Rows that do not count, and padding, stay as they are.
    ///
    /// # Accuracy
    /// One rounding more than the gradient alone.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Rows, Teacher, Upstream};
    ///
    /// // Half of the gradient towards a teacher, and half of that towards the labels.
    /// let (student, teacher) = ([0.0_f64, 0.0], [0.25, 0.75]);
    /// let student = Rows::new(&student, 2)?;
    /// let soft = DistillLoss::new(student, Teacher::Probs(Rows::new(&teacher, 2)?))?;
    /// let hard = DistillLoss::new(student, Teacher::Classes(&[1]))?.accumulate(true);
    /// let mut grad = [f64::NAN; 2];
    /// soft.grad_student(Upstream::Uniform(0.5), &mut grad)?;
    /// assert_eq!(grad, [0.125, -0.125]);
    /// hard.grad_student(Upstream::Uniform(0.5), &mut grad)?;
    /// assert_eq!(grad, [0.375, -0.375]);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn accumulate(self, on: bool) -> Self {
        let accumulation = if on { Accumulation::Add } else { Accumulation::Replace };
        DistillLoss { accumulation, ..self }
    }

    /// The same on another instruction set: other speed, the same bits.
    ///
    /// # Errors
    /// [`Error::IsaUnavailable`] if this machine or this build does not have it.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Isa, Rows, Teacher};
    ///
    /// let loss = DistillLoss::new(Rows::new(&[0.1_f32, 0.2, 0.3], 3)?, Teacher::Classes(&[2]))?;
    /// for isa in Isa::available() {
    ///     assert_eq!(loss.on(isa)?.weighted_mean().to_bits(), loss.weighted_mean().to_bits());
    /// }
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn on(self, isa: Isa) -> Result<Self, Error> {
        let backend = Backend::of(isa)?;
        Ok(DistillLoss { problem: Problem { backend, ..self.problem }, ..self })
    }

    /// The loss of each row times its weight.
    ///
    /// # Shape
    /// `out` has one number a row; none of it is read.
    /// # Errors
    /// [`Error::OutputLength`] if it has not. `out` has not been touched then.
    /// # Accuracy
    /// As [above](DistillLoss#accuracy).
    /// # Special values
    /// As [above](DistillLoss#special-values).
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Rows, Teacher};
    ///
    /// let student = Rows::new(&[0.0_f64, 0.0, 0.0, f64::INFINITY], 2)?;
    /// let loss = DistillLoss::new(student, Teacher::Classes(&[1, 0]))?;
    /// let mut losses = [0.0; 2];
    /// loss.row_losses(&mut losses)?;
    /// assert!((losses[0] - core::f64::consts::LN_2).abs() < 1e-15);
    /// assert!(losses[1].is_nan()); // +∞ has no softmax
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn row_losses(&self, out: &mut [S::Real]) -> Result<(), Error> {
        shape::output(self.rows(), out.len())?;
        self.run(Wanted { losses: Losses::Each(out), gradient: None });
        Ok(())
    }

    /// The weighted losses of all rows, reduced: their sum, that sum over the number of logits, or over a
    /// number of rows.
    ///
    /// # Shape
    /// No rows sum to 0.
    /// # Accuracy
    /// Each row's as [above](DistillLoss#accuracy), and two roundings more; no growth with their number.
    /// # Special values
    /// A divisor of 0 is divided by: 0/0 is NaN.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Reduction, Rows, Teacher};
    ///
    /// let loss = DistillLoss::new(Rows::new(&[0.0_f64; 4], 2)?, Teacher::Classes(&[0, 1]))?;
    /// assert_eq!(loss.reduce(Reduction::BatchMean(2)), loss.reduce(Reduction::Sum) / 2.0);
    /// assert_eq!(loss.reduce(Reduction::Mean), loss.reduce(Reduction::Sum) / 4.0);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn reduce(&self, reduction: Reduction) -> S::Real {
        reduction.of(self.totals().loss, self.problem.student.len())
    }

    /// The weighted losses' sum over that of the weights, `Σ w·loss / Σ w`; without weights the mean of all
    /// rows. 0 if no row is left.
    ///
    /// # Accuracy
    /// As [`reduce`](DistillLoss::reduce).
    /// # Special values
    /// Where all rows are masked, or there are none, it is 0, as their gradients are: a batch of nothing but padding
    /// leaves a sum of losses and the weights of a model as they are. PyTorch's `cross_entropy`, whose mean this is
    /// for classes, divides 0 by 0 there, which is NaN; `reduce(Reduction::BatchMean(0))` is NaN too.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Rows, Teacher};
    ///
    /// let loss = DistillLoss::new(Rows::new(&[0.0_f64; 4], 2)?, Teacher::Classes(&[0, 1]))?;
    /// assert!((loss.weighted_mean() - core::f64::consts::LN_2).abs() < 1e-15);
    /// assert_eq!(loss.row_weights(&[0.0, 0.0])?.weighted_mean(), 0.0);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn weighted_mean(&self) -> S::Real {
        let mut totals = self.totals();
        if totals.overflows {
            let problem = S::Kernels::with_small_weights(self.problem);
            totals = DistillLoss { problem, ..*self }.totals();
        }
        if totals.is_empty { totals.loss } else { totals.loss / totals.weight }
    }

    /// The gradient of the weighted losses by the student's logits.
    ///
    /// With `g` the upstream factor times the row's weight, τ the temperature and `P` the sum of the
    /// teacher's row:
    ///
    /// | divergence | gradient |
    /// |---|---|
    /// | forward | `(g/τ)·(P·q − p)`; for classes `(g/τ)·(q − [its class])` |
    /// | reverse | `(g/τ)·q·((ln q − ln p) − loss)` |
    /// | Jensen–Shannon | `(g/τ)·(s − q·Σs)`, `s = (1 − beta)·q·(ln q − ln m)` |
    ///
    /// # Shape
    /// `grad` has the length of the student's logits and their padding, which becomes 0;
    /// [`Upstream::PerRow`] has one factor a row.
    /// # Errors
    /// [`Error::OutputLength`] and [`Error::UpstreamLength`] if they have not,
    /// [`Error::UpstreamPerElement`] for that kind. `grad` has not been touched then.
    /// # Accuracy
    /// Within `8 u` of the size of the formula's parts, the probabilities' own errors
    /// `u·p·(|ln p| + ln classes + 7)` among them, where no probability is subnormal.
    /// Jensen–Shannon's from logits keeps its digits however close both sides are and however small a share:
    /// `8 u·(g/τ)·(|s| + q·Σ|s|)·(|ln q| + ln classes + 8)`.
    /// # Special values
    /// As [above](DistillLoss#special-values).
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Rows, Teacher, Upstream};
    ///
    /// let loss = DistillLoss::new(Rows::new(&[0.0_f64; 4], 4)?, Teacher::Classes(&[1]))?;
    /// let mut grad = [0.0; 4];
    /// loss.grad_student(Upstream::Uniform(2.0), &mut grad)?;
    /// assert_eq!(grad, [0.5, -1.5, 0.5, 0.5]);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn grad_student(
        &self,
        upstream: Upstream<'_, S::Real>,
        grad: &mut [S],
    ) -> Result<(), Error> {
        let gradient = self.grad_of_student(upstream, grad)?;
        self.run(Wanted { losses: Losses::Unwanted, gradient: Some(gradient) });
        Ok(())
    }

    /// The gradient of the weighted losses by the teacher's numbers.
    ///
    /// With `g` the upstream factor times the row's weight and τ the temperature:
    ///
    /// | divergence | by logits | by log-probabilities | by probabilities |
    /// |---|---|---|---|
    /// | forward | `(g/τ)·p·((ln p − ln q) − loss)` | `g·p·(ln p − ln q + 1)` | `g·(ln p − ln q + 1)` |
    /// | reverse | `(g/τ)·(p − q)` | `−g·q` | `−g·q/p` |
    /// | Jensen–Shannon | `(g/τ)·(s − p·Σs)` | `g·s` | `g·beta·(ln p − ln m)` |
    ///
    /// with `s = beta·p·(ln p − ln m)`. Where the side that weighs has probability 0 the gradient is 0.
    ///
    /// # Shape
    /// `grad` has the length of the teacher's numbers and their padding, which becomes 0;
    /// [`Upstream::PerRow`] has one factor a row.
    /// # Errors
    /// [`Error::OutputLength`] and [`Error::UpstreamLength`] if they have not,
    /// [`Error::UpstreamPerElement`] for that kind, [`Error::ClassesGradient`] if the teacher is class
    /// indices, [`Error::TopKGradient`] if it names few classes of each row. `grad` has not been touched then.
    /// # Accuracy
    /// Within `8 u` of the size of the formula's parts, the probabilities' own errors
    /// `u·p·(|ln p| + ln classes + 7)` among them, where no probability is subnormal.
    /// # Special values
    /// As [above](DistillLoss#special-values).
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Divergence, Rows, Teacher, Upstream};
    ///
    /// let (student, teacher) = ([0.0_f64; 2], [0.25, 0.75]);
    /// let (student, teacher) = (Rows::new(&student, 2)?, Teacher::Probs(Rows::new(&teacher, 2)?));
    /// let loss = DistillLoss::new(student, teacher)?.divergence(Divergence::Reverse)?;
    /// let mut grad = [0.0; 2];
    /// loss.grad_teacher(Upstream::Uniform(3.0), &mut grad)?;
    /// assert_eq!(grad, [-6.0, -2.0]); // −3·½/p
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn grad_teacher(
        &self,
        upstream: Upstream<'_, S::Real>,
        grad: &mut [T],
    ) -> Result<(), Error> {
        let gradient = self.grad_of_teacher(upstream, grad)?;
        self.run(Wanted { losses: Losses::Unwanted, gradient: Some(gradient) });
        Ok(())
    }

    /// [`row_losses`](DistillLoss::row_losses) and [`grad_student`](DistillLoss::grad_student) at once, for
    /// little more than the latter.
    ///
    /// The losses are always computed in the way that does not cancel, so their last bits may differ from
    /// those of `row_losses`; the gradient is the same.
    ///
    /// # Shape
    /// `losses` has one number a row, `grad` the length of the student's logits.
    /// # Errors
    /// As for those two; neither output has been touched then.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Rows, Teacher, Upstream};
    ///
    /// let loss = DistillLoss::new(Rows::new(&[0.0_f64; 2], 2)?, Teacher::Classes(&[0]))?;
    /// let (mut losses, mut grad) = ([0.0], [0.0; 2]);
    /// loss.loss_and_grad_student(Upstream::Uniform(1.0), &mut losses, &mut grad)?;
    /// assert!((losses[0] - core::f64::consts::LN_2).abs() < 1e-15);
    /// assert_eq!(grad, [-0.5, 0.5]);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn loss_and_grad_student(
        &self,
        upstream: Upstream<'_, S::Real>,
        losses: &mut [S::Real],
        grad: &mut [S],
    ) -> Result<(), Error> {
        shape::output(self.rows(), losses.len())?;
        let gradient = self.grad_of_student(upstream, grad)?;
        self.run(Wanted { losses: Losses::Each(losses), gradient: Some(gradient) });
        Ok(())
    }

    pub(crate) fn rows(&self) -> usize {
        self.problem.student.rows()
    }

    fn totals(&self) -> Outcome<S::Real> {
        self.run(Wanted { losses: Losses::Total, gradient: None })
    }

    pub(crate) fn grad_of_student<'b>(
        &self,
        upstream: Upstream<'b, S::Real>,
        grad: &'b mut [S],
    ) -> Result<Gradient<'b, S::Real>, Error> {
        self.gradient(Party::Student, upstream, S::Kernels::places(grad))
    }

    pub(crate) fn grad_of_teacher<'b>(
        &self,
        upstream: Upstream<'b, S::Real>,
        grad: &'b mut [T],
    ) -> Result<Gradient<'b, S::Real>, Error> {
        self.gradient(Party::Teacher, upstream, T::Kernels::places(grad))
    }

    fn gradient<'b>(
        &self,
        of: Party,
        upstream: Upstream<'b, S::Real>,
        values: Places<'b, S::Real>,
    ) -> Result<Gradient<'b, S::Real>, Error> {
        let NumberRows { values: like, classes, stride } = match (of, self.problem.teacher) {
            (
                Party::Teacher,
                TeacherNumbers::Logits(rows)
                | TeacherNumbers::LogProbs(rows)
                | TeacherNumbers::Probs(rows),
            ) => rows,
            (Party::Teacher, TeacherNumbers::Classes(indices)) => {
                return Err(Error::ClassesGradient { rows: indices.len() });
            }
            (Party::Teacher, TeacherNumbers::TopK(TopKNumbers { k, .. })) => {
                return Err(Error::TopKGradient { k });
            }
            (Party::Student, _) => self.problem.student,
        };
        shape::output(like.len(), values.len())?;
        match upstream {
            Upstream::Uniform(_) => {}
            Upstream::PerRow(factors) => shape::upstream(self.rows(), factors.len())?,
            Upstream::PerElement(each) => {
                return Err(Error::UpstreamPerElement { len: each.len() });
            }
        }
        let accumulation = self.accumulation;
        Ok(Gradient { of, upstream, accumulation, out: PlaceRows { values, classes, stride } })
    }

    fn run(&self, wanted: Wanted<'_, S::Real>) -> Outcome<S::Real> {
        S::Kernels::distill(self.problem, wanted)
    }
}
