//! Divergences between rows of logits, and their gradients, without a temporary.
//!
//! A row is read once for its masses and, where that suffices, its loss ([`statistics`]); it is
//! read again, once or twice, for what needs the masses first: terms that do not cancel, and
//! gradients ([`elements`]). What is done once a row is scalar code in functions of its own: it
//! needs no vectors, and is compiled once for each type instead of once for each back-end.

mod elements;
mod statistics;
mod tile;

use super::Kernel;
use super::map::Factors;
use crate::distill::{Divergence, Teacher};
use crate::isa::Backend;
use crate::lanes::scalar::Scalar;
use crate::lanes::{Float, Lanes};
use crate::math::{exp, ln};
use crate::sum::Compensated;
use elements::{Aligned, Normalised, Pass, Row, Slope, TeacherSide, Terms, Weighing};
use statistics::{Logits, Nothing, Probs, statistics, totals};

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
}

/// The kernel.
pub(super) struct Distill<'a, T> {
    pub(super) problem: Problem<'a, T>,
    pub(super) wanted: Wanted<'a, T>,
}

impl<T: Float> Kernel<T> for Distill<'_, T> {
    type Output = Outcome<T>;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) -> Outcome<T> {
        let Distill { problem, wanted: Wanted { loss, losses, mut gradient } } = self;
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
                    let value = row(l, &problem, student, teacher, weight, loss, slope);
                    sums.add(weight, value)
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
}

impl<'a, T: Float> Problem<'a, T> {
    fn weight(&self, index: usize) -> T {
        match self.weights {
            Some(weights) => weights.get(index).copied().unwrap_or(T::ZERO),
            None => T::ONE,
        }
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
            Divergence::JensenShannon { beta } => Weighing::Both { beta, rest: T::ONE - beta },
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
#[inline(always)]
fn row<L: Lanes>(
    l: L,
    problem: &Problem<'_, L::Elem>,
    student: &[L::Elem],
    teacher: Row<'_, L::Elem>,
    weight: L::Elem,
    loss: bool,
    gradient: Option<RowGradient<'_, L::Elem>>,
) -> L::Elem {
    let known = first_read(l, problem, student, teacher);
    if !known.is_valid {
        if let Some(RowGradient { out, .. }) = gradient {
            out.fill(L::Elem::NAN);
        }
        return L::Elem::NAN;
    }
    let (mut plan, out) = match gradient {
        None => (known.plan(problem, loss, None), &mut [][..]),
        Some(RowGradient { by_teacher, upstream, out }) => {
            let upstream = upstream * weight;
            (known.plan(problem, loss, Some((by_teacher, upstream))), out)
        }
    };
    let mut value = known.value.unwrap_or(L::Elem::ZERO);
    // At most twice: a gradient that is centred needs the sum first.
    while plan.pass.terms || plan.pass.gradient.is_some() {
        let part = if plan.pass.gradient.is_some() { &mut *out } else { &mut [][..] };
        let terms = plan.pass.run(l, student, teacher, part);
        if plan.pass.terms {
            value = known.divergence(problem, &terms);
        }
        plan.next(value, &terms);
    }
    if loss { value } else { L::Elem::ZERO }
}

/// What one read of a row tells.
struct Known<T> {
    /// Logits that have a softmax.
    is_valid: bool,
    student: Normalised<T>,
    teacher: TeacherSide<T>,
    aligned: Option<Aligned<T>>,
    /// Sum of the teacher's probabilities.
    teacher_mass: T,
    /// The same less one, without the rounding.
    excess: T,
    /// The divergence, where this read can tell it well enough.
    value: Option<T>,
}

#[inline(always)]
fn first_read<L: Lanes>(
    l: L,
    problem: &Problem<'_, L::Elem>,
    student: &[L::Elem],
    teacher: Row<'_, L::Elem>,
) -> Known<L::Elem> {
    let logits = Logits::new(problem.temperature);
    match (problem.teacher, teacher) {
        (Teacher::Probs(_), Row::Numbers(probs)) => {
            let read = statistics(l, logits, Probs, student, probs);
            Known::of_probs(problem, read.logits, [read.mass, read.companion_mass, read.weighted])
        }
        (_, Row::Numbers(numbers)) => {
            let of_teacher = match problem.teacher {
                Teacher::LogProbs(_) => Logits::new(L::Elem::ONE),
                _ => logits,
            };
            let read = if problem.student_weighs() {
                [(logits, student), (of_teacher, numbers)]
            } else {
                [(of_teacher, numbers), (logits, student)]
            };
            let [(weights, x), (others, t)] = read;
            let read = statistics(l, weights, others, x, t);
            Known::of_logits(
                problem,
                [read.logits, read.companion],
                [read.mass, read.companion_mass, read.weighted],
            )
        }
        (_, Row::Class(class)) => {
            let read = statistics(l, logits, Nothing, student, student);
            let logit = student.get(class).copied().unwrap_or(L::Elem::NAN);
            Known::of_class(problem, read.logits, read.mass, logit)
        }
    }
}

impl<T: Float> Problem<'_, T> {
    fn student_weighs(&self) -> bool {
        matches!(self.divergence, Divergence::Reverse)
    }
}

impl<T: Float> Known<T> {
    /// From the logits or log-probabilities that weigh and those that do not.
    #[inline(never)]
    fn of_logits(
        problem: &Problem<'_, T>,
        [weights, others]: [Logits<T>; 2],
        [mass, other_mass, weighted]: [Compensated<T>; 3],
    ) -> Self {
        let weighing = Normalised::new(weights, total(mass));
        let other = Normalised::new(others, total(other_mass));
        let weighted = total(weighted);
        let (student, teacher, of_teacher) = if problem.student_weighs() {
            (weighing, other, total(other_mass))
        } else {
            (other, weighing, total(mass))
        };
        let has_value = !matches!(problem.divergence, Divergence::JensenShannon { .. });
        if let Teacher::LogProbs(_) = problem.teacher {
            // Nothing is divided by the mass: what the reference took away is put back.
            let put_back = exp_of(teacher.logits.reference);
            let teacher_mass = put_back * of_teacher;
            let ln_put_back = teacher.logits.reference;
            let [mean, shift] = if problem.student_weighs() {
                [weighted * student.share, T::ZERO - ln_put_back - student.ln_mass]
            } else {
                [put_back * weighted, teacher_mass * (ln_put_back + student.ln_mass)]
            };
            return Known {
                is_valid: student.is_valid(),
                student,
                teacher: TeacherSide::Logits(Normalised::identity()),
                aligned: None,
                teacher_mass,
                excess: teacher_mass - T::ONE,
                value: if has_value { certain(mean, shift) } else { None },
            };
        }
        let mean = weighted * weighing.share;
        let shift = other.ln_mass - weighing.ln_mass;
        let of_student = if problem.student_weighs() { total(mass) } else { total(other_mass) };
        let ratio = of_student / of_teacher;
        Known {
            is_valid: student.is_valid() && teacher.is_valid(),
            student,
            teacher: TeacherSide::Logits(teacher),
            aligned: Aligned::new(student.logits, teacher.logits, ratio),
            teacher_mass: T::ONE,
            excess: T::ZERO,
            value: if has_value { certain(mean, shift) } else { None },
        }
    }

