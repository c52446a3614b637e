//! Rows of logits.

use crate::error::Error;
use crate::isa::Backend;
use crate::kernel::Compiled;
use crate::lanes::Element;
use crate::shape;

/// A matrix view: rows of `classes` elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rows<'a, T> {
    values: &'a [T],
    classes: usize,
}

impl<'a, T: Element> Rows<'a, T> {
    /// Cuts `values` into rows of `classes` elements.
    pub fn new(values: &'a [T], classes: usize) -> Result<Self, Error> {
        shape::row_count(values.len(), classes)?;
        Ok(Rows { values, classes })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.classes).unwrap_or(0)
    }

    /// Elements of a row; at least one.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }
}

/// The logarithm of [`softmax`].
pub fn log_softmax<T: Element>(logits: Rows<'_, T>, out: &mut [T]) -> Result<(), Error> {
    let Rows { values, classes } = logits;
    shape::output(values.len(), out.len())?;
    T::Kernels::log_softmax(Backend::best(), values, classes, out);
    Ok(())
}

/// Each row as probabilities.
pub fn softmax<T: Element>(logits: Rows<'_, T>, out: &mut [T]) -> Result<(), Error> {
    let Rows { values, classes } = logits;
    shape::output(values.len(), out.len())?;
    T::Kernels::softmax(Backend::best(), values, classes, out);
    Ok(())
}
