//! One error type; a variant for each cause, each with the numbers that disagree.

mod number;

use core::fmt;

use crate::isa::Isa;
use number::Short;

/// Which of the two distributions a number belongs to.
///
/// # Examples
/// ```
/// use kldiv::Side;
///
/// assert_eq!(Side::Target.to_string(), "target");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// What the model says.
    Input,
    /// The reference distribution.
    Target,
    /// The input of [`DistillLoss`](crate::DistillLoss).
    Student,
    /// Its target.
    Teacher,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Input => "input",
            Side::Target => "target",
            Side::Student => "student",
            Side::Teacher => "teacher",
        })
    }
}

/// Why a call was refused: one variant for each cause, with the numbers that disagree.
///
/// No output has been touched when one is returned. Numbers found in data are widened to `f64`,
/// which is exact; in words they stand with the digits that tell them from others of their type, and with an
/// exponent where that is shorter. There may be more variants in later versions.
///
/// # Units
/// Lengths count elements, not bytes, unless they say so; indices and rows count from 0.
/// # Examples
/// ```
/// use kldiv::{Error, Input, KlDiv, Target};
///
/// let refused = KlDiv::new(Input::LogProbs(&[-0.5_f32]), Target::Probs(&[0.5, 0.5]));
/// let error = refused.unwrap_err();
/// assert_eq!(error, Error::Length { input: 1, target: 2 });
/// assert_eq!(error.to_string(), "input has 1 elements but target has 2");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// Input and target differ in length: [`KlDiv::new`](crate::KlDiv::new) and whatever takes both.
    Length {
        /// Elements of the input.
        input: usize,
        /// Elements of the target.
        target: usize,
    },
    /// An output slice does not have the length of what is written to it.
    OutputLength {
        /// Elements that the result has.
        expected: usize,
        /// Elements of the slice.
        found: usize,
    },
    /// [`Upstream::PerElement`](crate::Upstream::PerElement) does not have the length of the data.
    UpstreamLength {
        /// Elements of the data.
        expected: usize,
        /// Elements of the upstream gradient.
        found: usize,
    },
    /// The data cannot be cut into that many rows of one length:
    /// [`row_sums`](crate::KlDiv::row_sums), [`validate`](crate::KlDiv::validate),
    /// [`Upstream::PerRow`](crate::Upstream::PerRow).
    Rows {
        /// Elements of the data.
        len: usize,
        /// Rows asked for.
        rows: usize,
    },
    /// The data cannot be cut into rows of that many classes: [`Rows::new`](crate::Rows::new).
    Classes {
        /// Elements of the data.
        len: usize,
        /// Classes a row was said to have.
        classes: usize,
    },
    /// A row of no classes: [`Rows::new`](crate::Rows::new).
    ZeroClasses {
        /// Elements of the data.
        len: usize,
    },
    /// Rows that begin closer to each other than they are long: [`Rows::strided`](crate::Rows::strided).
    Stride {
        /// Classes a row was said to have.
        classes: usize,
        /// Elements from the beginning of a row to that of the next.
        stride: usize,
    },
    /// The data ends within a row: [`Rows::strided`](crate::Rows::strided).
    StridedRows {
        /// Elements of the data.
        len: usize,
        /// Classes a row was said to have.
        classes: usize,
        /// Elements from the beginning of a row to that of the next.
        stride: usize,
    },
    /// This machine, or this build, does not have the instruction set: `on` and the functions whose
    /// names end in `_on`.
    IsaUnavailable {
        /// The instruction set asked for.
        isa: Isa,
    },
    /// A name that is not an instruction set's, read as an [`Isa`].
    UnknownIsa {
        /// Length of the name in bytes.
        len: usize,
    },
    /// [`validate`](crate::KlDiv::validate) found a NaN, neither a probability nor its logarithm.
    Nan {
        /// Where it was found.
        side: Side,
        /// Its index.
        index: usize,
    },
    /// [`validate`](crate::KlDiv::validate) found a probability below zero.
    NegativeProbability {
        /// Where it was found.
        side: Side,
        /// Its index.
        index: usize,
        /// What was found.
        value: f64,
    },
    /// [`validate`](crate::KlDiv::validate) found a log-probability above the tolerance: most often
    /// a raw probability passed as its logarithm.
    PositiveLogProbability {
        /// Where it was found.
        side: Side,
        /// Its index.
        index: usize,
        /// What was found.
        value: f64,
    },
    /// [`KlDiv::validate`](crate::KlDiv::validate) or [`DistillLoss::validate`](crate::DistillLoss::validate)
    /// found a row whose probabilities do not sum to one.
    RowSum {
        /// Where it was found.
        side: Side,
        /// The row.
        row: usize,
        /// Its sum.
        sum: f64,
    },
    /// [`DistillLoss::validate`](crate::DistillLoss::validate) found a logit that is NaN or +∞: its row has
    /// no softmax.
    Logit {
        /// Whose it is.
        side: Side,
        /// Its row.
        row: usize,
        /// Its index in the row.
        index: usize,
        /// What was found.
        value: f64,
    },
    /// [`DistillLoss::validate`](crate::DistillLoss::validate) found a row of logits that are all −∞: it has
    /// no softmax.
    NoLogit {
        /// Whose it is.
        side: Side,
        /// The row.
        row: usize,
    },
    /// [`DistillLoss::validate`](crate::DistillLoss::validate) found one of the teacher's probabilities that
    /// is negative or NaN.
    TeacherProbability {
        /// Its row.
        row: usize,
        /// Its index in the row.
        index: usize,
        /// What was found.
        value: f64,
    },
    /// [`DistillLoss::validate`](crate::DistillLoss::validate) found one of the teacher's log-probabilities
    /// that is above the tolerance, most often a probability or a logit, or NaN.
    TeacherLogProbability {
        /// Its row.
        row: usize,
        /// Its index in the row.
        index: usize,
        /// What was found.
        value: f64,
    },
    /// Student and teacher differ in the number of their rows:
    /// [`DistillLoss::new`](crate::DistillLoss::new).
    TeacherRows {
        /// Rows of the student.
        student: usize,
        /// Rows, or class indices, of the teacher.
        teacher: usize,
    },
    /// Student and teacher differ in the number of classes:
    /// [`DistillLoss::new`](crate::DistillLoss::new).
    TeacherClasses {
        /// Classes of the student.
        student: usize,
        /// Classes of the teacher.
        teacher: usize,
    },
    /// An index of [`Teacher::Classes`](crate::Teacher::Classes) or [`Teacher::TopK`](crate::Teacher::TopK)
    /// that no class has.
    ClassIndex {
        /// Its row.
        row: usize,
        /// What was found.
        index: u32,
        /// Classes of the student; indices are below.
        classes: usize,
    },
    /// A [`TopK`](crate::TopK) has not as many classes as log-probabilities.
    TopKLength {
        /// Class indices.
        classes: usize,
        /// Log-probabilities.
        log_probs: usize,
    },
    /// The places of a [`TopK`](crate::TopK) cannot be cut into rows of `k`.
    TopKRows {
        /// Class indices.
        len: usize,
        /// Places that a row was said to have.
        k: usize,
    },
    /// [`Teacher::TopK`](crate::Teacher::TopK) has the forward divergence only.
    TopKDivergence {
        /// Places of a row.
        k: usize,
    },
    /// [`Teacher::TopK`](crate::Teacher::TopK) has no gradient.
    TopKGradient {
        /// Places of a row.
        k: usize,
    },
    /// [`validate_top_k`](crate::validate_top_k) or [`DistillLoss::validate`](crate::DistillLoss::validate)
    /// found a row that names a class twice.
    RepeatedClass {
        /// The row.
        row: usize,
        /// The class, the lowest of those.
        index: u32,
    },
    /// Rows come in pieces from a teacher of logits only: [`row_states`](crate::DistillLoss::row_states) and
    /// [`grad_student_within`](crate::DistillLoss::grad_student_within).
    PiecesTeacher {
        /// Rows.
        rows: usize,
    },
    /// Rows in pieces have no Jensen–Shannon divergence:
    /// [`grad_student_within`](crate::DistillLoss::grad_student_within).
    PiecesDivergence {
        /// Rows.
        rows: usize,
    },
    /// There is not one [`RowState`](crate::RowState) for each row.
    StatesLength {
        /// Rows.
        expected: usize,
        /// States.
        found: usize,
    },
    /// There is not one weight for each row: [`row_weights`](crate::DistillLoss::row_weights).
    WeightsLength {
        /// Rows.
        expected: usize,
        /// Weights.
        found: usize,
    },
    /// A loss of rows has no [`Upstream::PerElement`](crate::Upstream::PerElement).
    UpstreamPerElement {
        /// Elements of the upstream gradient.
        len: usize,
    },
    /// [`Teacher::Classes`](crate::Teacher::Classes) has no gradient.
    ClassesGradient {
        /// Class indices of the teacher.
        rows: usize,
    },
    /// A temperature that is not a positive, normal, finite number:
    /// [`DistillLoss::temperature`](crate::DistillLoss::temperature).
    Temperature {
        /// What was found.
        value: f64,
    },
    /// A share that is not above 0 and below 1:
    /// [`Divergence::JensenShannon`](crate::Divergence::JensenShannon).
    Beta {
        /// What was found.
        value: f64,
    },
    /// Bytes that are too many or too few for an exact sum:
    /// [`ExactSum::from_bytes`](crate::ExactSum::from_bytes).
    ExactSumLength {
        /// [`ExactSum::BYTES`](crate::ExactSum::BYTES).
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// An exact sum in a form of another version, or no exact sum at all:
    /// [`ExactSum::from_bytes`](crate::ExactSum::from_bytes).
    ExactSumVersion {
        /// The version that is written and read here.
        expected: u8,
        /// The first byte.
        found: u8,
    },
    /// A byte that [`ExactSum::to_bytes`](crate::ExactSum::to_bytes) writes for no sum after those before it:
    /// [`ExactSum::from_bytes`](crate::ExactSum::from_bytes).
    ExactSumByte {
        /// Its index.
        index: usize,
        /// What was found.
        found: u8,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Error::Length { input, target } => {
                write!(f, "input has {input} elements but target has {target}")
            }
            Error::OutputLength { expected, found } => {
                write!(f, "output has {found} elements, {expected} are needed")
            }
            Error::UpstreamLength { expected, found } => {
                write!(f, "upstream gradient has {found} elements, {expected} are needed")
            }
            Error::Rows { len, rows } => {
                write!(f, "{len} elements cannot be cut into {rows} equal rows")
            }
            Error::Classes { len, classes } => {
                write!(f, "{len} elements cannot be cut into rows of {classes} classes")
            }
            Error::ZeroClasses { len } => {
                write!(f, "{len} elements cannot be cut into rows of 0 classes")
            }
            Error::Stride { classes, stride } => {
                write!(f, "rows of {classes} classes cannot begin every {stride} elements")
            }
            Error::StridedRows { len, classes, stride } => {
                write!(
                    f,
                    "{len} elements end within a row: {classes} classes, {stride} elements from row \
                     to row"
                )
            }
            Error::IsaUnavailable { isa } => {
                write!(f, "instruction set {isa} is not available here")
            }
            Error::UnknownIsa { len } => {
                write!(
                    f,
                    "unknown instruction set (a name of {len} bytes); known are \
                     scalar, sse2, avx2, avx512, neon, simd128"
                )
            }
            Error::Nan { side, index } => write!(f, "{side}[{index}] is NaN"),
            Error::NegativeProbability { side, index, value } => {
                let value = Short(value);
                write!(f, "{side}[{index}] = {value} is below zero, not a probability")
            }
            Error::PositiveLogProbability { side, index, value } => {
                let value = Short(value);
                write!(
                    f,
                    "{side}[{index}] = {value} is above zero, not a log-probability; \
                     was a probability passed as its logarithm?"
                )
            }
            Error::RowSum { side, row, sum } => {
                let sum = Short(sum);
                write!(f, "probabilities of {side} row {row} sum to {sum}, not to 1")
            }
            Error::Logit { side, row, index, value } => {
                let value = Short(value);
                write!(f, "logit {index} of {side} row {row} is {value}: the row has no softmax")
            }
            Error::NoLogit { side, row } => {
                write!(f, "logits of {side} row {row} are all -inf: the row has no softmax")
            }
            Error::TeacherProbability { row, index, value } => {
                let value = Short(value);
                write!(f, "teacher row {row} has {value} at {index}, not a probability")
            }
            Error::TeacherLogProbability { row, index, value } => {
                let value = Short(value);
                write!(
                    f,
                    "teacher row {row} has {value} at {index}, not a log-probability; \
                     were probabilities or logits passed?"
                )
            }
            Error::TeacherRows { student, teacher } => {
                write!(f, "student has {student} rows but teacher has {teacher}")
            }
            Error::TeacherClasses { student, teacher } => {
                write!(f, "student has {student} classes but teacher has {teacher}")
            }
            Error::ClassIndex { row, index, classes } => {
                write!(
                    f,
                    "class {index} of row {row} is not below {classes}, the number of classes"
                )
            }
            Error::TopKLength { classes, log_probs } => {
                write!(f, "{classes} class indices but {log_probs} log-probabilities")
            }
            Error::TopKRows { len, k } => {
                write!(f, "{len} class indices cannot be cut into rows of k = {k}")
            }
            Error::TopKDivergence { k } => {
                write!(
                    f,
                    "teacher is the top {k} of each row, which has the forward divergence only"
                )
            }
            Error::TopKGradient { k } => {
                write!(f, "teacher is the top {k} of each row, which have no gradient")
            }
            Error::RepeatedClass { row, index } => {
                write!(f, "row {row} of the teacher names class {index} twice")
            }
            Error::PiecesTeacher { rows } => {
                write!(f, "{rows} rows in pieces need a teacher of logits")
            }
            Error::PiecesDivergence { rows } => {
                write!(f, "{rows} rows in pieces have the forward and the reverse divergence only")
            }
            Error::StatesLength { expected, found } => {
                write!(f, "{found} states of rows, {expected} are needed")
            }
            Error::WeightsLength { expected, found } => {
                write!(f, "{found} row weights, {expected} are needed")
            }
            Error::UpstreamPerElement { len } => {
                write!(
                    f,
                    "upstream gradient for each of {len} elements; a loss of rows has one for \
                     each row or one for all"
                )
            }
            Error::ClassesGradient { rows } => {
                write!(f, "teacher is {rows} class indices, which have no gradient")
            }
            Error::Temperature { value } => {
                let value = Short(value);
                write!(f, "temperature {value} is not a positive, normal, finite number")
            }
            Error::Beta { value } => {
                let value = Short(value);
                write!(f, "share beta = {value} is not above 0 and below 1")
            }
            Error::ExactSumLength { expected, found } => {
                write!(f, "exact sum of {found} bytes, {expected} are needed")
            }
            Error::ExactSumVersion { expected, found } => {
                write!(f, "exact sum of version {found}, only {expected} is known")
            }
            Error::ExactSumByte { index, found } => {
                write!(f, "byte {index} is {found}, which no exact sum has there")
            }
        }
    }
}

impl core::error::Error for Error {}
