//! Divergences between rows of logits, and their gradients, without a temporary.
//!
//! A row is read once for its masses and, where that suffices, its loss ([`statistics`]); it is
//! read again, once or twice, for what needs the masses first: terms that do not cancel, and
//! gradients ([`elements`], or [`kept`] in the usual case). Each read is a kernel of its own. What
//! is done once a row needs no vectors: here it is compiled once for each type instead of once for
//! each back-end, and the kernels stay small enough for the compiler, whose time grows faster than
//! a function does.

mod elements;
mod kept;
mod statistics;
mod tile;

use super::map::Factors;
use crate::distill::{Divergence, Teacher};
use crate::isa::Backend;
use crate::lanes::Float;
use crate::lanes::scalar::Scalar;
use crate::math::{exp_factor, ln};
use crate::sum::Compensated;
use elements::{
    Aligned, Apart, Mixture, Normalised, Pass, Row, SecondRead, Slope, TeacherSide, Terms, Weighing,
};
use kept::{KeptPass, KeptRead};
use statistics::{FirstRead, Logits, Nothing, Probs, totals};

/// What is compared, and how. Shapes agree, class indices are in range.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a, T> {
    pub(crate) backend: Backend,
    pub(crate) student: &'a [T],
    /// Positive.
    pub(crate) classes: usize,
    pub(crate) teacher: Teacher<'a, T>,
    pub(crate) temperature: T,
    pub(crate) divergence: Divergence<T>,
    pub(crate) weights: Option<&'a [T]>,
    /// By what weights are multiplied: 1, or a power of two that keeps their sums in range.
    pub(crate) weight_scale: T,
}

/// What is asked for.
pub struct Wanted<'a, T> {
    /// Whether the loss is, for its sum or for `losses`.
    pub(crate) loss: bool,
    /// One for each row, or none.
    pub(crate) losses: &'a mut [T],
    pub(crate) gradient: Option<Gradient<'a, T>>,
}

/// A gradient by one side's numbers.
pub struct Gradient<'a, T> {
    pub(crate) by_teacher: bool,
    pub(crate) upstream: Factors<'a, T>,
    pub(crate) out: &'a mut [T],
}

/// Sums over the rows that are not masked out.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<T> {
    /// Of the weighted losses.
    pub(crate) loss: T,
    /// Of the weights.
    pub(crate) weight: T,
    /// Whether there are no such rows.
    pub(crate) is_empty: bool,
    /// Whether one of the sums left the range of numbers though what was summed is within.
    pub(crate) overflows: bool,
}

/// Runs over all rows.
pub(super) fn distill<T: Float>(problem: Problem<'_, T>, wanted: Wanted<'_, T>) -> Outcome<T> {
    let Wanted { loss, losses, mut gradient } = wanted;
    let mut losses = losses.iter_mut();
    let mut sums = RowSums::new();
    let mut rest = problem.student;
    let mut index = 0;
    while let Some(student) = rest.split_off(..problem.classes)
        && !student.is_empty()
    {
        let slope = match &mut gradient {
            Some(gradient) => gradient.row(index, problem.classes),
            None => None,
        };
        let weight = problem.weight(index);
        let value = match problem.teacher_row(index) {
            Some(teacher) if weight != T::ZERO => {
                sums.add(weight, row(&problem, student, teacher, weight, loss, slope))
            }
            _ => {
                if let Some(RowGradient { out, .. }) = slope {
                    out.fill(T::ZERO);
                }
                T::ZERO
            }
        };
        if let Some(place) = losses.next() {
            *place = value;
        }
        index += 1;
    }
    sums.totals()
}

impl<'a, T: Float> Problem<'a, T> {
    fn weight(&self, index: usize) -> T {
        match self.weights {
            Some(weights) => weights.get(index).copied().unwrap_or(T::ZERO) * self.weight_scale,
            None => self.weight_scale,
        }
    }

