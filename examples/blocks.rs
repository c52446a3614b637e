//! Distillation of language models without their logits in memory: hidden states times weights, 4,096 classes at a
//! time, the loss and its gradient for the hidden states.
//!
//! A row of logits never stands in memory whole. Each block is multiplied twice: once for what it says of its rows
//! (`row_states`), and once more, when the rows are known, for its part of the gradient (`grad_student_within`), which
//! goes back through the weights at once. What is kept is a block of logits for each side and eight numbers a row.
//!
//! ```text
//! cargo run --release --example blocks
//! ```
//!
//! At the end it checks itself: against whole rows of logits.

use std::process::ExitCode;

use kldiv::{DistillLoss, Error, RowState, Rows, Teacher, Upstream};

const ROWS: usize = 4;
const CLASSES: usize = 32_000;
const BLOCK: usize = 4_096;
const TEMPERATURE: f32 = 2.0;

/// A model's last layer: logits are hidden states times weights.
struct Model {
    width: usize,
    /// `ROWS` states of that many numbers.
    hidden: Vec<f32>,
    /// As many numbers for each class.
    weights: Vec<f32>,
}

impl Model {
    fn new(width: usize, seed: u32) -> Self {
        let mut bits = seed;
        let mut next = || {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (bits >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let hidden = (0..ROWS * width).map(|_| 2.0 * next()).collect();
        let weights = (0..CLASSES * width).map(|_| next()).collect();
        Model { width, hidden, weights }
    }

    /// The logits of the classes from `start` on, a row for each state: as many as fit.
    fn logits(&self, start: usize, logits: &mut [f32]) {
        let classes = logits.len() / ROWS;
        let weights = &self.weights[start * self.width..];
        for (logits, hidden) in logits.chunks_mut(classes).zip(self.hidden.chunks_exact(self.width))
        {
            for (logit, weights) in logits.iter_mut().zip(weights.chunks_exact(self.width)) {
                *logit = hidden.iter().zip(weights).map(|(h, w)| h * w).sum();
            }
        }
    }

    /// Adds to the gradient of the hidden states what comes back from the logits of these classes.
    fn back(&self, start: usize, of_logits: &[f32], of_hidden: &mut [f32]) {
        let classes = of_logits.len() / ROWS;
        let weights = &self.weights[start * self.width..];
        for (of_logits, of_hidden) in
            of_logits.chunks(classes).zip(of_hidden.chunks_exact_mut(self.width))
        {
            for (slope, weights) in of_logits.iter().zip(weights.chunks_exact(self.width)) {
                for (sum, weight) in of_hidden.iter_mut().zip(weights) {
                    *sum += slope * weight;
                }
            }
        }
    }
}

/// The losses of the rows and the gradient of the student's hidden states, from a block of classes at a time.
fn distill(student: &Model, teacher: &Model) -> Result<(Vec<f32>, Vec<f32>), Error> {
    let mut logits = vec![0.0; ROWS * BLOCK];
    let mut of_teacher = vec![0.0; ROWS * BLOCK];
    let mut slopes = vec![0.0; ROWS * BLOCK];
    let mut states = vec![RowState::new(); ROWS];
    let mut gradient = vec![0.0; student.hidden.len()];
    for is_second in [false, true] {
        for start in (0..CLASSES).step_by(BLOCK) {
            let classes = BLOCK.min(CLASSES - start);
            let length = ROWS * classes;
            student.logits(start, &mut logits[..length]);
            teacher.logits(start, &mut of_teacher[..length]);
            let rows = Rows::new(&logits[..length], classes)?;
            let teacher = Teacher::Logits(Rows::new(&of_teacher[..length], classes)?);
            let loss = DistillLoss::new(rows, teacher)?.temperature(TEMPERATURE)?;
            if is_second {
                let upstream = Upstream::Uniform(TEMPERATURE * TEMPERATURE / ROWS as f32);
                loss.grad_student_within(&states, upstream, &mut slopes[..length])?;
                student.back(start, &slopes[..length], &mut gradient);
            } else {
                loss.row_states(&mut states)?;
            }
        }
    }
    Ok((states.iter().map(RowState::loss).collect(), gradient))
}

/// The same from whole rows of logits.
fn of_whole_rows(student: &Model, teacher: &Model) -> Result<(Vec<f32>, Vec<f32>), Error> {
    let mut logits = vec![0.0; ROWS * CLASSES];
    let mut of_teacher = logits.clone();
    student.logits(0, &mut logits);
    teacher.logits(0, &mut of_teacher);
    let of_teacher = Teacher::Logits(Rows::new(&of_teacher, CLASSES)?);
    let loss =
        DistillLoss::new(Rows::new(&logits, CLASSES)?, of_teacher)?.temperature(TEMPERATURE)?;
    let (mut losses, mut slopes) = (vec![0.0; ROWS], vec![0.0; ROWS * CLASSES]);
    let upstream = Upstream::Uniform(TEMPERATURE * TEMPERATURE / ROWS as f32);
    loss.loss_and_grad_student(upstream, &mut losses, &mut slopes)?;
    let mut gradient = vec![0.0; student.hidden.len()];
    student.back(0, &slopes, &mut gradient);
    Ok((losses, gradient))
}

fn run() -> Result<bool, Error> {
    let (student, teacher) = (Model::new(32, 1), Model::new(48, 2));
    let (losses, gradient) = distill(&student, &teacher)?;
    let (whole_losses, whole_gradient) = of_whole_rows(&student, &teacher)?;
    println!("row  loss by blocks  loss of the whole row");
    for (row, (loss, whole)) in losses.iter().zip(&whole_losses).enumerate() {
        println!("{row:>3}  {loss:>14.6}  {whole:>21.6}");
    }
    let apart = |a: &[f32], b: &[f32]| {
        let size = b.iter().fold(0.0_f32, |size, x| size.max(x.abs()));
        a.iter().zip(b).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs())) / size
    };
    let apart = [apart(&losses, &whole_losses), apart(&gradient, &whole_gradient)];
    println!("relative differences: losses {:.1e}, gradient {:.1e}", apart[0], apart[1]);
    let kib = |classes: usize| 3 * ROWS * classes * size_of::<f32>() / 1024;
    println!("logits in memory: {} KiB, whole rows {} KiB", kib(BLOCK), kib(CLASSES));
    Ok(apart.iter().all(|&apart| apart < 1e-5))
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("blocks and whole rows differ");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
