//! What travels between machines: the bytes of an exact sum and a number of rows.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BinaryArray, BooleanArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Float32Type};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::logical_expr::EmitTo;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::col;
use kldiv::ExactSum;
use kldiv_datafusion::aggregate_functions;

use crate::support::{Kind, batch, bits, bits_f64, block, list, row_losses};

const ROWS: usize = 8;
const CLASSES: usize = 3;

fn columns() -> RecordBatch {
    let block = block(ROWS, CLASSES);
    let side = |from: &Vec<f32>| list::<Float32Type>(Kind::Fixed, from.clone(), CLASSES, None);
    let weights = datafusion::arrow::array::Float32Array::from(vec![0.5; ROWS]);
    batch(&[
        ("student", side(&block.student)),
        ("teacher", side(&block.teacher)),
        ("weight", Arc::new(weights)),
    ])
}

/// The losses of these rows, exactly.
fn sum(rows: impl IntoIterator<Item = usize>) -> ExactSum {
    let block = block(ROWS, CLASSES);
    let losses = row_losses(&block.student, &block.teacher, CLASSES);
    let mut sum = ExactSum::new();
    rows.into_iter().for_each(|row| sum.add(losses[row]));
    sum
}

fn function(name: &str, arguments: &[&str]) -> AggregateFunctionExpr {
    let schema = columns().schema();
    let function = aggregate_functions().into_iter().find(|function| function.name() == name);
    let arguments = arguments.iter().map(|name| col(name, &schema).unwrap()).collect();
    let builder = AggregateExprBuilder::new(function.unwrap(), arguments);
    builder.schema(schema).alias("total").build().unwrap()
}

fn binary(column: &ArrayRef) -> &BinaryArray {
    column.as_any().downcast_ref().unwrap()
}

#[test]
fn a_state_has_the_bytes_and_the_number_of_rows() {
    let sum_of_two = function("kl_sum", &["student", "teacher"]);
    let types = |function: &AggregateFunctionExpr| {
        let fields = function.state_fields().unwrap();
        fields.iter().map(|field| field.data_type().clone()).collect::<Vec<_>>()
    };
    assert_eq!(types(&sum_of_two), [DataType::Binary, DataType::UInt64]);
    let weighted = function("kl_mean", &["student", "teacher", "weight"]);
    assert_eq!(types(&weighted), [DataType::Binary, DataType::UInt64, DataType::Binary]);

    let mut accumulator = sum_of_two.create_accumulator().unwrap();
    accumulator.update_batch(columns().columns()).unwrap();
    let state = accumulator.state().unwrap();
    let state: Vec<ArrayRef> = state.iter().map(|value| value.to_array().unwrap()).collect();
    assert_eq!(binary(&state[0]).value(0), sum(0..ROWS).to_bytes());
    assert_eq!(state[1].as_ref(), &UInt64Array::from(vec![ROWS as u64]));

    let mut elsewhere = sum_of_two.create_accumulator().unwrap();
    elsewhere.merge_batch(&state).unwrap();
    elsewhere.merge_batch(&state).unwrap();
    let mut twice = sum(0..ROWS);
    twice.merge(&sum(0..ROWS));
    let value = elsewhere.evaluate().unwrap().to_array().unwrap();
    assert_eq!(bits(&value), bits_f64(&[twice.value()]));
}

#[test]
fn groups_are_emitted_from_the_first_on_and_merged_elsewhere() {
    let mean = function("kl_mean", &["student", "teacher", "weight"]);
    let columns = columns();
    let groups = [0, 1, 2, 2, 0, 1, 1, 0];
    let mut here = mean.create_groups_accumulator().unwrap();
    here.update_batch(columns.columns(), &groups, None, 3).unwrap();
    let first = here.state(EmitTo::First(1)).unwrap();
    let rest = here.state(EmitTo::All).unwrap();
    assert_eq!((first[0].len(), rest[0].len()), (1, 2));

    // The groups have other numbers there, and one more batch comes to the last of them.
    let mut there = mean.create_groups_accumulator().unwrap();
    there.merge_batch(&rest, &[1, 0], 2).unwrap();
    there.merge_batch(&first, &[2], 3).unwrap();
    let filter = BooleanArray::from(vec![true, false, false, false, false, false, false, false]);
    there.update_batch(columns.columns(), &[2; 8], Some(&filter), 3).unwrap();
    let means = |sum: ExactSum, rows: f64| {
        // Weights of a half: losses and weights are halved alike.
        sum.value::<f64>() * 0.5 / (rows * 0.5)
    };
    let expected =
        [means(sum([2, 3]), 2.0), means(sum([1, 5, 6]), 3.0), means(sum([0, 4, 7, 0]), 4.0)];
    let first = there.evaluate(EmitTo::First(2)).unwrap();
    assert_eq!(bits(&first), bits_f64(&expected[..2]));
    let last = there.evaluate(EmitTo::All).unwrap();
    assert_eq!(bits(&last), bits_f64(&expected[2..]));
}

#[test]
fn each_row_alone_as_a_state() {
    let plain = function("kl_sum", &["student", "teacher"]);
    let groups = plain.create_groups_accumulator().unwrap();
    let filter = BooleanArray::from((0..ROWS).map(|row| row != 5).collect::<Vec<_>>());
    let state = groups.convert_to_state(columns().columns(), Some(&filter)).unwrap();
    for row in 0..ROWS {
        let expected = if row == 5 { ExactSum::new() } else { sum([row]) };
        assert_eq!(binary(&state[0]).value(row), expected.to_bytes(), "{row}");
    }
    let rows: Vec<u64> = (0..ROWS as u64).map(|row| u64::from(row != 5)).collect();
    assert_eq!(state[1].as_ref(), &UInt64Array::from(rows));
}

#[test]
fn bytes_that_are_no_sum_are_refused() {
    let plain = function("kl_sum", &["student", "teacher"]);
    let mut bytes = sum(0..ROWS).to_bytes();
    bytes[0] = 9;
    let state: [ArrayRef; 2] = [
        Arc::new(BinaryArray::from_iter_values([bytes])),
        Arc::new(UInt64Array::from(vec![ROWS as u64])),
    ];
    let mut one = plain.create_accumulator().unwrap();
    let error = one.merge_batch(&state).unwrap_err().to_string();
    assert!(error.contains("version"), "{error}");
    let mut groups = plain.create_groups_accumulator().unwrap();
    assert_eq!(groups.merge_batch(&state, &[0], 1).unwrap_err().to_string(), error);
    assert!(one.merge_batch(&state[..1]).is_err());
}
