//! All rows of a comparison, a block at a time.

use core::sync::atomic::{AtomicBool, Ordering};

use kldiv::IGNORED;

use crate::compare::Comparison;
use crate::facts::Facts;
use crate::long::LongRows;
use crate::number::Number;
use crate::progress::Progress;
use crate::rows::{Done, Settings, Wanted, Worker};
use crate::{Failure, threads};

/// What is read of a file at once: little enough to stay in a core's cache until it has been used.
const BLOCK_BYTES: usize = 256 << 10;
/// More of it in Fortran order, where every class is a read of its own.
const FORTRAN_BLOCK_BYTES: usize = 4 << 20;
/// Longer rows are read in pieces.
const LONGEST_ROW_BYTES: usize = 4 << 20;
/// The same where each term is a line of text.
const LONGEST_PRINTED_BYTES: usize = 512 << 10;
/// What is told of a row takes room too, however few classes it has.
const MOST_ROWS: usize = 8 << 10;
/// Rows whose results may wait for those before them.
const MOST_WAITING: usize = 32 << 10;
/// For all threads together.
const MOST_BYTES: usize = 32 << 20;

/// Calls `take` with what comes of all rows, in their order.
pub(crate) fn each<T: Number>(
    files: &Comparison,
    settings: &Settings<T>,
    wanted: Wanted,
    progress: &mut Progress,
    mut take: impl FnMut(&Done<T>) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    if files.is_empty() {
        return Ok(());
    }
    let row_bytes = files.classes.saturating_mul(size_of::<T>());
    let longest = if wanted == Wanted::Terms { LONGEST_PRINTED_BYTES } else { LONGEST_ROW_BYTES };
    if row_bytes > longest {
        return each_long(files, settings, wanted, progress, take);
    }
    let is_fortran = files.sides().any(|side| side.matrix.is_fortran());
    let (block_bytes, most_rows) =
        if is_fortran { (FORTRAN_BLOCK_BYTES, 4 * MOST_ROWS) } else { (BLOCK_BYTES, MOST_ROWS) };
    // Padding may be read along.
    let widest = files.sides().map(|side| side.matrix.columns * size_of::<T>()).max();
    let block_rows = (block_bytes / widest.unwrap_or(row_bytes)).clamp(1, most_rows);
    // What a worker keeps: two blocks, and the bytes that they came from.
    let kept = 4 * block_rows * row_bytes;
    let count = match wanted {
        Wanted::Terms => 1,
        Wanted::Losses | Wanted::Facts => threads::count().min(MOST_BYTES / kept).max(1),
    };
    let workers: Vec<Worker<T>> = (0..count).map(|_| Worker::new()).collect();
    let is_settled = AtomicBool::new(false);
    threads::in_order(
        files.rows.div_ceil(block_rows),
        (MOST_WAITING / block_rows).max(2 * count),
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
                progress.note(&format!("note: {doubt}"));
            }
            progress.advance(files.bytes(done.rows * files.classes));
            take(&done)
        },
    )
}

fn each_long<T: Number>(
    files: &Comparison,
    settings: &Settings<T>,
    wanted: Wanted,
    progress: &mut Progress,
    mut take: impl FnMut(&Done<T>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut long = LongRows::new(files, *settings, progress);
    let mut scratch = Default::default();
    for row in 0..files.rows {
        let mut done = Done::new(row..row + 1);
        if let Some(file) = &files.labels {
            file.read(row..row + 1, &mut done.labels, &mut scratch)?;
        }
        match (wanted, done.labels.first().copied()) {
            (Wanted::Terms, _) => {
                long.terms(row, &mut done.numbers, |numbers| {
                    let mut piece = Done::new(row..row + 1);
                    core::mem::swap(&mut piece.numbers, numbers);
                    let taken = take(&piece);
                    core::mem::swap(&mut piece.numbers, numbers);
                    taken
                })?;
                continue;
            }
            (Wanted::Losses | Wanted::Facts, Some(IGNORED)) => {
                (done.numbers, done.facts) = (vec![T::ZERO], vec![Facts::default()]);
            }
            (Wanted::Losses | Wanted::Facts, label) => {
                let (loss, facts) = long.row(row, label)?;
                (done.numbers, done.facts) = (vec![loss], vec![facts]);
            }
        }
        take(&done)?;
    }
    Ok(())
}
