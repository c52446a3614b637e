//! The command line: what is asked, and whether it means something.

use std::path::PathBuf;

use kldiv::Isa;
use lexopt::ValueExt;
use lexopt::prelude::{Long, Short, Value};

use crate::Failure;

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Digits,
    Compare(Job),
}

/// Files, and what is asked of them.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) input: PathBuf,
    pub(crate) input_form: Form,
    /// There are labels where there is none.
    pub(crate) target: Option<PathBuf>,
    pub(crate) target_form: Form,
    pub(crate) labels: Option<PathBuf>,
    pub(crate) options: Options,
    /// Statistics of the rows in place of the loss.
    pub(crate) evaluation: Option<Evaluation>,
}

#[derive(Debug, Default)]
pub(crate) struct Evaluation {
    pub(crate) json: bool,
    pub(crate) plot: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Form {
    LogProbs,
    Probs,
    Logits,
}

impl Form {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LogProbs => "log-probs",
            Self::Probs => "probs",
            Self::Logits => "logits",
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) reduction: Option<Reduction>,
    pub(crate) divergence: Divergence,
    pub(crate) temperature: Option<f64>,
    pub(crate) distance: bool,
    pub(crate) base: Base,
    pub(crate) classes: Option<usize>,
    pub(crate) bf16: bool,
    /// All of them where nothing is said.
    pub(crate) threads: Option<usize>,
    pub(crate) isa: Option<Isa>,
}

/// PyTorch's four words, and one for the sums of rows.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) enum Reduction {
    #[default]
    Mean,
    Sum,
    BatchMean,
    None,
    Rows,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) enum Divergence {
    #[default]
    Forward,
    Reverse,
    JensenShannon,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) enum Base {
    #[default]
    E,
    Two,
}

/// What was typed, before it is known what it means together.
#[derive(Debug, Default)]
struct Typed {
    files: Vec<PathBuf>,
    labels: Option<PathBuf>,
    input: Option<Form>,
    target: Option<Form>,
    logits: bool,
    log_target: bool,
    options: Options,
    evaluation: Option<Evaluation>,
}

pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Command, Failure> {
    let mut typed = Typed::default();
    let options = &mut typed.options;
    let mut arguments = 0;
    while let Some(argument) = parser.next()? {
        arguments += 1;
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("input") => typed.input = Some(form("--input", &parser.value()?.string()?)?),
            Long("target") => typed.target = Some(form("--target", &parser.value()?.string()?)?),
            Long("log-target") => typed.log_target = true,
            Long("logits") => typed.logits = true,
            Long("labels") => typed.labels = Some(PathBuf::from(parser.value()?)),
            Long("reduction") => options.reduction = Some(reduction(&parser.value()?.string()?)?),
            Long("divergence") => options.divergence = divergence(&parser.value()?.string()?)?,
            Long("temperature") => {
                options.temperature = Some(temperature(&parser.value()?.string()?)?);
            }
            Long("distance") => options.distance = true,
            Long("base") => options.base = base(&parser.value()?.string()?)?,
            Long("classes") => options.classes = Some(classes(&parser.value()?.string()?)?),
            Long("statistics") => {
                typed.evaluation.get_or_insert_default();
            }
            Long("json") => typed.evaluation.get_or_insert_default().json = true,
            Long("plot") => {
                let file = PathBuf::from(parser.value()?);
                typed.evaluation.get_or_insert_default().plot = Some(file);
            }
            Long("bf16") => options.bf16 = true,
            Long("threads") => options.threads = Some(threads(&parser.value()?.string()?)?),
            Long("isa") => options.isa = Some(isa(&parser.value()?.string()?)?),
            Value(file) => typed.files.push(PathBuf::from(file)),
            other => return Err(other.unexpected().into()),
        }
    }
    if arguments == 0 { Ok(Command::Digits) } else { job(typed).map(Command::Compare) }
}