    /// The same with weights scaled by a power of two such that no sum of them, or of losses times
    /// them, is out of range unless a single loss is.
    pub(crate) fn with_small_weights(self) -> Self {
        let mut largest = T::ONE;
        for &weight in self.weights.unwrap_or_default() {
            let weight = magnitude(weight);
            if largest < weight {
                largest = weight;
            }
        }
        let half = T::from_f64(0.5);
        let mut scale = T::ONE;
        while T::ONE < largest * scale {
            scale = scale * half;
        }
        let mut rows = self.student.len().checked_div(self.classes).unwrap_or(0);
        while rows > 0 && T::ZERO < scale * half {
            rows /= 2;
            scale = scale * half;
        }
        Problem { weight_scale: scale, ..self }
    }

    fn teacher_row(&self, index: usize) -> Option<Row<'a, T>> {
        let start = index.checked_mul(self.classes)?;
        match self.teacher {
            Teacher::Logits(rows) | Teacher::LogProbs(rows) | Teacher::Probs(rows) => {
                Some(Row::Numbers(rows.values().get(start..)?.get(..self.classes)?))
            }
            Teacher::Classes(classes) => Some(Row::Class(*classes.get(index)? as usize)),
        }
    }

    fn weighing(&self) -> Weighing<T> {
        match self.divergence {
            Divergence::Forward => Weighing::Teacher,
            Divergence::Reverse => Weighing::Student,
            Divergence::JensenShannon { beta } => Weighing::Both(Mixture::new(beta)),
        }
    }
}

/// A row's part of a gradient.
struct RowGradient<'a, T> {
    by_teacher: bool,
    upstream: T,
    out: &'a mut [T],
}

impl<T: Float> Gradient<'_, T> {
    fn row(&mut self, index: usize, classes: usize) -> Option<RowGradient<'_, T>> {
        let upstream = match self.upstream {
            Factors::Uniform(factor) => factor,
            Factors::PerRow(factors) | Factors::PerElement(factors) => *factors.get(index)?,
        };
        let start = index.checked_mul(classes)?;
        let out = self.out.get_mut(start..)?.get_mut(..classes)?;
        Some(RowGradient { by_teacher: self.by_teacher, upstream, out })
    }
}

/// The loss of one row, 0 if nobody asked, and its gradient.
fn row<T: Float>(
    problem: &Problem<'_, T>,
    student: &[T],
    teacher: Row<'_, T>,
    weight: T,
    loss: bool,
    mut gradient: Option<RowGradient<'_, T>>,
) -> T {
    // A gradient needs the masses alone; a loss beside it comes from the second read.
    let known = match &mut gradient {
        None => first_read::<T, true>(problem, student, teacher, &mut []),
        Some(RowGradient { out, .. }) => first_read::<T, false>(problem, student, teacher, out),
    };
    if !known.is_valid {
        if let Some(RowGradient { out, .. }) = gradient {
            out.fill(T::NAN);
        }
        return T::NAN;
    }
    let (mut plan, out) = match gradient {
        None => match known.value {
            Some(value) => return value,
            None => (known.plan(problem, loss, None), &mut [][..]),
        },
        Some(RowGradient { by_teacher, upstream, out }) => {
            let upstream = upstream * weight;
            (known.plan(problem, loss, Some((by_teacher, upstream))), out)
        }
    };
    let mut value = known.value.unwrap_or(T::ZERO);
    // At most twice: a gradient that is centred needs the sum first.
    while plan.pass.terms || plan.pass.gradient.is_some() {
        let pass = plan.pass;
        let kept = if known.kept { KeptPass::new(&pass) } else { None };
        let terms = match (kept, teacher) {
            (Some(pass), Row::Numbers(teacher)) => {
                problem.backend.run(KeptRead { pass, student, teacher, grad: out })
            }
            _ => {
                let grad = if pass.gradient.is_some() { &mut *out } else { &mut [][..] };
                problem.backend.run(SecondRead { pass, student, teacher, grad })
            }
        };
        if plan.pass.terms {
            value = known.divergence(problem, &terms);
        }
        plan.next(value, &terms);
    }
    if loss { value } else { T::ZERO }
}

