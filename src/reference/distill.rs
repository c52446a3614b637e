//! Losses between rows, and their gradients.

use core::iter::once;

use super::top_k::Named;
use super::{in_range, total};
use crate::top_k::{Rest, TopKRow};
use crate::{Divergence, Element, IGNORED, Rows, Teacher, Upstream};

/// What a row says of one class: a probability and its logarithm.
#[derive(Clone, Copy)]
struct Share {
    p: f64,
    ln_p: f64,
}

/// A row as one distribution.
#[derive(Clone, Copy)]
enum Distribution<'a, T> {
    /// `ln p = (t − largest) / temperature − ln_mass`.
    Logits {
        row: &'a [T],
        temperature: f64,
        largest: f64,
        ln_mass: f64,
    },
    LogProbs(&'a [T]),
    Probs(&'a [T]),
    Class(usize),
    /// A few classes.
    TopK(TopKRow<'a, T>, Rest),
}

impl<'a, T: Element> Distribution<'a, T> {
    fn of_logits(row: &'a [T], temperature: T::Real) -> Self {
        let temperature = temperature.into();
        let logits = row.iter().map(|&logit| -> f64 { logit.into() });
        let larger = |a: f64, b: f64| if b > a { b } else { a };
        let largest = logits.clone().fold(f64::NEG_INFINITY, larger);
        let powers = logits.map(|logit| libm::exp(apart(logit, largest, temperature)));
        let ln_mass = libm::log1p(total::<f64>(powers.chain(once(-1.0))));
        Distribution::Logits { row, temperature, largest, ln_mass }
    }

    fn of_teacher(teacher: Teacher<'a, T>, row: usize, temperature: T::Real) -> Option<Self> {
        Some(match teacher {
            Teacher::Logits(rows) => Self::of_logits(rows.row(row)?, temperature),
            Teacher::LogProbs(rows) => Distribution::LogProbs(rows.row(row)?),
            Teacher::Probs(rows) => Distribution::Probs(rows.row(row)?),
            Teacher::Classes(classes) => Distribution::Class(*classes.get(row)? as usize),
            Teacher::TopK(top_k) => Distribution::TopK(top_k.row(row)?, top_k.rest),
        })
    }

    /// Logits without a softmax: a NaN or +∞ among them, or nothing but −∞.
    fn is_undefined(&self) -> bool {
        matches!(self, Distribution::Logits { ln_mass, .. } if !ln_mass.is_finite())
    }

    fn is_softmax(&self) -> bool {
        matches!(self, Distribution::Logits { .. })
    }

    fn share(&self, class: usize) -> Share {
        let number = |row| number(row, class);
        let (p, ln_p) = match *self {
            Distribution::Logits { row, temperature, largest, ln_mass } => {
                let ln_p = apart(number(row), largest, temperature) - ln_mass;
                (libm::exp(ln_p), ln_p)
            }
            Distribution::LogProbs(row) => (in_range::<T>(libm::exp(number(row))), number(row)),
            Distribution::Probs(row) => (number(row), libm::log(number(row))),
            Distribution::Class(index) if index == class => (1.0, 0.0),
            Distribution::Class(_) => (0.0, f64::NEG_INFINITY),
            // It says so in another way.
            Distribution::TopK(..) => (f64::NAN, f64::NAN),
        };
        let underflows = T::Real::from_f64(p) == T::Real::ZERO;
        Share { p: if underflows { 0.0 } else { p }, ln_p }
    }

    /// By how much the logarithm of one class's probability is above that of another.
    fn above(&self, class: usize, other: usize) -> f64 {
        match *self {
            Distribution::Logits { row, temperature, .. } => {
                apart(number(row, class), number(row, other), temperature)
            }
            _ => self.share(class).ln_p - self.share(other).ln_p,
        }
    }
}

/// One of a row's numbers.
fn number<T: Element>(row: &[T], class: usize) -> f64 {
    row.get(class).map_or(f64::NAN, |&t| t.into())
}

/// `(logit − largest) / temperature`, also where the difference alone is out of range.
fn apart(logit: f64, largest: f64, temperature: f64) -> f64 {
    let difference = logit - largest;
    if difference == f64::NEG_INFINITY {
        (logit / 2.0 - largest / 2.0) / temperature * 2.0
    } else {
        difference / temperature
    }
}

/// A row of the student and one of the teacher.
#[derive(Clone, Copy)]
struct RowPair<'a, T> {
    student: Distribution<'a, T>,
    teacher: Distribution<'a, T>,
    classes: usize,
}

impl<T: Element> RowPair<'_, T> {
    fn total(&self, term: impl Fn(Share, Share) -> f64) -> f64 {
        let of = |class| term(self.student.share(class), self.teacher.share(class));
        total::<T>((0..self.classes).map(of))
    }

    /// What there is instead of two distributions, where the teacher names few classes.
    #[expect(clippy::type_complexity, reason = "the types of closures have no names")]
    fn named(&self) -> Option<Named<'_, T, impl Fn(usize) -> f64, impl Fn(usize, usize) -> f64>> {
        let Distribution::TopK(places, rest) = self.teacher else { return None };
        let ln_q = |class| self.student.share(class).ln_p;
        let above = |class, other| self.student.above(class, other);
        Some(Named::new(places, rest, self.classes, ln_q, above))
    }

    fn loss(&self, divergence: Divergence<T::Real>) -> f64 {
        if self.student.is_undefined() || self.teacher.is_undefined() {
            return f64::NAN;
        }
        if let Some(named) = self.named() {
            return named.loss();
        }
        let normalised =
            matches!(self.teacher, Distribution::Class(_)) || self.teacher.is_softmax();
        match divergence {
            Divergence::Forward if normalised => self.total(|q, p| convex(p, q)),
            Divergence::Forward => self.total(|q, p| weighed(p, q)),
            Divergence::Reverse if normalised => self.total(convex),
            Divergence::Reverse => self.total(weighed),
            Divergence::JensenShannon { beta } => {
                let [beta, rest] = shares(beta, true);
                self.total(|q, p| {
                    beta * convex_by(p, mixture(p, q, [beta, rest]))
                        + rest * convex_by(q, mixture(q, p, [rest, beta]))
                })
            }
        }
    }

    /// The derivative of the loss by one of the student's logits times the temperature, or by one
    /// of the teacher's numbers.
    fn slope(
        &self,
        divergence: Divergence<T::Real>,
        class: usize,
        by_teacher: bool,
        center: f64,
    ) -> f64 {
        let (q, p) = (self.student.share(class), self.teacher.share(class));
        let (own, side, other) =
            if by_teacher { (p, &self.teacher, q) } else { (q, &self.student, p) };
        let weighs = match divergence {
            Divergence::Forward => by_teacher,
            Divergence::Reverse => !by_teacher,
            Divergence::JensenShannon { .. } => true,
        };
        if !weighs {
            return match side {
                // Σ w over the side that weighs: the teacher's sum, or the student's 1.
                Distribution::Logits { .. } => center * own.p - other.p,
                Distribution::Probs(_) if other.p == 0.0 => 0.0,
                Distribution::Probs(_) => -other.p / own.p,
                _ => -other.p,
            };
        }
        if own.p == 0.0 {
            return 0.0;
        }
        let difference = match divergence {
            Divergence::JensenShannon { beta } => {
                let shares = shares(beta, by_teacher);
                shares[0] * -mixture(own, other, shares).d
            }
            _ => own.ln_p - other.ln_p,
        };
        match side {
            Distribution::Probs(_) => difference - center,
            _ => own.p * (difference - center),
        }
    }

    /// What [`slope`](Self::slope) has to know of the whole row.
    fn center(&self, divergence: Divergence<T::Real>, by_teacher: bool) -> f64 {
        let softmax = !by_teacher || self.teacher.is_softmax();
        match (divergence, by_teacher) {
            (Divergence::Forward, false) => self.total(|_, p| p.p),
            (Divergence::Reverse, true) => 1.0,
            (Divergence::JensenShannon { .. }, _) if !softmax => 0.0,
            (Divergence::JensenShannon { beta }, _) => {
                let shares = shares(beta, by_teacher);
                self.total(|q, p| {
                    let (own, other) = if by_teacher { (p, q) } else { (q, p) };
                    let weighed = own.p * -mixture(own, other, shares).d;
                    if own.p == 0.0 { 0.0 } else { shares[0] * weighed }
                })
            }
            _ if softmax => self.loss(divergence),
            _ => -1.0,
        }
    }
}

