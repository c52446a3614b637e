//! The loss between files: their rows in blocks, reduced.

use std::io::Write;

use kldiv::ExactSum;

use crate::args::{Evaluation, Job, Options, Reduction};
use crate::compare::Comparison;
use crate::number::{Number, shortest};
use crate::progress::Progress;
use crate::rows::{Done, Settings, Wanted};
use crate::statistics::Statistics;
use crate::{Failure, blocks, note, plot, threads};

pub(crate) fn print(job: &Job, out: &mut (impl Write + Send)) -> Result<(), Failure> {
    if let Some(path) = job.evaluation.as_ref().and_then(|wanted| wanted.plot.as_ref()) {
        plot::check(path)?;
    }
    if let Some(threads) = job.options.threads {
        threads::limit(threads)?;
    }
    let files = Comparison::open(job)?;
    if files.needs_f64() {
        print_as::<f64>(&files, job, out)
    } else {
        print_as::<f32>(&files, job, out)
    }
}

fn print_as<T: Number>(
    files: &Comparison,
    job: &Job,
    out: &mut (impl Write + Send),
) -> Result<(), Failure> {
    let settings = Settings::<T>::new(&job.options)?;
    match &job.evaluation {
        Some(evaluation) => print_statistics(files, &settings, &job.options, evaluation, out),
        None => print_loss(files, &settings, &job.options, out),
    }
}

fn print_statistics<T: Number>(
    files: &Comparison,
    settings: &Settings<T>,
    options: &Options,
    evaluation: &Evaluation,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut statistics = Statistics::new();
    let mut progress = Progress::new(files.all_bytes(), false);
    blocks::each(files, settings, Wanted::Facts, &mut progress, |done| {
        statistics.add(done);
        Ok(())
    })?;
    drop(progress);
    let summary = statistics.summary(files, options);
    if let Some(path) = &evaluation.plot {
        plot::write(&summary, path)?;
    }
    if evaluation.json { summary.print_json(out) } else { summary.print(out) }
}

fn print_loss<T: Number>(
    files: &Comparison,
    settings: &Settings<T>,
    options: &Options,
    out: &mut (impl Write + Send),
) -> Result<(), Failure> {
    let reduction = options.reduction.unwrap_or_default();
    let of_rows = files.labels.is_some() || options.distance;
    let divisor = match (reduction, files.batch) {
        (Reduction::Sum | Reduction::None | Reduction::Rows, _) => 1,
        (Reduction::Mean, _) if files.is_empty() => 0,
        (Reduction::Mean, _) if of_rows => files.counted_rows(),
        (Reduction::Mean, _) => files.rows * files.classes,
        (Reduction::BatchMean, Some(batch)) => batch,
        (Reduction::BatchMean, None) => {
            let what = "batchmean needs at least one dimension, the batch";
            return Err(Failure::Data(what.to_owned()));
        }
    };
    let wanted = match reduction {
        Reduction::None if !of_rows => Wanted::Terms,
        Reduction::Mean
        | Reduction::Sum
        | Reduction::BatchMean
        | Reduction::None
        | Reduction::Rows => Wanted::Losses,
    };
    let mut total = ExactSum::new();
    let prints_as_it_goes = matches!(reduction, Reduction::None | Reduction::Rows);
    let mut progress = Progress::new(files.all_bytes(), prints_as_it_goes);
    let take = |done: &Done<T>| {
        if prints_as_it_goes {
            for &number in &done.numbers {
                writeln!(out, "{}", shortest(number))?;
            }
        } else {
            total.extend_from_slice(&done.numbers);
        }
        Ok(())
    };
    blocks::each(files, settings, wanted, &mut progress, take)?;
    drop(progress);
    match reduction {
        Reduction::None | Reduction::Rows => return Ok(()),
        Reduction::Sum => writeln!(out, "{}", shortest(total.value::<T>()))?,
        Reduction::Mean | Reduction::BatchMean => {
            let mean = T::from_f64(total.value::<f64>() / divisor as f64);
            writeln!(out, "{}", shortest(mean))?;
        }
    }
    if divisor == 0 {
        note("note: a mean over nothing is NaN");
    }
    Ok(())
}
