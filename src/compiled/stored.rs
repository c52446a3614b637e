//! From numbers in memory to what kernels take.

use crate::float::Computed;
use crate::numbers::{Numbers, Places};
use crate::rows::{NumberRows, Rows};
use crate::teacher::{Teacher, TeacherNumbers};
use crate::top_k::{TopK, TopKNumbers};

/// What is stored as `T`, as the kernels for `R` take it.
pub trait Stored<T, R: Computed> {
    /// To read.
    fn numbers(values: &[T]) -> Numbers<'_, R>;
    /// To write.
    fn places(values: &mut [T]) -> Places<'_, R>;

    /// Rows to read.
    fn rows(rows: Rows<'_, T>) -> NumberRows<'_, R> {
        let Rows { values, classes, stride } = rows;
        NumberRows { values: Self::numbers(values), classes, stride }
    }
    /// A teacher to read.
    fn teacher(teacher: Teacher<'_, T>) -> TeacherNumbers<'_, R> {
        match teacher {
            Teacher::Logits(rows) => TeacherNumbers::Logits(Self::rows(rows)),
            Teacher::LogProbs(rows) => TeacherNumbers::LogProbs(Self::rows(rows)),
            Teacher::Probs(rows) => TeacherNumbers::Probs(Self::rows(rows)),
            Teacher::Classes(indices) => TeacherNumbers::Classes(indices),
            Teacher::TopK(TopK { classes, log_probs, k, rest }) => {
                let log_probs = Self::numbers(log_probs);
                TeacherNumbers::TopK(TopKNumbers { classes, log_probs, k, rest })
            }
        }
    }
}

macro_rules! wide {
    ($($elem:ty),+) => {$(
        impl Stored<$elem, $elem> for $elem {
            #[inline(always)]
            fn numbers(values: &[$elem]) -> Numbers<'_, $elem> {
                Numbers::Wide(values)
            }
            #[inline(always)]
            fn places(values: &mut [$elem]) -> Places<'_, $elem> {
                Places::Wide(values)
            }
        }
    )+};
}

wide!(f32, f64);

#[cfg(feature = "half")]
macro_rules! narrow {
    ($($elem:ident: $kind:ident),+) => {$(
        impl Stored<half::$elem, f32> for f32 {
            #[inline(always)]
            fn numbers(values: &[half::$elem]) -> Numbers<'_, f32> {
                Numbers::Narrow(Half::$kind, values.reinterpret_cast())
            }
            #[inline(always)]
            fn places(values: &mut [half::$elem]) -> Places<'_, f32> {
                Places::Narrow(Half::$kind, values.reinterpret_cast_mut())
            }
        }
    )+};
}

#[cfg(feature = "half")]
use crate::float::half::Half;
#[cfg(feature = "half")]
use half::slice::HalfFloatSliceExt;

#[cfg(feature = "half")]
narrow!(f16: F16, bf16: Bf16);
