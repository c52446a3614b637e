//! Every operation once more, plainly: `libm` in `f64`, one element at a time, nothing clever.
//!
//! This is the definition the fast code is held to. It is slow, needs neither SIMD nor `std`, reads and writes only the
//! slices it is given, and always answers in `f64`, whatever the element type `T`.
//!
//! # Shape
//! Nothing here fails: where lengths disagree the shorter one rules, and what lies beyond it is neither read nor written.
//! # Units
//! Probabilities and natural-log probabilities; results are in nats.
//! # Accuracy
//! A few units of 2⁻⁵³ relative to the largest part of an element's formula. Sums are compensated, so their error does
//! not grow with their length. Nothing is rounded to `T`, except that a number which is too large for `T` is infinite.
//! # Special values
//! An element whose target probability p is zero takes no part: its term and both its gradients are `+0`, whatever the
//! input and the upstream hold. Zero means t = ±0, or eᵗ that rounds to 0 *in `T`*: below about −103.97 for `f32`,
//! −745.13 for `f64`. Everywhere else results have the class (NaN, ±∞, sign) of the formulas in IEEE arithmetic.
//! # Examples
//! ```
//! use kldiv::{Input, Target, reference};
//!
//! // How far is (½, ½) from a coin that always lands on one side? One bit, ln 2 nats.
//! let divergence = reference::sum(Input::Probs(&[0.5, 0.5]), Target::Probs(&[1.0, 0.0]));
//! assert!((divergence - core::f64::consts::LN_2).abs() < 1e-16);
//! ```
//! # Source
//! D_KL(target ‖ input) = Σ p (ln p − ln q): S. Kullback and R. A. Leibler, *On Information and Sufficiency*, Annals of
//! Mathematical Statistics 22 (1951); the sum: A. Neumaier, ZAMM 54 (1974).

mod distill;
mod exact_sum;
mod top_k;

use core::iter::once;

use crate::{Element, Input, Target, Upstream};

pub use distill::{distill, distill_grad_student, distill_grad_teacher};
pub use exact_sum::exact_sum;

/// Two elements that meet, with what the derivatives need. Without one the target probability is zero.
struct Pair {
    p: f64,
    ln_p: f64,
    ln_q: f64,
    /// dp / d target: 1 for a probability, p for its logarithm.
    p_slope: f64,
    /// d ln q / d input is one over this: q for a probability, 1 for its logarithm.
    q_divisor: f64,
}

impl Pair {
    fn term(&self) -> f64 {
        self.p * (self.ln_p - self.ln_q)
    }

    fn by_input(&self) -> f64 {
        -self.p / self.q_divisor
    }

    fn by_target(&self) -> f64 {
        self.p_slope * (self.ln_p - self.ln_q + 1.0)
    }
}

/// `value`, or the infinity it becomes in `T`.
fn in_range<T: Element>(value: f64) -> f64 {
    let rounded = T::Real::from_f64(value).to_f64();
    if rounded.is_infinite() { rounded } else { value }
}

/// `(p, ln p)` of one target number; `None` if p is zero in `T`.
fn probability<T: Element>(target: T, is_log: bool) -> Option<(f64, f64)> {
    let t = target.into();
    let (p, ln_p) = if is_log { (in_range::<T>(libm::exp(t)), t) } else { (t, libm::log(t)) };
    let is_zero = T::Real::from_f64(p) == T::Real::ZERO;
    (!is_zero).then_some((p, ln_p))
}

/// `ln q` of one input number.
fn ln_q<T: Element>(input: T, is_log: bool) -> f64 {
    if is_log { input.into() } else { libm::log(input.into()) }
}

/// The target's numbers, and whether they are logarithms.
fn target_numbers<T>(target: Target<'_, T>) -> (&[T], bool) {
    match target {
        Target::Probs(p) => (p, false),
        Target::LogProbs(ln_p) => (ln_p, true),
    }
}

/// The input's numbers, and whether they are logarithms.
fn input_numbers<T>(input: Input<'_, T>) -> (&[T], bool) {
    match input {
        Input::Probs(q) => (q, false),
        Input::LogProbs(ln_q) => (ln_q, true),
    }
}

