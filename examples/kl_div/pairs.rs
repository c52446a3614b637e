//! Probabilities and log-probabilities, element by element.

use kldiv::{Error, Input, Isa, KlDiv, Target};

use crate::args::{Divergence, Form};
use crate::number::Number;

/// Numbers, and what they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a, T> {
    /// Logits have gone through a softmax before they come here.
    pub(crate) form: Form,
    pub(crate) values: &'a [T],
}

impl<'a, T: Number> Given<'a, T> {
    fn input(self) -> Input<'a, T> {
        match self.form {
            Form::Probs => Input::Probs(self.values),
            Form::LogProbs | Form::Logits => Input::LogProbs(self.values),
        }
    }

    fn target(self) -> Target<'a, T> {
        match self.form {
            Form::Probs => Target::Probs(self.values),
            Form::LogProbs | Form::Logits => Target::LogProbs(self.values),
        }
    }

    /// The divergence of which `target` weighs the terms.
    pub(crate) fn against(self, target: Self) -> Result<KlDiv<'a, T>, Error> {
        KlDiv::new(self.input(), target.target())
    }
}

/// What the model says beside the reference, and what is asked about them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'a, T> {
    pub(crate) input: Given<'a, T>,
    pub(crate) target: Given<'a, T>,
    pub(crate) divergence: Divergence,
    pub(crate) isa: Isa,
}

impl<T: Number> Pair<'_, T> {
    /// Rows of one length, their sums to `out`.
    pub(crate) fn row_sums(&self, out: &mut [T]) -> Result<(), Error> {
        match self.divergence {
            Divergence::Forward => self.input.against(self.target)?.on(self.isa)?.row_sums(out),
            Divergence::Reverse => self.target.against(self.input)?.on(self.isa)?.row_sums(out),
            Divergence::JensenShannon => {
                let classes = (self.input.values.len() / out.len().max(1)).max(1);
                let inputs = self.input.values.chunks_exact(classes);
                for ((x, t), out) in inputs.zip(self.target.values.chunks_exact(classes)).zip(out) {
                    *out = T::from_f64(self.mixture_sum(x, t));
                }
                Ok(())
            }
        }
    }

    pub(crate) fn terms(&self, out: &mut [T]) -> Result<(), Error> {
        match self.divergence {
            Divergence::Forward => self.input.against(self.target)?.on(self.isa)?.pointwise(out),
            Divergence::Reverse => self.target.against(self.input)?.on(self.isa)?.pointwise(out),
            Divergence::JensenShannon => {
                for ((&x, &t), out) in self.input.values.iter().zip(self.target.values).zip(out) {
                    *out = T::from_f64(self.mixture_term(x, t));
                }
                Ok(())
            }
        }
    }

    /// Compensated, as a row may be long.
    fn mixture_sum(&self, x: &[T], t: &[T]) -> f64 {
        let (mut sum, mut lost) = (0.0, 0.0);
        for (&x, &t) in x.iter().zip(t) {
            let term = self.mixture_term(x, t) - lost;
            let next = sum + term;
            lost = if next.is_finite() { (next - sum) - term } else { 0.0 };
            sum = next;
        }
        sum
    }

    fn mixture_term(&self, x: T, t: T) -> f64 {
        let (x, t) = (x.to_f64(), t.to_f64());
        match (self.input.form, self.target.form) {
            (Form::Probs, Form::Probs) => mixture(x, t, (t - x) / (t + x)),
            (Form::Probs, _) => mixture(x, t.exp(), (t.exp() - x) / (t.exp() + x)),
            (_, Form::Probs) => mixture(x.exp(), t, (t - x.exp()) / (t + x.exp())),
            // Logarithms keep digits of the difference that probabilities have lost.
            (_, _) => mixture(x.exp(), t.exp(), ((t - x) / 2.0).tanh()),
        }
    }
}

/// `½(p ln(p/m) + q ln(q/m))`, `m = ½(p + q)`, where `delta` is `(p − q)/(p + q)`: with `p = m(1 + delta)` and
/// `q = m(1 − delta)` it is `½ m ((1 + delta) ln(1 + delta) + (1 − delta) ln(1 − delta))`.
fn mixture(q: f64, p: f64, delta: f64) -> f64 {
    if p == 0.0 && q == 0.0 {
        return 0.0;
    }
    let shares = if delta.abs() < 0.5 {
        // Regrouped, so that what is of first order in delta does not have to cancel.
        2.0 * delta * delta.atanh() + (-delta * delta).ln_1p()
    } else {
        [delta, -delta].iter().map(|d| if *d == -1.0 { 0.0 } else { (1.0 + d) * d.ln_1p() }).sum()
    };
    0.25 * (p + q) * shares
}
