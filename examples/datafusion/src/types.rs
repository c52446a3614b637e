//! Which types of arguments the functions take, and to which the engine converts them first.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};

use crate::comparison::OPTIONS;
use crate::lists::{numbers_of, with_numbers};

/// What stands between the two lists and the options.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Weights {
    /// Nothing: the options follow at once.
    None,
    /// A column of weights, if there is a third argument.
    Third,
}

/// The types that a function is called with, given those that a query has: both lists of the wider of
/// the two types of numbers, weights of what is computed in, options as numbers and texts.
pub(crate) fn coerced(name: &str, types: &[DataType], weights: Weights) -> Result<Vec<DataType>> {
    let (weight, between) = match weights {
        Weights::None => ("", 0),
        Weights::Third => ("[, weight", 1),
    };
    let most = 2 + between + OPTIONS.len();
    let [student, teacher, further @ ..] = types else {
        return plan_err!("{name} takes two lists, found {} arguments", types.len());
    };
    if types.len() > most {
        return plan_err!(
            "{name}(student, teacher{weight}[, {}) takes at most {most} arguments, found {}",
            OPTIONS.join("[, "),
            types.len()
        );
    }
    let numbers = wider(name, student, teacher)?;
    let listed = |list: &DataType, other: &DataType| match (list, other) {
        (DataType::Null, DataType::Null) => DataType::new_list(numbers.clone(), true),
        (DataType::Null, other) => with_numbers(other, &numbers),
        (list, _) => with_numbers(list, &numbers),
    };
    let mut wanted = vec![listed(student, teacher), listed(teacher, student)];
    let after = [DataType::Float64, DataType::Utf8, DataType::Utf8];
    let before = [computed_in(&numbers)];
    wanted.extend(before.into_iter().take(between).chain(after).take(further.len()));
    for (place, (found, wanted)) in types.iter().zip(&wanted).enumerate().skip(2) {
        let fits = match wanted {
            DataType::Utf8 => found.is_string() || found.is_null(),
            _ => found.is_numeric() || found.is_null(),
        };
        if !fits {
            return plan_err!("{name}: argument {} has to be {wanted}, found {found}", place + 1);
        }
    }
    Ok(wanted)
}

/// The type in which the numbers of both lists have a place.
fn wider(name: &str, student: &DataType, teacher: &DataType) -> Result<DataType> {
    let mut widest = None;
    for (side, list) in [("student", student), ("teacher", teacher)] {
        if list.is_null() {
            continue;
        }
        let width = match numbers_of(list) {
            Some(DataType::Float16) => 16,
            Some(DataType::Float32) => 32,
            Some(DataType::Float64) => 64,
            _ => {
                return plan_err!(
                    "{name}: the {side} has to be a list of Float16, Float32 or Float64, found {list}"
                );
            }
        };
        widest = widest.max(Some(width));
    }
    Ok(match widest {
        Some(16) => DataType::Float16,
        Some(64) => DataType::Float64,
        _ => DataType::Float32,
    })
}

/// What lists of these numbers are computed in.
pub(crate) fn computed_in(numbers: &DataType) -> DataType {
    match numbers {
        DataType::Float64 => DataType::Float64,
        _ => DataType::Float32,
    }
}
