//! Columns of lists, and what the crate says of them.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, FixedSizeListArray, Float64Array, GenericListArray,
    Int64Array, OffsetSizeTrait, PrimitiveArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use kldiv::{DistillLoss, Element, Rows, Teacher};
use kldiv_datafusion::data::{Block, Table};
use kldiv_datafusion::register;

/// Rows of logits that are made from their numbers.
pub fn block(rows: usize, classes: usize) -> Block {
    let made = Table::Made { rows, classes, files: 1 }.block(0..rows);
    made.expect("made rows need no file")
}

/// Which kind of list.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Fixed,
    Small,
    Large,
}

pub const KINDS: [Kind; 3] = [Kind::Fixed, Kind::Small, Kind::Large];

/// Rows of as many classes each.
pub fn list<T: ArrowPrimitiveType>(
    kind: Kind,
    values: Vec<T::Native>,
    classes: usize,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let lengths = vec![classes; values.len() / classes];
    let values = PrimitiveArray::<T>::from_iter_values(values);
    match kind {
        Kind::Fixed => {
            let item = Arc::new(Field::new_list_field(T::DATA_TYPE, true));
            Arc::new(FixedSizeListArray::new(item, classes as i32, Arc::new(values), nulls))
        }
        Kind::Small => ragged::<i32, T>(values, lengths, nulls),
        Kind::Large => ragged::<i64, T>(values, lengths, nulls),
    }
}

/// Rows of these lengths.
pub fn ragged<O: OffsetSizeTrait, T: ArrowPrimitiveType>(
    values: PrimitiveArray<T>,
    lengths: Vec<usize>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let item = Arc::new(Field::new_list_field(T::DATA_TYPE, true));
    let offsets = OffsetBuffer::<O>::from_lengths(lengths);
    Arc::new(GenericListArray::new(item, offsets, Arc::new(values), nulls))
}

pub fn batch(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    let field =
        |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let columns = columns.iter().map(|(_, column)| column.clone()).collect();
    RecordBatch::try_new(Arc::new(schema), columns).expect("columns of one length")
}

/// A context whose table `t` has these partitions.
pub fn context(partitions: Vec<Vec<RecordBatch>>) -> SessionContext {
    let configuration = SessionConfig::new().with_target_partitions(partitions.len());
    let context = SessionContext::new_with_config(configuration);
    register(&context);
    let schema = partitions[0][0].schema();
    let table = MemTable::try_new(schema, partitions).expect("batches of one schema");
    context.register_table("t", Arc::new(table)).expect("a free name");
    context
}

/// The first column of what a query answers over one batch.
pub async fn ask(batch: RecordBatch, query: &str) -> Result<ArrayRef> {
    column(&context(vec![vec![batch]]), query).await
}

pub async fn column(context: &SessionContext, query: &str) -> Result<ArrayRef> {
    let batches = context.sql(query).await?.collect().await?;
    let columns: Vec<_> = batches.iter().map(|batch| batch.column(0).as_ref()).collect();
    Ok(datafusion::arrow::compute::concat(&columns)?)
}

/// The message of a query that has to fail.
pub async fn refusal(batch: RecordBatch, query: &str) -> String {
    match ask(batch, query).await {
        Ok(answer) => panic!("{query} answered {answer:?}"),
        Err(error) => error.to_string(),
    }
}

/// What the crate says of rows of logits.
pub fn row_losses<T: Element<Real = T>>(student: &[T], teacher: &[T], classes: usize) -> Vec<T> {
    let mut losses = vec![T::ZERO; student.len() / classes];
    let student = Rows::new(student, classes).expect("whole rows");
    let teacher = Teacher::Logits(Rows::new(teacher, classes).expect("whole rows"));
    let loss = DistillLoss::new(student, teacher).expect("as many rows");
    loss.row_losses(&mut losses).expect("a loss a row");
    losses
}

pub fn bits(column: &ArrayRef) -> Vec<Option<u64>> {
    match column.data_type() {
        DataType::Float32 => {
            let column = column.as_any().downcast_ref::<datafusion::arrow::array::Float32Array>();
            column.expect("Float32").iter().map(|x| x.map(|x| u64::from(x.to_bits()))).collect()
        }
        DataType::Float64 => {
            let column = column.as_any().downcast_ref::<Float64Array>();
            column.expect("Float64").iter().map(|x| x.map(f64::to_bits)).collect()
        }
        other => panic!("{other}"),
    }
}

pub fn bits_f32(numbers: &[f32]) -> Vec<Option<u64>> {
    numbers.iter().map(|x| Some(u64::from(x.to_bits()))).collect()
}

pub fn bits_f64(numbers: &[f64]) -> Vec<Option<u64>> {
    numbers.iter().map(|x| Some(x.to_bits())).collect()
}

pub fn integers(numbers: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(numbers))
}