/// `w (ln w − ln o)`; nothing without weight.
fn weighed(weight: Share, other: Share) -> f64 {
    if weight.p == 0.0 { 0.0 } else { weight.p * (weight.ln_p - other.ln_p) }
}

/// `w (ln w − ln o) + o − w`: never negative, and the same sum where both sum to one.
fn convex(weight: Share, other: Share) -> f64 {
    convex_by(weight, Other { p: other.p, d: other.ln_p - weight.ln_p })
}

/// What a share is compared with: its probability, and its logarithm less that of the share.
struct Other {
    p: f64,
    d: f64,
}

fn convex_by(weight: Share, Other { p, d }: Other) -> f64 {
    if weight.p == 0.0 {
        return p;
    }
    // Log-probabilities whose exponential is infinite: `o − w` has no sum.
    if p == f64::INFINITY {
        return weight.p * -d;
    }
    // w·e^d is `p`, without the error of a large d, and without its overflow where the weight
    // is subnormal.
    if d > 2.0 { p - weight.p * (1.0 + d) } else { weight.p * phi(d) }
}

/// `e^d − 1 − d`.
fn phi(d: f64) -> f64 {
    if d.abs() > 0.5 {
        return libm::expm1(d) - d;
    }
    let (mut sum, mut power, mut n) = (0.0, d, 1.0);
    while n < 20.0 {
        n += 1.0;
        power *= d / n;
        sum += power;
    }
    sum
}

