//! The loss of each row of a batch.

use std::iter;
use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{Float16Type, Float32Type, Float64Type};
use datafusion::common::cast::as_primitive_array;
use datafusion::common::{Result, exec_err};
use half::slice::HalfFloatSliceExt;
use kldiv::Element;

use crate::comparison::{Comparison, refused};
use crate::lists::Lists;

/// What logits are stored in.
pub(crate) trait Stored: ArrowPrimitiveType {
    /// What is computed in.
    type Real: ArrowPrimitiveType<
        Native: Element<Real = <Self::Real as ArrowPrimitiveType>::Native>,
    >;

    /// The losses of rows that lie one after another, all of `classes` classes.
    fn row_losses(
        comparison: &Comparison,
        student: &[Self::Native],
        teacher: &[Self::Native],
        classes: usize,
        weights: Option<&[Real<Self>]>,
        losses: &mut [Real<Self>],
    ) -> Result<(), kldiv::Error>;
}

/// The numbers that a type of logits is computed in.
pub(crate) type Real<S> = <<S as Stored>::Real as ArrowPrimitiveType>::Native;

macro_rules! stored_as_computed {
    ($type:ty, $native:ty) => {
        impl Stored for $type {
            type Real = $type;

            fn row_losses(
                comparison: &Comparison,
                student: &[$native],
                teacher: &[$native],
                classes: usize,
                weights: Option<&[$native]>,
                losses: &mut [$native],
            ) -> Result<(), kldiv::Error> {
                comparison.row_losses(student, teacher, classes, weights, losses)
            }
        }
    };
}

stored_as_computed!(Float32Type, f32);
stored_as_computed!(Float64Type, f64);

/// Numbers a side that are widened at a time, if a row is not longer: what stays in a core's own cache.
const WIDENED: usize = 1 << 14;

/// Widened to `f32`, which is exact, some rows at a time.
impl Stored for Float16Type {
    type Real = Float32Type;

    fn row_losses(
        comparison: &Comparison,
        student: &[half::f16],
        teacher: &[half::f16],
        classes: usize,
        weights: Option<&[f32]>,
        losses: &mut [f32],
    ) -> Result<(), kldiv::Error> {
        let rows = (WIDENED / classes).max(1);
        let mut wide = [vec![0.0; rows * classes], vec![0.0; rows * classes]];
        let [wide_student, wide_teacher] = &mut wide;
        for (block, losses) in losses.chunks_mut(rows).enumerate() {
            let row = block * rows..block * rows + losses.len();
            let range = row.start * classes..row.end * classes;
            let wide_student = &mut wide_student[..range.len()];
            let wide_teacher = &mut wide_teacher[..range.len()];
            student[range.clone()].convert_to_f32_slice(wide_student);
            teacher[range].convert_to_f32_slice(wide_teacher);
            let weights = weights.map(|weights| &weights[row]);
            comparison.row_losses(wide_student, wide_teacher, classes, weights, losses)?;
        }
        Ok(())
    }
}

/// The losses of a batch. Rows that do not count have a loss too, which means nothing.
pub(crate) struct Losses<T> {
    pub(crate) values: Vec<T>,
    /// The rows that count: all, or those that are valid here.
    pub(crate) counted: Option<NullBuffer>,
}

impl<T> Losses<T> {
    /// The rows that count, as ranges.
    pub(crate) fn ranges(&self) -> Vec<Range<usize>> {
        ranges(self.counted.as_ref(), self.values.len())
    }
}

/// Student, teacher and, for weighted rows, a column of weights.
pub(crate) struct Columns<'a> {
    pub(crate) student: &'a ArrayRef,
    pub(crate) teacher: &'a ArrayRef,
    pub(crate) weights: Option<&'a ArrayRef>,
    /// Rows for which this is false or null are left out.
    pub(crate) filter: Option<&'a BooleanArray>,
}

impl Columns<'_> {
    /// The losses of all rows in which nothing is null and which the filter, if there is one, lets through.
    pub(crate) fn losses<S: Stored>(&self, comparison: &Comparison) -> Result<Losses<Real<S>>> {
        let student = Lists::<S>::new("student", self.student)?;
        let teacher = Lists::<S>::new("teacher", self.teacher)?;
        let weights: Option<&PrimitiveArray<S::Real>> = match self.weights {
            Some(weights) => Some(as_primitive_array(weights)?),
            None => None,
        };
        let filter = self.filter.map(|filter| {
            let passed = NullBuffer::new(filter.values().clone());
            NullBuffer::union(Some(&passed), filter.nulls()).unwrap_or(passed)
        });
        let mut counted = NullBuffer::union(student.nulls(), teacher.nulls());
        counted = NullBuffer::union(counted.as_ref(), weights.and_then(|weights| weights.nulls()));
        counted = NullBuffer::union(counted.as_ref(), filter.as_ref());

        let mut values = vec![Real::<S>::ZERO; self.student.len()];
        for valid in ranges(counted.as_ref(), values.len()) {
            let mut rest = valid;
            while !rest.is_empty() {
                let (rows, classes) = alike(&student, &teacher, rest.clone())?;
                rest.start = rows.end;
                let weights = weights.map(|weights| &weights.values()[rows.clone()]);
                S::row_losses(
                    comparison,
                    student.numbers(rows.clone(), classes)?,
                    teacher.numbers(rows.clone(), classes)?,
                    classes,
                    weights,
                    &mut values[rows],
                )
                .map_err(refused)?;
            }
        }
        Ok(Losses { values, counted })
    }
}

fn ranges(counted: Option<&NullBuffer>, rows: usize) -> Vec<Range<usize>> {
    match counted {
        Some(counted) => counted.valid_slices().map(|(start, end)| start..end).collect(),
        None => iter::once(0..rows).collect(),
    }
}

/// The first of these rows and as many after it as have its number of classes, and that number.
fn alike<S: Stored>(
    student: &Lists<'_, S>,
    teacher: &Lists<'_, S>,
    rows: Range<usize>,
) -> Result<(Range<usize>, usize)> {
    let classes = student.classes(rows.start);
    for row in rows.clone() {
        let (here, there) = (student.classes(row), teacher.classes(row));
        if here != there {
            return exec_err!("row {row}: the student has {here} classes, the teacher {there}");
        }
        if here == 0 {
            return exec_err!("row {row}: no classes");
        }
        if here != classes {
            return Ok((rows.start..row, classes));
        }
    }
    Ok((rows, classes))
}