/// Everything the formulas are made of, element by element.
fn pairs<'a, T: Element>(
    input: Input<'a, T>,
    target: Target<'a, T>,
) -> impl ExactSizeIterator<Item = Option<Pair>> {
    let (inputs, log_input) = input_numbers(input);
    let (targets, log_target) = target_numbers(target);
    inputs.iter().zip(targets).map(move |(&x, &t)| {
        let (p, ln_p) = probability(t, log_target)?;
        let ln_q = ln_q(x, log_input);
        let p_slope = if log_target { p } else { 1.0 };
        let q_divisor = if log_input { 1.0 } else { x.into() };
        Some(Pair { p, ln_p, ln_q, p_slope, q_divisor })
    })
}

/// `p (ln p − ln q)`, element by element.
fn terms<'a, T: Element>(
    input: Input<'a, T>,
    target: Target<'a, T>,
) -> impl ExactSizeIterator<Item = f64> {
    pairs(input, target).map(|pair| pair.map_or(0.0, |pair| in_range::<T>(pair.term())))
}

/// Neumaier's sum. Infinities and NaN make what they make in a plain sum.
fn total<T: Element>(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    for term in terms {
        let next = sum + term;
        lost += if sum.abs() >= term.abs() { (sum - next) + term } else { (term - next) + sum };
        sum = next;
    }
    // Once the sum is infinite, what was lost is NaN.
    in_range::<T>(if sum.is_finite() { sum + lost } else { sum })
}

/// The terms of the divergence, `out[i] = p (ln p − ln q)`: reduction "none".
///
/// # Shape
/// `input`, `target` and `out` have one length `n`; `n = 0` writes nothing.
/// # Special values
/// p = 0 gives +0; q = 0 under a positive p gives +∞; a negative or NaN p gives NaN.
/// # Examples
/// ```
/// use kldiv::{Input, Target, reference};
///
/// let mut terms = [0.0; 3];
/// let input = [-1.0_f32, f32::NEG_INFINITY, f32::NEG_INFINITY];
/// reference::pointwise(Input::LogProbs(&input), Target::Probs(&[1.0, 0.0, 0.5]), &mut terms);
/// assert_eq!(terms, [1.0, 0.0, f64::INFINITY]);
/// ```
pub fn pointwise<T: Element>(input: Input<'_, T>, target: Target<'_, T>, out: &mut [f64]) {
    for (out, term) in out.iter_mut().zip(terms(input, target)) {
        *out = term;
    }
}

/// The divergence, `Σ p (ln p − ln q)`.
///
/// # Shape
/// `input` and `target` have one length; nothing at all sums to 0.
/// # Examples
/// ```
/// use kldiv::{Input, Target, reference};
///
/// let target = [0.36, 0.48, 0.16];
/// let divergence = reference::sum(Input::Probs(&[1.0 / 3.0; 3]), Target::Probs(&target));
/// assert!((divergence - 0.0853).abs() < 5e-5);
/// ```
pub fn sum<T: Element>(input: Input<'_, T>, target: Target<'_, T>) -> f64 {
    total::<T>(terms(input, target))
}

/// The sum over the number of elements, `Σ p (ln p − ln q) / n`.
///
/// # Shape
/// `input` and `target` have one length `n`; `n = 0` gives NaN.
/// # Examples
/// ```
/// use kldiv::{Input, Target, reference};
///
/// assert_eq!(reference::mean(Input::LogProbs(&[-1.0, 0.0]), Target::Probs(&[1.0, 1.0])), 0.5);
/// ```
pub fn mean<T: Element>(input: Input<'_, T>, target: Target<'_, T>) -> f64 {
    let terms = terms(input, target);
    let count = terms.len();
    total::<T>(terms) / count as f64
}

/// The sum over the number of rows, `Σ p (ln p − ln q) / batch`.
///
/// # Shape
/// `input` and `target` have one length. `batch` only divides: 0/0 is NaN.
/// # Examples
/// ```
/// use kldiv::{Input, Target, reference};
///
/// let (input, target) = ([-1.0, -2.0, -3.0, -4.0], [1.0, 0.0, 0.0, 1.0]);
/// assert_eq!(reference::batch_mean(Input::LogProbs(&input), Target::Probs(&target), 2), 2.5);
/// ```
pub fn batch_mean<T: Element>(input: Input<'_, T>, target: Target<'_, T>, batch: usize) -> f64 {
    sum(input, target) / batch as f64
}