/// One side's share of the mixture, and the other's.
fn shares<T: Element>(beta: T, by_teacher: bool) -> [f64; 2] {
    let beta = beta.into();
    if by_teacher { [beta, 1.0 - beta] } else { [1.0 - beta, beta] }
}

/// `m = share·own + rest·other`, as `own` sees it: `ln m − ln own = ln(1 + rest·(e^d − 1))` with
/// `d = ln other − ln own`.
fn mixture(own: Share, other: Share, [share, rest]: [f64; 2]) -> Other {
    let p = share * own.p + rest * other.p;
    let d = other.ln_p - own.ln_p;
    let excess = rest * libm::expm1(d);
    let ln_ratio = if d.is_nan() || p.is_infinite() {
        libm::log(p) - own.ln_p
    } else if d > 700.0 {
        d + libm::log(rest + share * libm::exp(-d))
    } else if excess > -0.5 {
        libm::log1p(excess)
    } else {
        libm::log(share + rest * libm::exp(d))
    };
    Other { p, d: ln_ratio }
}

/// The divergence of each row of `student` from the same row of `teacher`, as
/// [`DistillLoss`](crate::DistillLoss) has it: `out[r]` is one of
///
/// ```text
/// Σ p (ln p − ln q)                                             forward
/// Σ q (ln q − ln p)                                             reverse
/// beta·Σ p (ln p − ln m) + (1 − beta)·Σ q (ln q − ln m)         Jensen–Shannon
/// ```
///
/// or, for [`Teacher::TopK`], what [`Rest`] says, whatever the divergence is called; with
/// `q = softmax(student / temperature)`, `m = beta·p + (1 − beta)·q`, and for `p` what the
/// teacher says: the temperature divides its logits only.
///
/// # Shape
/// One number a row; rows that one of them does not have are not written.
/// # Special values
/// As for [`DistillLoss::row_losses`](crate::DistillLoss::row_losses).
/// # Examples
/// ```
/// use kldiv::{Divergence, Rows, Teacher, reference};
///
/// // Certain of one of two classes, against a coin.
/// let (student, teacher) = ([0.0; 2], [1.0, 0.0]);
/// let (student, teacher) = (Rows::new(&student, 2)?, Rows::new(&teacher, 2)?);
/// let mut loss = [0.0];
/// reference::distill(student, Teacher::Probs(teacher), 1.0, Divergence::Forward, &mut loss);
/// assert!((loss[0] - core::f64::consts::LN_2).abs() < 1e-15);
/// # Ok::<(), kldiv::Error>(())
/// ```
pub fn distill<T: Element>(
    student: Rows<'_, T>,
    teacher: Teacher<'_, T>,
    temperature: T::Real,
    divergence: Divergence<T::Real>,
    out: &mut [f64],
) {
    for (out, rows) in out.iter_mut().zip(row_pairs(student, teacher, temperature)) {
        *out = rows.map_or(0.0, |rows| rows.loss(divergence));
    }
}

/// The gradient of [`distill`] by the student's logits, `out[i] = g · d loss / d logit`.
///
/// With `g` the row's factor and `τ` the temperature: `(g/τ)(P·q − p)` forward, with the teacher's
/// sum `P`; `(g/τ)·q·((ln q − ln p) − loss)` reverse; for Jensen–Shannon `(g/τ)(s − q·Σs)` with
/// `s = (1 − beta)·q·(ln q − ln m)`.
///
/// # Shape
/// `out` has the length of the student; [`Upstream::PerRow`] one factor a row. Of
/// [`Upstream::PerElement`] nothing comes.
/// # Special values
/// As for [`DistillLoss::grad_student`](crate::DistillLoss::grad_student).
/// # Examples
/// ```
/// use kldiv::{Divergence, Rows, Teacher, Upstream, reference};
///
/// let student = Rows::new(&[0.0; 2], 2)?;
/// let (teacher, upstream) = (Teacher::Classes(&[1]), Upstream::Uniform(1.0));
/// let mut grad = [0.0; 2];
/// let forward = Divergence::Forward;
/// reference::distill_grad_student(student, teacher, 1.0, forward, upstream, &mut grad);
/// assert_eq!(grad, [0.5, -0.5]);
/// # Ok::<(), kldiv::Error>(())
/// ```
pub fn distill_grad_student<T: Element>(
    student: Rows<'_, T>,
    teacher: Teacher<'_, T>,
    temperature: T::Real,
    divergence: Divergence<T::Real>,
    upstream: Upstream<'_, T::Real>,
    out: &mut [f64],
) {
    distill_gradient((student, teacher, temperature), divergence, upstream, false, out);
}

