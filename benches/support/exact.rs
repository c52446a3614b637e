//! True results, each with how far from it a measured one may be.

use kldiv::{Input, Target, Upstream, accuracy, reference};

use super::{Number, Pair};

/// The true result, and how far from it the measured one may be.
pub(crate) struct Exact {
    pub(crate) value: f64,
    pub(crate) tolerance: f64,
}

impl Exact {
    /// `value`, give or take `max_u` units of `scale`.
    pub(crate) fn within<T: Number>(value: f64, max_u: f64, scale: f64) -> Self {
        let tolerance = T::UNIT * (max_u + T::REFERENCE_MAX_U) * scale;
        Exact { value, tolerance }
    }

    /// A sum, whose bound is one of itself and one of its `scale`.
    pub(crate) fn sum<T: Number>(value: f64, scale: f64) -> Self {
        let bound = accuracy::SUM_MAX_U * value.abs() + accuracy::SUM_MAX_U_OF_SCALE * scale;
        Self::within::<T>(value, 1.0, bound)
    }
}

/// The divergence.
pub(crate) fn divergence<T: Number>((input, target): Pair<'_, T>) -> Exact {
    // Both are sums of positive parts here: together Σ p·(|ln p| + |ln q|).
    let scale = reference::entropy(target) + reference::cross_entropy(input, target);
    Exact::sum::<T>(reference::sum(input, target), scale)
}

/// The divergence of each row of log-probabilities and probabilities.
pub(crate) fn row_sums<T: Number>(x: &[T], t: &[T], row_length: usize) -> Vec<Exact> {
    let rows = x.chunks(row_length).zip(t.chunks(row_length));
    rows.map(|(x, t)| divergence((Input::LogProbs(x), Target::Probs(t)))).collect()
}

/// The terms of the divergence.
pub(crate) fn terms<T: Number>(pair: Pair<'_, T>) -> Vec<Exact> {
    let (input, target) = pair;
    elementwise(
        pair,
        accuracy::TERM_MAX_U,
        |out| reference::pointwise(input, target, out),
        |p, ln_p, ln_q| match target {
            Target::Probs(_) => p * (ln_p.abs() + ln_q.abs()),
            Target::LogProbs(_) => p * (ln_p - ln_q).abs(),
        },
    )
}

/// The gradient by the input.
pub(crate) fn grad_input<T: Number>(pair: Pair<'_, T>, factor: T) -> Vec<Exact> {
    let (input, target) = pair;
    let g = factor.into();
    elementwise(
        pair,
        accuracy::TERM_MAX_U,
        |grad| reference::grad_input(input, target, Upstream::Uniform(factor), grad),
        |p, _, ln_q| match input {
            Input::LogProbs(_) => g * p,
            Input::Probs(_) => g * p / ln_q.exp(),
        },
    )
}

/// The gradient by the target.
pub(crate) fn grad_target<T: Number>(pair: Pair<'_, T>, factor: T) -> Vec<Exact> {
    let (input, target) = pair;
    let g = factor.into();
    elementwise(
        pair,
        accuracy::TERM_MAX_U,
        |grad| reference::grad_target(input, target, Upstream::Uniform(factor), grad),
        |p, ln_p, ln_q| {
            let slope = if let Target::LogProbs(_) = target { p } else { 1.0 };
            g * slope * (ln_p.abs() + ln_q.abs() + 1.0)
        },
    )
}

/// What `reference` writes, each within `max_u` units of a scale that is made from the element's
/// `(p, ln p, ln q)`.
pub(crate) fn elementwise<T: Number>(
    pair: Pair<'_, T>,
    max_u: f64,
    reference: impl Fn(&mut [f64]),
    scale: impl Fn(f64, f64, f64) -> f64,
) -> Vec<Exact> {
    let mut values = vec![0.0; elements(pair).count()];
    reference(&mut values);
    let each = values.into_iter().zip(elements(pair));
    each.map(|(value, (p, ln_p, ln_q))| Exact::within::<T>(value, max_u, scale(p, ln_p, ln_q)))
        .collect()
}

/// `(p, ln p, ln q)` of each element.
fn elements<T: Number>((input, target): Pair<'_, T>) -> impl Iterator<Item = (f64, f64, f64)> {
    let (Input::LogProbs(inputs) | Input::Probs(inputs)) = input;
    let (Target::LogProbs(targets) | Target::Probs(targets)) = target;
    inputs.iter().zip(targets).map(move |(&x, &t)| {
        let (x, t): (f64, f64) = (x.into(), t.into());
        let ln_q = if let Input::LogProbs(_) = input { x } else { x.ln() };
        let (p, ln_p) = if let Target::LogProbs(_) = target { (t.exp(), t) } else { (t, t.ln()) };
        (p, ln_p, ln_q)
    })
}

/// No bound is documented for softmax: here it is held to this many units, and more where a logit
/// is far below the largest of its row, because the distance itself is rounded.
const SOFTMAX_MAX_U: f64 = 16.0;

/// The log-softmax of rows.
pub(crate) fn log_softmax<T: Number>(logits: &[T], classes: usize) -> Vec<Exact> {
    let units = |ln_p: f64, below| SOFTMAX_MAX_U + 2.0 * (below + ln_p.abs());
    softmax_rows(logits, classes, reference::log_softmax, units)
}

/// The softmax of rows.
pub(crate) fn softmax<T: Number>(logits: &[T], classes: usize) -> Vec<Exact> {
    let units = |p, below| (SOFTMAX_MAX_U + below) * p;
    softmax_rows(logits, classes, reference::softmax, units)
}

/// What `reference` writes, give or take `units(value, distance below the row's largest logit)`.
fn softmax_rows<T: Number>(
    logits: &[T],
    classes: usize,
    reference: impl Fn(&[T], usize, &mut [f64]),
    units: impl Fn(f64, f64) -> f64,
) -> Vec<Exact> {
    let mut values = vec![0.0; logits.len()];
    reference(logits, classes, &mut values);
    let mut all = Vec::new();
    for (logits, values) in logits.chunks(classes).zip(values.chunks(classes)) {
        let logits = logits.iter().map(|&logit| -> f64 { logit.into() });
        let largest = logits.clone().fold(f64::NEG_INFINITY, f64::max);
        all.extend(
            logits.zip(values).map(|(logit, &value)| {
                Exact::within::<T>(value, 1.0, units(value, largest - logit))
            }),
        );
    }
    all
}

/// Results within their tolerances, or a panic that says which is not.
pub(crate) fn assert_close<T: Number>(what: &str, results: &[T], exact: &[Exact]) {
    assert_eq!(results.len(), exact.len(), "{what}");
    for (index, (&result, exact)) in results.iter().zip(exact).enumerate() {
        let error = (result.into() - exact.value).abs();
        assert!(
            error <= exact.tolerance,
            "{what}: result {index} is {result:?}: {error:e} from {}, {:e} is allowed",
            exact.value,
            exact.tolerance,
        );
    }
}