    #[inline(never)]
    fn of_probs(
        problem: &Problem<'_, T>,
        logits: Logits<T>,
        [mass, teacher_mass, weighted]: [Compensated<T>; 3],
    ) -> Self {
        let student = Normalised::new(logits, total(mass));
        let excess = (teacher_mass.sum - T::ONE) + teacher_mass.lost;
        let teacher_mass = total(teacher_mass);
        let value = match problem.divergence {
            Divergence::Forward => certain(total(weighted), teacher_mass * student.ln_mass),
            _ => None,
        };
        let is_valid = student.is_valid();
        Known {
            is_valid,
            student,
            teacher: TeacherSide::Probs,
            aligned: None,
            teacher_mass,
            excess,
            value,
        }
    }

    #[inline(never)]
    fn of_class(
        problem: &Problem<'_, T>,
        logits: Logits<T>,
        mass: Compensated<T>,
        logit: T,
    ) -> Self {
        let student = Normalised::new(logits, total(mass));
        let exponent = (logit - logits.reference) * logits.factor;
        let value = match problem.divergence {
            Divergence::Forward => certain(student.ln_mass, T::ZERO - exponent),
            _ => None,
        };
        Known {
            is_valid: student.is_valid(),
            student,
            teacher: TeacherSide::Probs,
            aligned: None,
            teacher_mass: T::ONE,
            excess: T::ZERO,
            value,
        }
    }

