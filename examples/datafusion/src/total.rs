//! `kl_sum` and `kl_mean`: totals whose bits depend neither on the order of the rows nor on who added them up.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryBuilder, BooleanArray, Float64Array, PrimitiveArray,
    UInt64Array,
};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Float16Type, Float32Type, Float64Type,
};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::{as_binary_array, as_primitive_array, as_uint64_array};
use datafusion::common::{Result, ScalarValue, exec_err, not_impl_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, ColumnarValue, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use kldiv::{Element, ExactSum};

use crate::comparison::{Comparison, OPTIONS, refused};
use crate::lists::numbers_of;
use crate::losses::{Columns, Losses, Real, Stored};
use crate::types::{Weights, coerced};

/// What becomes of the total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Sum,
    /// Divided by the number of rows, or by the sum of their weights.
    Mean,
}

/// `kl_sum(student, teacher[, weight[, temperature[, divergence[, form]]]])`, and `kl_mean` likewise.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct KlTotal {
    outcome: Outcome,
    signature: Signature,
}

impl KlTotal {
    pub(crate) fn new(outcome: Outcome) -> Self {
        KlTotal { outcome, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn totals(&self, args: &AccumulatorArgs<'_>) -> Result<Totals> {
        if args.is_distinct {
            return not_impl_err!("{}(DISTINCT …)", self.name());
        }
        let mut constants = Vec::new();
        for (expression, name) in args.exprs.iter().skip(3).zip(OPTIONS) {
            let no_rows = RecordBatch::new_empty(Arc::new(args.schema.clone()));
            match expression.evaluate(&no_rows)? {
                ColumnarValue::Scalar(constant) => constants.push(constant),
                ColumnarValue::Array(_) => return exec_err!("the {name} has to be a constant"),
            }
        }
        Ok(Totals {
            outcome: self.outcome,
            comparison: Comparison::from_constants(&constants)?,
            weighted: args.exprs.len() > 2,
            losses: Vec::new(),
            rows: Vec::new(),
            weights: Vec::new(),
        })
    }
}

impl AggregateUDFImpl for KlTotal {
    fn name(&self) -> &str {
        match self.outcome {
            Outcome::Sum => "kl_sum",
            Outcome::Mean => "kl_mean",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        coerced(self.name(), types, Weights::Third)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    /// The exact sum of the losses as its bytes, the number of rows, and for a weighted mean the exact
    /// sum of the weights.
    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field =
            |name, kind| Arc::new(Field::new(format_state_name(args.name, name), kind, false));
        let mut fields = vec![field("losses", DataType::Binary), field("rows", DataType::UInt64)];
        if self.outcome == Outcome::Mean && args.input_fields.len() > 2 {
            fields.push(field("weights", DataType::Binary));
        }
        Ok(fields)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let mut totals = self.totals(&args)?;
        totals.grow(1);
        Ok(Box::new(OneTotal(totals)))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.totals(&args)?))
    }
}

/// A total for each group.
#[derive(Debug)]
struct Totals {
    outcome: Outcome,
    comparison: Comparison,
    /// Whether the third column is a weight.
    weighted: bool,
    losses: Vec<ExactSum>,
    rows: Vec<u64>,
    /// Of a weighted mean only.
    weights: Vec<ExactSum>,
}

/// Which group each row belongs to.
#[derive(Clone, Copy)]
enum Groups<'a> {
    One,
    Each(&'a [usize]),
}

impl Groups<'_> {
    /// Calls `add` with each longest piece of these rows that belongs to one group.
    fn pieces(
        self,
        rows: std::ops::Range<usize>,
        mut add: impl FnMut(usize, std::ops::Range<usize>),
    ) {
        match self {
            Groups::One => add(0, rows),
            Groups::Each(groups) => {
                let mut start = rows.start;
                for piece in groups[rows].chunk_by(|a, b| a == b) {
                    add(piece[0], start..start + piece.len());
                    start += piece.len();
                }
            }
        }
    }
}

impl Totals {
    fn has_weights(&self) -> bool {
        self.weighted && self.outcome == Outcome::Mean
    }

    fn grow(&mut self, groups: usize) {
        self.losses.resize(groups, ExactSum::new());
        self.rows.resize(groups, 0);
        if self.has_weights() {
            self.weights.resize(groups, ExactSum::new());
        }
    }

    fn add(
        &mut self,
        columns: &[ArrayRef],
        filter: Option<&BooleanArray>,
        groups: Groups<'_>,
    ) -> Result<()> {
        match columns.first().and_then(|student| numbers_of(student.data_type())) {
            Some(DataType::Float16) => self.add_stored::<Float16Type>(columns, filter, groups),
            Some(DataType::Float32) => self.add_stored::<Float32Type>(columns, filter, groups),
            Some(DataType::Float64) => self.add_stored::<Float64Type>(columns, filter, groups),
            _ => exec_err!("the student has to be a list of numbers"),
        }
    }

