//! Rows of numbers in a slice, with or without padding between them.

use crate::error::Error;
use crate::float::Computed;
use crate::numbers::{Numbers, Places};
use crate::shape;

/// A matrix seen as rows of `classes` elements, one after another. A row is one distribution.
///
/// # Shape
/// The length is a multiple of `classes`; `classes` is at least 1, the rows may be none.
/// # Examples
/// ```
/// use kldiv::Rows;
///
/// let rows = Rows::new(&[0.5, 1.5, -1.0, 2.0, 0.0, 3.0], 3)?;
/// assert_eq!((rows.rows(), rows.classes()), (2, 3));
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rows<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) classes: usize,
    pub(crate) stride: usize,
}

impl<'a, T> Rows<'a, T> {
    /// Cuts `values` into rows of `classes` elements.
    ///
    /// # Shape
    /// Any multiple of `classes`, 0 too.
    /// # Errors
    /// [`Error::ZeroClasses`] if `classes` is 0, [`Error::Classes`] if `values.len()` is not a multiple
    /// of it.
    /// # Examples
    /// ```
    /// use kldiv::{Error, Rows};
    ///
    /// assert_eq!(Rows::new(&[1.0, 2.0, 3.0], 2), Err(Error::Classes { len: 3, classes: 2 }));
    /// assert_eq!(Rows::new(&[1.0, 2.0, 3.0], 0), Err(Error::ZeroClasses { len: 3 }));
    /// ```
    pub fn new(values: &'a [T], classes: usize) -> Result<Self, Error> {
        shape::row_count(values.len(), classes)?;
        Ok(Rows { values, classes, stride: classes })
    }

    /// Rows that begin `stride` elements after each other: the first `classes` of each count, the rest is
    /// padding and never read.
    ///
    /// # Shape
    /// The last row may end without its padding, or with a part of it. No elements are no rows.
    /// # Errors
    /// [`Error::ZeroClasses`] if `classes` is 0, [`Error::Stride`] if `stride` is less than `classes`,
    /// [`Error::StridedRows`] if `values` ends within a row.
    /// # Examples
    /// ```
    /// use kldiv::{Error, Rows};
    ///
    /// // Three classes that count, and a column of padding.
    /// let values = [1.0, 2.0, 3.0, f32::NAN, 4.0, 5.0, 6.0];
    /// let rows = Rows::strided(&values, 3, 4)?;
    /// assert_eq!((rows.rows(), rows.row(1)), (2, Some(&[4.0, 5.0, 6.0][..])));
    /// let cut = Rows::strided(&values[..6], 3, 4).unwrap_err();
    /// assert_eq!(cut, Error::StridedRows { len: 6, classes: 3, stride: 4 });
    /// # Ok::<(), Error>(())
    /// ```
    pub fn strided(values: &'a [T], classes: usize, stride: usize) -> Result<Self, Error> {
        shape::strided_rows(values.len(), classes, stride)?;
        Ok(Rows { values, classes, stride })
    }

    /// Number of rows.
    ///
    /// # Examples
    /// ```
    /// use kldiv::Rows;
    ///
    /// assert_eq!(Rows::new(&[0.0_f32; 6], 2)?.rows(), 3);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn rows(&self) -> usize {
        shape::rows_within(self.values.len(), self.classes, self.stride)
    }

    /// Elements of a row; at least one.
    ///
    /// # Examples
    /// ```
    /// use kldiv::Rows;
    ///
    /// assert_eq!(Rows::new(&[0.0_f32; 6], 2)?.classes(), 2);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Elements from the beginning of a row to that of the next: the classes and the padding.
    ///
    /// # Examples
    /// ```
    /// use kldiv::Rows;
    ///
    /// assert_eq!(Rows::new(&[0.0_f32; 6], 2)?.stride(), 2);
    /// assert_eq!(Rows::strided(&[0.0_f32; 6], 1, 3)?.stride(), 3);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The classes of one row, without its padding; nothing if there is no such row.
    ///
    /// # Examples
    /// ```
    /// use kldiv::Rows;
    ///
    /// let rows = Rows::new(&[1.0, 2.0, 3.0, 4.0], 2)?;
    /// assert_eq!((rows.row(1), rows.row(2)), (Some(&[3.0, 4.0][..]), None));
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn row(&self, index: usize) -> Option<&'a [T]> {
        let start = index.checked_mul(self.stride)?;
        self.values.get(start..)?.get(..self.classes)
    }
}

/// Rows of numbers as kernels take them.
#[derive(Clone, Copy, Debug)]
pub struct NumberRows<'a, R: Computed> {
    pub(crate) values: Numbers<'a, R>,
    pub(crate) classes: usize,
    pub(crate) stride: usize,
}

impl<'a, R: Computed> NumberRows<'a, R> {
    pub(crate) fn rows(&self) -> usize {
        shape::rows_within(self.values.len(), self.classes, self.stride)
    }

    /// Elements that count, without padding.
    pub(crate) fn len(&self) -> usize {
        self.rows() * self.classes
    }

    pub(crate) fn row(&self, index: usize) -> Option<Numbers<'a, R>> {
        self.values.part(index.checked_mul(self.stride)?, self.classes)
    }

    /// The rows before `middle`, which there are, and the others.
    #[cfg(feature = "rayon")]
    pub(crate) fn split_at(self, middle: usize) -> (Self, Self) {
        let NumberRows { values, classes, stride } = self;
        let (values, others) = values.halves((middle * stride).min(values.len()));
        (NumberRows { values, ..self }, NumberRows { values: others, classes, stride })
    }

    /// Takes the first row off.
    #[inline(always)]
    pub(crate) fn take_row(&mut self) -> Option<Numbers<'a, R>> {
        let length = self.stride.min(self.values.len());
        self.values.take(length)?.part(0, self.classes)
    }
}

/// What is written row by row: the layout is that of some [`Rows`], and the length too.
pub(crate) struct PlaceRows<'a, R: Computed> {
    pub(crate) values: Places<'a, R>,
    pub(crate) classes: usize,
    pub(crate) stride: usize,
}

impl<'a, R: Computed> PlaceRows<'a, R> {
    /// Takes the first row off: its classes and its padding.
    #[inline(always)]
    pub(crate) fn take_row(&mut self) -> Option<[Places<'a, R>; 2]> {
        let length = self.stride.min(self.values.len());
        let (row, padding) = self.values.take(length)?.split_at(self.classes)?;
        Some([row, padding])
    }
}