fn job(typed: Typed) -> Result<Job, Failure> {
    let Typed { files, labels, input, target, logits, log_target, options, evaluation } = typed;
    let given = files.len();
    let mut files = files.into_iter();
    let (input_file, target_file) = match (files.next(), files.next(), given, &labels) {
        (Some(input), None, 1, Some(_)) => (input, None),
        (Some(input), Some(target), 2, None) => (input, Some(target)),
        (Some(input), Some(target), 2, Some(_)) if evaluation.is_some() => (input, Some(target)),
        (Some(_), Some(_), 2, Some(_)) => {
            return usage(
                "a loss is taken to TARGET.npy or to --labels, not to both; leave one of them out, \
                 or add --statistics, which tells how likely TARGET finds the labels too",
            );
        }
        (_, _, _, Some(_)) => {
            return usage(format!("with --labels one file is needed, INPUT.npy; {given} given"));
        }
        (_, _, _, None) => {
            return usage(format!("two files are needed, INPUT.npy and TARGET.npy; {given} given"));
        }
    };
    let has_target = target_file.is_some();
    if !has_target && (target.is_some() || log_target) {
        let flag = if log_target { "--log-target" } else { "--target" };
        return usage(format!("{flag} says what TARGET holds, and labels stand in its place"));
    }
    let usual = if has_target { Form::LogProbs } else { Form::Logits };
    let input_form = one_form("INPUT", input, logits.then_some((Form::Logits, "--logits")), usual)?;
    // Beside --logits, --log-target is PyTorch's: it asks for log-softmax of the target's logits, the same loss.
    let short = match (logits, log_target) {
        (true, _) => Some((Form::Logits, "--logits")),
        (false, true) => Some((Form::LogProbs, "--log-target")),
        (false, false) => None,
    };
    let target_form = one_form("TARGET", target, short, Form::Probs)?;
    if logits && log_target {
        crate::note(
            "note: --log-target changes nothing beside --logits: both files are taken as logits \
             (--input logits --target log-probs would say otherwise)",
        );
    }
    let has_logits = input_form == Form::Logits || has_target && target_form == Form::Logits;
    if options.temperature.is_some() && !has_logits {
        return usage(
            "--temperature divides logits, and no file holds any; --logits, --input logits or \
             --target logits says that one does",
        );
    }
    if options.distance && options.divergence != Divergence::JensenShannon {
        return usage(
            "--distance is the square root of Jensen-Shannon; that of a KL divergence is no \
             distance. Add --divergence js",
        );
    }
    if evaluation.is_some() && options.reduction.is_some() {
        return usage(
            "--reduction says how rows become one number; --statistics tells of all of them. \
             Leave one of them out",
        );
    }
    let (input, target) = (input_file, target_file);
    Ok(Job { input, input_form, target, target_form, labels, options, evaluation })
}

/// What a file holds, said in the long form or in the short one, which must not differ.
fn one_form(
    file: &str,
    long: Option<Form>,
    short: Option<(Form, &str)>,
    usual: Form,
) -> Result<Form, Failure> {
    match (long, short) {
        (Some(long), Some((short, flag))) if long != short => {
            let (long, short) = (long.name(), short.name());
            usage(format!("{file} cannot hold both: {long}, and {short} by {flag}"))
        }
        (Some(form), _) | (None, Some((form, _))) => Ok(form),
        (None, None) => Ok(usual),
    }
}

fn usage<T>(what: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Usage(what.into()))
}

fn form(flag: &str, word: &str) -> Result<Form, Failure> {
    match word {
        "log-probs" => Ok(Form::LogProbs),
        "probs" => Ok(Form::Probs),
        "logits" => Ok(Form::Logits),
        _ => usage(format!("{flag} {word}: not one of log-probs, probs, logits")),
    }
}

fn divergence(word: &str) -> Result<Divergence, Failure> {
    match word {
        "forward" => Ok(Divergence::Forward),
        "reverse" => Ok(Divergence::Reverse),
        "js" => Ok(Divergence::JensenShannon),
        _ => usage(format!("--divergence {word}: not one of forward, reverse, js")),
    }
}

fn reduction(word: &str) -> Result<Reduction, Failure> {
    match word {
        "mean" => Ok(Reduction::Mean),
        "sum" => Ok(Reduction::Sum),
        "batchmean" => Ok(Reduction::BatchMean),
        "none" => Ok(Reduction::None),
        "rows" => Ok(Reduction::Rows),
        _ => usage(format!("--reduction {word}: not one of mean, sum, batchmean, none, rows")),
    }
}

fn base(word: &str) -> Result<Base, Failure> {
    match word {
        "e" => Ok(Base::E),
        "2" => Ok(Base::Two),
        _ => usage(format!("--base {word}: not one of e (nats), 2 (bits)")),
    }
}

fn temperature(word: &str) -> Result<f64, Failure> {
    word.parse().or_else(|_| usage(format!("--temperature {word}: not a number")))
}

fn classes(word: &str) -> Result<usize, Failure> {
    match word.parse() {
        Ok(classes) if classes > 0 => Ok(classes),
        Ok(_) | Err(_) => usage(format!("--classes {word}: not a number of columns, 1 or more")),
    }
}

fn threads(word: &str) -> Result<usize, Failure> {
    match word.parse() {
        Ok(0) | Err(_) => usage(format!("--threads {word}: not a number of threads, 1 or more")),
        Ok(count) if count > 1 && cfg!(not(feature = "rayon")) => usage(format!(
            "--threads {count}: this program was built without --features rayon and has one"
        )),
        Ok(count) => Ok(count),
    }
}

fn isa(name: &str) -> Result<Isa, Failure> {
    let here = Isa::available().map(|isa| isa.to_string()).collect::<Vec<_>>().join(", ");
    match name.parse::<Isa>() {
        Ok(isa) if isa.is_available() => Ok(isa),
        Ok(_) => usage(format!("--isa {name}: not on this machine, which has {here}")),
        Err(_) => usage(format!("--isa {name}: no such instruction set; this machine has {here}")),
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}