/// One sum a row, `out[r] = Σ p (ln p − ln q)` over row `r`.
///
/// # Shape
/// `out.len()` rows of `n / out.len()` elements; elements left over belong to no row. Rows of nothing sum to 0.
/// # Examples
/// ```
/// use kldiv::{Input, Target, reference};
///
/// let mut rows = [0.0; 2];
/// let (input, target) = ([-1.0, -2.0, -3.0, -4.0], [1.0, 0.0, 0.0, 1.0]);
/// reference::row_sums(Input::LogProbs(&input), Target::Probs(&target), &mut rows);
/// assert_eq!(rows, [1.0, 4.0]);
/// ```
pub fn row_sums<T: Element>(input: Input<'_, T>, target: Target<'_, T>, out: &mut [f64]) {
    let mut terms = terms(input, target);
    let width = terms.len().checked_div(out.len()).unwrap_or(0);
    for out in out {
        *out = total::<T>(terms.by_ref().take(width));
    }
}

/// The target's entropy, `−Σ p ln p`.
///
/// # Special values
/// p = 0 adds nothing; a negative or NaN p makes NaN.
/// # Examples
/// ```
/// use kldiv::{Target, reference};
///
/// let two_bits = 2.0 * core::f64::consts::LN_2;
/// assert!((reference::entropy(Target::Probs(&[0.25; 4])) - two_bits).abs() < 1e-15);
/// ```
pub fn entropy<T: Element>(target: Target<'_, T>) -> f64 {
    let (targets, is_log) = target_numbers(target);
    total::<T>(targets.iter().map(|&t| match probability(t, is_log) {
        Some((p, ln_p)) => in_range::<T>(-(p * ln_p)),
        None => 0.0,
    }))
}

/// The cross-entropy of the target and the input, `−Σ p ln q`.
///
/// # Shape
/// `input` and `target` have one length; nothing at all sums to 0.
/// # Special values
/// p = 0 adds nothing, even where q = 0; q = 0 under a positive p makes +∞.
/// # Examples
/// ```
/// use kldiv::{Input, Target, reference};
///
/// // A target that names one class picks that class's log-probability.
/// let (input, target) = ([-3.0, -0.25, -2.0], [0.0, 1.0, 0.0]);
/// assert_eq!(reference::cross_entropy(Input::LogProbs(&input), Target::Probs(&target)), 0.25);
/// ```
pub fn cross_entropy<T: Element>(input: Input<'_, T>, target: Target<'_, T>) -> f64 {
    total::<T>(
        pairs(input, target)
            .map(|pair| pair.map_or(0.0, |Pair { p, ln_q, .. }| in_range::<T>(-(p * ln_q)))),
    )
}

/// The gradient of the loss by the input, `out[i] = g · d term / d input`.
///
/// The derivative is −p for an input of log-probabilities and −p/q for one of probabilities; g is `upstream`'s factor.
///
/// # Shape
/// `input`, `target` and `out` have one length `n`. [`Upstream::PerRow`] means that many rows of equal length,
/// [`Upstream::PerElement`] has length `n`.
/// # Special values
/// p = 0 gives +0 whatever g is. Elsewhere an infinite derivative under g = 0 gives NaN.
/// # Examples
/// ```
/// use kldiv::{Input, Target, Upstream, reference};
///
/// let mut grad = [0.0; 2];
/// let (input, target) = (Input::Probs(&[0.5, 0.5]), Target::Probs(&[1.0, 0.0]));
/// reference::grad_input(input, target, Upstream::Uniform(3.0), &mut grad);
/// assert_eq!(grad, [-6.0, 0.0]);
/// ```
pub fn grad_input<T: Element>(
    input: Input<'_, T>,
    target: Target<'_, T>,
    upstream: Upstream<'_, T::Real>,
    out: &mut [f64],
) {
    gradient(input, target, upstream, out, Pair::by_input);
}

/// The gradient of the loss by the target, `out[i] = g · d term / d target`.
///
/// The derivative is ln p − ln q + 1 for a target of probabilities, and p times that for one of log-probabilities;
/// g is `upstream`'s factor.
///
/// # Shape
/// `input`, `target` and `out` have one length `n`. [`Upstream::PerRow`] means that many rows of equal length,
/// [`Upstream::PerElement`] has length `n`.
/// # Special values
/// p = 0 gives +0 whatever g is. Elsewhere an infinite derivative under g = 0 gives NaN.
/// # Examples
/// ```
/// use kldiv::{Input, Target, Upstream, reference};
///
/// let mut grad = [0.0; 2];
/// let (input, target) = (Input::LogProbs(&[-1.0, -1.0]), Target::Probs(&[1.0, 0.0]));
/// reference::grad_target(input, target, Upstream::PerElement(&[3.0, f64::NAN]), &mut grad);
/// assert_eq!(grad, [6.0, 0.0]);
/// ```
pub fn grad_target<T: Element>(
    input: Input<'_, T>,
    target: Target<'_, T>,
    upstream: Upstream<'_, T::Real>,
    out: &mut [f64],
) {
    gradient(input, target, upstream, out, Pair::by_target);
}

