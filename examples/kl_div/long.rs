//! Rows too long to be kept: read in pieces, twice where a softmax has to know its sum, and computed in `f64`.

use core::ops::Range;

use kldiv::ExactSum;

use crate::Failure;
use crate::args::Form;
use crate::compare::{Comparison, Side};
use crate::facts::Facts;
use crate::npy::Scratch;
use crate::number::Number;
use crate::pairs::{Given, Pair};
use crate::progress::Progress;
use crate::rows::Settings;

/// Elements that are read at once.
const PIECE: usize = 1 << 17;

/// A softmax: `exp((x − largest)/τ)` over the sum of all of them.
#[derive(Debug, Clone, Copy)]
struct Softmax {
    largest: f64,
    ln_sum: f64,
    temperature: f64,
}

impl Softmax {
    fn ln(&self, logit: f64) -> f64 {
        (logit - self.largest) / self.temperature - self.ln_sum
    }
}

/// The most likely class so far: its place, its value, and the other side's value there.
#[derive(Debug)]
struct Top {
    column: usize,
    value: f64,
    beside: f64,
}

impl Default for Top {
    fn default() -> Self {
        Self { column: 0, value: f64::NAN, beside: f64::NAN }
    }
}

impl Top {
    fn look(&mut self, column: usize, value: f64, beside: f64) {
        if value > self.value || self.value.is_nan() && !value.is_nan() {
            *self = Self { column, value, beside };
        }
    }
}

/// Of logits too, which are logarithms once they have gone through their softmax.
fn ln_of(form: Form, value: f64) -> f64 {
    match form {
        Form::Probs => value.ln(),
        Form::LogProbs | Form::Logits => value,
    }
}

/// One long row after the other.
pub(crate) struct LongRows<'a, T> {
    files: &'a Comparison,
    settings: Settings<T>,
    input: Vec<f64>,
    target: Vec<f64>,
    piece: Vec<T>,
    scratch: Scratch,
    /// What has been read of the row.
    progress: &'a mut Progress,
}

impl<'a, T: Number> LongRows<'a, T> {
    pub(crate) fn new(
        files: &'a Comparison,
        settings: Settings<T>,
        progress: &'a mut Progress,
    ) -> Self {
        let (input, target, piece) = (Vec::new(), Vec::new(), Vec::new());
        Self { files, settings, input, target, piece, scratch: Scratch::default(), progress }
    }

    /// The row's loss and what else is told of it. Without a target file the label says what the target is.
    pub(crate) fn row(&mut self, row: usize, label: Option<u32>) -> Result<(T, Facts), Failure> {
        let mut sum = ExactSum::new();
        let (mut input, mut target) = (Top::default(), Top::default());
        let mut of_label = [f64::NAN; 2];
        self.each_piece(row, label, |pair, columns| {
            let mut part = [0.0];
            pair.row_sums(&mut part)?;
            sum.add(part[0]);
            let (x, t) = (pair.input, pair.target);
            for (place, column) in columns.enumerate() {
                let (x_value, t_value) = (x.values[place], t.values[place]);
                input.look(column, x_value, x_value);
                target.look(column, t_value, x_value);
                if label.is_some_and(|label| column == label as usize) {
                    of_label = [ln_of(x.form, x_value), ln_of(t.form, t_value)];
                }
            }
            Ok(())
        })?;
        let target_form = self.files.target.as_ref().map_or(Form::Probs, |side| side.form);
        let on_target = ln_of(self.files.input.form, target.beside).exp();
        let facts = Facts {
            agree: input.column == target.column,
            difference: on_target - ln_of(target_form, target.value).exp(),
            surprise: of_label.map(|ln| 0.0 - ln),
            right: [&input, &target]
                .map(|top| label.is_some_and(|label| top.column == label as usize)),
        };
        Ok((self.settings.in_unit(T::from_f64(sum.value())), facts))
    }

    /// Its terms, a piece after the other in the same room.
    pub(crate) fn terms(
        &mut self,
        row: usize,
        room: &mut Vec<T>,
        mut take: impl FnMut(&mut Vec<T>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let settings = self.settings;
        let mut terms = Vec::new();
        self.each_piece(row, None, |pair, columns| {
            terms.resize(columns.len(), 0.0);
            pair.terms(&mut terms)?;
            room.clear();
            room.extend(terms.iter().map(|&term| settings.in_unit(T::from_f64(term))));
            take(room)
        })
    }

    fn each_piece(
        &mut self,
        row: usize,
        label: Option<u32>,
        mut take: impl FnMut(Pair<'_, f64>, Range<usize>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let files = self.files;
        let input_softmax = self.softmax(&files.input, row)?;
        let target_softmax = match &files.target {
            Some(side) => self.softmax(side, row)?,
            None => None,
        };
        for columns in pieces(files.classes) {
            let mut input = core::mem::take(&mut self.input);
            let mut target = core::mem::take(&mut self.target);
            self.progress.advance(files.bytes(columns.len()));
            self.read(&files.input, row, columns.clone(), input_softmax, &mut input)?;
            match (&files.target, label) {
                (Some(side), _) => {
                    self.read(side, row, columns.clone(), target_softmax, &mut target)?
                }
                (None, label) => {
                    let is_label = |column| label.is_some_and(|label| column == label as usize);
                    target.clear();
                    target.extend(columns.clone().map(|column| f64::from(is_label(column))));
                }
            }
            let target_form = files.target.as_ref().map_or(Form::Probs, |side| side.form);
            let pair = Pair {
                input: Given { form: files.input.form, values: &input },
                target: Given { form: target_form, values: &target },
                divergence: self.settings.divergence,
                isa: self.settings.isa,
            };
            take(pair, columns)?;
            (self.input, self.target) = (input, target);
        }
        Ok(())
    }

    /// One read of a row of logits.
    fn softmax(&mut self, side: &Side, row: usize) -> Result<Option<Softmax>, Failure> {
        if side.form != Form::Logits {
            return Ok(None);
        }
        let temperature = self.settings.temperature.to_f64();
        let (mut largest, mut sum) = (f64::NEG_INFINITY, 0.0);
        let mut values = core::mem::take(&mut self.input);
        for columns in pieces(self.files.classes) {
            self.read(side, row, columns, None, &mut values)?;
            let here = values.iter().copied().fold(largest, f64::max);
            if here > largest {
                sum *= ((largest - here) / temperature).exp();
                largest = here;
            }
            let part = |&x: &f64| ((x - largest) / temperature).exp();
            sum += values.iter().map(part).sum::<f64>();
        }
        self.input = values;
        Ok(Some(Softmax { largest, ln_sum: sum.ln(), temperature }))
    }

    fn read(
        &mut self,
        side: &Side,
        row: usize,
        columns: Range<usize>,
        softmax: Option<Softmax>,
        out: &mut Vec<f64>,
    ) -> Result<(), Failure> {
        self.piece.resize(columns.len(), T::ZERO);
        side.matrix.read(row..row + 1, columns, &mut self.piece, &mut self.scratch)?;
        out.clear();
        let numbers = self.piece.iter().map(|&x| x.to_f64());
        match softmax {
            Some(softmax) => out.extend(numbers.map(|x| softmax.ln(x))),
            None => out.extend(numbers),
        }
        Ok(())
    }
}

fn pieces(classes: usize) -> impl Iterator<Item = Range<usize>> {
    (0..classes).step_by(PIECE).map(move |start| start..classes.min(start + PIECE))
}
