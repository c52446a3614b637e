//! What is compared, how, and what is asked for.

use super::parts::numbers::magnitude;
use crate::backend::Backend;
use crate::float::{Computed, Float};
use crate::numbers::Places;
use crate::rows::{NumberRows, PlaceRows};
use crate::teacher::{Divergence, TeacherNumbers};
use crate::upstream::Upstream;

/// What is compared, and how. Shapes agree, class indices are in range, parameters mean something.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a, T: Computed> {
    pub(crate) backend: Backend,
    pub(crate) student: NumberRows<'a, T>,
    pub(crate) teacher: TeacherNumbers<'a, T>,
    pub(crate) temperature: T,
    pub(crate) divergence: Divergence<T>,
    pub(crate) weights: Option<&'a [T]>,
    /// By what weights are multiplied: 1, or a power of two that keeps their sums in range.
    pub(crate) weight_scale: T,
}

impl<T: Float> Problem<'_, T> {
    /// A row's weight; there is one for each.
    pub(super) fn weight(&self, row: usize) -> T {
        match self.weights {
            Some(weights) => {
                debug_assert!(row < weights.len());
                weights.get(row).copied().unwrap_or(T::ZERO) * self.weight_scale
            }
            None => self.weight_scale,
        }
    }

    /// The same with weights scaled by a power of two such that no sum of them, or of losses times
    /// them, is out of range unless a single loss is.
    pub(crate) fn with_small_weights(self) -> Self {
        let mut largest = T::ONE;
        for &weight in self.weights.unwrap_or_default() {
            let weight = magnitude(weight);
            if largest < weight {
                largest = weight;
            }
        }
        let half = T::from_f64(0.5);
        let mut scale = T::ONE;
        while T::ONE < largest * scale {
            scale = scale * half;
        }
        let mut rows = self.student.rows();
        while rows > 0 && T::ZERO < scale * half {
            rows /= 2;
            scale = scale * half;
        }
        Problem { weight_scale: scale, ..self }
    }
}

/// What is asked for.
pub struct Wanted<'a, T: Computed> {
    pub(crate) losses: Losses<'a, T>,
    pub(crate) gradient: Option<Gradient<'a, T>>,
}

/// What becomes of the losses.
pub enum Losses<'a, T> {
    /// Nobody asked.
    Unwanted,
    /// They are added up.
    Total,
    /// They are written, one for each row, and added up.
    Each(&'a mut [T]),
}

/// One of the two sides of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Party {
    Student,
    Teacher,
}

/// What becomes of the numbers that a gradient's slice holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Accumulation {
    /// The gradient replaces them.
    Replace,
    /// It is added to them, with one more rounding.
    Add,
}

/// A gradient by the numbers of one side.
pub struct Gradient<'a, T: Computed> {
    pub(crate) of: Party,
    /// For all or for each row.
    pub(crate) upstream: Upstream<'a, T>,
    pub(crate) accumulation: Accumulation,
    /// In the layout of that side.
    pub(crate) out: PlaceRows<'a, T>,
}

/// A row's part of a gradient.
pub(super) struct RowGradient<'a, T: Computed> {
    pub(super) of: Party,
    pub(super) upstream: T,
    pub(super) accumulation: Accumulation,
    pub(super) out: Places<'a, T>,
}

impl<T: Float> RowGradient<'_, T> {
    /// 0 for every class; nothing is added as it is, not as +0.
    pub(super) fn nothing(mut self) {
        match self.accumulation {
            Accumulation::Replace => self.out.fill(T::ZERO),
            Accumulation::Add => {}
        }
    }

    /// NaN for every class, which with anything added is NaN.
    pub(super) fn undefined(mut self) {
        self.out.fill(T::NAN);
    }
}

impl<'a, T: Float> Gradient<'a, T> {
    /// Takes the part of the next row off, which has this number.
    pub(super) fn take_row(&mut self, row: usize) -> Option<RowGradient<'a, T>> {
        let [out, mut padding] = self.out.take_row()?;
        if self.accumulation == Accumulation::Replace {
            padding.fill(T::ZERO);
        }
        let upstream = match self.upstream {
            Upstream::Uniform(factor) => factor,
            Upstream::PerRow(factors) | Upstream::PerElement(factors) => *factors.get(row)?,
        };
        let Gradient { of, accumulation, .. } = *self;
        Some(RowGradient { of, upstream, accumulation, out })
    }
}

/// Sums over the rows that are not masked out.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<T> {
    /// Of the weighted losses.
    pub(crate) loss: T,
    /// Of the weights.
    pub(crate) weight: T,
    /// Whether there are no such rows.
    pub(crate) is_empty: bool,
    /// Whether one of the sums left the range of numbers though what was summed is within.
    pub(crate) overflows: bool,
}