fn gradient<T: Element>(
    input: Input<'_, T>,
    target: Target<'_, T>,
    upstream: Upstream<'_, T::Real>,
    out: &mut [f64],
    derivative: impl Fn(&Pair) -> f64,
) {
    let pairs = pairs(input, target);
    let count = pairs.len();
    let factor = |index: usize| -> Option<f64> {
        match upstream {
            Upstream::Uniform(g) => Some(g.into()),
            Upstream::PerElement(g) => g.get(index).map(|&g| g.into()),
            Upstream::PerRow(g) => {
                let width = count.checked_div(g.len())?;
                g.get(index.checked_div(width)?).map(|&g| g.into())
            }
        }
    };
    for (index, (out, pair)) in out.iter_mut().zip(pairs).enumerate() {
        let Some(g) = factor(index) else { return };
        *out = pair.map_or(0.0, |pair| in_range::<T>(g * in_range::<T>(derivative(&pair))));
    }
}

/// Log-probabilities from logits, row by row: `out[i] = x − ln Σ eˣ`.
///
/// # Shape
/// Rows of `classes` elements; a shorter last row is a row. `classes = 0` writes nothing.
/// # Accuracy
/// Small relative to the result too: ln Σ is taken of 1 + (everything but the largest).
/// # Special values
/// −∞ is a class of probability zero: its result is −∞. +∞, NaN, or nothing but −∞ makes the whole row NaN, and no other.
/// # Examples
/// ```
/// use kldiv::reference;
///
/// let mut log_probs = [0.0; 2];
/// reference::log_softmax(&[7.0_f32, 7.0], 2, &mut log_probs);
/// assert_eq!(log_probs, [-core::f64::consts::LN_2; 2]);
/// ```
pub fn log_softmax<T: Element>(logits: &[T], classes: usize, out: &mut [f64]) {
    for_each_row(logits, classes, out, |logit, largest, others| {
        in_range::<T>(logit - largest - libm::log1p(others))
    });
}

/// Probabilities from logits, row by row: `out[i] = eˣ / Σ eˣ`.
///
/// # Shape
/// Rows of `classes` elements; a shorter last row is a row. `classes = 0` writes nothing.
/// # Special values
/// −∞ is a class of probability zero. +∞, NaN, or nothing but −∞ makes the whole row NaN, and no other.
/// # Examples
/// ```
/// use kldiv::reference;
///
/// let mut probs = [0.0; 3];
/// reference::softmax(&[5.0, 5.0, f64::NEG_INFINITY], 3, &mut probs);
/// assert_eq!(probs, [0.5, 0.5, 0.0]);
/// ```
pub fn softmax<T: Element>(logits: &[T], classes: usize, out: &mut [f64]) {
    for_each_row(logits, classes, out, |logit, largest, others| {
        libm::exp(logit - largest) / (1.0 + others)
    });
}

/// Writes `result(logit, largest, others)`, where `1 + others` is `Σ exp(logit − largest)` over the logit's row.
fn for_each_row<T: Element>(
    logits: &[T],
    classes: usize,
    out: &mut [f64],
    result: impl Fn(f64, f64, f64) -> f64,
) {
    if classes == 0 {
        return;
    }
    for (row, out) in logits.chunks(classes).zip(out.chunks_mut(classes)) {
        let row = row.iter().map(|&logit| -> f64 { logit.into() });
        let larger = |a: f64, b: f64| if b > a { b } else { a };
        let largest = row.clone().fold(f64::NEG_INFINITY, larger);
        let powers = row.clone().map(|logit| libm::exp(logit - largest));
        let others = total::<T>(powers.chain(once(-1.0)));
        for (out, logit) in out.iter_mut().zip(row) {
            *out = result(logit, largest, others);
        }
    }
}
