//! What one read of a row tells: the masses, and the divergence where that suffices for it.

use super::divergences::Prepared;
use super::parts::companion::{Nothing, Probs};
use super::parts::logits::{Logits, Measured, PartMass};
use super::parts::numbers::{exp_of, is_finite, ln_of, magnitude, total};
use super::parts::teacher::TeacherRow;
use super::passes::first::{FirstRead, Reference};
use super::passes::second::Terms;
use super::problem::Problem;
use crate::backend::Number;
use crate::float::Float;
use crate::lanes::scalar::Scalar;
use crate::numbers::Numbers;
use crate::stream::compensated::Compensated;
use crate::teacher::{Divergence, TeacherNumbers};

/// What one read of a row tells.
pub(super) struct Known<T> {
    /// Logits that have a softmax.
    pub(super) is_valid: bool,
    pub(super) student: Measured<T>,
    /// The teacher's logits, if it has any.
    pub(super) teacher: Option<Measured<T>>,
    /// Whether all numbers are known to be usual.
    pub(super) all_usual: bool,
    /// Whether all are and the masses of the logits that weigh are in the gradient's place.
    pub(super) kept: bool,
    /// Sum of the teacher's probabilities.
    pub(super) teacher_mass: T,
    /// The same less one, without the rounding.
    pub(super) excess: T,
    /// The divergence, where this read can tell it well enough.
    pub(super) value: Option<T>,
}

