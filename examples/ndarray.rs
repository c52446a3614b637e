//! Losses and gradients of `ndarray` matrices: no copies, padded columns, batches on threads.
//!
//! The student and the teacher are those of the digits; a column and a half of memory is wasted on padding, as aligned
//! matrix products leave it. Every result is compared with what it must be; at the end the same loss, written with
//! ndarray's own operations, shows what that costs.
//!
//! ```text
//! cargo run --release --example ndarray
//! ```

use core::error::Error;
use core::hint::black_box;
use std::thread;
use std::time::Instant;

use kldiv::{DistillLoss, Rows, Teacher, Upstream};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, s};
use npyz::NpyFile;

const CLASSES: usize = 10;
/// Columns in memory.
const PADDED: usize = 16;
const TEMPERATURE: f32 = 2.0;

/// A view's rows, where they are. The view may be of a part of a matrix's rows, not of its columns: to leave columns out,
/// say fewer `classes` than there are.
fn rows<'a>(view: ArrayView2<'a, f32>, classes: usize) -> Result<Rows<'a, f32>, Box<dyn Error>> {
    let columns = view.ncols();
    let values =
        view.to_slice().ok_or("not in standard layout: take view.as_standard_layout() first")?;
    Ok(Rows::strided(values, classes, columns)?)
}

/// Row losses and the student's gradient, of matrices whose first `classes` columns count.
fn losses_and_grad(
    student: ArrayView2<'_, f32>,
    teacher: ArrayView2<'_, f32>,
    classes: usize,
    factor: f32,
    losses: ArrayViewMut1<'_, f32>,
    grad: ArrayViewMut2<'_, f32>,
) -> Result<(), Box<dyn Error>> {
    let losses = losses.into_slice().ok_or("losses are not in one piece")?;
    let grad = grad.into_slice().ok_or("the gradient is not in one piece")?;
    DistillLoss::new(rows(student, classes)?, Teacher::Logits(rows(teacher, classes)?))?
        .temperature(TEMPERATURE)?
        .loss_and_grad_student(Upstream::Uniform(factor), losses, grad)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (student, teacher) = (
        digits(include_bytes!("data/digits_student_logits.npy"))?,
        digits(include_bytes!("data/digits_teacher_logits.npy"))?,
    );
    let images = student.nrows();
    let factor = TEMPERATURE * TEMPERATURE / images as f32;

    // The plain case: an Array1 of losses and an Array2 of gradients.
    let (mut losses, mut grad) = (Array1::zeros(images), Array2::zeros(student.raw_dim()));
    losses_and_grad(
        student.view(),
        teacher.view(),
        CLASSES,
        factor,
        losses.view_mut(),
        grad.view_mut(),
    )?;
    let mean = losses.mean().unwrap_or_default();
    println!("{images} images, temperature {TEMPERATURE}: mean loss {mean:.6}");
    println!("gradient of the first image, times their number:");
    println!("{:8.4}\n", &grad.row(0) * images as f32);
    // The gradient of a row sums to nothing: a constant added to its logits changes no softmax.
    assert!(grad.sum_axis(Axis(1)).iter().all(|sum| sum.abs() < 1e-6));
    assert!((mean - by_ndarray(&student, &teacher)).abs() < 1e-6);

    padded_columns(&student, &teacher, &losses, &grad, factor)?;
    batches_on_threads(&student, &teacher, &losses, &grad, factor)?;
    refused(&student);
    times();
    Ok(())
}

fn digits(file: &[u8]) -> Result<Array2<f32>, Box<dyn Error>> {
    let values = NpyFile::new(file)?.into_vec()?;
    Ok(Array2::from_shape_vec((values.len() / CLASSES, CLASSES), values)?)
}

/// The same in matrices with columns that don't count, whatever they hold.
fn padded_columns(
    student: &Array2<f32>,
    teacher: &Array2<f32>,
    losses: &Array1<f32>,
    grad: &Array2<f32>,
    factor: f32,
) -> Result<(), Box<dyn Error>> {
    let padded = |logits: &Array2<f32>| {
        let mut wide = Array2::from_elem((logits.nrows(), PADDED), f32::NAN);
        wide.slice_mut(s![.., ..CLASSES]).assign(logits);
        wide
    };
    let (student, teacher) = (padded(student), padded(teacher));
    let mut found = (Array1::zeros(losses.len()), Array2::zeros(student.raw_dim()));
    losses_and_grad(
        student.view(),
        teacher.view(),
        CLASSES,
        factor,
        found.0.view_mut(),
        found.1.view_mut(),
    )?;
    assert_eq!(&found.0, losses);
    assert_eq!(found.1.slice(s![.., ..CLASSES]), grad);
    assert!(found.1.slice(s![.., CLASSES..]).iter().all(|&padding| padding == 0.0));

    // Every third row, still without a copy: its stride is that of three.
    let values = student.as_slice().ok_or("not in standard layout")?;
    let third = Rows::strided(values, CLASSES, 3 * PADDED)?;
    let mut thirds = vec![0.0; third.rows()];
    let values = teacher.as_slice().ok_or("not in standard layout")?;
    DistillLoss::new(third, Teacher::Logits(Rows::strided(values, CLASSES, 3 * PADDED)?))?
        .temperature(TEMPERATURE)?
        .row_losses(&mut thirds)?;
    assert!(
        losses.iter().step_by(3).zip(&thirds).all(|(a, b)| (a - b).abs() <= 1e-6 * a.max(1e-3))
    );
    println!(
        "{PADDED} columns of which {CLASSES} count, and every third row of them: the same losses and gradients"
    );
    Ok(())
}