/// What one read of a row tells.
struct Known<T> {
    /// Logits that have a softmax.
    is_valid: bool,
    student: Measured<T>,
    /// The teacher's logits, if it has any.
    teacher: Option<Measured<T>>,
    /// Whether all numbers are known to be usual.
    all_usual: bool,
    /// Whether all are and the masses of the logits that weigh are in the gradient's place.
    kept: bool,
    /// Sum of the teacher's probabilities.
    teacher_mass: T,
    /// The same less one, without the rounding.
    excess: T,
    /// The divergence, where this read can tell it well enough.
    value: Option<T>,
}

/// Logits and their mass, relative to the reference.
#[derive(Clone, Copy)]
struct Measured<T> {
    logits: Logits<T>,
    mass: T,
}

impl<T: Float> Measured<T> {
    fn new(logits: Logits<T>, mass: Compensated<T>) -> Self {
        Measured { logits, mass: total(mass) }
    }

    /// Whether the logits have a softmax: not if one is NaN or +∞, or all are −∞.
    fn is_valid(&self) -> bool {
        T::ZERO < self.mass && self.mass < T::INFINITY
    }

    /// Without a need for logarithms that of the mass is left out.
    fn normalised(&self, logarithms: bool) -> Normalised<T> {
        let Measured { logits, mass } = *self;
        let ln_mass = if logarithms { ln_of(mass) } else { T::ZERO };
        Normalised { logits, ln_mass, share: T::ONE / mass }
    }
}

/// Where only a gradient needs it, without `WEIGH`, the masses are left in its place.
fn first_read<T: Float, const WEIGH: bool>(
    problem: &Problem<'_, T>,
    student: &[T],
    teacher: Row<'_, T>,
    grad: &mut [T],
) -> Known<T> {
    let backend = problem.backend;
    let logits = Logits::new(problem.temperature);
    match (problem.teacher, teacher) {
        (Teacher::Probs(_), Row::Numbers(probs)) => {
            let (companion, x, t, masses) = (Probs, student, probs, &mut [][..]);
            let read = backend.run(FirstRead::<_, _, WEIGH> { logits, companion, x, t, masses });
            let student = Measured::new(read.logits, read.mass);
            let weighted = WEIGH.then_some(read.weighted);
            Known::of_probs(problem, student, read.companion_mass, weighted, read.usual)
        }
        (_, Row::Numbers(numbers)) => {
            let of_teacher = match problem.teacher {
                Teacher::LogProbs(_) => Logits::new(T::ONE),
                _ => logits,
            };
            let read = if problem.student_weighs() {
                [(logits, student), (of_teacher, numbers)]
            } else {
                [(of_teacher, numbers), (logits, student)]
            };
            let [(logits, x), (companion, t)] = read;
            let masses = grad;
            let read = backend.run(FirstRead::<_, _, WEIGH> { logits, companion, x, t, masses });
            let weights = Measured::new(read.logits, read.mass);
            let others = Measured::new(read.companion, read.companion_mass);
            let weighted = WEIGH.then_some(read.weighted);
            let mut known = Known::of_logits(problem, weights, others, weighted, read.usual);
            known.kept = !WEIGH && known.all_usual;
            known
        }
        (_, Row::Class(class)) => {
            let (companion, x, t, masses) = (Nothing, student, student, &mut [][..]);
            let read = backend.run(FirstRead::<_, _, false> { logits, companion, x, t, masses });
            let logit = student.get(class).copied().unwrap_or(T::NAN);
            Known::of_class(problem, Measured::new(read.logits, read.mass), logit, read.usual)
        }
    }
}

impl<T: Float> Problem<'_, T> {
    fn student_weighs(&self) -> bool {
        matches!(self.divergence, Divergence::Reverse)
    }
}

impl<T: Float> Known<T> {
    /// What holds with a teacher whose probabilities sum to one.
    fn of_student(student: Measured<T>) -> Self {
        Known {
            is_valid: student.is_valid(),
            student,
            teacher: None,
            all_usual: false,
            kept: false,
            teacher_mass: T::ONE,
            excess: T::ZERO,
            value: None,
        }
    }

