//! From numbers in memory to what kernels take.

use crate::rows::Rows;
use crate::teacher::Teacher;
use crate::top_k::TopK;

/// What is stored as `T`, as the kernels for `R` take it.
pub trait Stored<T, R> {
    /// To read.
    fn numbers(values: &[T]) -> &[R];
    /// To write.
    fn places(values: &mut [T]) -> &mut [R];

    /// Rows to read.
    fn rows(rows: Rows<'_, T>) -> Rows<'_, R> {
        let Rows { values, classes, stride } = rows;
        Rows { values: Self::numbers(values), classes, stride }
    }
    /// A teacher to read.
    fn teacher(teacher: Teacher<'_, T>) -> Teacher<'_, R> {
        match teacher {
            Teacher::Logits(rows) => Teacher::Logits(Self::rows(rows)),
            Teacher::LogProbs(rows) => Teacher::LogProbs(Self::rows(rows)),
            Teacher::Probs(rows) => Teacher::Probs(Self::rows(rows)),
            Teacher::Classes(indices) => Teacher::Classes(indices),
            Teacher::TopK(TopK { classes, log_probs, k, rest }) => {
                Teacher::TopK(TopK { classes, log_probs: Self::numbers(log_probs), k, rest })
            }
        }
    }
}

macro_rules! stored {
    ($($elem:ty),+) => {$(
        impl Stored<$elem, $elem> for $elem {
            #[inline(always)]
            fn numbers(values: &[$elem]) -> &[$elem] {
                values
            }
            #[inline(always)]
            fn places(values: &mut [$elem]) -> &mut [$elem] {
                values
            }
        }
    )+};
}

stored!(f32, f64);
