//! Losses are defined for any numbers, but numbers that are not what was said are usually a mistake.

use kldiv::{Error, Side};

use crate::args::Form;
use crate::compare::Comparison;
use crate::npy::Item;
use crate::number::Number;
use crate::pairs::Given;

/// Rows may miss a sum of 1 by this much before a note asks what they are.
const NORMALISED: f32 = 1e-3;
/// The same for numbers of 8 or 11 bits.
const NORMALISED_HALF: f32 = 5e-2;

/// What is odd about a block, the first rows of which have that number.
pub(crate) fn about<T: Number>(
    files: &Comparison,
    first: usize,
    input: &[T],
    target: &[T],
) -> Option<String> {
    if input.is_empty() {
        return None;
    }
    let (rows, classes) = (input.len() / files.classes, files.classes);
    let tolerance = |item| match item {
        Item::F16 | Item::Bf16 => T::from(NORMALISED_HALF),
        Item::F32 | Item::F64 | Item::Integer { .. } => T::from(NORMALISED),
    };
    let sides = [Side::Input, Side::Target];
    for ((file, values), side) in files.sides().zip([input, target]).zip(sides) {
        let tolerance = tolerance(file.matrix.file.item);
        let given = Given { form: file.form, values };
        match file.form {
            Form::Logits if first == 0 && classes > 1 => {
                if are_probabilities(values, classes, tolerance) {
                    let upper = side.to_string().to_uppercase();
                    return Some(format!(
                        "the rows of {upper} already sum to 1, as probabilities do, and are taken as \
                         logits (--{side} probs takes them as they are)"
                    ));
                }
            }
            Form::Logits => {}
            Form::Probs | Form::LogProbs => {
                let valid = given.against(given).and_then(|kl| kl.validate(rows, tolerance));
                if let Err(doubt) = valid {
                    let doubt = in_file(doubt, side, first, classes);
                    return Some(format!(
                        "{doubt} (--input and --target say what the files hold, --logits that both \
                         hold logits)"
                    ));
                }
            }
        }
    }
    None
}

/// All rows are probabilities that sum to 1.
fn are_probabilities<T: Number>(values: &[T], classes: usize, tolerance: T) -> bool {
    values.chunks_exact(classes).all(|row| {
        let are_shares = row.iter().all(|&x| x >= T::ZERO && x <= T::ONE + tolerance);
        let sum: f64 = row.iter().map(|&x| x.to_f64()).sum();
        are_shares && (sum - 1.0).abs() <= tolerance.to_f64()
    })
}

/// What was found in a block, with its place in the file and the file's name.
fn in_file(error: Error, side: Side, first: usize, classes: usize) -> Error {
    let before = first * classes;
    match error {
        Error::Nan { index, .. } => Error::Nan { side, index: before + index },
        Error::NegativeProbability { index, value, .. } => {
            Error::NegativeProbability { side, index: before + index, value }
        }
        Error::PositiveLogProbability { index, value, .. } => {
            Error::PositiveLogProbability { side, index: before + index, value }
        }
        Error::RowSum { row, sum, .. } => Error::RowSum { side, row: first + row, sum },
        other => other,
    }
}
