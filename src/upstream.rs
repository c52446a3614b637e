//! What a caller says of the gradient that comes from above: plain data.

use crate::error::Error;
use crate::shape;

/// `d(loss) / d(term)`: what gradients are multiplied by, with the reduction's divisor already in it.
///
/// # Shape
/// [`PerRow`](Upstream::PerRow) has one factor for each of the equal rows that its length cuts the
/// data into, [`PerElement`](Upstream::PerElement) one for each element.
/// # Special values
/// Any factor is multiplied as it is: 0 times an infinite or NaN derivative is NaN. It does not
/// matter where the target probability is zero.
/// # Examples
/// ```
/// use kldiv::{Input, KlDiv, Target, Upstream};
///
/// let kl = KlDiv::new(Input::LogProbs(&[-1.0; 4]), Target::Probs(&[1.0, 2.0, 3.0, 4.0]))?;
/// let mut grad = [0.0; 4];
/// kl.grad_input(Upstream::Uniform(0.25), &mut grad)?; // of the mean
/// assert_eq!(grad, [-0.25, -0.5, -0.75, -1.0]);
/// kl.grad_input(Upstream::PerRow(&[1.0, 10.0]), &mut grad)?;
/// assert_eq!(grad, [-1.0, -2.0, -30.0, -40.0]);
/// kl.grad_input(Upstream::PerElement(&[4.0, 3.0, 2.0, 1.0]), &mut grad)?;
/// assert_eq!(grad, [-4.0, -6.0, -6.0, -4.0]);
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Upstream<'a, T> {
    /// One factor for all: `g` for a sum, `g/n` for a mean, `g/batch` for a batch mean.
    Uniform(T),
    /// One factor for each row; as many rows as factors.
    PerRow(&'a [T]),
    /// One factor for each element: no reduction.
    PerElement(&'a [T]),
}

impl<T> Upstream<'_, T> {
    /// Checks the lengths of what goes with data of `len` elements; the length of a row.
    pub(crate) fn row_length(&self, len: usize, grad: usize) -> Result<usize, Error> {
        shape::output(len, grad)?;
        match self {
            Upstream::Uniform(_) => Ok(len),
            Upstream::PerRow(rows) => shape::row_length(len, rows.len()),
            Upstream::PerElement(each) => {
                shape::upstream(len, each.len())?;
                Ok(len)
            }
        }
    }
}
