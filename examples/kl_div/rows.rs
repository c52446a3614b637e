//! A block of rows: read, compared.

use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};

use kldiv::{DistillLoss, Error, IGNORED, Isa, Rows, Teacher};

use crate::Failure;
use crate::args::{Base, Divergence, Form, Options};
use crate::compare::{Comparison, exchanged};
use crate::doubt;
use crate::facts::{self, Facts};
use crate::npy::Scratch;
use crate::number::{Number, shortest};
use crate::pairs::{Given, Pair};

/// How rows are compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings<T> {
    pub(crate) divergence: Divergence,
    pub(crate) temperature: T,
    pub(crate) isa: Isa,
    base: Base,
    distance: bool,
}

impl<T: Number> Settings<T> {
    pub(crate) fn new(options: &Options) -> Result<Self, Failure> {
        let temperature = T::from_f64(options.temperature.unwrap_or(1.0));
        // Whether the temperature means something, before any row is read.
        let zero = [T::ZERO];
        let any = DistillLoss::new(Rows::new(&zero, 1)?, Teacher::Classes(&[0]))?;
        if any.temperature(temperature).is_err() {
            let (given, kind) = (options.temperature.unwrap_or(1.0), core::any::type_name::<T>());
            let given = shortest(given);
            return Err(Failure::Usage(format!(
                "temperature {given} is not a positive, normal, finite number of {kind}"
            )));
        }
        Ok(Self {
            divergence: options.divergence,
            temperature,
            isa: options.isa.unwrap_or_else(Isa::best),
            base: options.base,
            distance: options.distance,
        })
    }

    /// A row's loss in the unit that is asked for.
    pub(crate) fn in_unit(&self, nats: T) -> T {
        let in_base = match self.base {
            Base::E => nats,
            Base::Two => T::from_f64(nats.to_f64() / core::f64::consts::LN_2),
        };
        if self.distance { T::from_f64(in_base.to_f64().sqrt()) } else { in_base }
    }
}

/// What is wanted of each row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Wanted {
    Losses,
    /// Losses, and the rest of the statistics.
    Facts,
    Terms,
}

/// What came of a block.
#[derive(Debug)]
pub(crate) struct Done<T> {
    /// The number of its first row.
    pub(crate) first: usize,
    /// How many it has.
    pub(crate) rows: usize,
    /// A loss a row, 0 for rows that are left out; or all terms.
    pub(crate) numbers: Vec<T>,
    /// One a row, if they are wanted.
    pub(crate) facts: Vec<Facts>,
    /// A label a row, or none.
    pub(crate) labels: Vec<u32>,
    /// What the files seem to hold, if it is not what was said.
    pub(crate) doubt: Option<String>,
}

impl<T> Done<T> {
    pub(crate) fn new(rows: Range<usize>) -> Self {
        let (numbers, facts, labels) = (Vec::new(), Vec::new(), Vec::new());
        Self { first: rows.start, rows: rows.len(), numbers, facts, labels, doubt: None }
    }

    pub(crate) fn counts(&self, row: usize) -> bool {
        self.labels.get(row) != Some(&IGNORED)
    }
}

/// One thread's room.
#[derive(Debug)]
pub(crate) struct Worker<T> {
    input: Vec<T>,
    target: Vec<T>,
    scratch: Scratch,
    integers: (Vec<i128>, Scratch),
}

impl<T: Number> Worker<T> {
    pub(crate) fn new() -> Self {
        Self {
            input: Vec::new(),
            target: Vec::new(),
            scratch: Scratch::default(),
            integers: (Vec::new(), Scratch::default()),
        }
    }

    pub(crate) fn work(
        &mut self,
        files: &Comparison,
        settings: &Settings<T>,
        wanted: Wanted,
        rows: Range<usize>,
        is_settled: &AtomicBool,
    ) -> Result<Done<T>, Failure> {
        let mut done = Done::new(rows.clone());
        let length = rows.len() * files.classes;
        let columns = 0..files.classes;
        self.input.resize(length, T::ZERO);
        self.target.resize(length, T::ZERO);
        let (input, target) = (&mut self.input[..], &mut self.target[..]);
        files.input.matrix.read(rows.clone(), columns.clone(), input, &mut self.scratch)?;
        if let Some(side) = &files.target {
            side.matrix.read(rows.clone(), columns, target, &mut self.scratch)?;
        }
        if let Some(labels) = &files.labels {
            labels.read(rows.clone(), &mut done.labels, &mut self.integers)?;
        }
        if !is_settled.load(Ordering::Relaxed) {
            done.doubt = doubt::about(files, rows.start, input, target);
        }
        let wanted_numbers = if wanted == Wanted::Terms { length } else { rows.len() };
        done.numbers.resize(wanted_numbers, T::ZERO);
        if wanted == Wanted::Facts {
            done.facts = facts::of(files, settings, input, target, &done.labels)?;
        }
        match wanted {
            Wanted::Terms => terms(files, settings, input, target, &mut done.numbers)?,
            Wanted::Losses | Wanted::Facts => {
                let labels = &done.labels;
                losses(files, settings, (input, target), labels, &mut done.numbers)?;
            }
        }
        for number in &mut done.numbers {
            *number = settings.in_unit(*number);
        }
        // There are no labels beside terms.
        for (loss, &label) in done.numbers.iter_mut().zip(&done.labels) {
            if label == IGNORED {
                *loss = T::ZERO;
            }
        }
        Ok(done)
    }
}

