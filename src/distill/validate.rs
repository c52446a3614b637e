//! The opt-in check of what a student and a teacher are said to be.

use crate::backend::Backend;
use crate::compiled::pairs::{Form, Pairs, Single};
use crate::distill::DistillLoss;
use crate::element::Element;
use crate::error::{Error, Side};
use crate::numbers::Numbers;
use crate::stream::order::SMALL;
use crate::teacher::{IGNORED, TeacherNumbers};
use crate::top_k::{NamedRow, TopK};

impl<S: Element, T: Element<Real = S::Real>> DistillLoss<'_, S, T> {
    /// Checks that the numbers are what they are said to be: each row of logits has a softmax (no NaN, no +∞,
    /// not all −∞), the teacher's probabilities are at least 0, its log-probabilities at most `tolerance`,
    /// none of them NaN, and each of its rows sums to 1 within `tolerance`; where it names few classes, that it
    /// names none twice and that they sum to no more.
    ///
    /// Nothing else ever checks that. Rows that do not count, of weight 0 or [`IGNORED`](crate::IGNORED), are
    /// not looked at, nor is padding. Class indices have been checked by [`new`](DistillLoss::new).
    ///
    /// # Errors
    /// For the first row in which something is wrong, the student's logits first, the first of:
    /// [`Error::Logit`], [`Error::NoLogit`], [`Error::TeacherProbability`],
    /// [`Error::TeacherLogProbability`], [`Error::RepeatedClass`], [`Error::RowSum`].
    /// # Special values
    /// −∞ is a logit and a log-probability, of a class without probability. A tolerance of NaN tolerates no
    /// sum.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Error, Rows, Side, Teacher};
    ///
    /// let student = [1.0, f64::NEG_INFINITY, 0.0, 0.0, f64::NAN, 2.0];
    /// let loss = DistillLoss::new(Rows::new(&student, 2)?, Teacher::Classes(&[0, 1, 1]))?;
    /// let refused = loss.validate(1e-6).unwrap_err();
    /// assert!(matches!(refused, Error::Logit { side: Side::Student, row: 2, index: 0, .. }));
    /// assert_eq!(loss.row_weights(&[1.0, 1.0, 0.0])?.validate(1e-6), Ok(()));
    ///
    /// // Percentages.
    /// let student = Rows::new(&[0.0, 0.0], 2)?;
    /// let percentages = Teacher::Probs(Rows::new(&[25.0, 75.0], 2)?);
    /// let refused = DistillLoss::new(student, percentages)?.validate(1e-6);
    /// assert_eq!(refused, Err(Error::RowSum { side: Side::Teacher, row: 0, sum: 100.0 }));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn validate(&self, tolerance: S::Real) -> Result<(), Error> {
        let student = self.problem.student;
        for row in 0..student.rows() {
            let weight = self.problem.weights.and_then(|weights| weights.get(row));
            let is_ignored = match self.problem.teacher {
                TeacherNumbers::Classes(classes) => classes.get(row) == Some(&IGNORED),
                TeacherNumbers::Logits(_)
                | TeacherNumbers::LogProbs(_)
                | TeacherNumbers::Probs(_)
                | TeacherNumbers::TopK(_) => false,
            };
            if is_ignored || weight.is_some_and(|&weight| weight == S::Real::ZERO) {
                continue;
            }
            let Some(of_student) = student.row(row) else { break };
            logits(Side::Student, row, of_student)?;
            let backend = self.problem.backend;
            match self.problem.teacher {
                TeacherNumbers::Logits(rows) => {
                    let Some(of_teacher) = rows.row(row) else { break };
                    logits(Side::Teacher, row, of_teacher)?;
                }
                TeacherNumbers::Probs(rows) => {
                    let Some(probs) = rows.row(row) else { break };
                    let is_wrong = |p: S::Real| p < S::Real::ZERO || is_nan(p);
                    if let Some((index, value)) = first(probs, is_wrong) {
                        return Err(Error::TeacherProbability { row, index, value });
                    }
                    sum(backend, row, (Form::Probs, probs), tolerance)?;
                }
                TeacherNumbers::LogProbs(rows) => {
                    let Some(log_probs) = rows.row(row) else { break };
                    let is_wrong = |ln_p: S::Real| ln_p > tolerance || is_nan(ln_p);
                    if let Some((index, value)) = first(log_probs, is_wrong) {
                        return Err(Error::TeacherLogProbability { row, index, value });
                    }
                    sum(backend, row, (Form::LogProbs, log_probs), tolerance)?;
                }
                TeacherNumbers::Classes(_) => {}
                TeacherNumbers::TopK(top_k) => {
                    if let Some(places) = top_k.row(row) {
                        top_k_row(backend, row, places, tolerance)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A row of logits has a softmax.
fn logits<R: Element>(side: Side, row: usize, logits: Numbers<'_, R>) -> Result<(), Error> {
    let is_wrong = |logit: R| logit.to_f64() == f64::INFINITY || is_nan(logit);
    if let Some((index, value)) = first(logits, is_wrong) {
        return Err(Error::Logit { side, row, index, value });
    }
    match logits.all().all(|logit| logit.to_f64() == f64::NEG_INFINITY) {
        true => Err(Error::NoLogit { side, row }),
        false => Ok(()),
    }
}

/// A row of probabilities sums to one.
fn sum<R: Element<Real = R>>(
    backend: Backend,
    row: usize,
    values: (Form, Numbers<'_, R>),
    tolerance: R,
) -> Result<(), Error> {
    let sum = R::Kernels::mass(Single { backend, values }).to_f64();
    let is_near_one = (sum - 1.0).abs() <= tolerance.to_f64();
    if is_near_one { Ok(()) } else { Err(Error::RowSum { side: Side::Teacher, row, sum }) }
}

fn is_nan<T: Element>(x: T) -> bool {
    x.to_f64().is_nan()
}

/// The first of its kind, and its index.
fn first<R: Element>(row: Numbers<'_, R>, is_wrong: impl Fn(R) -> bool) -> Option<(usize, f64)> {
    let mut all = row.all().enumerate();
    all.find(|&(_, x)| is_wrong(x)).map(|(index, x)| (index, x.to_f64()))
}

/// Log-probabilities of different classes, which sum to at most one.
fn top_k_row<R: Element<Real = R>>(
    backend: Backend,
    row: usize,
    places: NamedRow<'_, R>,
    tolerance: R,
) -> Result<(), Error> {
    let is_wrong = |ln_p: R| ln_p > tolerance || is_nan(ln_p);
    if let Some((index, value)) = first(places.log_probs, is_wrong) {
        return Err(Error::TeacherLogProbability { row, index, value });
    }
    distinct(row, places.classes, places.log_probs.all())?;
    let values = (Form::LogProbs, places.log_probs);
    let sum = R::Kernels::mass(Single { backend, values }).to_f64();
    let is_within_one = sum - 1.0 <= tolerance.to_f64();
    if is_within_one { Ok(()) } else { Err(Error::RowSum { side: Side::Teacher, row, sum }) }
}

/// Checks that no row names a class twice, which nothing else does. Empty places name none.
///
/// # Errors
/// [`Error::RepeatedClass`] for the first row that does, with the lowest such class in it.
/// # Examples
/// ```
/// use kldiv::{Error, Rest, TopK, validate_top_k};
///
/// let log_probs = [-1.0, -2.0, f32::NEG_INFINITY, -1.0, -2.0, -3.0];
/// let twice = TopK::new(&[5, 7, 5, 3, 9, 3], &log_probs, 3, Rest::Bucket)?;
/// assert_eq!(validate_top_k(twice), Err(Error::RepeatedClass { row: 1, index: 3 }));
/// # Ok::<(), Error>(())
/// ```
pub fn validate_top_k<T: Element>(top_k: TopK<'_, T>) -> Result<(), Error> {
    for row in 0..top_k.rows().unwrap_or(0) {
        if let Some(places) = top_k.row(row) {
            distinct(row, places.classes, places.log_probs.iter().copied())?;
        }
    }
    Ok(())
}

/// Classes that are looked at together, a bit for each.
const WINDOW: usize = if SMALL { 2_048 } else { 32_768 };

/// No class is named twice. Window by window, each beginning with the lowest class that is left.
fn distinct<T: Element>(
    row: usize,
    classes: &[u32],
    log_probs: impl Iterator<Item = T> + Clone,
) -> Result<(), Error> {
    let named = classes.iter().zip(log_probs);
    let named = named.filter(|(_, ln_p)| ln_p.to_f64() != f64::NEG_INFINITY);
    let mut window = named.clone().map(|(&class, _)| class).min();
    while let Some(start) = window {
        let mut seen = [0_u32; WINDOW / 32];
        let (mut next, mut repeated) = (None, None);
        let lowest =
            |found: Option<u32>, class| Some(found.map_or(class, |found| found.min(class)));
        for (&class, _) in named.clone() {
            let Some(offset) = class.checked_sub(start) else { continue };
            match seen.get_mut(offset as usize / 32) {
                None => next = lowest(next, class),
                Some(word) if *word >> (offset % 32) & 1 == 1 => repeated = lowest(repeated, class),
                Some(word) => *word |= 1 << (offset % 32),
            }
        }
        if let Some(index) = repeated {
            return Err(Error::RepeatedClass { row, index });
        }
        window = next;
    }
    Ok(())
}
