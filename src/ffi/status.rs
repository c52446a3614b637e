//! What a call says of itself.

use core::ffi::CStr;

use crate::error::Error;

/// What a function says of its call. Unless it is `KLDIV_STATUS_OK`, nothing has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum KldivStatus {
    /// Done.
    Ok = 0,
    /// A pointer is NULL and its length is not 0.
    Null = 1,
    /// A pointer is not a multiple of its numbers' size.
    Misaligned = 2,
    /// A length is more than memory can hold.
    TooLong = 3,
    /// An output overlaps an input.
    Overlap = 4,
    /// A name or a choice that means nothing.
    Option = 5,
    /// This machine or this build does not have the instruction set.
    IsaUnavailable = 6,
    /// An output does not have the length of what is written to it.
    Length = 7,
    /// The numbers cannot be cut into that many equal rows.
    Rows = 8,
    /// The numbers cannot be cut into rows of that many classes, or the classes are 0.
    Classes = 9,
    /// A NaN, which is neither a probability nor its logarithm.
    Nan = 10,
    /// A probability below zero.
    NegativeProbability = 11,
    /// A log-probability above the tolerance; most often a probability passed as its logarithm.
    PositiveLogProbability = 12,
    /// Probabilities of a row that do not sum to 1.
    RowSum = 13,
    /// A label that is not below the number of classes.
    ClassIndex = 14,
    /// Bytes that no exact sum is written as.
    ExactSumBytes = 15,
    /// The options' `input` is no `KLDIV_INPUT_…`.
    OptionInput = 16,
    /// The options' `target` is no `KLDIV_TARGET_…`.
    OptionTarget = 17,
    /// The options' `isa` is no `KLDIV_ISA_…`.
    OptionIsa = 18,
    /// The options' `reduction` is no `KLDIV_REDUCTION_…`.
    OptionReduction = 19,
    /// The options' `teacher` is no `KLDIV_TEACHER_…`.
    OptionTeacher = 20,
    /// The options' `divergence` is no `KLDIV_DIVERGENCE_…`.
    OptionDivergence = 21,
    /// The options' `temperature`, after rounding to the type, is not a positive, normal, finite number.
    OptionTemperature = 22,
    /// The options' `beta`, after rounding to the type, is not above 0 and below 1.
    OptionBeta = 23,
    /// A teacher and labels; one of them has to be NULL.
    TeacherAndLabels = 24,
    /// A logit that is NaN or +∞.
    Logit = 25,
    /// A row of logits that are all −∞.
    NoLogit = 26,
    /// A stride is less than the classes of a row.
    Stride = 28,
    /// `rest` is no `KLDIV_REST_…`.
    OptionRest = 30,
    /// A teacher that names few classes of each row has the forward divergence only.
    TopKDivergence = 31,
    /// A row that names a class twice.
    RepeatedClass = 32,
    /// Rows in pieces need a teacher of logits.
    PiecesTeacher = 33,
    /// Rows in pieces have the forward and the reverse divergence only.
    PiecesDivergence = 34,
}