/// The same in three batches, a thread each: a batch is a view, its results are views of the whole.
fn batches_on_threads(
    student: &Array2<f32>,
    teacher: &Array2<f32>,
    losses: &Array1<f32>,
    grad: &Array2<f32>,
    factor: f32,
) -> Result<(), Box<dyn Error>> {
    const BATCHES: usize = 3;
    let of_batch = losses.len() / BATCHES;
    let batches = (BATCHES, of_batch, CLASSES);
    let (student, teacher) = (student.to_shape(batches)?, teacher.to_shape(batches)?);
    let mut found = (Array2::zeros((BATCHES, of_batch)), ndarray::Array3::zeros(batches));
    thread::scope(|scope| {
        let inputs = student.axis_iter(Axis(0)).zip(teacher.axis_iter(Axis(0)));
        let outputs = found.0.axis_iter_mut(Axis(0)).zip(found.1.axis_iter_mut(Axis(0)));
        for ((student, teacher), (losses, grad)) in inputs.zip(outputs) {
            // Unoptimised, the kernels need more than the two megabytes that threads have.
            let thread = thread::Builder::new().stack_size(8 << 20);
            let work = move || {
                losses_and_grad(student, teacher, CLASSES, factor, losses, grad)
                    .expect("batches fit each other")
            };
            thread.spawn_scoped(scope, work).expect("a thread can be started");
        }
    });
    assert!(found.0.iter().eq(losses));
    assert!(found.1.iter().eq(grad));
    println!("{BATCHES} batches on {BATCHES} threads: the same bits");
    Ok(())
}

/// Errors name what does not fit.
fn refused(student: &Array2<f32>) {
    let columns_first = student.t();
    let error = rows(columns_first, CLASSES).expect_err("rows are not in one piece");
    println!("a transposed view is refused: {error}");
    let error = rows(student.view(), CLASSES + 1).expect_err("there is no such column");
    println!("an eleventh class is refused: {error}\n");
    assert_eq!(error.to_string(), "rows of 11 classes cannot begin every 10 elements");
}

/// The mean loss, in ndarray's own operations.
fn by_ndarray(student: &Array2<f32>, teacher: &Array2<f32>) -> f32 {
    let log_softmax = |logits: &Array2<f32>| {
        let logits = logits / TEMPERATURE;
        let largest = logits.map_axis(Axis(1), |row| row.fold(f32::NEG_INFINITY, |a, &b| a.max(b)));
        let shifted = logits - largest.insert_axis(Axis(1));
        let sums = shifted.mapv(f32::exp).sum_axis(Axis(1)).mapv(f32::ln);
        shifted - sums.insert_axis(Axis(1))
    };
    let (student, teacher) = (log_softmax(student), log_softmax(teacher));
    let terms = teacher.mapv(f32::exp) * (&teacher - &student);
    terms.sum() / student.nrows() as f32
}

/// Medians of turns: the machine may be busy with something else in some of them.
fn times() {
    println!("rows × classes    ndarray's operations    kldiv    times as fast");
    for (rows, classes) in [(1_797, 10), (64, 32_000)] {
        let logits = |seed: u32| {
            let mut state = seed;
            Array2::from_shape_simple_fn((rows, classes), || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 21) as f32
            })
        };
        let (student, teacher) = (logits(1), logits(2));
        let mut losses = Array1::zeros(rows);
        let mut by_kldiv = || {
            let values = (student.as_slice(), teacher.as_slice(), losses.as_slice_mut());
            let (Some(student), Some(teacher), Some(losses)) = values else { return f32::NAN };
            let loss = Rows::new(student, classes)
                .and_then(|student| {
                    DistillLoss::new(student, Teacher::Logits(Rows::new(teacher, classes)?))
                })
                .and_then(|loss| loss.temperature(TEMPERATURE));
            if let Ok(loss) = loss {
                let done = loss.row_losses(losses);
                assert_eq!(done, Ok(()));
            }
            losses.iter().sum::<f32>() / rows as f32
        };
        let mut taken = [vec![], vec![]];
        for _ in 0..9 {
            let start = Instant::now();
            let one = black_box(by_ndarray(black_box(&student), &teacher));
            taken[0].push(start.elapsed().as_secs_f64());
            let start = Instant::now();
            let other = black_box(by_kldiv());
            taken[1].push(start.elapsed().as_secs_f64());
            assert!((one - other).abs() < 1e-3 * other, "{one} and {other}");
        }
        let [one, other] = taken.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2] * 1e9 / (rows * classes) as f64
        });
        let size = format!("{rows} × {classes}");
        println!("{size:<17} {one:>17.2} ns   {other:>6.2} ns   {:>13.1}", one / other);
    }
}
