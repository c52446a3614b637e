//! The opt-in check of what a caller says its numbers are.

use super::computed;
use crate::backend::Backend;
use crate::compiled::pairs::{Pairs, Single};
use crate::element::Element;
use crate::error::{Error, Side};
use crate::forms::{Input, Target};

/// The same numbers and form on the other side.
pub(super) fn input_as_target<T>(input: Input<'_, T>) -> Target<'_, T> {
    match input {
        Input::LogProbs(x) => Target::LogProbs(x),
        Input::Probs(x) => Target::Probs(x),
    }
}

pub(super) fn validate_elements<T: Element>(
    side: Side,
    values: Target<'_, T>,
    tolerance: T::Real,
) -> Result<(), Error> {
    let (Target::Probs(all) | Target::LogProbs(all)) = values;
    for (index, &x) in all.iter().enumerate() {
        let value: f64 = x.into();
        if value.is_nan() {
            return Err(Error::Nan { side, index });
        }
        match values {
            Target::Probs(_) if value < 0.0 => {
                return Err(Error::NegativeProbability { side, index, value });
            }
            Target::LogProbs(_) if value > tolerance.into() => {
                return Err(Error::PositiveLogProbability { side, index, value });
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn validate_rows<T: Element>(
    side: Side,
    backend: Backend,
    all: Target<'_, T>,
    row_length: usize,
    tolerance: T::Real,
) -> Result<(), Error> {
    let mut left = all.values();
    let mut row = 0;
    while let Some(part) = left.split_off(..row_length)
        && !part.is_empty()
    {
        let values = computed::target(all.with(part));
        let sum: f64 = T::Kernels::mass(Single { backend, values }).into();
        let is_near_one = (sum - 1.0).abs() <= tolerance.into();
        if !is_near_one {
            return Err(Error::RowSum { side, row, sum });
        }
        row += 1;
    }
    Ok(())
}
