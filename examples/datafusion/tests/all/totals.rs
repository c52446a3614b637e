//! `kl_sum` and `kl_mean`: the exact sum of the rows' losses, in groups, with weights, for any cut of the table.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float32Array, Float64Array, Int64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{Float16Type, Float32Type, Float64Type};
use datafusion::arrow::record_batch::RecordBatch;
use half::f16;
use kldiv::{DistillLoss, ExactSum, Rows, Teacher};

use crate::support::{
    Kind, ask, batch, bits, bits_f64, block, column, context, integers, list, row_losses,
};

const ROWS: usize = 60;
const CLASSES: usize = 6;

/// Rows of made logits in three groups, with weights, of which some are 0.
struct Sample {
    student: Vec<f32>,
    teacher: Vec<f32>,
    weights: Vec<f32>,
    groups: Vec<i64>,
}

fn sample() -> Sample {
    let block = block(ROWS, CLASSES);
    let weights = (0..ROWS).map(|row| (row % 4) as f32 * 0.3).collect();
    let groups = (0..ROWS).map(|row| (row * row % 7 % 3) as i64).collect();
    Sample { student: block.student, teacher: block.teacher, weights, groups }
}

impl Sample {
    fn losses(&self) -> Vec<f32> {
        row_losses(&self.student, &self.teacher, CLASSES)
    }

    fn weighted(&self) -> Vec<f32> {
        let rows = |from| Rows::new(from, CLASSES).unwrap();
        let loss = DistillLoss::new(rows(&self.student), Teacher::Logits(rows(&self.teacher)));
        let loss = loss.unwrap().row_weights(&self.weights).unwrap();
        let mut losses = vec![0.0; ROWS];
        loss.row_losses(&mut losses).unwrap();
        losses
    }

    fn batch(&self) -> RecordBatch {
        let side = |from: &Vec<f32>| list::<Float32Type>(Kind::Fixed, from.clone(), CLASSES, None);
        batch(&[
            ("student", side(&self.student)),
            ("teacher", side(&self.teacher)),
            ("weight", Arc::new(Float32Array::from(self.weights.clone()))),
            ("g", integers(self.groups.clone())),
        ])
    }

    /// The table in so many partitions of small batches, its rows in another order.
    fn partitions(&self, partitions: usize) -> Vec<Vec<RecordBatch>> {
        let mut cut = vec![Vec::new(); partitions];
        for piece in 0..ROWS / 5 {
            // 12 pieces, visited in steps of 7.
            let piece = piece * 7 % (ROWS / 5);
            cut[piece % partitions].push(self.batch().slice(piece * 5, 5));
        }
        cut
    }
}

fn total(losses: impl IntoIterator<Item = f32>) -> ExactSum {
    let mut total = ExactSum::new();
    losses.into_iter().for_each(|loss| total.add(loss));
    total
}

fn only(column: ArrayRef) -> Option<u64> {
    assert_eq!(column.len(), 1);
    bits(&column)[0]
}

#[tokio::test]
async fn sums_and_means() {
    let sample = sample();
    let sum: f64 = total(sample.losses()).value();
    let answer = ask(sample.batch(), "SELECT kl_sum(student, teacher) FROM t").await;
    assert_eq!(only(answer.unwrap()), Some(sum.to_bits()));
    let answer = ask(sample.batch(), "SELECT kl_mean(student, teacher) FROM t").await;
    assert_eq!(only(answer.unwrap()), Some((sum / ROWS as f64).to_bits()));
}

#[tokio::test]
async fn weights() {
    let mut sample = sample();
    let sum: f64 = total(sample.weighted()).value();
    let weights: f64 = total(sample.weights.clone()).value();
    assert_ne!(sum, total(sample.losses()).value::<f64>());
    // A row of weight 0 is not read.
    sample.student[..CLASSES].fill(f32::NAN);
    let answer = ask(sample.batch(), "SELECT kl_sum(student, teacher, weight) FROM t").await;
    assert_eq!(only(answer.unwrap()), Some(sum.to_bits()));
    let answer = ask(sample.batch(), "SELECT kl_mean(student, teacher, weight) FROM t").await;
    assert_eq!(only(answer.unwrap()), Some((sum / weights).to_bits()));
}