    /// From the logits or log-probabilities that weigh and those that do not, and their weighted
    /// differences if they are wanted.
    fn of_logits(
        problem: &Problem<'_, T>,
        weights: Measured<T>,
        others: Measured<T>,
        weighted: Option<Compensated<T>>,
        all_usual: bool,
    ) -> Self {
        let (student, teacher) =
            if problem.student_weighs() { (weights, others) } else { (others, weights) };
        let mut known = Known::of_student(student);
        let reference = teacher.logits.reference;
        let mut put_back = T::ONE;
        if let Teacher::LogProbs(_) = problem.teacher {
            // Nothing is divided by the mass: what the reference took away is put back.
            put_back = exp_of(reference);
            known.teacher_mass = put_back * teacher.mass;
            known.excess = known.teacher_mass - T::ONE;
        } else {
            known.is_valid = student.is_valid() && teacher.is_valid();
            known.teacher = Some(teacher);
            known.all_usual = all_usual;
        }
        if let Some(weighted) = weighted
            && !matches!(problem.divergence, Divergence::JensenShannon { .. })
        {
            let weighted = total(weighted);
            let [mean, shift] = match problem.teacher {
                Teacher::LogProbs(_) if problem.student_weighs() => {
                    [weighted / student.mass, T::ZERO - reference - ln_of(student.mass)]
                }
                Teacher::LogProbs(_) => {
                    let shift = known.teacher_mass * (reference + ln_of(student.mass));
                    [put_back * weighted, shift]
                }
                _ => [weighted / weights.mass, ln_of(others.mass / weights.mass)],
            };
            known.value = certain(mean, shift);
        }
        known
    }

    fn of_probs(
        problem: &Problem<'_, T>,
        student: Measured<T>,
        teacher_mass: Compensated<T>,
        weighted: Option<Compensated<T>>,
        all_usual: bool,
    ) -> Self {
        let excess = (teacher_mass.sum - T::ONE) + teacher_mass.lost;
        let teacher_mass = total(teacher_mass);
        let value = match (problem.divergence, weighted) {
            (Divergence::Forward, Some(weighted)) => {
                certain(total(weighted), teacher_mass * ln_of(student.mass))
            }
            _ => None,
        };
        Known { all_usual, teacher_mass, excess, value, ..Known::of_student(student) }
    }

    fn of_class(problem: &Problem<'_, T>, student: Measured<T>, logit: T, all_usual: bool) -> Self {
        let exponent = student.logits.exponent::<_, true>(Scalar::<T>::NEW, logit);
        let value = match problem.divergence {
            Divergence::Forward => certain(ln_of(student.mass), T::ZERO - exponent),
            _ => None,
        };
        Known { all_usual, value, ..Known::of_student(student) }
    }

    /// The divergence from a second read's sums.
    fn divergence(&self, problem: &Problem<'_, T>, terms: &Terms<T>) -> T {
        let convex = total(terms.convex);
        let excess = match problem.divergence {
            // True for any masses.
            Divergence::JensenShannon { beta } => return convex * Mixture::new(beta).unscale,
            Divergence::Forward => self.excess,
            Divergence::Reverse => T::ZERO - self.excess,
        };
        let magnitude = magnitude(excess);
        // Rounded log-probabilities do not sum to one, those of a softmax no more than others:
        // within this they count as normalised.
        let rounding = match problem.teacher {
            Teacher::LogProbs(_) => T::from_f64(16.0) * unit(),
            _ => T::ZERO,
        };
        if magnitude <= rounding {
            // Only where a probability is subnormal can rounding make it negative.
            if convex < T::ZERO { T::ZERO } else { convex }
        } else if magnitude <= T::from_f64(0.5) && matches!(problem.teacher, Teacher::Probs(_)) {
            convex + excess
        } else {
            total(terms.plain)
        }
    }
}

/// A pass over a row, and the gradient that has to wait for its sums.
struct Plan<T> {
    pass: Pass<T>,
    waiting: Option<(Slope<T>, T)>,
    by_sum_of_slopes: bool,
}

