//! Divergences between columns of logits in Apache DataFusion, and in its distributed engine Ballista.
//!
//! | function | value |
//! |---|---|
//! | `kl_div(student, teacher[, temperature[, divergence[, form]]])` | the divergence of each row, as `DistillLoss::row_losses` has it |
//! | `kl_sum(student, teacher[, weight[, temperature[, divergence[, form]]]])` | the sum of the rows' divergences, each times its weight |
//! | `kl_mean(student, teacher[, weight[, temperature[, divergence[, form]]]])` | that sum divided by the number of rows, or by the sum of their weights |
//!
//! **Lists.** `student` and `teacher` are columns of `FixedSizeList`, `List` or `LargeList` of Float16, Float32 or Float64, in any
//! combination; if the numbers differ, the engine converts those of one side to the wider type. Student: logits. Teacher:
//! logits, or what `form` says. Nothing is copied: a row is a slice of Arrow's buffer. Only Float16 is widened to Float32, some
//! rows at a time.
//!
//! **Options** are constants. `temperature`: a positive number, 1 if absent. `divergence`: `'forward'` (the default), `'reverse'`,
//! `'jensen_shannon'`, or `'jensen_shannon:0.3'` for another share of the teacher than a half. `form`: `'logits'` (the default),
//! `'log_probs'`, `'probs'`.
//!
//! **Rows left out.** Where a list or the weight is null, `kl_div` is null and a total goes on without the row. A total of no
//! rows is null. A row of weight 0 counts in no total and is never read.
//!
//! **Errors** name the row by its number in the batch that the engine was working on: lists of different lengths in one row,
//! lists without a class, a null inside a list.
//!
//! **Types.** `kl_div` has the type that is computed in: Float64 for lists of Float64, otherwise Float32. The totals are Float64.
//!
//! **The same bits.** A row's divergence depends on that row alone, and totals are [`kldiv::ExactSum`]s, so `kl_sum` and `kl_mean`
//! have the same bits for any order of the rows, any number of files, partitions, threads and machines. Between machines
//! travel the 274 bytes of the exact sum and the number of rows.

pub mod cluster;
mod comparison;
pub mod data;
mod lists;
mod losses;
mod row;
mod total;
mod types;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;

use crate::row::KlDiv;
use crate::total::{KlTotal, Outcome};

/// Functions of a row: `kl_div`.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![Arc::new(ScalarUDF::from(KlDiv::new()))]
}

/// Functions of many rows: `kl_sum` and `kl_mean`.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    let function = |outcome| Arc::new(AggregateUDF::from(KlTotal::new(outcome)));
    vec![function(Outcome::Sum), function(Outcome::Mean)]
}

/// From here on this context's queries know the functions. The executors of a cluster, which get no
/// context, take the two lists above.
pub fn register(context: &SessionContext) {
    for function in scalar_functions() {
        context.register_udf(function.as_ref().clone());
    }
    for function in aggregate_functions() {
        context.register_udaf(function.as_ref().clone());
    }
}
