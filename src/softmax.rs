//! Softmax and its logarithm: check, dispatch, done.

use crate::backend::Backend;
use crate::compiled::rows::Shares;
use crate::compiled::stored::Stored;
use crate::element::Element;
use crate::error::Error;
use crate::isa::Isa;
use crate::rows::Rows;
use crate::shape;

/// The logarithm of each row's [`softmax`], `out[i] = x − ln Σ eˣ`, taken of the row of `x`.
///
/// # Shape
/// `out` has the length of `logits`, and the same padding, which becomes 0; none of it is read.
/// # Units
/// Logits are natural logarithms up to a constant for each row; results are natural-log
/// probabilities.
/// # Errors
/// [`Error::OutputLength`] if `out` has another length; it has not been touched.
/// # Accuracy
/// At most `u·(2·|result| + ln classes + 5)`. The sum has the order of
/// [`KlDiv::sum`](crate::KlDiv::sum) and the bits are the same on every instruction set.
/// # Special values
/// | row | result |
/// |---|---|
/// | −∞ among others | −∞ for that class; the others as if it were not there |
/// | nothing but −∞ | NaN in the whole row |
/// | +∞ or NaN | NaN in the whole row |
/// | finite, however large | no overflow on the way: the largest logit is subtracted first |
///
/// No row is touched by what another holds.
/// # Examples
/// ```
/// use kldiv::{Rows, log_softmax};
///
/// let mut log_probs = [0.0_f64; 4];
/// log_softmax(Rows::new(&[7.0, 7.0, 0.0, f64::NEG_INFINITY], 2)?, &mut log_probs)?;
/// assert!((log_probs[0] + core::f64::consts::LN_2).abs() < 1e-15);
/// assert_eq!(log_probs[1], log_probs[0]);
/// assert_eq!(log_probs[2..], [0.0, f64::NEG_INFINITY]);
/// # Ok::<(), kldiv::Error>(())
/// ```
pub fn log_softmax<T: Element>(logits: Rows<'_, T>, out: &mut [T]) -> Result<(), Error> {
    log_softmax_with(Backend::best(), logits, out)
}

/// [`log_softmax`] on another instruction set: other speed, the same bits.
///
/// # Errors
/// [`Error::IsaUnavailable`] if this machine or this build does not have it, and those of [`log_softmax`];
/// `out` has not been touched then.
/// # Examples
/// ```
/// use kldiv::{Isa, Rows, log_softmax, log_softmax_on};
///
/// let logits = Rows::new(&[0.5_f32, 1.5, -2.0], 3)?;
/// let (mut widest, mut other) = ([0.0; 3], [0.0; 3]);
/// log_softmax(logits, &mut widest)?;
/// for isa in Isa::available() {
///     log_softmax_on(isa, logits, &mut other)?;
///     assert_eq!(other.map(f32::to_bits), widest.map(f32::to_bits));
/// }
/// # Ok::<(), kldiv::Error>(())
/// ```
pub fn log_softmax_on<T: Element>(
    isa: Isa,
    logits: Rows<'_, T>,
    out: &mut [T],
) -> Result<(), Error> {
    log_softmax_with(Backend::of(isa)?, logits, out)
}

fn log_softmax_with<T: Element>(
    backend: Backend,
    logits: Rows<'_, T>,
    out: &mut [T],
) -> Result<(), Error> {
    shape::output(logits.values.len(), out.len())?;
    T::Kernels::log_softmax(backend, T::Kernels::rows(logits), T::Kernels::places(out));
    Ok(())
}

/// Each row as probabilities, `out[i] = eˣ / Σ eˣ`, the sum taken over the row of `x`.
///
/// # Shape
/// `out` has the length of `logits`, and the same padding, which becomes 0; none of it is read.
/// # Units
/// Logits are natural logarithms up to a constant for each row; results are probabilities.
/// # Errors
/// [`Error::OutputLength`] if `out` has another length; it has not been touched.
/// # Accuracy
/// At most `u·p·(|ln p| + ln classes + 7)` for a result p, and two steps between subnormal numbers.
/// The sum has the order of [`KlDiv::sum`](crate::KlDiv::sum) and the bits are the same on every
/// instruction set.
/// # Special values
/// | row | result |
/// |---|---|
/// | −∞ among others | 0 for that class; the others as if it were not there |
/// | nothing but −∞ | NaN in the whole row |
/// | +∞ or NaN | NaN in the whole row |
/// | finite, however large | no overflow on the way: the largest logit is subtracted first |
///
/// No row is touched by what another holds.
/// # Examples
/// ```
/// use kldiv::{Rows, softmax};
///
/// let mut probs = [0.0; 6];
/// softmax(Rows::new(&[5.0, 5.0, f64::NEG_INFINITY, 0.0, -1e6, -1e6], 3)?, &mut probs)?;
/// assert_eq!(probs, [0.5, 0.5, 0.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), kldiv::Error>(())
/// ```
pub fn softmax<T: Element>(logits: Rows<'_, T>, out: &mut [T]) -> Result<(), Error> {
    softmax_with(Backend::best(), logits, out)
}

/// [`softmax`] on another instruction set: other speed, the same bits.
///
/// # Errors
/// [`Error::IsaUnavailable`] if this machine or this build does not have it, and those of [`softmax`];
/// `out` has not been touched then.
/// # Examples
/// ```
/// use kldiv::{Isa, Rows, softmax, softmax_on};
///
/// let logits = Rows::new(&[0.5_f32, 1.5, -2.0], 3)?;
/// let (mut widest, mut other) = ([0.0; 3], [0.0; 3]);
/// softmax(logits, &mut widest)?;
/// for isa in Isa::available() {
///     softmax_on(isa, logits, &mut other)?;
///     assert_eq!(other.map(f32::to_bits), widest.map(f32::to_bits));
/// }
/// # Ok::<(), kldiv::Error>(())
/// ```
pub fn softmax_on<T: Element>(isa: Isa, logits: Rows<'_, T>, out: &mut [T]) -> Result<(), Error> {
    softmax_with(Backend::of(isa)?, logits, out)
}

fn softmax_with<T: Element>(
    backend: Backend,
    logits: Rows<'_, T>,
    out: &mut [T],
) -> Result<(), Error> {
    shape::output(logits.values.len(), out.len())?;
    T::Kernels::softmax(backend, T::Kernels::rows(logits), T::Kernels::places(out));
    Ok(())
}
