//! The loss between two files.

use core::fmt::Debug;
use std::io::Write;
use std::path::Path;

use kldiv::{Element, Error, Input, KlDiv, Rows, Target, Teacher};

use crate::args::{self, Job, Options, Reduction};
use crate::npy::{self, Values};
use crate::{Failure, note, rows};

/// Rows may miss a sum of 1 by this much before a note asks what they are.
const NORMALISED: f32 = 1e-3;

pub(crate) fn loss(job: &Job, out: &mut impl Write) -> Result<(), Failure> {
    let input = npy::read(&job.input)?;
    let target_file = match &job.target {
        args::Target::Numbers(file) => file,
        args::Target::Labels(file) => {
            let teacher = npy::read_labels(file)?;
            return match &input.values {
                Values::F32(x) => rows::with_labels(&job.options, &input.shape, x, &teacher, out),
                Values::F64(x) => rows::with_labels(&job.options, &input.shape, x, &teacher, out),
            };
        }
    };
    let target = npy::read(target_file)?;
    let differ = |input, target| differ(&job.input, target_file, input, target);
    if input.shape != target.shape {
        return Err(differ(format!("shape {:?}", input.shape), format!("{:?}", target.shape)));
    }
    match (&input.values, &target.values) {
        (Values::F32(x), Values::F32(t)) => print(&job.options, &input.shape, x, t, out),
        (Values::F64(x), Values::F64(t)) => print(&job.options, &input.shape, x, t, out),
        (x, t) => Err(differ(x.type_name().to_owned(), t.type_name().to_owned())),
    }
}

fn differ(input_file: &Path, target_file: &Path, input: String, target: String) -> Failure {
    let (input_file, target_file) = (input_file.display(), target_file.display());
    Failure::Data(format!("the files differ: {input_file} has {input}, {target_file} has {target}"))
}

fn print<T>(
    options: &Options,
    shape: &[usize],
    x: &[T],
    t: &[T],
    out: &mut impl Write,
) -> Result<(), Failure>
where
    T: rows::Number,
{
    if options.temperature.is_some() || options.divergence.is_some() {
        let (Some(x), Some(t)) = (rows::of(shape, x), rows::of(shape, t)) else {
            return Err(rows::no_classes());
        };
        return rows::print(options, shape, x?, Teacher::Logits(t?), out);
    }
    if !options.logits {
        return print_loss(options, shape, x, t, out);
    }
    let Some(&classes) = shape.last() else {
        return Err(rows::no_classes());
    };
    let x = softmax_of(x, classes, kldiv::log_softmax)?;
    let t = softmax_of(
        t,
        classes,
        if options.log_target { kldiv::log_softmax } else { kldiv::softmax },
    )?;
    print_loss(options, shape, &x, &t, out)
}

fn softmax_of<T: Element<Real = T> + From<f32>>(
    logits: &[T],
    classes: usize,
    softmax: fn(Rows<'_, T>, &mut [T]) -> Result<(), Error>,
) -> Result<Vec<T>, Failure> {
    let mut out = vec![T::from(0.0); logits.len()];
    softmax(Rows::new(logits, classes)?, &mut out)?;
    Ok(out)
}

fn print_loss<T>(
    options: &Options,
    shape: &[usize],
    x: &[T],
    t: &[T],
    out: &mut impl Write,
) -> Result<(), Failure>
where
    T: Element<Real = T> + Debug + From<f32>,
{
    let target = if options.log_target { Target::LogProbs(t) } else { Target::Probs(t) };
    let mut kl = KlDiv::new(Input::LogProbs(x), target)?;
    if let Some(isa) = options.isa {
        kl = kl.on(isa)?;
    }
    match (options.reduction, shape.first()) {
        (Reduction::None, _) => print_terms(&kl, out)?,
        (Reduction::Mean, _) => writeln!(out, "{:?}", kl.mean())?,
        (Reduction::Sum, _) => writeln!(out, "{:?}", kl.sum())?,
        (Reduction::BatchMean, Some(&batch)) => writeln!(out, "{:?}", kl.batch_mean(batch))?,
        (Reduction::BatchMean, None) => {
            let what = "batchmean needs at least one dimension, the batch";
            return Err(Failure::Data(what.to_owned()));
        }
    }
    question_distributions(&kl, shape);
    Ok(())
}

fn print_terms<T: Element<Real = T> + Debug + From<f32>>(
    kl: &KlDiv<'_, T>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut terms = vec![T::from(0.0); kl.len()];
    kl.pointwise(&mut terms)?;
    for term in terms {
        writeln!(out, "{term:?}")?;
    }
    Ok(())
}

/// The loss is defined for any numbers, but those that are no distributions are usually a mistake.
fn question_distributions<T: Element<Real = T> + From<f32>>(kl: &KlDiv<'_, T>, shape: &[usize]) {
    let rows = shape.split_last().map_or(1, |(_, batch)| batch.iter().product());
    if kl.is_empty() {
        return;
    }
    if let Err(doubt) = kl.validate(rows, T::from(NORMALISED)) {
        note(&format!("note: {doubt} (see --logits and --log-target)"));
    }
}
