//! The options and the inputs of distillation.

use core::ops::Range;

use super::memory::{slice, span};
use super::options::isa;
use super::status::KldivStatus;
use crate::distill::DistillLoss;
use crate::element::Element;
use crate::rows::Rows;
use crate::teacher::{Divergence, Teacher};

/// The teacher is given as logits.
pub const KLDIV_TEACHER_LOGITS: u32 = 0;
/// The teacher is given as natural logarithms of probabilities.
pub const KLDIV_TEACHER_LOG_PROBS: u32 = 1;
/// The teacher is given as probabilities.
pub const KLDIV_TEACHER_PROBS: u32 = 2;

/// D(teacher ‖ student).
pub const KLDIV_DIVERGENCE_FORWARD: u32 = 0;
/// D(student ‖ teacher).
pub const KLDIV_DIVERGENCE_REVERSE: u32 = 1;
/// Of both from their mixture; `beta` is the teacher's share.
pub const KLDIV_DIVERGENCE_JENSEN_SHANNON: u32 = 2;

/// How `kldiv_distill_…` compares. All zero, which NULL means too, is the divergence of logits at
/// temperature 1.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct KldivDistillOptions {
    /// A `KLDIV_TEACHER_…`; ignored where there are labels.
    pub teacher: u32,
    /// A `KLDIV_DIVERGENCE_…`.
    pub divergence: u32,
    /// A `KLDIV_ISA_…`; the results are the same with each.
    pub isa: u32,
    /// Divides the logits of both; 0 stands for 1.
    pub temperature: f64,
    /// Above 0 and below 1, for `KLDIV_DIVERGENCE_JENSEN_SHANNON`.
    pub beta: f64,
}

impl KldivDistillOptions {
    /// Of a teacher as `teacher` says, or of labels where there are any.
    pub fn loss<'a, T: Element>(
        &self,
        inputs: &Inputs<'a, T, T::Real>,
    ) -> Result<DistillLoss<'a, T>, KldivStatus> {
        let &Inputs { student, teacher, labels, weights, classes } = inputs;
        let student = Rows::new(student, classes)?;
        let rows = || Rows::new(teacher, classes);
        let teacher = match self.teacher {
            _ if !labels.is_empty() => Teacher::Classes(labels),
            KLDIV_TEACHER_LOGITS => Teacher::Logits(rows()?),
            KLDIV_TEACHER_LOG_PROBS => Teacher::LogProbs(rows()?),
            KLDIV_TEACHER_PROBS => Teacher::Probs(rows()?),
            _ => return Err(KldivStatus::Option),
        };
        let divergence = match self.divergence {
            KLDIV_DIVERGENCE_FORWARD => Divergence::Forward,
            KLDIV_DIVERGENCE_REVERSE => Divergence::Reverse,
            KLDIV_DIVERGENCE_JENSEN_SHANNON => {
                Divergence::JensenShannon { beta: T::Real::from_f64(self.beta) }
            }
            _ => return Err(KldivStatus::Option),
        };
        let mut loss = DistillLoss::new(student, teacher)?.divergence(divergence)?;
        if self.temperature != 0.0 {
            loss = loss.temperature(T::Real::from_f64(self.temperature))?;
        }
        if !weights.is_empty() {
            loss = loss.row_weights(weights)?;
        }
        match isa(self.isa)? {
            Some(isa) => Ok(loss.on(isa)?),
            None => Ok(loss),
        }
    }
}

/// What is read: a student's logits, a teacher or labels, and weights of rows or none.
pub struct Inputs<'a, T, R> {
    student: &'a [T],
    teacher: &'a [T],
    labels: &'a [u32],
    weights: &'a [R],
    classes: usize,
}

impl<T, R> Inputs<'_, T, R> {
    /// Labels where `teacher` is NULL, no weights where `weights` is.
    ///
    /// # Safety
    /// `rows · classes` numbers at `student` and `teacher`, `rows` at the others where they are
    /// taken, can be read, and nobody writes them, for the lifetime of the result.
    pub unsafe fn new(
        student: *const T,
        teacher: *const T,
        labels: *const u32,
        rows: usize,
        classes: usize,
        weights: *const R,
    ) -> Result<Self, KldivStatus> {
        let len = rows.checked_mul(classes).ok_or(KldivStatus::TooLong)?;
        let (teacher_len, labels_len) = if teacher.is_null() { (0, rows) } else { (len, 0) };
        let weights_len = if weights.is_null() { 0 } else { rows };
        // SAFETY: the caller's promise.
        unsafe {
            Ok(Inputs {
                student: slice(student, len)?,
                teacher: slice(teacher, teacher_len)?,
                labels: slice(labels, labels_len)?,
                weights: slice(weights, weights_len)?,
                classes,
            })
        }
    }

    /// The addresses of all that is read.
    pub fn spans(&self) -> [Range<usize>; 4] {
        [span(self.student), span(self.teacher), span(self.labels), span(self.weights)]
    }
}