impl<T: Float> Plan<T> {
    /// After a pass: the gradient, centred by the sums, if it waited for them.
    fn next(&mut self, value: T, terms: &Terms<T>) {
        (self.pass.terms, self.pass.plain) = (false, false);
        let center = if self.by_sum_of_slopes { total(terms.plain) } else { value };
        self.pass.gradient = match self.waiting.take() {
            Some((_, factor)) => Some((Slope::Weight { center }, factor)),
            None => None,
        };
    }
}

impl<T: Float> Known<T> {
    /// What is left to do for the loss and for a gradient, given by its side and factor.
    fn plan(&self, problem: &Problem<'_, T>, loss: bool, gradient: Option<(bool, T)>) -> Plan<T> {
        let weighing = problem.weighing();
        let terms = loss && (gradient.is_some() || self.value.is_none());
        let aligned = match self.teacher {
            Some(teacher) => Aligned::new(self.student, teacher),
            None => None,
        };
        let apart = match (weighing, self.teacher) {
            (Weighing::Both(_), Some(teacher)) => Apart::new(self.student, teacher),
            _ => None,
        };
        let logarithms = aligned.is_none() || matches!(weighing, Weighing::Both(_));
        let teacher = match (self.teacher, problem.teacher) {
            (Some(teacher), _) => TeacherSide::Logits(teacher.normalised(logarithms)),
            (None, Teacher::Probs(_)) => TeacherSide::Probs,
            (None, Teacher::Classes(_)) => TeacherSide::OneHot,
            (None, _) => TeacherSide::Logits(Normalised::identity()),
        };
        let mut plan = Plan {
            pass: Pass {
                student: self.student.normalised(logarithms),
                teacher,
                aligned,
                apart,
                all_usual: self.all_usual,
                weighing,
                by_teacher: false,
                terms,
                plain: terms && self.teacher.is_none(),
                gradient: None,
            },
            waiting: None,
            by_sum_of_slopes: matches!(weighing, Weighing::Both(_)),
        };
        let Some((by_teacher, factor)) = gradient else { return plan };
        plan.pass.by_teacher = by_teacher;
        let factor = match weighing {
            Weighing::Both(mixture) => factor * mixture.share(by_teacher),
            Weighing::Teacher | Weighing::Student => factor,
        };
        let weighs = match weighing {
            Weighing::Teacher => by_teacher,
            Weighing::Student => !by_teacher,
            Weighing::Both(_) => true,
        };
        let softmax = !by_teacher || matches!(problem.teacher, Teacher::Logits(_));
        let probs = !softmax && matches!(problem.teacher, Teacher::Probs(_));
        let center = match weighing {
            Weighing::Both(_) => T::ZERO,
            _ => T::ZERO - T::ONE,
        };
        let slope = match (weighs, softmax) {
            (true, true) => Slope::Weight { center },
            (true, false) if probs => Slope::WeightProbs { center },
            (true, false) => Slope::Weight { center },
            (false, true) if by_teacher => Slope::Other { mass: T::ONE },
            (false, true) => Slope::Other { mass: self.teacher_mass },
            (false, false) if probs => Slope::OtherProbs,
            (false, false) => Slope::Other { mass: T::ZERO },
        };
        let gradient = Some((slope, if softmax { factor / problem.temperature } else { factor }));
        if weighs && softmax {
            plan.pass.terms = true;
            plan.pass.plain = plan.by_sum_of_slopes || self.teacher.is_none();
            plan.waiting = gradient;
        } else {
            plan.pass.gradient = gradient;
        }
        plan
    }
}

impl<T: Float> Normalised<T> {
    /// Log-probabilities as they are.
    fn identity() -> Self {
        let logits = Logits::new(T::ONE).at(T::ZERO);
        Normalised { logits, ln_mass: T::ZERO, share: T::ONE }
    }
}

impl<T: Float> Aligned<T> {
    /// For references less than a temperature apart; further apart, differences between logits
    /// would lose what their distances from the references keep.
    fn new(student: Measured<T>, teacher: Measured<T>) -> Option<Self> {
        let reference = student.logits.reference - teacher.logits.reference;
        let factor = student.logits.factor;
        if magnitude(reference * factor) < T::ONE && differences_stay_finite(factor) {
            Some(Aligned { reference, factor, ln_mass: ln_of(student.mass / teacher.mass) })
        } else {
            None
        }
    }
}

