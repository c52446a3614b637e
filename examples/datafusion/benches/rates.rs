//! How fast: `cargo bench` in this folder.
//!
//! `kl_sum` over one partition in memory beside the crate's own `row_losses` over the same memory, in turns, and a query of
//! two executors beside that of one. Says what it found beside what is wanted; `--rows N` for fewer rows, `--quick` for one
//! round.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::{as_fixed_size_list_array, as_float32_array, as_float64_array};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use kldiv::{DistillLoss, ExactSum, Rows, Teacher};
use kldiv_datafusion::cluster::{Cluster, serve_if_part};
use kldiv_datafusion::data::{Table, configured};
use kldiv_datafusion::register;

const CLASSES: usize = 1000;
const BATCH: usize = 256;

fn main() -> ExitCode {
    if let Some(code) = serve_if_part() {
        return code;
    }
    match options().map_err(|error| DataFusionError::Execution(error.to_string())).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Clone, Copy)]
struct Options {
    rows: usize,
    rounds: usize,
}

fn options() -> Result<Options, lexopt::Error> {
    use lexopt::{Arg::Long, ValueExt};
    let mut options = Options { rows: 100_000, rounds: 11 };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("rows") => options.rows = arguments.value()?.parse()?,
            Long("quick") => options.rounds = 1,
            // What cargo says to every benchmark.
            Long("bench") => {}
            other => return Err(other.unexpected()),
        }
    }
    Ok(options)
}

fn run(options: Options) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(one_partition(options))?;
    runtime.block_on(executors(options))
}

/// Prints how many times as fast the second is as the first.
fn compare(names: [&str; 2], mut times: [Vec<f64>; 2], bytes: usize, wanted: f64) {
    let [first, second] = times.each_mut().map(|times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    let rate = |seconds: f64| bytes as f64 / seconds / 1e9;
    println!("{:44} {first:8.4} s   {:6.2} GB/s", names[0], rate(first));
    println!("{:44} {second:8.4} s   {:6.2} GB/s", names[1], rate(second));
    println!("ratio {:.3}, wanted {wanted}\n", first / second);
}

async fn one_partition(options: Options) -> Result<()> {
    let rows = (options.rows / 4).max(BATCH);
    let table = Table::Made { rows, classes: CLASSES, files: 1 };
    let starts = (0..rows).step_by(BATCH);
    let batches = starts.map(|start| table.block(start..(start + BATCH).min(rows))?.into_batch());
    let batches: Vec<RecordBatch> = batches.collect::<Result<_>>()?;
    let context = SessionContext::new_with_config(configured(SessionConfig::new(), 1));
    register(&context);
    let schema = batches[0].schema();
    context.register_table("t", Arc::new(MemTable::try_new(schema, vec![batches.clone()])?))?;
    let query = context.sql("SELECT kl_sum(student, teacher) FROM t").await?;

    let mut times = [vec![], vec![]];
    let mut losses = vec![0.0; BATCH];
    for _ in 0..options.rounds {
        let started = Instant::now();
        let mut total = ExactSum::new();
        for batch in &batches {
            let losses = &mut losses[..batch.num_rows()];
            row_losses(batch, losses)?;
            black_box(&mut *losses);
        }
        times[0].push(started.elapsed().as_secs_f64());
        for batch in &batches {
            let losses = &mut losses[..batch.num_rows()];
            row_losses(batch, losses)?;
            total.extend_from_slice(losses);
        }

        let started = Instant::now();
        let answer = query.clone().collect().await?;
        times[1].push(started.elapsed().as_secs_f64());
        let sum = as_float64_array(answer[0].column(0))?.value(0);
        assert_eq!(sum.to_bits(), total.value::<f64>().to_bits());
    }
    let names = ["row_losses", "SELECT kl_sum(student, teacher), 1 partition"];
    compare(names, times, rows * CLASSES * 8, 0.8);
    Ok(())
}

fn row_losses(batch: &RecordBatch, losses: &mut [f32]) -> Result<()> {
    let student = as_float32_array(as_fixed_size_list_array(batch.column(1))?.values())?;
    let teacher = as_float32_array(as_fixed_size_list_array(batch.column(2))?.values())?;
    Rows::new(student.values(), CLASSES)
        .and_then(|student| {
            let teacher = Rows::new(teacher.values(), CLASSES)?;
            DistillLoss::new(student, Teacher::Logits(teacher))?.row_losses(losses)
        })
        .map_err(|error| DataFusionError::Execution(error.to_string()))
}

/// One executor and two take turns; both clusters are there all the time, and idle ones wait.
async fn executors(options: Options) -> Result<()> {
    let table = Table::Made { rows: options.rows, classes: CLASSES, files: 32 };
    let folder = std::env::temp_dir().join(format!("kldiv-rates-{}", std::process::id()));
    let times = match table.write(&folder) {
        Ok(()) => turns(options, table, &folder).await,
        Err(error) => Err(error),
    };
    let _ = std::fs::remove_dir_all(&folder);
    let names = ["by label, one executor of one core", "by label, two executors of one core"];
    compare(names, times?, options.rows * CLASSES * 8, 1.6);
    Ok(())
}

async fn turns(options: Options, table: Table, folder: &std::path::Path) -> Result<[Vec<f64>; 2]> {
    let limit = Duration::from_secs(1800);
    let clusters = [Cluster::start(1, limit)?, Cluster::start(2, limit)?];
    let mut contexts = Vec::new();
    for cluster in &clusters {
        let context = cluster.context(8).await?;
        table.register(&context, folder).await?;
        // What is read or planned for the first time.
        table.ask(&context).await?;
        contexts.push(context);
    }
    let mut times = [vec![], vec![]];
    for _ in 0..options.rounds {
        for (context, times) in contexts.iter().zip(&mut times) {
            let started = Instant::now();
            black_box(table.ask(context).await?);
            times.push(started.elapsed().as_secs_f64());
        }
    }
    Ok(times)
}
