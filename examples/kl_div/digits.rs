//! The report on two digit classifiers: a linear student beside a two-layer teacher.

use core::hint::black_box;
use std::io::Write;
use std::time::Instant;

use kldiv::{Element, Error, Input, Isa, KlDiv, Reduction, Rows, Target};

use crate::{Failure, npy};

const CLASSES: usize = 10;

/// What PyTorch 2.15 says of the same logits in f64; from `examples/data/README.md`.
const KNOWN: [(&str, f64); 5] = [
    ("sum", 419.6166480383254),
    ("mean", 0.0233509542592279),
    ("batchmean", 0.233509542592279),
    ("batchmean at temperature 4", 0.5819980894682877),
    ("cross-entropy with the labels", 0.270946559229898),
];
/// Relative errors within which a known value counts as met.
const F32_TOLERANCE: f64 = 1e-6;
const F64_TOLERANCE: f64 = 1e-13;

const TIMINGS: usize = 101;
const BAR_WIDTH: f64 = 40.0;

/// One row of logits and one label an image.
struct Digits {
    student: Vec<f32>,
    teacher: Vec<f32>,
    labels: Vec<u32>,
}

/// What the networks say, as the loss takes it.
struct Distributions<T> {
    student_ln: Vec<T>,
    teacher: Vec<T>,
}

impl<T: Element> Distributions<T> {
    fn kl(&self) -> Result<KlDiv<'_, T>, Error> {
        KlDiv::new(Input::LogProbs(&self.student_ln), Target::Probs(&self.teacher))
    }
}

pub(crate) fn report(out: &mut impl Write) -> Result<(), Failure> {
    let digits = load()?;
    let distributions = distributions(&digits.student, &digits.teacher)?;
    let kl = distributions.kl()?;
    writeln!(
        out,
        "KL(teacher || student) in nats, f32: {} images of handwritten digits, {CLASSES} classes, {}\n",
        digits.labels.len(),
        Isa::best()
    )?;
    print_losses(&kl, digits.labels.len(), out)?;
    print_classes(&kl, &digits.labels, out)?;
    let mut failed = print_instruction_sets(&kl, out)?;
    failed += print_known_values(&digits, out)?;
    if failed == 0 { Ok(()) } else { Err(Failure::Checks(failed)) }
}

fn load() -> Result<Digits, Failure> {
    Ok(Digits {
        student: npy::built_in(
            "digits_student_logits.npy",
            include_bytes!("../data/digits_student_logits.npy"),
        )?,
        teacher: npy::built_in(
            "digits_teacher_logits.npy",
            include_bytes!("../data/digits_teacher_logits.npy"),
        )?,
        labels: npy::built_in("digits_labels.npy", include_bytes!("../data/digits_labels.npy"))?,
    })
}

fn distributions<T: Element<Real = T> + From<f32>>(
    student: &[T],
    teacher: &[T],
) -> Result<Distributions<T>, Error> {
    let mut student_ln = vec![T::from(0.0); student.len()];
    kldiv::log_softmax(Rows::new(student, CLASSES)?, &mut student_ln)?;
    let mut teacher_probs = vec![T::from(0.0); teacher.len()];
    kldiv::softmax(Rows::new(teacher, CLASSES)?, &mut teacher_probs)?;
    Ok(Distributions { student_ln, teacher: teacher_probs })
}

fn print_losses(kl: &KlDiv<'_, f32>, images: usize, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "reduction   loss")?;
    for reduction in [Reduction::Sum, Reduction::Mean, Reduction::BatchMean(images)] {
        let name = reduction.to_string();
        writeln!(out, "{name:<11} {:?}", kl.reduce(reduction))?;
    }
    Ok(writeln!(out)?)
}

/// Each class twice: the terms of its column, and the loss of the images that show it.
fn print_classes(kl: &KlDiv<'_, f32>, labels: &[u32], out: &mut impl Write) -> Result<(), Failure> {
    let columns = column_sums(kl)?;
    let losses = losses_by_label(kl, labels)?;
    let most = losses.iter().map(|loss| loss.mean()).fold(0.0, f64::max);
    writeln!(out, "class   sum of its terms   images   mean loss of an image")?;
    for (class, (column, loss)) in columns.iter().zip(&losses).enumerate() {
        let mean = loss.mean();
        let bar = "#".repeat((mean / most * BAR_WIDTH).round() as usize);
        writeln!(out, "{class:>5}   {column:>16.4}   {:>6}   {mean:.4} {bar}", loss.images)?;
    }
    let all: f64 = columns.iter().sum();
    writeln!(
        out,
        "  all   {all:>16.4}   {:>6}   {:.4}\n",
        labels.len(),
        all / labels.len() as f64
    )?;
    Ok(())
}

fn column_sums(kl: &KlDiv<'_, f32>) -> Result<[f64; CLASSES], Error> {
    let mut terms = vec![0.0; kl.len()];
    kl.pointwise(&mut terms)?;
    let mut sums = [0.0; CLASSES];
    for row in terms.chunks_exact(CLASSES) {
        for (sum, &term) in sums.iter_mut().zip(row) {
            *sum += f64::from(term);
        }
    }
    Ok(sums)
}

#[derive(Clone, Copy, Default)]
struct ClassLoss {
    images: u32,
    sum: f64,
}

impl ClassLoss {
    fn mean(&self) -> f64 {
        self.sum / f64::from(self.images)
    }
}

