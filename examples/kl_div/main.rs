//! KL divergence from the command line.
//!
//! Without arguments: a report on two digit classifiers whose logits are built in, checked against known values.
//! With two `.npy` files: the loss between them. `--help` shows the options.

mod args;
mod blocks;
mod compare;
mod digits;
mod distribution;
mod doubt;
mod facts;
mod help;
mod histogram;
mod labels;
mod long;
mod loss;
mod npy;
mod number;
mod pairs;
mod plot;
mod progress;
mod rows;
mod source;
mod statistics;
mod threads;

use core::fmt;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use args::Command;

fn main() -> ExitCode {
    let mut out = BufWriter::new(io::stdout());
    let done = run(&mut out).and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough, as `head` has after ten lines.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            note(&failure.to_string());
            failure.exit_code()
        }
    }
}

fn run(out: &mut (impl Write + Send)) -> Result<(), Failure> {
    match args::parse(lexopt::Parser::from_env())? {
        Command::Help => Ok(out.write_all(help::TEXT.as_bytes())?),
        Command::Digits => digits::report(out),
        Command::Compare(job) => loss::print(&job, out),
    }
}

/// A line on standard error; should that be closed, there is nobody left to tell.
fn note(message: &str) {
    let _ = writeln!(io::stderr(), "kl_div: {message}");
}

/// Why there is no result.
#[derive(Debug)]
enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// A file, or what it holds, cannot be used.
    Data(String),
    /// The report is complete, and this many of its checks failed.
    Checks(usize),
    /// Standard output does not take the result.
    Output(io::Error),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Data(_) | Self::Checks(_) | Self::Output(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => write!(f, "{what} (--help shows the usage)"),
            Self::Data(what) => f.write_str(what),
            Self::Checks(1) => f.write_str("1 check FAILED"),
            Self::Checks(count) => write!(f, "{count} checks FAILED"),
            Self::Output(error) => write!(f, "cannot write the result: {error}"),
        }
    }
}

impl core::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<kldiv::Error> for Failure {
    fn from(error: kldiv::Error) -> Self {
        Self::Data(error.to_string())
    }
}