impl KldivStatus {
    pub const ALL: [(KldivStatus, &CStr); 33] = [
        (KldivStatus::Ok, c"done"),
        (KldivStatus::Null, c"a pointer is NULL and its length is not 0"),
        (KldivStatus::Misaligned, c"a pointer is not a multiple of its numbers' size"),
        (KldivStatus::TooLong, c"a length is more than memory can hold"),
        (KldivStatus::Overlap, c"an output overlaps an input"),
        (KldivStatus::Option, c"a name or a choice means nothing"),
        (KldivStatus::IsaUnavailable, c"the instruction set is not available here"),
        (KldivStatus::Length, c"an output does not have the length of what is written to it"),
        (KldivStatus::Rows, c"the numbers cannot be cut into that many equal rows"),
        (KldivStatus::Classes, c"the numbers cannot be cut into rows of that many classes"),
        (KldivStatus::Nan, c"a NaN is neither a probability nor its logarithm"),
        (KldivStatus::NegativeProbability, c"a probability is below zero"),
        (
            KldivStatus::PositiveLogProbability,
            c"a log-probability is above zero; was a probability passed as its logarithm?",
        ),
        (KldivStatus::RowSum, c"the probabilities of a row do not sum to 1"),
        (KldivStatus::ClassIndex, c"a label is not below the number of classes"),
        (KldivStatus::ExactSumBytes, c"no exact sum is written as these bytes"),
        (KldivStatus::OptionInput, c"option input is none of KLDIV_INPUT_..."),
        (KldivStatus::OptionTarget, c"option target is none of KLDIV_TARGET_..."),
        (KldivStatus::OptionIsa, c"option isa is none of KLDIV_ISA_..."),
        (KldivStatus::OptionReduction, c"option reduction is none of KLDIV_REDUCTION_..."),
        (KldivStatus::OptionTeacher, c"option teacher is none of KLDIV_TEACHER_..."),
        (KldivStatus::OptionDivergence, c"option divergence is none of KLDIV_DIVERGENCE_..."),
        (
            KldivStatus::OptionTemperature,
            c"option temperature, rounded to the type, is not a positive, normal, finite number",
        ),
        (KldivStatus::OptionBeta, c"option beta, rounded to the type, is not above 0 and below 1"),
        (KldivStatus::TeacherAndLabels, c"a teacher and labels are given; one has to be NULL"),
        (KldivStatus::Logit, c"a logit is NaN or infinity; its row has no softmax"),
        (KldivStatus::NoLogit, c"all logits of a row are -infinity; it has no softmax"),
        (KldivStatus::Stride, c"a stride is less than the classes of a row"),
        (KldivStatus::OptionRest, c"rest is none of KLDIV_REST_..."),
        (
            KldivStatus::TopKDivergence,
            c"a teacher that names few classes of each row has the forward divergence only",
        ),
        (KldivStatus::RepeatedClass, c"a row of the teacher names a class twice"),
        (KldivStatus::PiecesTeacher, c"rows in pieces need a teacher of logits"),
        (
            KldivStatus::PiecesDivergence,
            c"rows in pieces have the forward and the reverse divergence only",
        ),
    ];
}

/// What C is told of a result.
pub fn status(result: Result<(), KldivStatus>) -> KldivStatus {
    result.err().unwrap_or(KldivStatus::Ok)
}

impl From<Error> for KldivStatus {
    fn from(error: Error) -> Self {
        match error {
            Error::Length { .. }
            | Error::OutputLength { .. }
            | Error::UpstreamLength { .. }
            | Error::WeightsLength { .. }
            | Error::TeacherRows { .. }
            | Error::TeacherClasses { .. }
            | Error::TopKLength { .. }
            | Error::StatesLength { .. }
            | Error::ExactSumLength { .. } => KldivStatus::Length,
            Error::Rows { .. } | Error::TopKRows { .. } => KldivStatus::Rows,
            Error::Classes { .. } | Error::ZeroClasses { .. } | Error::StridedRows { .. } => {
                KldivStatus::Classes
            }
            Error::Stride { .. } => KldivStatus::Stride,
            Error::IsaUnavailable { .. } => KldivStatus::IsaUnavailable,
            Error::UnknownIsa { .. }
            | Error::UpstreamPerElement { .. }
            | Error::ClassesGradient { .. }
            | Error::TopKGradient { .. } => KldivStatus::Option,
            Error::TopKDivergence { .. } => KldivStatus::TopKDivergence,
            Error::RepeatedClass { .. } => KldivStatus::RepeatedClass,
            Error::PiecesTeacher { .. } => KldivStatus::PiecesTeacher,
            Error::PiecesDivergence { .. } => KldivStatus::PiecesDivergence,
            Error::Temperature { .. } => KldivStatus::OptionTemperature,
            Error::Beta { .. } => KldivStatus::OptionBeta,
            Error::ClassIndex { .. } => KldivStatus::ClassIndex,
            Error::Nan { .. } => KldivStatus::Nan,
            Error::NegativeProbability { .. } => KldivStatus::NegativeProbability,
            Error::PositiveLogProbability { .. } => KldivStatus::PositiveLogProbability,
            Error::RowSum { .. } => KldivStatus::RowSum,
            Error::Logit { .. } => KldivStatus::Logit,
            Error::NoLogit { .. } => KldivStatus::NoLogit,
            Error::TeacherProbability { value, .. }
            | Error::TeacherLogProbability { value, .. }
                if value.is_nan() =>
            {
                KldivStatus::Nan
            }
            Error::TeacherProbability { .. } => KldivStatus::NegativeProbability,
            Error::TeacherLogProbability { .. } => KldivStatus::PositiveLogProbability,
            Error::ExactSumVersion { .. } | Error::ExactSumByte { .. } => {
                KldivStatus::ExactSumBytes
            }
        }
    }
}