fn losses_by_label(kl: &KlDiv<'_, f32>, labels: &[u32]) -> Result<[ClassLoss; CLASSES], Error> {
    let mut row_sums = vec![0.0; labels.len()];
    kl.row_sums(&mut row_sums)?;
    let mut losses = [ClassLoss::default(); CLASSES];
    for (&label, &row) in labels.iter().zip(&row_sums) {
        let loss = &mut losses[label as usize];
        loss.images += 1;
        loss.sum += f64::from(row);
    }
    Ok(losses)
}

/// Each instruction set of this machine on the same numbers; returns how many checks failed.
fn print_instruction_sets(kl: &KlDiv<'_, f32>, out: &mut impl Write) -> Result<usize, Failure> {
    let expected = bits(&kl.on(Isa::Scalar)?)?;
    let scalar_time = nanoseconds_per_element(&kl.on(Isa::Scalar)?);
    let mut equal = true;
    writeln!(out, "instruction set   bits of the sum   ns an element   times scalar's speed")?;
    for isa in Isa::available() {
        let kl = kl.on(isa)?;
        let found = bits(&kl)?;
        let time = if isa == Isa::Scalar { scalar_time } else { nanoseconds_per_element(&kl) };
        let name = isa.to_string();
        let speed = scalar_time / time;
        writeln!(out, "{name:<15}   {:#010x}        {time:>13.3}   {speed:>20.1}", found.sum)?;
        equal &= found == expected;
    }
    let verdict = verdict(equal);
    writeln!(out, "the same bits on each, in the sum and in all {} terms: {verdict}\n", kl.len())?;
    Ok(usize::from(!equal))
}

/// Results by their bits, which `==` on floats would not compare.
#[derive(PartialEq)]
struct Bits {
    sum: u32,
    terms: Vec<u32>,
}

fn bits(kl: &KlDiv<'_, f32>) -> Result<Bits, Error> {
    let mut terms = vec![0.0; kl.len()];
    kl.pointwise(&mut terms)?;
    Ok(Bits { sum: kl.sum().to_bits(), terms: terms.into_iter().map(f32::to_bits).collect() })
}

/// The median of many sums, since another program may be running during some of them.
fn nanoseconds_per_element(kl: &KlDiv<'_, f32>) -> f64 {
    let mut times = [0.0; TIMINGS];
    for time in &mut times {
        let start = Instant::now();
        black_box(black_box(kl).sum());
        *time = start.elapsed().as_secs_f64();
    }
    times.sort_by(f64::total_cmp);
    times[TIMINGS / 2] * 1e9 / kl.len() as f64
}

/// The check against `KNOWN`; returns how many failed.
fn print_known_values(digits: &Digits, out: &mut impl Write) -> Result<usize, Failure> {
    let single = known_quantities::<f32>(digits)?;
    let double = known_quantities::<f64>(digits)?;
    let mut failed = 0;
    writeln!(
        out,
        "known value                     PyTorch 2.15, f64     type   here                  relative error"
    )?;
    for ((name, known), (f32_value, f64_value)) in KNOWN.iter().zip(single.iter().zip(&double)) {
        let f32_error = (f64::from(*f32_value) / known - 1.0).abs();
        let f64_error = (f64_value / known - 1.0).abs();
        let (f32_met, f64_met) = (f32_error <= F32_TOLERANCE, f64_error <= F64_TOLERANCE);
        writeln!(
            out,
            "{name:<29}   {known:<19}   f32    {f32_value:<19?}   {f32_error:.1e} {}",
            verdict(f32_met)
        )?;
        writeln!(
            out,
            "{:<51}   f64    {f64_value:<19?}   {f64_error:.1e} {}",
            "",
            verdict(f64_met)
        )?;
        failed += usize::from(!f32_met) + usize::from(!f64_met);
    }
    Ok(failed)
}

/// The quantities of `KNOWN`, in its order.
fn known_quantities<T: Element<Real = T> + From<f32>>(digits: &Digits) -> Result<[T; 5], Error> {
    let images = digits.labels.len();
    let plain = at_temperature::<T>(digits, 1.0)?;
    let softened = at_temperature::<T>(digits, 4.0)?;
    let kl = plain.kl()?;
    // A one-hot target has no entropy, so the divergence from it is the cross-entropy.
    let labels = one_hot::<T>(&digits.labels);
    let to_labels = KlDiv::new(Input::LogProbs(&plain.student_ln), Target::Probs(&labels))?;
    Ok([
        kl.sum(),
        kl.mean(),
        kl.batch_mean(images),
        softened.kl()?.batch_mean(images),
        to_labels.batch_mean(images),
    ])
}

/// Both networks' logits divided by `temperature`, a power of two: the quotients are exact.
fn at_temperature<T: Element<Real = T> + From<f32>>(
    digits: &Digits,
    temperature: f32,
) -> Result<Distributions<T>, Error> {
    let divide = |logits: &[f32]| -> Vec<T> {
        logits.iter().map(|&logit| T::from(logit / temperature)).collect()
    };
    distributions(&divide(&digits.student), &divide(&digits.teacher))
}

fn one_hot<T: Element<Real = T> + From<f32>>(labels: &[u32]) -> Vec<T> {
    let mut rows = vec![T::from(0.0); labels.len() * CLASSES];
    for (row, &label) in rows.chunks_exact_mut(CLASSES).zip(labels) {
        row[label as usize] = T::from(1.0);
    }
    rows
}

fn verdict(met: bool) -> &'static str {
    if met { "ok" } else { "FAILED" }
}
