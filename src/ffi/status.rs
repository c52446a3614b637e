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
    /// A field of the options holds none of its values.
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
}

impl KldivStatus {
    pub const ALL: [(KldivStatus, &CStr); 16] = [
        (KldivStatus::Ok, c"done"),
        (KldivStatus::Null, c"a pointer is NULL and its length is not 0"),
        (KldivStatus::Misaligned, c"a pointer is not a multiple of its numbers' size"),
        (KldivStatus::TooLong, c"a length is more than memory can hold"),
        (KldivStatus::Overlap, c"an output overlaps an input"),
        (KldivStatus::Option, c"a field of the options holds none of its values"),
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
            | Error::ExactSumLength { .. } => KldivStatus::Length,
            Error::Rows { .. } => KldivStatus::Rows,
            Error::Classes { .. }
            | Error::ZeroClasses { .. }
            | Error::Stride { .. }
            | Error::StridedRows { .. } => KldivStatus::Classes,
            Error::IsaUnavailable { .. } => KldivStatus::IsaUnavailable,
            Error::UnknownIsa { .. }
            | Error::UpstreamPerElement { .. }
            | Error::ClassesGradient { .. }
            | Error::Temperature { .. }
            | Error::Beta { .. } => KldivStatus::Option,
            Error::ClassIndex { .. } => KldivStatus::ClassIndex,
            Error::Nan { .. } => KldivStatus::Nan,
            Error::NegativeProbability { .. } => KldivStatus::NegativeProbability,
            Error::PositiveLogProbability { .. } => KldivStatus::PositiveLogProbability,
            Error::RowSum { .. } => KldivStatus::RowSum,
            Error::ExactSumVersion { .. } | Error::ExactSumByte { .. } => {
                KldivStatus::ExactSumBytes
            }
        }
    }
}