/// Without `WEIGH` the value is not asked for, and the masses are left in the gradient's place, if it is given.
pub(super) fn first_read<T: Number, const WEIGH: bool>(
    problem: &Problem<'_, T>,
    student: Numbers<'_, T>,
    teacher: TeacherRow<'_, T>,
    reference: Reference,
    [reach_student, reach_teacher]: [&[T]; 2],
    grad: &mut [T],
) -> Known<T> {
    let backend = problem.backend;
    let logits = Logits::new(problem.temperature);
    match (problem.teacher, teacher) {
        (TeacherNumbers::Probs(_), TeacherRow::Numbers(probs)) => {
            let (companion, x, t, masses) = (Probs, student, probs, &mut [][..]);
            let reference = Reference::OfBlocks;
            let read = backend.run(FirstRead::<_, _, WEIGH> {
                logits,
                companion,
                x,
                t,
                reach: [reach_student, reach_teacher],
                masses,
                reference,
            });
            let student = Measured::new(read.logits, read.mass);
            let weighted = WEIGH.then_some(read.weighted);
            Known::of_probs(problem, student, read.companion_mass, weighted, read.usual)
        }
        (_, TeacherRow::Numbers(numbers)) => {
            let of_teacher = match problem.teacher {
                TeacherNumbers::LogProbs(_) => Logits::new(T::ONE),
                _ => logits,
            };
            let [student, teacher] =
                [(logits, student, reach_student), (of_teacher, numbers, reach_teacher)];
            let read = if problem.divergence == Divergence::Reverse {
                [student, teacher]
            } else {
                [teacher, student]
            };
            let [(logits, x, reach_x), (companion, t, reach_t)] = read;
            let reach = [reach_x, reach_t];
            let are_kept = !grad.is_empty();
            let masses = grad;
            let read = backend.run(FirstRead::<_, _, WEIGH> {
                logits,
                companion,
                x,
                t,
                reach,
                masses,
                reference,
            });
            let weights = Measured::new(read.logits, read.mass);
            let others = Measured::new(read.companion, read.companion_mass);
            let weighted = WEIGH.then_some(read.weighted);
            let mut known = Known::of_logits(problem, weights, others, weighted, read.usual);
            known.kept = !WEIGH && are_kept && known.all_usual;
            known
        }
        // Rows of which few classes are named go another way.
        (_, TeacherRow::TopK(..)) => Known::of_student(PartMass::none(logits).measured()),
        (_, TeacherRow::Class(class)) => {
            let (companion, x, t, masses) = (Nothing, student, student, &mut [][..]);
            let reference = Reference::OfBlocks;
            let read = backend.run(FirstRead::<_, _, false> {
                logits,
                companion,
                x,
                t,
                reach: [reach_student; 2],
                masses,
                reference,
            });
            let logit = student.get(class).unwrap_or(T::NAN);
            Known::of_class(problem, Measured::new(read.logits, read.mass), logit, read.usual)
        }
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
        let student_weighs = problem.divergence == Divergence::Reverse;
        let (student, teacher) = if student_weighs { (weights, others) } else { (others, weights) };
        let mut known = Known::of_student(student);
        let reference = teacher.logits.reference;
        let mut put_back = T::ONE;
        if let TeacherNumbers::LogProbs(_) = problem.teacher {
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
                TeacherNumbers::LogProbs(_) if student_weighs => {
                    [weighted / student.mass, T::ZERO - reference - ln_of(student.mass)]
                }
                TeacherNumbers::LogProbs(_) => {
                    let shift = known.teacher_mass * (reference + ln_of(student.mass));
                    [put_back * weighted, shift]
                }
                _ => [weighted / weights.mass, ln_of(others.mass / weights.mass)],
            };
            known.value = certain(mean, shift);
            known.forget_out_of_range();
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
            (Divergence::Forward, None)
            | (Divergence::Reverse | Divergence::JensenShannon { .. }, _) => None,
        };
        let mut known =
            Known { all_usual, teacher_mass, excess, value, ..Known::of_student(student) };
        known.forget_out_of_range();
        known
    }

    /// Leaves an infinite value to a second read, whose terms are those of the divergence: of weights that do not sum
    /// to one, a sum may be out of range though the divergence is not.
    fn forget_out_of_range(&mut self) {
        if self.value.is_some_and(|value| !is_finite(value)) && is_finite(self.teacher_mass) {
            self.value = None;
        }
    }

    fn of_class(problem: &Problem<'_, T>, student: Measured<T>, logit: T, all_usual: bool) -> Self {
        let exponent = student.logits.exponent(Scalar::<T>::NEW, logit);
        let value = match problem.divergence {
            Divergence::Forward => certain(ln_of(student.mass), T::ZERO - exponent),
            Divergence::Reverse | Divergence::JensenShannon { .. } => None,
        };
        Known { all_usual, value, ..Known::of_student(student) }
    }

    /// The divergence from a second read's sums.
    pub(super) fn divergence(&self, problem: &Problem<'_, T>, terms: &Terms<T>) -> T {
        let convex = total(terms.convex);
        let excess = match problem.divergence {
            // True for any masses.
            Divergence::JensenShannon { .. } => {
                return convex * Prepared::new(problem.divergence).unscale();
            }
            Divergence::Forward => self.excess,
            Divergence::Reverse => T::ZERO - self.excess,
        };
        let magnitude = magnitude(excess);
        // Rounded log-probabilities do not sum to one, those of a softmax no more than others:
        // within this they count as normalised.
        let rounding = match problem.teacher {
            TeacherNumbers::LogProbs(_) => T::from_f64(16.0) * T::UNIT,
            TeacherNumbers::Logits(_)
            | TeacherNumbers::Probs(_)
            | TeacherNumbers::Classes(_)
            | TeacherNumbers::TopK(_) => T::ZERO,
        };
        if magnitude <= rounding {
            // Only where a probability is subnormal can rounding make it negative.
            if convex < T::ZERO { T::ZERO } else { convex }
        } else if magnitude <= T::from_f64(0.5)
            && matches!(problem.teacher, TeacherNumbers::Probs(_))
        {
            convex + excess
        } else {
            total(terms.plain)
        }
    }
}

/// `mean + shift`, unless they cancel. An error of either is within a few `u` of 1, of the part
/// itself, and of the logarithm of the number of classes: 2^6 u at most for any row that fits in
/// memory. Where the sum is above 2^16 u of the parts it is right to 1e-3 and better; below, only
/// a second read gives that.
fn certain<T: Float>(mean: T, shift: T) -> Option<T> {
    let value = mean + shift;
    let parts = T::ONE + magnitude(mean) + magnitude(shift);
    let cancels = value < parts * (T::from_f64(65_536.0) * T::UNIT);
    if cancels { None } else { Some(value) }
}
