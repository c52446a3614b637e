//! What is told of a row beside its loss: the most likely classes, and how likely the label was.

use kldiv::{DistillLoss, Error, IGNORED, Rows, Teacher};

use crate::args::Form;
use crate::compare::Comparison;
use crate::number::Number;
use crate::rows::Settings;

/// Numbers of one row. Without a target file the label stands for a target that is sure of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    /// Input and target find the same class most likely.
    pub(crate) agree: bool,
    /// What the input gives the target's most likely class, less what the target gives it.
    pub(crate) difference: f64,
    /// `−ln` of what input and target give the label.
    pub(crate) surprise: [f64; 2],
    /// Input and target find the label most likely.
    pub(crate) right: [bool; 2],
}

/// A block of one side, and its rows' most likely classes.
struct Tops<'a, T> {
    form: Form,
    values: &'a [T],
    classes: usize,
    temperature: f64,
    places: Vec<u32>,
    /// The logarithms of their probabilities.
    ln: Vec<T>,
}

impl<'a, T: Number> Tops<'a, T> {
    fn new(
        form: Form,
        values: &'a [T],
        classes: usize,
        settings: &Settings<T>,
    ) -> Result<Self, Error> {
        let places: Vec<u32> = values.chunks_exact(classes).map(largest).collect();
        let mut ln = vec![T::ZERO; places.len()];
        if form == Form::Logits {
            // The loss of a row whose label is its most likely class is what that class lacks to ln 1.
            DistillLoss::new(Rows::new(values, classes)?, Teacher::Classes(&places))?
                .temperature(settings.temperature)?
                .on(settings.isa)?
                .row_losses(&mut ln)?;
            ln.iter_mut().for_each(|ln| *ln = T::ZERO - *ln);
        }
        let temperature = settings.temperature.to_f64();
        Ok(Self { form, values, classes, temperature, places, ln })
    }

    fn ln(&self, row: usize, class: u32) -> f64 {
        let values = &self.values[row * self.classes..][..self.classes];
        let value = values[class as usize].to_f64();
        match self.form {
            Form::Probs => value.ln(),
            Form::LogProbs => value,
            Form::Logits if class == self.places[row] => self.ln[row].to_f64(),
            Form::Logits => {
                let top = values[self.places[row] as usize].to_f64();
                self.ln[row].to_f64() + (value - top) / self.temperature
            }
        }
    }
}

/// The facts of each row; of one that is left out, nothing.
pub(crate) fn of<T: Number>(
    files: &Comparison,
    settings: &Settings<T>,
    input: &[T],
    target: &[T],
    labels: &[u32],
) -> Result<Vec<Facts>, Error> {
    let classes = files.classes;
    let input = Tops::new(files.input.form, input, classes, settings)?;
    let target = match &files.target {
        Some(side) => Some(Tops::new(side.form, target, classes, settings)?),
        None => None,
    };
    let facts = input.places.iter().enumerate().map(|(row, &top)| {
        let label = labels.get(row).copied();
        if label == Some(IGNORED) {
            return Facts::default();
        }
        // Without a target file there are labels.
        let wanted = target.as_ref().map_or(label.unwrap_or(top), |target| target.places[row]);
        let sure = target.as_ref().map_or(1.0, |target| target.ln(row, wanted).exp());
        let mut facts = Facts {
            agree: top == wanted,
            difference: input.ln(row, wanted).exp() - sure,
            ..Facts::default()
        };
        if let Some(label) = label {
            let of_target = target.as_ref().map_or(0.0, |target| -target.ln(row, label));
            facts.surprise = [-input.ln(row, label), of_target];
            facts.right = [top == label, wanted == label];
        }
        facts
    });
    Ok(facts.collect())
}

/// So many numbers are looked through for their largest, and those around the largest of all once more.
const STRETCH: usize = 1024;

/// The place of the first of the largest numbers. NaN is none; where there is no other, it is 0.
fn largest<T: Number>(row: &[T]) -> u32 {
    let (mut all, mut found) = (T::from(f32::NEG_INFINITY), (0, &row[..0]));
    for (index, stretch) in row.chunks(STRETCH).enumerate() {
        let here = largest_of(stretch);
        // Where all numbers so far are NaN or −∞, the first stretch with a −∞.
        if here > all || found.1.is_empty() && stretch.contains(&here) {
            all = here;
            found = (index * STRETCH, stretch);
        }
    }
    let (start, stretch) = found;
    let place = stretch.iter().position(|&value| value == all).unwrap_or(0);
    (start + place) as u32
}

/// −∞ where there is none.
fn largest_of<T: Number>(numbers: &[T]) -> T {
    // Sixteen at a time, which become vectors.
    let (sixteens, rest) = numbers.as_chunks::<16>();
    let mut most = [T::from(f32::NEG_INFINITY); 16];
    for values in sixteens {
        for (most, &value) in most.iter_mut().zip(values) {
            *most = if value > *most { value } else { *most };
        }
    }
    let mut all = most[0];
    for &value in most.iter().chain(rest) {
        all = if value > all { value } else { all };
    }
    all
}