/// Integers as weights, of a table of Float64; a weight that is a constant.
#[tokio::test]
async fn weights_of_other_types() {
    let sample = sample();
    let doubles = |from: &[f32]| from.iter().copied().map(f64::from).collect::<Vec<_>>();
    let (student, teacher) = (doubles(&sample.student), doubles(&sample.teacher));
    let mut sum = ExactSum::new();
    let losses = row_losses(&student, &teacher, CLASSES);
    losses.iter().zip(&sample.groups).for_each(|(loss, g)| sum.add(loss * *g as f64));
    let side = |from: Vec<f64>| list::<Float64Type>(Kind::Large, from, CLASSES, None);
    let columns = batch(&[
        ("student", side(student)),
        ("teacher", side(teacher)),
        ("g", integers(sample.groups.clone())),
    ]);
    let answer = ask(columns.clone(), "SELECT kl_sum(student, teacher, g) FROM t").await;
    assert_eq!(only(answer.unwrap()), Some(sum.value::<f64>().to_bits()));
    let mut twice = ExactSum::new();
    losses.iter().for_each(|loss| twice.add(loss * 2.0));
    let answer = ask(columns, "SELECT kl_sum(student, teacher, 2) FROM t").await;
    assert_eq!(only(answer.unwrap()), Some(twice.value::<f64>().to_bits()));
}

#[tokio::test]
async fn halves() {
    let sample = sample();
    let halves = |from: &[f32]| from.iter().copied().map(f16::from_f32).collect::<Vec<_>>();
    let widened = |from: &[f32]| halves(from).iter().map(|x| x.to_f32()).collect::<Vec<_>>();
    let losses = row_losses(&widened(&sample.student), &widened(&sample.teacher), CLASSES);
    let side = |from: &[f32]| list::<Float16Type>(Kind::Fixed, halves(from), CLASSES, None);
    let columns = batch(&[("student", side(&sample.student)), ("teacher", side(&sample.teacher))]);
    let answer = ask(columns, "SELECT kl_sum(student, teacher) FROM t").await.unwrap();
    assert_eq!(only(answer), Some(total(losses).value::<f64>().to_bits()));
}

/// Options stand after the weight.
#[tokio::test]
async fn options() {
    let sample = sample();
    let divs = "SELECT kl_div(student, teacher, 2, 'reverse') FROM t";
    let each = ask(sample.batch(), divs).await.unwrap();
    let each = each.as_any().downcast_ref::<Float32Array>().unwrap();
    let expected: f64 = total(each.values().iter().copied()).value();
    let query = "SELECT kl_sum(student, teacher, 1, 2, 'reverse', 'logits') FROM t";
    assert_eq!(only(ask(sample.batch(), query).await.unwrap()), Some(expected.to_bits()));
}

#[tokio::test]
async fn any_number_of_partitions_has_the_same_bits() {
    let sample = sample();
    let mut expected: BTreeMap<i64, (ExactSum, ExactSum)> = BTreeMap::new();
    for (row, loss) in sample.weighted().into_iter().enumerate() {
        let (sum, weights) = expected.entry(sample.groups[row]).or_default();
        sum.add(loss);
        weights.add(sample.weights[row]);
    }
    assert_eq!(expected.len(), 3);
    let value = |sum: &ExactSum| sum.value::<f64>();
    let sums: Vec<f64> = expected.values().map(|(sum, _)| value(sum)).collect();
    let means: Vec<f64> = expected.values().map(|(sum, n)| value(sum) / value(n)).collect();
    let whole: f64 = total(sample.weighted()).value();
    for partitions in [1, 2, 3, 8] {
        let context = context(sample.partitions(partitions));
        let by_group =
            |what| format!("SELECT {what}(student, teacher, weight) FROM t GROUP BY g ORDER BY g");
        let answer = column(&context, &by_group("kl_sum")).await.unwrap();
        assert_eq!(bits(&answer), bits_f64(&sums), "{partitions}");
        let answer = column(&context, &by_group("kl_mean")).await.unwrap();
        assert_eq!(bits(&answer), bits_f64(&means), "{partitions}");
        let answer = column(&context, "SELECT kl_sum(student, teacher, weight) FROM t").await;
        assert_eq!(only(answer.unwrap()), Some(whole.to_bits()), "{partitions}");
    }
}

/// Null lists and null weights count neither in the sum nor in the number of rows.
#[tokio::test]
async fn null_rows_are_left_out() {
    let sample = sample();
    let nulls =
        |every: usize| Some(NullBuffer::from_iter((0..ROWS).map(|row| !row.is_multiple_of(every))));
    let side = |from: &Vec<f32>, every| {
        list::<Float32Type>(Kind::Fixed, from.clone(), CLASSES, nulls(every))
    };
    let weights = Float32Array::new(sample.weights.clone().into(), nulls(11));
    let columns = batch(&[
        ("student", side(&sample.student, 3)),
        ("teacher", side(&sample.teacher, 5)),
        ("weight", Arc::new(weights)),
        ("g", integers(sample.groups.clone())),
    ]);
    let left = |row: usize| !row.is_multiple_of(3) && !row.is_multiple_of(5);
    let losses = sample.losses().into_iter().enumerate();
    let losses: Vec<f32> = losses.filter(|(row, _)| left(*row)).map(|(_, loss)| loss).collect();
    let (rows, sum) = (losses.len(), total(losses).value::<f64>());
    let query = "SELECT kl_mean(student, teacher) FROM t";
    let answer = ask(columns.clone(), query).await.unwrap();
    assert_eq!(only(answer), Some((sum / rows as f64).to_bits()));

    for g in 0..3 {
        let counted = (0..ROWS)
            .filter(|row| left(*row) && !row.is_multiple_of(11) && sample.groups[*row] == g);
        let (mut sum, mut weights) = (ExactSum::new(), ExactSum::new());
        for row in counted {
            sum.add(sample.weighted()[row]);
            weights.add(sample.weights[row]);
        }
        let mean = sum.value::<f64>() / weights.value::<f64>();
        let grouped = "SELECT kl_mean(student, teacher, weight) AS m, g FROM t GROUP BY g";
        let query = format!("SELECT m FROM ({grouped}) WHERE g = {g}");
        let answer = ask(columns.clone(), &query).await.unwrap();
        assert_eq!(only(answer), Some(mean.to_bits()), "{g}");
    }
}

