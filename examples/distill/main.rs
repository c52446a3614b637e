//! Distillation: a small student learns from a teacher's soft answers, with nothing but this crate's kernels.
//!
//! The student classifies handwritten digits and is right less often than its teacher. Its logits are corrected by a
//! scale and a bias for each class, `s·scale + bias`, twenty numbers that start at 1 and 0. They learn by gradient descent
//! on the divergence from the teacher's logits. Then it prints the loss over the steps, as numbers and as a drawing, and
//! what the corrected student says of the images.
//!
//! ```text
//! cargo run --release --example distill
//! cargo run --release --example distill -- --steps 400 --temperature 4 --divergence reverse
//! ```

mod curve;

use std::process::ExitCode;

use kldiv::{DistillLoss, Divergence, Error, Isa, Rows, Teacher, Upstream};
use npyz::NpyFile;

const CLASSES: usize = 10;

const HELP: &str = "\
Teaches a student of handwritten digits its teacher's answers: a scale and a bias for each class.

Usage: distill [OPTIONS]
  --steps N            steps of gradient descent (default 200)
  --rate X             step size (default 8)
  --temperature T      divides the logits of both (default 2)
  --divergence KIND    forward (default), reverse, js (Jensen-Shannon, equal shares)
  -h, --help           this text
";

struct Options {
    steps: usize,
    rate: f32,
    temperature: f32,
    divergence: Divergence<f32>,
}

/// Logits, a row for each image, and the digits that the images show.
struct Digits {
    student: Vec<f32>,
    teacher: Vec<f32>,
    labels: Vec<u32>,
}

/// What is learned.
struct Correction {
    scale: [f32; CLASSES],
    bias: [f32; CLASSES],
}

fn main() -> ExitCode {
    match options() {
        Ok(None) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Some(options)) => match run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&*error, ExitCode::FAILURE),
        },
        Err(error) => fail(&error, ExitCode::from(2)),
    }
}

fn fail(error: &dyn core::error::Error, code: ExitCode) -> ExitCode {
    eprintln!("distill: {error}");
    code
}

fn options() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;

    let mut options =
        Options { steps: 200, rate: 8.0, temperature: 2.0, divergence: Divergence::Forward };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("steps") => options.steps = parser.value()?.parse()?,
            Long("rate") => options.rate = parser.value()?.parse()?,
            Long("temperature") => options.temperature = parser.value()?.parse()?,
            Long("divergence") => {
                options.divergence = match parser.value()?.string()?.as_str() {
                    "forward" => Divergence::Forward,
                    "reverse" => Divergence::Reverse,
                    "js" => Divergence::JensenShannon { beta: 0.5 },
                    other => {
                        return Err(format!(
                            "--divergence {other}: not one of forward, reverse, js"
                        )
                        .into());
                    }
                }
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

fn run(options: &Options) -> Result<(), Box<dyn core::error::Error>> {
    let digits = load()?;
    let images = digits.labels.len();
    println!(
        "{images} images of handwritten digits, temperature {}, {} steps of {}, {}\n",
        options.temperature,
        options.steps,
        options.rate,
        Isa::best()
    );
    let mut correction = Correction { scale: [1.0; CLASSES], bias: [0.0; CLASSES] };
    let before = judge(&digits, &correction)?;
    let losses = learn(options, &digits, &mut correction)?;
    let after = judge(&digits, &correction)?;

    for (step, loss) in losses.iter().enumerate() {
        if step % (options.steps / 10).max(1) == 0 || step == options.steps {
            println!("step {step:>5}   loss {loss:.6}");
        }
    }
    println!("\n{}", curve::drawn(&losses));
    println!("student             as it was   corrected");
    println!("loss from teacher   {:>9.4}   {:>9.4}", losses[0], losses[losses.len() - 1]);
    println!("cross-entropy       {:>9.4}   {:>9.4}", before.cross_entropy, after.cross_entropy);
    println!("images named right  {:>9}   {:>9}", before.right, after.right);
    if losses[losses.len() - 1] < losses[0] || options.steps == 0 {
        Ok(())
    } else {
        Err("the loss did not fall: try a smaller --rate".into())
    }
}

fn load() -> Result<Digits, std::io::Error> {
    Ok(Digits {
        student: NpyFile::new(&include_bytes!("../data/digits_student_logits.npy")[..])?
            .into_vec()?,
        teacher: NpyFile::new(&include_bytes!("../data/digits_teacher_logits.npy")[..])?
            .into_vec()?,
        labels: NpyFile::new(&include_bytes!("../data/digits_labels.npy")[..])?.into_vec()?,
    })
}

/// The mean loss before each step and after the last.
fn learn(
    options: &Options,
    digits: &Digits,
    correction: &mut Correction,
) -> Result<Vec<f32>, Error> {
    let images = digits.labels.len();
    let teacher = Teacher::Logits(Rows::new(&digits.teacher, CLASSES)?);
    // The usual factor of the squared temperature keeps gradients comparable; the mean is over images.
    let factor = options.temperature * options.temperature / images as f32;
    let (mut losses, mut grad) = (vec![0.0; images], vec![0.0; images * CLASSES]);
    let mut curve = Vec::with_capacity(options.steps + 1);
    for step in 0..=options.steps {
        let logits = correction.apply(&digits.student);
        DistillLoss::new(Rows::new(&logits, CLASSES)?, teacher)?
            .temperature(options.temperature)?
            .divergence(options.divergence)?
            .loss_and_grad_student(Upstream::Uniform(factor), &mut losses, &mut grad)?;
        curve.push(losses.iter().sum::<f32>() / images as f32);
        if step < options.steps {
            correction.descend(&digits.student, &grad, options.rate);
        }
    }
    Ok(curve)
}

impl Correction {
    fn apply(&self, logits: &[f32]) -> Vec<f32> {
        let rows = logits.chunks_exact(CLASSES);
        rows.flat_map(|row| (0..CLASSES).map(|c| row[c] * self.scale[c] + self.bias[c])).collect()
    }

    /// `grad` is by the corrected logits: by the bias it sums over images, by the scale each times its logit.
    fn descend(&mut self, logits: &[f32], grad: &[f32], rate: f32) {
        let (mut by_scale, mut by_bias) = ([0.0; CLASSES], [0.0; CLASSES]);
        for (row, grad) in logits.chunks_exact(CLASSES).zip(grad.chunks_exact(CLASSES)) {
            for c in 0..CLASSES {
                by_scale[c] += grad[c] * row[c];
                by_bias[c] += grad[c];
            }
        }
        for c in 0..CLASSES {
            // Logits are tens: a scale moves them by as much as a bias that is tens larger.
            self.scale[c] -= rate / 100.0 * by_scale[c];
            self.bias[c] -= rate * by_bias[c];
        }
    }
}

struct Judgement {
    cross_entropy: f32,
    right: usize,
}

/// How the corrected student does on the digits that the images really show.
fn judge(digits: &Digits, correction: &Correction) -> Result<Judgement, Error> {
    let logits = correction.apply(&digits.student);
    let labels = Teacher::Classes(&digits.labels);
    let cross_entropy = DistillLoss::new(Rows::new(&logits, CLASSES)?, labels)?.weighted_mean();
    let named = logits.chunks_exact(CLASSES).map(|row| {
        (0..CLASSES).fold(0, |best, class| if row[class] > row[best] { class } else { best })
    });
    let right =
        named.zip(&digits.labels).filter(|&(named, &label)| named == label as usize).count();
    Ok(Judgement { cross_entropy, right })
}