/// The gradient of [`distill`] by the teacher's numbers; [`Teacher::Classes`] and [`Teacher::TopK`] have none.
///
/// By logits it is that of the student with the roles exchanged. With `w` and `o` the two
/// probabilities, `m` their mixture: by log-probabilities `p·(ln p − ln q + 1)` forward, `−q`
/// reverse, `beta·p·(ln p − ln m)` for Jensen–Shannon; by probabilities each of these over `p`.
///
/// # Shape
/// As for [`distill_grad_student`].
/// # Special values
/// As for [`DistillLoss::grad_teacher`](crate::DistillLoss::grad_teacher).
/// # Examples
/// ```
/// use kldiv::{Divergence, Rows, Teacher, Upstream, reference};
///
/// let teacher = Teacher::Probs(Rows::new(&[0.5, 0.5], 2)?);
/// let (student, upstream) = (Rows::new(&[0.0; 2], 2)?, Upstream::Uniform(1.0));
/// let mut grad = [0.0; 2];
/// let forward = Divergence::Forward;
/// reference::distill_grad_teacher(student, teacher, 1.0, forward, upstream, &mut grad);
/// assert_eq!(grad, [1.0, 1.0]);
/// # Ok::<(), kldiv::Error>(())
/// ```
pub fn distill_grad_teacher<T: Element>(
    student: Rows<'_, T>,
    teacher: Teacher<'_, T>,
    temperature: T::Real,
    divergence: Divergence<T::Real>,
    upstream: Upstream<'_, T::Real>,
    out: &mut [f64],
) {
    if !matches!(teacher, Teacher::Classes(_) | Teacher::TopK(_)) {
        distill_gradient((student, teacher, temperature), divergence, upstream, true, out);
    }
}

fn distill_gradient<T: Element>(
    (student, teacher, temperature): (Rows<'_, T>, Teacher<'_, T>, T::Real),
    divergence: Divergence<T::Real>,
    upstream: Upstream<'_, T::Real>,
    by_teacher: bool,
    out: &mut [f64],
) {
    let layout = match teacher {
        Teacher::Logits(rows) | Teacher::LogProbs(rows) | Teacher::Probs(rows) if by_teacher => {
            rows
        }
        Teacher::Logits(_)
        | Teacher::LogProbs(_)
        | Teacher::Probs(_)
        | Teacher::Classes(_)
        | Teacher::TopK(_) => student,
    };
    let rows = row_pairs(student, teacher, temperature);
    for (row, (out, pair)) in out.chunks_mut(layout.stride()).zip(rows).enumerate() {
        let Some((out, padding)) = out.split_at_mut_checked(layout.classes()) else { return };
        padding.fill(0.0);
        let Some(pair) = pair else {
            out.fill(0.0);
            continue;
        };
        let factor = match upstream {
            Upstream::Uniform(factor) => factor.into(),
            Upstream::PerRow(factors) => match factors.get(row) {
                Some(&factor) => factor.into(),
                None => return,
            },
            Upstream::PerElement(_) => return,
        };
        let by_logits = !by_teacher || pair.teacher.is_softmax();
        let factor = if by_logits { factor / temperature.into() } else { factor };
        let undefined = pair.student.is_undefined() || pair.teacher.is_undefined();
        let named = pair.named();
        let center = if named.is_some() { 0.0 } else { pair.center(divergence, by_teacher) };
        for (class, out) in out.iter_mut().enumerate() {
            *out = if undefined {
                f64::NAN
            } else if let Some(named) = &named {
                in_range::<T>(factor * named.slope(class))
            } else {
                in_range::<T>(factor * pair.slope(divergence, class, by_teacher, center))
            };
        }
    }
}

/// Both sides of each row; of a row that is ignored there are none.
fn row_pairs<'a, T: Element>(
    student: Rows<'a, T>,
    teacher: Teacher<'a, T>,
    temperature: T::Real,
) -> impl Iterator<Item = Option<RowPair<'a, T>>> {
    let classes = student.classes();
    (0..student.rows()).map_while(move |row| {
        if let Teacher::Classes(indices) = teacher
            && *indices.get(row)? == IGNORED
        {
            return Some(None);
        }
        let student = Distribution::of_logits(student.row(row)?, temperature);
        let teacher = Distribution::of_teacher(teacher, row, temperature)?;
        Some(Some(RowPair { student, teacher, classes }))
    })
}
