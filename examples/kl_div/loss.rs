//! The loss between files: their rows in blocks, reduced.

use core::sync::atomic::{AtomicBool, Ordering};
use std::io::Write;

use kldiv::{ExactSum, IGNORED};

use crate::args::{Job, Options, Reduction};
use crate::compare::Comparison;
use crate::long::LongRows;
use crate::number::{Number, shortest};
use crate::rows::{Done, Settings, Wanted, Worker};
use crate::{Failure, note, threads};

/// What is read of a file at once: little enough to stay in a core's cache until it has been used.
const BLOCK_BYTES: usize = 256 << 10;
/// More of it in Fortran order, where every class is a read of its own.
const FORTRAN_BLOCK_BYTES: usize = 4 << 20;
/// Longer rows are read in pieces.
const LONGEST_ROW_BYTES: usize = 4 << 20;
/// The same where each term is a line of text.
const LONGEST_PRINTED_BYTES: usize = 512 << 10;
/// For all threads together.
const MOST_BYTES: usize = 32 << 20;

pub(crate) fn print(job: &Job, out: &mut (impl Write + Send)) -> Result<(), Failure> {
    let files = Comparison::open(job)?;
    if files.needs_f64() {
        print_as::<f64>(&files, &job.options, out)
    } else {
        print_as::<f32>(&files, &job.options, out)
    }
}

fn print_as<T: Number>(
    files: &Comparison,
    options: &Options,
    out: &mut (impl Write + Send),
) -> Result<(), Failure> {
    let settings = Settings::<T>::new(options)?;
    let reduction = options.reduction.unwrap_or_default();
    let of_rows = files.labels.is_some() || options.distance;
    let divisor = match (reduction, files.batch) {
        (Reduction::Sum | Reduction::None | Reduction::Rows, _) => 1,
        (Reduction::Mean, _) if of_rows => files.counted_rows(),
        (Reduction::Mean, _) => files.rows * files.classes,
        (Reduction::BatchMean, Some(batch)) => batch,
        (Reduction::BatchMean, None) => {
            let what = "batchmean needs at least one dimension, the batch";
            return Err(Failure::Data(what.to_owned()));
        }
    };
    let wanted = match reduction {
        Reduction::None if !of_rows => Wanted::Terms,
        Reduction::Mean
        | Reduction::Sum
        | Reduction::BatchMean
        | Reduction::None
        | Reduction::Rows => Wanted::Losses,
    };
    let mut total = ExactSum::new();
    let take = |numbers: &[T]| {
        match reduction {
            Reduction::None | Reduction::Rows => {
                for &number in numbers {
                    writeln!(out, "{}", shortest(number))?;
                }
            }
            Reduction::Mean | Reduction::Sum | Reduction::BatchMean => {
                total.extend_from_slice(numbers);
            }
        }
        Ok(())
    };
    each_block(files, &settings, wanted, take)?;
    match reduction {
        Reduction::None | Reduction::Rows => return Ok(()),
        Reduction::Sum => writeln!(out, "{}", shortest(total.value::<T>()))?,
        Reduction::Mean | Reduction::BatchMean => {
            let mean = T::from_f64(total.value::<f64>() / divisor as f64);
            writeln!(out, "{}", shortest(mean))?;
        }
    }
    if divisor == 0 {
        note("note: a mean over nothing is NaN");
    }
    Ok(())
}

/// Calls `take` with the losses, or the terms, of all rows in their order.
fn each_block<T: Number>(
    files: &Comparison,
    settings: &Settings<T>,
    wanted: Wanted,
    mut take: impl FnMut(&[T]) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    if files.is_empty() {
        return Ok(());
    }
    let row_bytes = files.classes.saturating_mul(size_of::<T>());
    let longest = if wanted == Wanted::Terms { LONGEST_PRINTED_BYTES } else { LONGEST_ROW_BYTES };
    if row_bytes > longest {
        return each_long_row(files, settings, wanted, take);
    }
    let is_fortran = files.sides().any(|side| side.matrix.is_fortran());
    let block_bytes = if is_fortran { FORTRAN_BLOCK_BYTES } else { BLOCK_BYTES };
    let block_rows = (block_bytes / row_bytes).max(1);
    // What a worker keeps: two blocks, and the bytes that they came from.
    let kept = 4 * block_rows * row_bytes;
    let count = match wanted {
        Wanted::Terms => 1,
        Wanted::Losses => threads::count().min(MOST_BYTES / kept).max(1),
    };
    let workers: Vec<Worker<T>> = (0..count).map(|_| Worker::new()).collect();
    let is_settled = AtomicBool::new(false);
    threads::in_order(
        files.rows.div_ceil(block_rows),
        workers,
        |worker, block| {
            let start = block * block_rows;
            let rows = start..files.rows.min(start + block_rows);
            worker.work(files, settings, wanted, rows, &is_settled)
        },
        |done: Done<T>| {
            if let Some(doubt) = &done.doubt
                && !is_settled.swap(true, Ordering::Relaxed)
            {
                note(&format!("note: {doubt}"));
            }
            take(&done.numbers)
        },
    )
}

fn each_long_row<T: Number>(
    files: &Comparison,
    settings: &Settings<T>,
    wanted: Wanted,
    mut take: impl FnMut(&[T]) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let mut long = LongRows::new(files, *settings);
    let mut labels = Vec::new();
    let mut scratch = Default::default();
    for row in 0..files.rows {
        if let Some(file) = &files.labels {
            file.read(row..row + 1, &mut labels, &mut scratch)?;
        }
        match (wanted, labels.first().copied()) {
            (Wanted::Terms, _) => long.terms(row, &mut take)?,
            (Wanted::Losses, Some(IGNORED)) => take(&[T::ZERO])?,
            (Wanted::Losses, label) => take(&[long.loss(row, label)?])?,
        }
    }
    Ok(())
}