impl<T: Float> Apart<T> {
    fn new(student: Measured<T>, teacher: Measured<T>) -> Option<Self> {
        let single = |sum| Compensated { sum, lost: T::ZERO };
        let [x, t] = [student.logits.reference, teacher.logits.reference];
        let Compensated { sum: reference, lost } =
            single(x).merge(Scalar::<T>::NEW, single(T::ZERO - t));
        let factor = student.logits.factor;
        let is_moderate = magnitude(reference * T::from_f64(4.0)) < T::INFINITY;
        if is_moderate && differences_stay_finite(factor) {
            let ln_mass = ln_of(student.mass / teacher.mass);
            Some(Apart { aligned: Aligned { reference, factor, ln_mass }, lost })
        } else {
            None
        }
    }
}

/// Whether usual logits of two rows, whose references are not far out themselves, have differences
/// within range. They are within 87 (f32) or 708 (f64) temperatures of their references, so that holds
/// below a temperature of 2^112 (f32) or 2^1008 (f64).
fn differences_stay_finite<T: Float>(factor: T) -> bool {
    factor > T::MIN_POSITIVE * T::from_f64(16_384.0)
}

/// The losses and weights of rows, added in order.
struct RowSums<T> {
    loss: Compensated<T>,
    weight: Compensated<T>,
    is_empty: bool,
    /// Whether every loss and weight was.
    is_finite: bool,
}

impl<T: Float> RowSums<T> {
    fn new() -> Self {
        let zero = Compensated::zero(Scalar::<T>::NEW);
        RowSums { loss: zero, weight: zero, is_empty: true, is_finite: true }
    }

    /// Returns the weighted loss.
    fn add(&mut self, weight: T, value: T) -> T {
        let loss = weight * value;
        let single = |sum| Compensated { sum, lost: T::ZERO };
        self.loss = self.loss.merge(Scalar::<T>::NEW, single(loss));
        self.weight = self.weight.merge(Scalar::<T>::NEW, single(weight));
        self.is_empty = false;
        self.is_finite &= is_finite(weight) && is_finite(value);
        loss
    }

    fn totals(&self) -> Outcome<T> {
        let [loss, weight] = [total(self.loss), total(self.weight)];
        let overflows = self.is_finite && !(is_finite(loss) && is_finite(weight));
        Outcome { loss, weight, is_empty: self.is_empty, overflows }
    }
}

fn is_finite<T: Float>(x: T) -> bool {
    T::NEG_INFINITY < x && x < T::INFINITY
}

/// `mean + shift`, unless they cancel. An error of either is within a few `u` of 1, of the part
/// itself, and of the logarithm of the number of classes: 2^6 u at most for any row that fits in
/// memory. Where the sum is above 2^16 u of the parts it is right to 1e-3 and better; below, only
/// a second read gives that.
fn certain<T: Float>(mean: T, shift: T) -> Option<T> {
    let value = mean + shift;
    let parts = T::ONE + magnitude(mean) + magnitude(shift);
    let cancels = value < parts * (T::from_f64(65_536.0) * unit());
    if cancels { None } else { Some(value) }
}

/// Half the distance from 1 to the next number.
fn unit<T: Float>() -> T {
    T::from_f64(if size_of::<T>() == size_of::<f32>() {
        f32::EPSILON as f64 / 2.0
    } else {
        f64::EPSILON / 2.0
    })
}

fn magnitude<T: Float>(x: T) -> T {
    if x < T::ZERO { T::ZERO - x } else { x }
}

fn total<T: Float>(sum: Compensated<T>) -> T {
    if is_finite(sum.sum) { sum.sum + sum.lost } else { sum.sum }
}

#[inline(never)]
fn exp_of<T: Float>(x: T) -> T {
    exp_factor::<_, true>(Scalar::<T>::NEW, x)
}

#[inline(never)]
fn ln_of<T: Float>(x: T) -> T {
    ln::<_, true>(Scalar::<T>::NEW, x)
}
