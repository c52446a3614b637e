//! The same query on a cluster of processes: its bits, and its bits again when an executor is killed in the middle of it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use datafusion::common::{DataFusionError, Result};
use kldiv_datafusion::cluster::{Cluster, serve_if_part};
use kldiv_datafusion::data::{Answer, Table};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

const HELP: &str = "\
Starts a Ballista scheduler and two executors as processes on this machine, asks them in SQL for the
divergence by label of made rows, and compares the bits with those of a plain loop. Then asks once more,
kills one of the executors in the middle of it, and compares again.

Usage: cluster [OPTIONS]
  --rows N         rows that are made (default 100000)
  --classes N      logits of each (default 1000)
  --files N        files that they go into, each a task for an executor (default 32)
  --folder FOLDER  where the files go (default: data, beside the folder of this program)
  --rounds N       queries before one of the executors is killed (default 3)
  --limit SECONDS  all is over after that time (default 300)
  -h, --help       this text
";

/// Queries until one is caught in the middle.
const ATTEMPTS: usize = 5;

struct Options {
    table: Table,
    folder: PathBuf,
    rounds: usize,
    limit: Duration,
}

fn main() -> ExitCode {
    if let Some(code) = serve_if_part() {
        return code;
    }
    let run = match options() {
        Ok(Some(options)) => limited(&options),
        Ok(None) => {
            print!("{HELP}");
            Ok(())
        }
        Err(error) => failed(error.to_string()),
    };
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Nothing where help is asked for.
fn options() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::{Arg::Long, Arg::Short, ValueExt};
    let beside = std::env::current_exe().unwrap_or_default();
    let mut folder = beside.ancestors().nth(2).unwrap_or(Path::new(".")).join("data");
    let (mut rows, mut classes, mut files) = (100_000, 1000, 32);
    let (mut rounds, mut limit) = (3, 300);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("rows") => rows = arguments.value()?.parse()?,
            Long("classes") => classes = arguments.value()?.parse()?,
            Long("files") => files = arguments.value()?.parse()?,
            Long("folder") => folder = arguments.value()?.into(),
            Long("rounds") => rounds = arguments.value()?.parse()?,
            Long("limit") => limit = arguments.value()?.parse()?,
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    let table = Table::Made { rows, classes, files };
    Ok(Some(Options { table, folder, rounds, limit: Duration::from_secs(limit) }))
}

fn failed<T>(text: String) -> Result<T> {
    Err(DataFusionError::Execution(text))
}

/// Runs until it is done, time is over or a signal comes; whichever it is, the cluster is dropped then.
fn limited(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            done = timeout(options.limit, run(options)) => match done {
                Ok(done) => done,
                Err(_) => failed(format!("not done after {} s", options.limit.as_secs())),
            },
            _ = tokio::signal::ctrl_c() => failed("interrupted".to_string()),
            _ = terminate.recv() => failed("terminated".to_string()),
        }
    });
    // What may still compute has nobody to tell.
    runtime.shutdown_background();
    ended
}

async fn run(options: &Options) -> Result<()> {
    let Options { table, folder, rounds, limit } = options;
    let (to_write, folder_there) = (*table, folder.clone());
    let prepared = tokio::task::spawn_blocking(move || {
        to_write.write(&folder_there)?;
        let started = Instant::now();
        Ok::<_, DataFusionError>((to_write.plain_loop()?, started.elapsed()))
    });
    let Ok(prepared) = prepared.await else {
        return failed("the rows were not made".to_string());
    };
    let (expected, plain) = prepared?;
    println!("{} rows in {}", table.rows(), folder.join(table.name()).display());
    println!("> {}\n", table.query());
    report("plain loop", plain, &expected, &expected)?;

    let limit = *limit;
    let Ok(cluster) = tokio::task::spawn_blocking(move || Cluster::start(2, limit)).await else {
        return failed("the cluster was not started".to_string());
    };
    let mut cluster = cluster?;
    let (processes, ports) = (cluster.processes(), cluster.ports());
    for (name, (process, port)) in
        ["scheduler", "executor 0", "executor 1"].iter().zip(processes.iter().zip(&ports))
    {
        println!("{name}: process {process} on 127.0.0.1:{port}");
    }
    let context = cluster.context(8).await?;
    table.register(&context, folder).await?;
    for _ in 0..*rounds {
        let started = Instant::now();
        let answer = table.ask(&context).await?;
        report("two executors", started.elapsed(), &answer, &expected)?;
    }

    for _ in 0..ATTEMPTS {
        let (in_the_middle, table) = (context.clone(), *table);
        let before = cluster.queries_worked_on(1);
        let started = Instant::now();
        let query = tokio::spawn(async move { table.ask(&in_the_middle).await });
        while cluster.queries_worked_on(1) <= before && !query.is_finished() {
            sleep(Duration::from_millis(1)).await;
        }
        if query.is_finished() {
            continue;
        }
        cluster.kill(1);
        println!(
            "executor 1 killed {:.3} s after the start of a query",
            started.elapsed().as_secs_f64()
        );
        let Ok(answer) = query.await else {
            return failed("the query did not end".to_string());
        };
        report("one was killed", started.elapsed(), &answer?, &expected)?;
        let started = Instant::now();
        let answer = table.ask(&context).await?;
        return report("one is left", started.elapsed(), &answer, &expected);
    }
    failed(format!(
        "{ATTEMPTS} queries were over before executor 1 had worked: more rows are needed"
    ))
}

fn report(what: &str, time: Duration, answer: &Answer, expected: &Answer) -> Result<()> {
    let rows: i64 = answer.0.iter().map(|line| line.rows).sum();
    let verdict =
        if answer.same_bits(expected) { "the bits of the plain loop" } else { "OTHER BITS" };
    println!(
        "{what:15} {:8.3} s   {} labels, {rows} rows, {verdict}",
        time.as_secs_f64(),
        answer.0.len()
    );
    if answer.same_bits(expected) { Ok(()) } else { failed(format!("{what}: other bits")) }
}