    /// The divergence from a second read's sums.
    #[inline(never)]
    fn divergence(&self, problem: &Problem<'_, T>, terms: &Terms<T>) -> T {
        let convex = total(terms.convex);
        let excess = match problem.divergence {
            // True for any masses.
            Divergence::JensenShannon { .. } => return convex,
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
        self.pass.terms = false;
        let center = if self.by_sum_of_slopes { total(terms.plain) } else { value };
        self.pass.gradient = match self.waiting.take() {
            Some((_, factor)) => Some((Slope::Weight { center }, factor)),
            None => None,
        };
    }
}

impl<T: Float> Known<T> {
    /// What is left to do for the loss and for a gradient, given by its side and factor.
    #[inline(never)]
    fn plan(&self, problem: &Problem<'_, T>, loss: bool, gradient: Option<(bool, T)>) -> Plan<T> {
        let weighing = problem.weighing();
        let mut plan = Plan {
            pass: Pass {
                student: self.student,
                teacher: self.teacher,
                aligned: self.aligned,
                weighing,
                by_teacher: false,
                terms: loss && (gradient.is_some() || self.value.is_none()),
                gradient: None,
            },
            waiting: None,
            by_sum_of_slopes: matches!(weighing, Weighing::Both { .. }),
        };
        let Some((by_teacher, factor)) = gradient else { return plan };
        plan.pass.by_teacher = by_teacher;
        let weighs = match weighing {
            Weighing::Teacher => by_teacher,
            Weighing::Student => !by_teacher,
            Weighing::Both { .. } => true,
        };
        let softmax = !by_teacher || matches!(problem.teacher, Teacher::Logits(_));
        let probs = !softmax && matches!(problem.teacher, Teacher::Probs(_));
        let center = match weighing {
            Weighing::Both { .. } => T::ZERO,
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
            plan.waiting = gradient;
        } else {
            plan.pass.gradient = gradient;
        }
        plan
    }
}

impl<T: Float> Normalised<T> {
    fn new(logits: Logits<T>, mass: T) -> Self {
        Normalised { logits, ln_mass: ln_of(mass), share: T::ONE / mass }
    }

    /// Log-probabilities as they are.
    fn identity() -> Self {
        let logits = Logits { reference: T::ZERO, ..Logits::new(T::ONE) };
        Normalised { logits, ln_mass: T::ZERO, share: T::ONE }
    }

    /// Whether the logits have a softmax: not if one is NaN or +∞, or all are −∞.
    fn is_valid(&self) -> bool {
        T::NEG_INFINITY < self.ln_mass && self.ln_mass < T::INFINITY
    }
}

impl<T: Float> Aligned<T> {
    /// For references less than a temperature apart; further apart, differences between logits
    /// would lose what their distances from the references keep.
    fn new(student: Logits<T>, teacher: Logits<T>, mass_ratio: T) -> Option<Self> {
        let reference = student.reference - teacher.reference;
        let factor = student.factor;
        let is_close = magnitude(reference * factor) < T::ONE;
        is_close.then(|| Aligned { reference, factor, ln_mass: ln_of(mass_ratio) })
    }
}

/// The losses and weights of rows, added in order.
struct RowSums<T> {
    loss: Compensated<T>,
    weight: Compensated<T>,
    is_empty: bool,
}

impl<T: Float> RowSums<T> {
    fn new() -> Self {
        let zero = Compensated::zero(Scalar::<T>::NEW);
        RowSums { loss: zero, weight: zero, is_empty: true }
    }

    /// Returns the weighted loss.
    #[inline(never)]
    fn add(&mut self, weight: T, value: T) -> T {
        let loss = weight * value;
        let single = |sum| Compensated { sum, lost: T::ZERO };
        self.loss = self.loss.merge(Scalar::<T>::NEW, single(loss));
        self.weight = self.weight.merge(Scalar::<T>::NEW, single(weight));
        self.is_empty = false;
        loss
    }

    fn totals(&self) -> Outcome<T> {
        Outcome { loss: total(self.loss), weight: total(self.weight), is_empty: self.is_empty }
    }
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
    let is_finite = T::NEG_INFINITY < sum.sum && sum.sum < T::INFINITY;
    if is_finite { sum.sum + sum.lost } else { sum.sum }
}

#[inline(never)]
fn exp_of<T: Float>(x: T) -> T {
    exp::<_, true>(Scalar::<T>::NEW, x)
}

#[inline(never)]
fn ln_of<T: Float>(x: T) -> T {
    ln::<_, true>(Scalar::<T>::NEW, x)
}
