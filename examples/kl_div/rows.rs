//! Losses of rows of logits.

use core::fmt::Debug;
use std::io::Write;

use kldiv::{DistillLoss, Element, Error, Rows, Teacher};

use crate::Failure;
use crate::args::{self, Options, Reduction};

/// What a file may hold.
pub(crate) trait Number: Element<Real = Self> + Debug + From<f32> {
    fn nearest(value: f64) -> Self;
}

impl Number for f32 {
    fn nearest(value: f64) -> f32 {
        value as f32
    }
}

impl Number for f64 {
    fn nearest(value: f64) -> f64 {
        value
    }
}

pub(crate) fn no_classes() -> Failure {
    Failure::Data("logits need at least one dimension, the classes".to_owned())
}

/// Rows over the last dimension, if there is one.
pub(crate) fn of<'a, T: Element>(
    shape: &[usize],
    values: &'a [T],
) -> Option<Result<Rows<'a, T>, Error>> {
    shape.last().map(|&classes| Rows::new(values, classes))
}

pub(crate) fn with_labels<T: Number>(
    options: &Options,
    shape: &[usize],
    logits: &[T],
    labels: &[u32],
    out: &mut impl Write,
) -> Result<(), Failure> {
    let student = of(shape, logits).ok_or_else(no_classes)??;
    print(options, shape, student, Teacher::Classes(labels), out)
}

pub(crate) fn print<T: Number>(
    options: &Options,
    shape: &[usize],
    student: Rows<'_, T>,
    teacher: Teacher<'_, T>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let divergence = match options.divergence {
        None | Some(args::Divergence::Forward) => kldiv::Divergence::Forward,
        Some(args::Divergence::Reverse) => kldiv::Divergence::Reverse,
        Some(args::Divergence::JensenShannon) => {
            kldiv::Divergence::JensenShannon { beta: T::from(0.5) }
        }
    };
    let temperature = T::nearest(options.temperature.unwrap_or(1.0));
    let mut loss =
        DistillLoss::new(student, teacher)?.temperature(temperature)?.divergence(divergence)?;
    if let Some(isa) = options.isa {
        loss = loss.on(isa)?;
    }
    // A temperature that means nothing is an error here, and would be NaN below.
    let mut losses = vec![T::from(0.0); student.rows()];
    loss.row_losses(&mut losses)?;
    let reduction = match options.reduction {
        Reduction::None => {
            for loss in losses {
                writeln!(out, "{loss:?}")?;
            }
            return Ok(());
        }
        Reduction::Mean => kldiv::Reduction::Mean,
        Reduction::Sum => kldiv::Reduction::Sum,
        Reduction::BatchMean => {
            kldiv::Reduction::BatchMean(shape.first().copied().unwrap_or_default())
        }
    };
    Ok(writeln!(out, "{:?}", loss.reduce(reduction))?)
}
