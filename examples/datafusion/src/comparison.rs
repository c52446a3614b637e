//! What a query asks of each row: temperature, divergence, form of the teacher.

use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err};
use kldiv::{DistillLoss, Divergence, Element, Error, Rows, Teacher};

/// The optional arguments after the two lists, in the order in which they are written.
pub(crate) const OPTIONS: [&str; 3] = ["temperature", "divergence", "form"];

/// How the teacher's numbers are to be read. The student's are logits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Form {
    #[default]
    Logits,
    LogProbs,
    Probs,
}

/// How a row's student is compared with its teacher.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Comparison {
    temperature: f64,
    divergence: Divergence<f64>,
    form: Form,
}

impl Comparison {
    /// From the constants of a query. Those that are missing are 1, forward, logits.
    pub(crate) fn from_constants(constants: &[ScalarValue]) -> Result<Self> {
        let mut comparison =
            Comparison { temperature: 1.0, divergence: Divergence::Forward, form: Form::Logits };
        if let Some(constant) = constants.first() {
            let ScalarValue::Float64(Some(temperature)) = constant else {
                return exec_err!("the temperature has to be a number, found {constant}");
            };
            comparison.temperature = *temperature;
        }
        if let Some(constant) = constants.get(1) {
            comparison.divergence = divergence(text("divergence", constant)?)?;
        }
        if let Some(constant) = constants.get(2) {
            comparison.form = form(text("form", constant)?)?;
        }
        Ok(comparison)
    }

    /// The loss of each row, times its weight if there are weights, as the crate computes it.
    pub(crate) fn row_losses<T: Element<Real = T>>(
        &self,
        student: &[T],
        teacher: &[T],
        classes: usize,
        weights: Option<&[T]>,
        losses: &mut [T],
    ) -> Result<(), Error> {
        let teacher = Rows::new(teacher, classes)?;
        let teacher = match self.form {
            Form::Logits => Teacher::Logits(teacher),
            Form::LogProbs => Teacher::LogProbs(teacher),
            Form::Probs => Teacher::Probs(teacher),
        };
        let divergence = match self.divergence {
            Divergence::Forward => Divergence::Forward,
            Divergence::Reverse => Divergence::Reverse,
            Divergence::JensenShannon { beta } => {
                Divergence::JensenShannon { beta: T::from_f64(beta) }
            }
        };
        let mut loss = DistillLoss::new(Rows::new(student, classes)?, teacher)?
            .temperature(T::from_f64(self.temperature))?
            .divergence(divergence)?;
        if let Some(weights) = weights {
            loss = loss.row_weights(weights)?;
        }
        loss.row_losses(losses)
    }
}

fn text<'a>(name: &str, constant: &'a ScalarValue) -> Result<&'a str> {
    match constant.try_as_str() {
        Some(Some(text)) => Ok(text),
        Some(None) | None => exec_err!("the {name} has to be a text, found {constant}"),
    }
}

/// `jensen_shannon` alone weighs both sides alike; `jensen_shannon:0.3` gives the teacher three tenths.
fn divergence(text: &str) -> Result<Divergence<f64>> {
    let (name, share) = match text.split_once(':') {
        Some((name, share)) => (name, Some(share)),
        None => (text, None),
    };
    match (name, share) {
        ("forward", None) => Ok(Divergence::Forward),
        ("reverse", None) => Ok(Divergence::Reverse),
        ("jensen_shannon", None) => Ok(Divergence::JensenShannon { beta: 0.5 }),
        ("jensen_shannon", Some(share)) => match share.parse() {
            Ok(beta) => Ok(Divergence::JensenShannon { beta }),
            Err(_) => exec_err!("\"{share}\" is no share for jensen_shannon, such as 0.5"),
        },
        _ => exec_err!(
            "\"{text}\" is no divergence; there are forward, reverse, jensen_shannon and jensen_shannon:SHARE"
        ),
    }
}

fn form(text: &str) -> Result<Form> {
    match text {
        "logits" => Ok(Form::Logits),
        "log_probs" => Ok(Form::LogProbs),
        "probs" => Ok(Form::Probs),
        _ => exec_err!("\"{text}\" is no form; there are logits, log_probs and probs"),
    }
}

/// A refusal of the crate, in the engine's words.
pub(crate) fn refused(error: Error) -> DataFusionError {
    DataFusionError::Execution(error.to_string())
}
