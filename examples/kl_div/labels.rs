//! Class indices, one a row.

use core::ops::Range;
use std::path::Path;

use kldiv::IGNORED;

use crate::Failure;
use crate::npy::{self, Item, Matrix, Scratch};

/// PyTorch's label of a row that does not count.
const LEFT_OUT: i128 = -100;
const BLOCK: usize = 1 << 16;

/// Labels that have all been looked at once.
#[derive(Debug)]
pub(crate) struct Labels {
    matrix: Matrix,
    pub(crate) ignored: usize,
}

impl Labels {
    pub(crate) fn open(path: &Path, classes: usize, rows: &[usize]) -> Result<Self, Failure> {
        let matrix = Matrix::of_items(npy::open_integers(path)?);
        let file = &matrix.file;
        if file.shape != rows {
            let (name, shape) = (&file.name, &file.shape);
            return Err(Failure::Data(format!(
                "{name}: shape {shape:?}, but labels for these rows have INPUT's without its last \
                 dimension, {rows:?}"
            )));
        }
        let mut labels = Self { matrix, ignored: 0 };
        let (mut values, mut scratch) = (Vec::new(), Scratch::default());
        for start in (0..labels.matrix.rows).step_by(BLOCK) {
            let block = start..labels.matrix.rows.min(start + BLOCK);
            labels.matrix.read_integers(block, &mut values, &mut scratch)?;
            for (offset, &value) in values.iter().enumerate() {
                if value == LEFT_OUT {
                    labels.ignored += 1;
                } else if value < 0 || value >= classes as i128 {
                    return Err(labels.misfit(start + offset, value, classes));
                }
            }
        }
        Ok(labels)
    }

    fn misfit(&self, row: usize, value: i128, classes: usize) -> Failure {
        let name = &self.matrix.file.name;
        let was_left_out = match self.matrix.file.item {
            Item::Integer { is_signed: false, size } => value == LEFT_OUT + (1 << (8 * size)),
            // Widened after it had become unsigned.
            _ => value == LEFT_OUT + (1 << 32),
        };
        let hint = if was_left_out {
            "; it was -100 before it became unsigned"
        } else if value < 0 {
            "; only -100 says that a row is left out"
        } else {
            ""
        };
        Failure::Data(format!(
            "{name}: the label of row {row} is {value}, not one of the {classes} classes from 0{hint}"
        ))
    }

    /// The labels of those rows, [`IGNORED`] where they are left out.
    pub(crate) fn read(
        &self,
        rows: Range<usize>,
        out: &mut Vec<u32>,
        scratch: &mut (Vec<i128>, Scratch),
    ) -> Result<(), Failure> {
        let (values, scratch) = scratch;
        self.matrix.read_integers(rows, values, scratch)?;
        out.clear();
        out.extend(values.iter().map(|&value| u32::try_from(value).unwrap_or(IGNORED)));
        Ok(())
    }
}
