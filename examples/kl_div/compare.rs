//! The files of a comparison: whether they fit each other.

use crate::args::{Divergence, Form, Job};
use crate::labels::Labels;
use crate::npy::{self, Item, Matrix, Untyped};
use crate::{Failure, note};

/// A file and what it holds.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) matrix: Matrix,
    pub(crate) form: Form,
}

/// Files that fit each other.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) input: Side,
    /// There are labels where there is none.
    pub(crate) target: Option<Side>,
    pub(crate) labels: Option<Labels>,
    pub(crate) rows: usize,
    /// Columns that count.
    pub(crate) classes: usize,
    /// What `batchmean` divides by.
    pub(crate) batch: Option<usize>,
}

impl Comparison {
    pub(crate) fn open(job: &Job) -> Result<Self, Failure> {
        let untyped = if job.options.bf16 { Untyped::Bf16 } else { Untyped::Refused };
        let side = |path, form| {
            let file = npy::open_numbers(path, untyped)?;
            if file.shape.is_empty() && (form == Form::Logits || job.labels.is_some()) {
                let name = file.name;
                return Err(Failure::Data(format!(
                    "{name}: logits need at least one dimension, the classes"
                )));
            }
            Ok(Side { matrix: Matrix::of_rows(file), form })
        };
        let input = side(&job.input, job.input_form)?;
        let target = match &job.target {
            Some(path) => Some(side(path, job.target_form)?),
            None => None,
        };
        let sides = || [Some(&input), target.as_ref()].into_iter().flatten();
        if job.options.bf16 && sides().all(|side| side.matrix.file.item != Item::Bf16) {
            return Err(Failure::Data("--bf16: no file holds 2-byte items without a type".into()));
        }
        for side in sides() {
            enough_columns(&side.matrix, job.options.classes)?;
        }
        if let Some(target) = &target {
            same_shape(&input.matrix, &target.matrix, job.options.classes)?;
        }
        let (rows, columns) = (input.matrix.rows, input.matrix.columns);
        let classes = job.options.classes.unwrap_or(columns);
        let labels = match (&job.labels, input.matrix.file.shape.split_last()) {
            (Some(path), Some((_, shape))) => Some(Labels::open(path, classes, shape)?),
            (_, _) => None,
        };
        let of_rows = job.labels.is_some() || job.options.distance;
        let batch = match input.matrix.file.shape[..] {
            [] => None,
            // One row: its classes are the first dimension, unless losses are those of rows.
            [_] => Some(if of_rows { 1 } else { classes }),
            [first, ..] => Some(first),
        };
        let comparison = Self { input, target, labels, rows, classes, batch };
        if let Some(labels) = comparison.labels.as_ref().filter(|labels| labels.ignored > 0) {
            let ignored = labels.ignored;
            note(&format!("note: {ignored} of {rows} rows have label -100 and are left out"));
        }
        Ok(comparison)
    }

    /// Whether `f32` would lose digits of a file.
    pub(crate) fn needs_f64(&self) -> bool {
        self.sides().any(|side| side.matrix.file.item == Item::F64)
    }

    pub(crate) fn sides(&self) -> impl Iterator<Item = &Side> {
        [Some(&self.input), self.target.as_ref()].into_iter().flatten()
    }

    /// What so many classes take in all files of numbers.
    pub(crate) fn bytes(&self, classes: usize) -> u64 {
        let item_bytes: usize = self.sides().map(|side| side.matrix.file.item.size()).sum();
        (item_bytes as u64).saturating_mul(classes as u64)
    }

    pub(crate) fn all_bytes(&self) -> u64 {
        self.bytes(self.classes).saturating_mul(self.rows as u64)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0 || self.classes == 0
    }

    pub(crate) fn counted_rows(&self) -> usize {
        self.rows - self.labels.as_ref().map_or(0, |labels| labels.ignored)
    }
}

/// The divergence with input and target exchanged.
pub(crate) fn exchanged(divergence: Divergence) -> Divergence {
    match divergence {
        Divergence::Forward => Divergence::Reverse,
        Divergence::Reverse => Divergence::Forward,
        Divergence::JensenShannon => Divergence::JensenShannon,
    }
}

fn enough_columns(matrix: &Matrix, classes: Option<usize>) -> Result<(), Failure> {
    let file = &matrix.file;
    match (classes, file.shape.last()) {
        (Some(classes), Some(&columns)) if classes > columns => {
            Err(Failure::Data(format!("--classes {classes}: {} has {columns} columns", file.name)))
        }
        (Some(_), None) => {
            Err(Failure::Data(format!("--classes: {} has no columns, its shape is []", file.name)))
        }
        (_, _) => Ok(()),
    }
}

/// Equal in all dimensions; in all but the last, if it is said how many columns count.
fn same_shape(input: &Matrix, target: &Matrix, classes: Option<usize>) -> Result<(), Failure> {
    let (input, target) = (&input.file, &target.file);
    let is_same = match (classes, input.shape.split_last(), target.shape.split_last()) {
        (Some(_), Some((_, input_rows)), Some((_, target_rows))) => input_rows == target_rows,
        (_, _, _) => input.shape == target.shape,
    };
    if is_same {
        return Ok(());
    }
    let hint = match (input.shape.split_last(), target.shape.split_last()) {
        (Some((a, input_rows)), Some((b, target_rows)))
            if input_rows == target_rows && classes.is_none() =>
        {
            format!("; if the wider has padding, --classes {} leaves it out", a.min(b))
        }
        (_, _) => String::new(),
    };
    Err(Failure::Data(format!(
        "the files differ: {} has shape {:?}, {} has {:?}{hint}",
        input.name, input.shape, target.name, target.shape
    )))
}