/// The divergence of each row in nats. Without a target file `target` is room for one that the labels say.
fn losses<T: Number>(
    files: &Comparison,
    settings: &Settings<T>,
    (input, target): (&[T], &mut [T]),
    labels: &[u32],
    out: &mut [T],
) -> Result<(), Error> {
    let classes = files.classes;
    let target_form = files.target.as_ref().map(|side| side.form);
    match (files.input.form, target_form) {
        (Form::Logits, None) => {
            let student = Rows::new(input, classes)?;
            distill(settings, student, Teacher::Classes(labels), settings.divergence, out)
        }
        (Form::Logits, Some(form)) => {
            let (student, teacher) = (Rows::new(input, classes)?, Rows::new(target, classes)?);
            distill(settings, student, teacher_of(form, teacher), settings.divergence, out)
        }
        (form, Some(Form::Logits)) => {
            let (student, teacher) = (Rows::new(target, classes)?, Rows::new(input, classes)?);
            let divergence = exchanged(settings.divergence);
            distill(settings, student, teacher_of(form, teacher), divergence, out)
        }
        (form, Some(target_form)) => {
            let input = Given { form, values: input };
            let target = Given { form: target_form, values: target };
            let Settings { divergence, isa, .. } = *settings;
            Pair { input, target, divergence, isa }.row_sums(out)
        }
        (form, None) => {
            one_hot(labels, classes, target);
            let input = Given { form, values: input };
            let target = Given { form: Form::Probs, values: target };
            let Settings { divergence, isa, .. } = *settings;
            Pair { input, target, divergence, isa }.row_sums(out)
        }
    }
}

fn teacher_of<T>(form: Form, rows: Rows<'_, T>) -> Teacher<'_, T> {
    match form {
        Form::Logits => Teacher::Logits(rows),
        Form::LogProbs => Teacher::LogProbs(rows),
        Form::Probs => Teacher::Probs(rows),
    }
}

fn distill<T: Number>(
    settings: &Settings<T>,
    student: Rows<'_, T>,
    teacher: Teacher<'_, T>,
    divergence: Divergence,
    out: &mut [T],
) -> Result<(), Error> {
    let divergence = match divergence {
        Divergence::Forward => kldiv::Divergence::Forward,
        Divergence::Reverse => kldiv::Divergence::Reverse,
        Divergence::JensenShannon => kldiv::Divergence::JensenShannon { beta: T::from(0.5) },
    };
    DistillLoss::new(student, teacher)?
        .temperature(settings.temperature)?
        .divergence(divergence)?
        .on(settings.isa)?
        .row_losses(out)
}

/// The distribution that a label stands for; nothing for a row that is left out.
fn one_hot<T: Number>(labels: &[u32], classes: usize, out: &mut [T]) {
    out.fill(T::ZERO);
    for (row, &label) in out.chunks_exact_mut(classes).zip(labels) {
        if let Some(probability) = row.get_mut(label as usize) {
            *probability = T::ONE;
        }
    }
}

/// A term for each class, in nats.
fn terms<T: Number>(
    files: &Comparison,
    settings: &Settings<T>,
    input: &mut [T],
    target: &mut [T],
    out: &mut [T],
) -> Result<(), Error> {
    let Settings { divergence, isa, .. } = *settings;
    let target_form = files.target.as_ref().map_or(Form::Probs, |side| side.form);
    for (form, values) in [(files.input.form, &mut *input), (target_form, &mut *target)] {
        if form == Form::Logits {
            soften(values, files.classes, settings.temperature);
            out.copy_from_slice(values);
            kldiv::log_softmax_on(isa, Rows::new(out, files.classes)?, values)?;
        }
    }
    let input = Given { form: files.input.form, values: input };
    let target = Given { form: target_form, values: target };
    Pair { input, target, divergence, isa }.terms(out)
}

/// Logits over the temperature. The largest becomes 0, so that none leaves the range of its type.
fn soften<T: Number>(logits: &mut [T], classes: usize, temperature: T) {
    if temperature == T::ONE {
        return;
    }
    for row in logits.chunks_exact_mut(classes) {
        let mut largest = row[0];
        for &logit in row.iter() {
            if logit > largest {
                largest = logit;
            }
        }
        if largest.to_f64().is_finite() {
            for logit in row {
                // Its half is in range where the difference is not.
                let half = *logit / T::from(2.0) - largest / T::from(2.0);
                let apart = *logit - largest;
                *logit = if apart.to_f64() == f64::NEG_INFINITY {
                    half / temperature * T::from(2.0)
                } else {
                    apart / temperature
                };
            }
        }
    }
}