    fn add_stored<S: Stored>(
        &mut self,
        columns: &[ArrayRef],
        filter: Option<&BooleanArray>,
        groups: Groups<'_>,
    ) -> Result<()> {
        let weights = columns.get(2).filter(|_| self.weighted);
        let [student, teacher, ..] = columns else {
            return exec_err!("two lists are needed, found {} columns", columns.len());
        };
        let batch = Columns { student, teacher, weights, filter };
        let losses: Losses<Real<S>> = batch.losses::<S>(&self.comparison)?;
        for rows in losses.ranges() {
            groups.pieces(rows, |group, rows| {
                self.rows[group] += rows.len() as u64;
                add_all(&mut self.losses[group], &losses.values[rows]);
            });
        }
        if self.has_weights()
            && let Some(weights) = weights
        {
            let weights: &PrimitiveArray<S::Real> = as_primitive_array(weights)?;
            for rows in losses.ranges() {
                groups.pieces(rows, |group, rows| {
                    add_all(&mut self.weights[group], &weights.values()[rows]);
                });
            }
        }
        Ok(())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<()> {
        let (Some(losses), Some(rows)) = (state.first(), state.get(1)) else {
            return exec_err!("a total's state has two columns or three, found {}", state.len());
        };
        merge_sums(&mut self.losses, as_binary_array(losses)?, groups)?;
        let rows = as_uint64_array(rows)?;
        groups.pieces(0..rows.len(), |group, piece| {
            self.rows[group] += rows.values()[piece].iter().sum::<u64>();
        });
        match state.get(2) {
            Some(weights) if self.has_weights() => {
                merge_sums(&mut self.weights, as_binary_array(weights)?, groups)
            }
            None if !self.has_weights() => Ok(()),
            _ => exec_err!("a total's state has {} columns", state.len()),
        }
    }

    /// What these totals come to. SQL's NULL for a total of no rows, and for a mean whose weights come to
    /// nothing.
    fn values(&self, losses: &[ExactSum], rows: &[u64], weights: &[ExactSum]) -> Float64Array {
        let value = |(group, (losses, rows)): (usize, (&ExactSum, &u64))| {
            let sum: f64 = losses.value();
            match self.outcome {
                _ if *rows == 0 => None,
                Outcome::Sum => Some(sum),
                Outcome::Mean if !self.weighted => Some(sum / *rows as f64),
                Outcome::Mean => {
                    let weights: f64 = weights[group].value();
                    (weights != 0.0).then(|| sum / weights)
                }
            }
        };
        losses.iter().zip(rows).enumerate().map(value).collect()
    }

    fn taken_state(&mut self, emit: EmitTo) -> Vec<ArrayRef> {
        let mut state = vec![
            bytes(&emit.take_needed(&mut self.losses)),
            Arc::new(UInt64Array::from(emit.take_needed(&mut self.rows))) as ArrayRef,
        ];
        if self.has_weights() {
            state.push(bytes(&emit.take_needed(&mut self.weights)));
        }
        state
    }

    fn bytes_held(&self) -> usize {
        size_of::<ExactSum>() * (self.losses.capacity() + self.weights.capacity())
            + size_of::<u64>() * self.rows.capacity()
    }
}

fn add_all<T: Element>(total: &mut ExactSum, terms: &[T]) {
    match terms {
        [term] => total.add(*term),
        terms => total.extend_from_slice(terms),
    }
}

fn merge_sums(totals: &mut [ExactSum], sums: &BinaryArray, groups: Groups<'_>) -> Result<()> {
    let mut merged = Ok(());
    groups.pieces(0..sums.len(), |group, piece| {
        for row in piece {
            match ExactSum::from_bytes(sums.value(row)) {
                Ok(sum) => totals[group].merge(&sum),
                Err(error) => merged = Err(refused(error)),
            }
        }
    });
    merged
}

fn bytes(sums: &[ExactSum]) -> ArrayRef {
    let mut column = BinaryBuilder::with_capacity(sums.len(), sums.len() * ExactSum::BYTES);
    for sum in sums {
        column.append_value(sum.to_bytes());
    }
    Arc::new(column.finish())
}

impl GroupsAccumulator for Totals {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        self.add(values, opt_filter, Groups::Each(group_indices))
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        self.merge(values, Groups::Each(group_indices))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let losses = emit_to.take_needed(&mut self.losses);
        let rows = emit_to.take_needed(&mut self.rows);
        let weights =
            if self.has_weights() { emit_to.take_needed(&mut self.weights) } else { vec![] };
        Ok(Arc::new(self.values(&losses, &rows, &weights)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(self.taken_state(emit_to))
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |column| column.len());
        let each: Vec<usize> = (0..rows).collect();
        let mut alone = Totals { losses: vec![], rows: vec![], weights: vec![], ..*self };
        alone.grow(rows);
        alone.add(values, opt_filter, Groups::Each(&each))?;
        Ok(alone.taken_state(EmitTo::All))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes_held()
    }
}

/// The total of a query without groups, or of one group.
#[derive(Debug)]
struct OneTotal(Totals);

impl Accumulator for OneTotal {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.add(values, None, Groups::One)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge(states, Groups::One)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // A window asks again after each row, so the total stays.
        let Totals { losses, rows, weights, .. } = &self.0;
        ScalarValue::try_from_array(&self.0.values(losses, rows, weights), 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = self.0.taken_state(EmitTo::All);
        self.0.grow(1);
        state.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.bytes_held()
    }
}
