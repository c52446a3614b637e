//! The command line.

use std::path::PathBuf;

use kldiv::Isa;
use lexopt::ValueExt;
use lexopt::prelude::{Long, Short, Value};

use crate::Failure;

pub(crate) const HELP: &str = "\
KL divergence D(target || input) in nats.

Usage:
  kl_div                                  report on two digit classifiers (built in), with checks
  kl_div INPUT.npy TARGET.npy [OPTIONS]   the loss between your own arrays
  kl_div INPUT.npy --labels LABELS.npy    the cross-entropy loss of logits with class indices

INPUT holds log-probabilities (what the model says), TARGET probabilities (the reference). Both are
NumPy arrays of one shape and one type, f32 or f64, in C order. The loss goes to standard output.

Options:
  --reduction KIND   mean (default), sum, batchmean (sum / first dimension), none (a term a line)
  --log-target       TARGET holds log-probabilities
  --logits           both files hold logits: softmax over the last dimension first
  --temperature T    the same, both divided by T (no T² factor)
  --divergence KIND  the same: forward (default), reverse, js (Jensen-Shannon, equal shares)
  --labels FILE      in place of TARGET, u32 class indices, one a row; INPUT holds logits
  --isa NAME         force an instruction set: scalar, sse2, avx2, avx512, neon, simd128
  -h, --help         this text

Exit status: 0 done, 1 a file cannot be used or a check failed, 2 the command line is wrong.

Examples:
  cargo run --release --example kl_div
  cargo run --release --example kl_div -- log_q.npy p.npy --reduction batchmean
  cargo run --release --example kl_div -- student.npy teacher.npy --logits --reduction batchmean
  cargo run --release --example kl_div -- student.npy teacher.npy --temperature 4 --divergence js
  cargo run --release --example kl_div -- student.npy --labels labels.npy --reduction batchmean
";

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Digits,
    Files(Job),
}

/// A loss between two files.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) input: PathBuf,
    pub(crate) target: Target,
    pub(crate) options: Options,
}

/// What the input is compared with.
#[derive(Debug)]
pub(crate) enum Target {
    Numbers(PathBuf),
    Labels(PathBuf),
}

#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) reduction: Reduction,
    pub(crate) log_target: bool,
    pub(crate) logits: bool,
    /// With either of these the files hold logits and the loss is one of rows.
    pub(crate) temperature: Option<f64>,
    pub(crate) divergence: Option<Divergence>,
    pub(crate) isa: Option<Isa>,
}

/// PyTorch's four words; which batch `batchmean` divides by is known once the files are read.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) enum Reduction {
    #[default]
    Mean,
    Sum,
    BatchMean,
    None,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Divergence {
    Forward,
    Reverse,
    JensenShannon,
}

pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Command, Failure> {
    let mut options = Options::default();
    let mut files = Vec::new();
    let mut labels = None;
    let mut arguments = 0;
    while let Some(argument) = parser.next()? {
        arguments += 1;
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("reduction") => options.reduction = reduction(&parser.value()?.string()?)?,
            Long("log-target") => options.log_target = true,
            Long("logits") => options.logits = true,
            Long("temperature") => options.temperature = Some(parser.value()?.parse()?),
            Long("divergence") => {
                options.divergence = Some(divergence(&parser.value()?.string()?)?);
            }
            Long("labels") => labels = Some(PathBuf::from(parser.value()?)),
            Long("isa") => options.isa = Some(isa(&parser.value()?.string()?)?),
            Value(file) => files.push(PathBuf::from(file)),
            other => return Err(other.unexpected().into()),
        }
    }
    if arguments == 0 {
        return Ok(Command::Digits);
    }
    if let Some(labels) = labels {
        return match <[PathBuf; 1]>::try_from(files) {
            Ok([input]) => {
                Ok(Command::Files(Job { input, target: Target::Labels(labels), options }))
            }
            Err(files) => Err(Failure::Usage(format!(
                "with --labels one file is needed, INPUT.npy; {} given",
                files.len()
            ))),
        };
    }
    match <[PathBuf; 2]>::try_from(files) {
        Ok([input, target]) => {
            Ok(Command::Files(Job { input, target: Target::Numbers(target), options }))
        }
        Err(files) => Err(Failure::Usage(format!(
            "two files are needed, INPUT.npy and TARGET.npy; {} given",
            files.len()
        ))),
    }
}

fn divergence(word: &str) -> Result<Divergence, Failure> {
    match word {
        "forward" => Ok(Divergence::Forward),
        "reverse" => Ok(Divergence::Reverse),
        "js" => Ok(Divergence::JensenShannon),
        _ => Err(Failure::Usage(format!("--divergence {word}: not one of forward, reverse, js"))),
    }
}

fn reduction(word: &str) -> Result<Reduction, Failure> {
    match word {
        "mean" => Ok(Reduction::Mean),
        "sum" => Ok(Reduction::Sum),
        "batchmean" => Ok(Reduction::BatchMean),
        "none" => Ok(Reduction::None),
        _ => Err(Failure::Usage(format!(
            "--reduction {word}: not one of mean, sum, batchmean, none"
        ))),
    }
}

fn isa(name: &str) -> Result<Isa, Failure> {
    let here = Isa::available().map(|isa| isa.to_string()).collect::<Vec<_>>().join(", ");
    match name.parse::<Isa>() {
        Ok(isa) if isa.is_available() => Ok(isa),
        Ok(_) => {
            Err(Failure::Usage(format!("--isa {name}: not on this machine, which has {here}")))
        }
        Err(_) => Err(Failure::Usage(format!(
            "--isa {name}: no such instruction set; this machine has {here}"
        ))),
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}
