//! The tables of the programs here: as Parquet files, asked in SQL, and in a plain loop over the same rows.
//!
//! The digits are those of `examples/data`. A made row is computed from its number, so the plain loop reads no file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{FixedSizeListArray, Float32Array, UInt32Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::{as_float64_array, as_int64_array, as_uint32_array};
use datafusion::common::{DataFusionError, Result};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use kldiv::{DistillLoss, ExactSum, Rows, Teacher};
use npyz::{Deserialize, NpyFile};

use crate::comparison::refused;

/// Rows of a row group, the least that a partition reads at once, and of a block of the plain loop.
const BLOCK: usize = 1024;

/// A table with the columns `label`, `student` and `teacher`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// What two classifiers say of 1,797 images of handwritten digits; the label is the digit.
    Digits,
    /// Rows that are made from their numbers; the label is the class that the teacher prefers.
    Made {
        /// How many rows.
        rows: usize,
        /// Logits of a row.
        classes: usize,
        /// Files that the rows are dealt out to.
        files: usize,
    },
}

/// Rows in memory.
pub struct Block {
    /// Logits of a row.
    pub classes: usize,
    /// One a row.
    pub labels: Vec<u32>,
    /// The student's logits, row after row.
    pub student: Vec<f32>,
    /// The teacher's logits, row after row.
    pub teacher: Vec<f32>,
}

impl Table {
    /// What it is called in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Table::Digits => "digits",
            Table::Made { .. } => "made",
        }
    }

    /// The number of rows.
    pub fn rows(self) -> usize {
        match self {
            Table::Digits => 1797,
            Table::Made { rows, .. } => rows,
        }
    }

    /// Some of the rows.
    ///
    /// # Errors
    /// The digits cannot be read.
    pub fn block(self, rows: Range<usize>) -> Result<Block> {
        match self {
            Table::Digits => digits(rows),
            Table::Made { classes, .. } => Ok(made(rows, classes)),
        }
    }

    /// Writes the table to the folder of its name in `folder`, in place of what is there.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(self, folder: &Path) -> Result<()> {
        let folder = folder.join(self.name());
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let files = match self {
            Table::Digits => 1,
            Table::Made { files, .. } => files.max(1),
        };
        for file in 0..files {
            let rows = self.rows() * file / files..self.rows() * (file + 1) / files;
            self.write_file(rows, &folder.join(format!("part-{file}.parquet")))?;
        }
        Ok(())
    }

    fn write_file(self, rows: Range<usize>, path: &Path) -> Result<()> {
        // Floats that hardly repeat: nothing to be gained by dictionaries, compression or statistics.
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_max_row_group_row_count(Some(BLOCK))
            .build();
        let mut writer: Option<ArrowWriter<File>> = None;
        for block in blocks(rows) {
            let batch = self.block(block)?.into_batch()?;
            match &mut writer {
                Some(writer) => writer.write(&batch)?,
                None => {
                    let file = File::create(path)?;
                    let properties = Some(properties.clone());
                    let begun = ArrowWriter::try_new(file, batch.schema(), properties)?;
                    writer.insert(begun).write(&batch)?;
                }
            }
        }
        if let Some(writer) = writer {
            writer.close()?;
        }
        Ok(())
    }

    /// What a plain loop over the rows comes to, by label.
    ///
    /// # Errors
    /// The digits cannot be read, or the crate refuses a row.
    pub fn plain_loop(self) -> Result<Answer> {
        let mut totals: BTreeMap<u32, (i64, ExactSum)> = BTreeMap::new();
        for rows in blocks(0..self.rows()) {
            let Block { classes, labels, student, teacher } = self.block(rows)?;
            let mut losses = vec![0.0; labels.len()];
            let student = Rows::new(&student, classes).map_err(refused)?;
            let teacher = Teacher::Logits(Rows::new(&teacher, classes).map_err(refused)?);
            DistillLoss::new(student, teacher)
                .and_then(|loss| loss.row_losses(&mut losses))
                .map_err(refused)?;
            for (label, loss) in labels.iter().zip(losses) {
                let (rows, total) = totals.entry(*label).or_default();
                *rows += 1;
                total.add(loss);
            }
        }
        let answer = |(label, (rows, total)): (u32, (i64, ExactSum))| {
            let sum: f64 = total.value();
            let mean = sum / rows as f64;
            Line { label, rows, sum, mean }
        };
        Ok(Answer(totals.into_iter().map(answer).collect()))
    }

    /// Makes the table known to a context that reads from `folder`, where it has been written.
    ///
    /// # Errors
    /// The files cannot be read.
    pub async fn register(self, context: &SessionContext, folder: &Path) -> Result<()> {
        let folder = folder.join(self.name());
        let Some(folder) = folder.to_str() else {
            let text = format!("{}: no name that SQL could have", folder.display());
            return Err(DataFusionError::Execution(text));
        };
        context.register_parquet(self.name(), folder, ParquetReadOptions::default()).await
    }

    /// The query that asks for the divergence by label.
    pub fn query(self) -> String {
        format!(
            "SELECT label, count(*) AS rows, kl_sum(student, teacher) AS sum, kl_mean(student, teacher) AS mean \
             FROM {} GROUP BY label ORDER BY label",
            self.name()
        )
    }

    /// What the engine answers to that query.
    ///
    /// # Errors
    /// The query fails.
    pub async fn ask(self, context: &SessionContext) -> Result<Answer> {
        let mut lines = Vec::new();
        for batch in context.sql(&self.query()).await?.collect().await? {
            let labels = as_uint32_array(batch.column(0))?;
            let rows = as_int64_array(batch.column(1))?;
            let sums = as_float64_array(batch.column(2))?;
            let means = as_float64_array(batch.column(3))?;
            lines.extend((0..batch.num_rows()).map(|row| Line {
                label: labels.value(row),
                rows: rows.value(row),
                sum: sums.value(row),
                mean: means.value(row),
            }));
        }
        Ok(Answer(lines))
    }
}