#[tokio::test]
async fn a_filter_of_the_total() {
    let sample = sample();
    let losses = sample.losses().into_iter().zip(&sample.weights);
    let sum: f64 = total(losses.filter(|(_, w)| **w > 0.5).map(|(loss, _)| loss)).value();
    let filtered = "SELECT kl_sum(student, teacher) FILTER (WHERE weight > 0.5) FROM t";
    for query in [filtered.to_string(), format!("{filtered} GROUP BY g > 100")] {
        let answer = ask(sample.batch(), &query).await.unwrap();
        assert_eq!(only(answer), Some(sum.to_bits()), "{query}");
    }
    // A filter that is null lets nothing through.
    let nothing =
        "SELECT kl_sum(student, teacher) FILTER (WHERE weight > NULL) FROM t GROUP BY g > 100";
    assert_eq!(only(ask(sample.batch(), nothing).await.unwrap()), None);
}

#[tokio::test]
async fn totals_of_no_rows_are_null() {
    for what in [
        "kl_sum(student, teacher)",
        "kl_mean(student, teacher)",
        "kl_mean(student, teacher, weight)",
    ] {
        let query = format!("SELECT {what} FROM t WHERE weight > 100");
        assert_eq!(only(ask(sample().batch(), &query).await.unwrap()), None, "{what}");
    }
    // Rows, but none that counts.
    let query = "SELECT kl_mean(student, teacher, weight) FROM t WHERE weight = 0";
    assert_eq!(only(ask(sample().batch(), query).await.unwrap()), None);
    let query = "SELECT kl_sum(student, teacher, weight) FROM t WHERE weight = 0";
    assert_eq!(only(ask(sample().batch(), query).await.unwrap()), Some(0));
}

/// As many groups as rows, where the engine gives up adding them up before it deals them out.
#[tokio::test]
async fn a_group_a_row() {
    const MANY: usize = 2000;
    let made = block(MANY, 2);
    let side = |from: &Vec<f32>| list::<Float32Type>(Kind::Fixed, from.clone(), 2, None);
    let columns = batch(&[
        ("student", side(&made.student)),
        ("teacher", side(&made.teacher)),
        ("row", integers((0..MANY as i64).collect())),
    ]);
    let partitions = (0..2).map(|half| {
        let half = columns.slice(half * MANY / 2, MANY / 2);
        (0..10).map(|piece| half.slice(piece * MANY / 20, MANY / 20)).collect()
    });
    let context = context(partitions.collect());
    for setting in [
        "SET datafusion.execution.skip_partial_aggregation_probe_rows_threshold = 100",
        "SET datafusion.execution.skip_partial_aggregation_probe_ratio_threshold = 0.1",
    ] {
        context.sql(setting).await.unwrap().collect().await.unwrap();
    }
    let query = "SELECT kl_mean(student, teacher, 1) FROM t GROUP BY row ORDER BY row";
    let answer = column(&context, query).await.unwrap();
    let losses = row_losses(&made.student, &made.teacher, 2);
    let losses: Vec<f64> = losses.into_iter().map(f64::from).collect();
    assert_eq!(bits(&answer), bits_f64(&losses));
}

#[tokio::test]
async fn a_running_total() {
    let sample = sample();
    let order = (0..ROWS as i64).collect::<Vec<_>>();
    let columns = batch(&[
        ("student", sample.batch().column(0).clone()),
        ("teacher", sample.batch().column(1).clone()),
        ("row", Arc::new(Int64Array::from(order))),
    ]);
    let query = "SELECT kl_sum(student, teacher) OVER (ORDER BY row) FROM t ORDER BY row";
    let answer = ask(columns, query).await.unwrap();
    let mut running = ExactSum::new();
    let expected = sample.losses().into_iter().map(|loss| {
        running.add(loss);
        running.value::<f64>()
    });
    let expected: Vec<f64> = expected.collect();
    let answer = answer.as_any().downcast_ref::<Float64Array>().unwrap();
    assert_eq!(answer.values(), expected.as_slice());
}
