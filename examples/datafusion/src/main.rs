//! Asks for divergences in SQL: two tables as Parquet files, and the bits of a plain loop for any number of partitions.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use datafusion::common::{DataFusionError, Result};
use datafusion::prelude::{SessionConfig, SessionContext};
use kldiv_datafusion::data::{Answer, Table, configured};
use kldiv_datafusion::register;

const HELP: &str = "\
Writes rows of logits as Parquet files, asks in SQL for their divergence by label, and compares the
bits with those of a plain loop, for 1, 2 and 8 partitions.

Usage: kldiv-datafusion [OPTIONS]
  --rows N         rows that are made (default 100000)
  --classes N      logits of each (default 1000)
  --folder FOLDER  where the files go (default: data, beside the folder of this program)
  -h, --help       this text
";

struct Options {
    rows: usize,
    classes: usize,
    folder: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let run = match options() {
        Ok(Some(options)) => run(&options).await,
        Ok(None) => {
            print!("{HELP}");
            Ok(true)
        }
        Err(error) => Err(DataFusionError::Execution(error.to_string())),
    };
    match run {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
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
    let beside = beside.ancestors().nth(2).unwrap_or(Path::new(".")).join("data");
    let mut options = Options { rows: 100_000, classes: 1000, folder: beside };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("rows") => options.rows = arguments.value()?.parse()?,
            Long("classes") => options.classes = arguments.value()?.parse()?,
            Long("folder") => options.folder = arguments.value()?.into(),
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

/// Whether all bits were the same.
async fn run(options: &Options) -> Result<bool> {
    let made = Table::Made { rows: options.rows, classes: options.classes, files: 8 };
    let mut same = true;
    for table in [Table::Digits, made] {
        table.write(&options.folder)?;
        println!("{} rows in {}", table.rows(), options.folder.join(table.name()).display());
        println!("> {}\n", table.query());
        let started = Instant::now();
        let expected = table.plain_loop()?;
        let plain = started.elapsed().as_secs_f64();
        for partitions in [1, 2, 8] {
            let context =
                SessionContext::new_with_config(configured(SessionConfig::new(), partitions));
            register(&context);
            table.register(&context, &options.folder).await?;
            let started = Instant::now();
            let answer = table.ask(&context).await?;
            let seconds = started.elapsed().as_secs_f64();
            if partitions == 1 {
                print(&answer);
                println!("\nplain loop     {plain:8.3} s");
            }
            let agrees = answer.same_bits(&expected);
            let verdict = if agrees { "the bits of the plain loop" } else { "OTHER BITS" };
            println!(
                "{partitions} partition{} {seconds:8.3} s   {verdict}",
                if partitions == 1 { "  " } else { "s " }
            );
            same &= agrees;
        }
        println!();
    }
    Ok(same)
}

/// The first lines of an answer.
fn print(answer: &Answer) {
    const SHOWN: usize = 10;
    println!("label    rows                  sum                  mean");
    for line in answer.0.iter().take(SHOWN) {
        println!("{:5} {:7} {:20} {:21}", line.label, line.rows, line.sum, line.mean);
    }
    if answer.0.len() > SHOWN {
        println!("  …   {} more", answer.0.len() - SHOWN);
    }
}