impl Block {
    /// The same as columns, without a copy of the logits.
    ///
    /// # Errors
    /// There are not as many logits as rows need.
    pub fn into_batch(self) -> Result<RecordBatch> {
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let classes = self.classes as i32;
        let list = |logits: Vec<f32>| {
            let logits = Arc::new(Float32Array::from(logits));
            FixedSizeListArray::try_new(item.clone(), classes, logits, None)
        };
        let kind = DataType::FixedSizeList(item.clone(), classes);
        let schema = Schema::new(vec![
            Field::new("label", DataType::UInt32, false),
            Field::new("student", kind.clone(), false),
            Field::new("teacher", kind, false),
        ]);
        let (student, teacher) = (list(self.student)?, list(self.teacher)?);
        let labels = UInt32Array::from(self.labels);
        let columns: Vec<datafusion::arrow::array::ArrayRef> =
            vec![Arc::new(labels), Arc::new(student), Arc::new(teacher)];
        Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
    }
}

/// The divergence by label.
#[derive(Clone, Debug)]
pub struct Answer(pub Vec<Line>);

/// One label's line.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Which.
    pub label: u32,
    /// Rows with this label.
    pub rows: i64,
    /// The sum of their divergences.
    pub sum: f64,
    /// Their mean.
    pub mean: f64,
}

impl Answer {
    /// Whether every number has the same bits.
    pub fn same_bits(&self, other: &Answer) -> bool {
        let bits = |line: &Line| (line.label, line.rows, line.sum.to_bits(), line.mean.to_bits());
        self.0.iter().map(bits).eq(other.0.iter().map(bits))
    }
}

/// A configuration for rows of many logits: so many partitions, and batches that a cache has room for.
pub fn configured(configuration: SessionConfig, partitions: usize) -> SessionConfig {
    configuration.with_target_partitions(partitions).with_batch_size(256)
}

fn blocks(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    rows.clone().step_by(BLOCK).map(move |start| start..(start + BLOCK).min(rows.end))
}

fn digits(rows: Range<usize>) -> Result<Block> {
    const CLASSES: usize = 10;
    let logits = rows.start * CLASSES..rows.end * CLASSES;
    Ok(Block {
        classes: CLASSES,
        labels: npy(include_bytes!("../../data/digits_labels.npy"), rows)?,
        student: npy(include_bytes!("../../data/digits_student_logits.npy"), logits.clone())?,
        teacher: npy(include_bytes!("../../data/digits_teacher_logits.npy"), logits)?,
    })
}

fn npy<T: Deserialize + Clone>(bytes: &[u8], range: Range<usize>) -> Result<Vec<T>> {
    let values: Vec<T> = NpyFile::new(bytes)?.into_vec()?;
    match values.get(range) {
        Some(some) => Ok(some.to_vec()),
        None => Err(DataFusionError::Execution(format!("{} values in a file", values.len()))),
    }
}

/// Logits that are nearly normal: the teacher's with deviation 2, the student's off by a quarter of that.
fn made(rows: Range<usize>, classes: usize) -> Block {
    let mut block = Block { classes, labels: vec![], student: vec![], teacher: vec![] };
    block.student.reserve(rows.len() * classes);
    block.teacher.reserve(rows.len() * classes);
    for row in rows {
        let mut largest = (0, f32::MIN);
        for class in 0..classes {
            let number = (row * classes + class) as u64;
            let teacher = 2.0 * normal(2 * number);
            if teacher > largest.1 {
                largest = (class as u32, teacher);
            }
            block.teacher.push(teacher);
            block.student.push(teacher + 0.5 * normal(2 * number + 1));
        }
        block.labels.push(largest.0);
    }
    block
}

/// The sum of four equal parts of 64 mixed bits, with mean 0 and deviation 1 but for 1e-5.
fn normal(number: u64) -> f32 {
    // SplitMix64: G. L. Steele, D. Lea and C. H. Flood, Fast splittable pseudorandom number generators, 2014.
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    let part = |shift: u32| (z >> shift & 0xffff) as i32;
    let sum = part(0) + part(16) + part(32) + part(48);
    // Each part has the deviation 65536/√12, their sum twice that.
    (sum - 131_070) as f32 * (3.0_f32.sqrt() / 65_536.0)
}
