//! The options and the inputs of distillation.

use core::ops::Range;

use super::memory::{slice, span};
use super::options::isa;
use super::status::KldivStatus;
use crate::distill::DistillLoss;
use crate::element::Element;
use crate::error::Error;
use crate::rows::Rows;
use crate::teacher::{Divergence, IGNORED, Teacher};

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

/// A label of a row that does not count: its loss, gradient and weight are 0. What PyTorch's
/// `ignore_index` of -100 is.
pub const KLDIV_IGNORED: u32 = u32::MAX;
const _: () = assert!(KLDIV_IGNORED == IGNORED);

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
    /// Divides the logits of both: positive, normal and finite after rounding to the type (for f32, 1e-40
    /// is refused). 0 stands for 1.
    pub temperature: f64,
    /// For `KLDIV_DIVERGENCE_JENSEN_SHANNON`: above 0 and below 1 after rounding to the type (for f32,
    /// 1 - 1e-9 is refused).
    pub beta: f64,
    /// Elements from the beginning of a student's row to that of the next, at least `classes`; what lies
    /// between is not read. 0 stands for `classes`.
    pub student_stride: usize,
    /// The same of a teacher's row.
    pub teacher_stride: usize,
    /// Not 0: a gradient is added to what its place holds, and nothing between rows is written.
    pub accumulate: u32,
}

impl KldivDistillOptions {
    /// Of a teacher as `teacher` says, or of labels where there are any.
    pub fn loss<'a, T: Element>(
        &self,
        inputs: &Inputs<'a, T, T::Real>,
    ) -> Result<DistillLoss<'a, T>, Refused> {
        let &Inputs { student, teacher, labels, weights, classes } = inputs;
        let student = self.student(student, classes)?;
        let rows = || rows(teacher, classes, self.teacher_stride);
        let teacher = match self.teacher {
            _ if !labels.is_empty() => Teacher::Classes(labels),
            KLDIV_TEACHER_LOGITS => Teacher::Logits(rows()?),
            KLDIV_TEACHER_LOG_PROBS => Teacher::LogProbs(rows()?),
            KLDIV_TEACHER_PROBS => Teacher::Probs(rows()?),
            _ => return Err(KldivStatus::OptionTeacher.into()),
        };
        self.compare(student, teacher, weights)
    }

    /// The rows of a student.
    pub fn student<'a, T>(&self, student: &'a [T], classes: usize) -> Result<Rows<'a, T>, Error> {
        rows(student, classes, self.student_stride)
    }

    /// Elements of the rows of a student.
    pub fn student_len(&self, rows: usize, classes: usize) -> Result<usize, KldivStatus> {
        elements(rows, classes, self.student_stride)
    }

    /// A student beside a teacher, and no weights or one for each row.
    pub fn compare<'a, T: Element>(
        &self,
        student: Rows<'a, T>,
        teacher: Teacher<'a, T>,
        weights: &'a [T::Real],
    ) -> Result<DistillLoss<'a, T>, Refused> {
        let divergence = match self.divergence {
            KLDIV_DIVERGENCE_FORWARD => Divergence::Forward,
            KLDIV_DIVERGENCE_REVERSE => Divergence::Reverse,
            KLDIV_DIVERGENCE_JENSEN_SHANNON => {
                Divergence::JensenShannon { beta: T::Real::from_f64(self.beta) }
            }
            _ => return Err(KldivStatus::OptionDivergence.into()),
        };
        let loss = DistillLoss::new(student, teacher)?.divergence(divergence)?;
        let mut loss = loss.accumulate(self.accumulate != 0);
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

/// Rows that are `stride` apart, or dense.
fn rows<T>(values: &[T], classes: usize, stride: usize) -> Result<Rows<'_, T>, Error> {
    if stride == 0 { Rows::new(values, classes) } else { Rows::strided(values, classes, stride) }
}

/// Elements of that many rows, the last without what would follow it.
fn elements(rows: usize, classes: usize, stride: usize) -> Result<usize, KldivStatus> {
    let before_last = match rows.checked_sub(1) {
        Some(others) => others.checked_mul(if stride == 0 { classes } else { stride }),
        None => return Ok(0),
    };
    before_last.and_then(|len| len.checked_add(classes)).ok_or(KldivStatus::TooLong)
}

/// What `kldiv_distill_validate_…` or `kldiv_top_k_validate_…` found.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KldivOffender {
    /// Its row.
    pub row: usize,
    /// Its index in the row; 0 where the row as a whole is meant.
    pub index: usize,
    /// The number that it is; of a row that does not sum to 1 the sum, of logits that are all -infinity
    /// that.
    pub value: f64,
}

impl KldivOffender {
    /// What has a place, if the error is about that.
    pub fn of(error: Error) -> Option<Self> {
        if let Error::Logit { row, index, value, .. }
        | Error::TeacherProbability { row, index, value }
        | Error::TeacherLogProbability { row, index, value } = error
        {
            Some(KldivOffender { row, index, value })
        } else if let Error::RowSum { row, sum: value, .. } = error {
            Some(KldivOffender { row, index: 0, value })
        } else if let Error::NoLogit { row, .. } = error {
            Some(KldivOffender { row, index: 0, value: f64::NEG_INFINITY })
        } else if let Error::ClassIndex { row, index, .. } | Error::RepeatedClass { row, index } =
            error
        {
            Some(KldivOffender { row, index: 0, value: index.into() })
        } else {
            None
        }
    }
}

/// Why there is no loss.
pub enum Refused {
    /// C's own reasons.
    Status(KldivStatus),
    /// The library's.
    Error(Error),
}

impl From<KldivStatus> for Refused {
    fn from(status: KldivStatus) -> Self {
        Refused::Status(status)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Error(error)
    }
}

impl From<Refused> for KldivStatus {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Status(status) => status,
            Refused::Error(error) => error.into(),
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
    /// A teacher or labels, whichever is not NULL; no weights where `weights` is.
    ///
    /// # Safety
    /// At `student` and `teacher` the numbers of `rows` rows, as far apart as the options say, and
    /// `rows` at the others where they are taken can be read, and nobody writes them, for the lifetime of the result.
    pub unsafe fn new(
        options: &KldivDistillOptions,
        student: *const T,
        teacher: *const T,
        labels: *const u32,
        rows: usize,
        classes: usize,
        weights: *const R,
    ) -> Result<Self, KldivStatus> {
        if !teacher.is_null() && !labels.is_null() {
            return Err(KldivStatus::TeacherAndLabels);
        }
        let student_len = elements(rows, classes, options.student_stride)?;
        let (teacher_len, labels_len) = if teacher.is_null() {
            (0, rows)
        } else {
            (elements(rows, classes, options.teacher_stride)?, 0)
        };
        let weights_len = if weights.is_null() { 0 } else { rows };
        // SAFETY: the caller's promise.
        unsafe {
            Ok(Inputs {
                student: slice(student, student_len)?,
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
