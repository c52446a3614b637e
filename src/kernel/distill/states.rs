//! Rows in pieces: what a piece tells of its row, and its part of the gradient once the row is known.

use super::divergences::Prepared;
use super::parts::class::Asked;
use super::parts::logits::{Aligned, Logits, Measured};
use super::parts::numbers::{exp_of, ln_of, total};
use super::parts::slope::Slope;
use super::parts::teacher::TeacherRow;
use super::passes::first::{FirstRead, Reference};
use super::passes::second::{Pass, SecondRead, TeacherSide};
use super::problem::{Accumulation, Gradient, Party, Problem};
use crate::backend::Number;
use crate::float::Float;
use crate::lanes::scalar::Scalar;
use crate::numbers::Numbers;
use crate::row_state::RowState;
use crate::teacher::Divergence;

/// Merges each row's classes into its state.
pub(crate) fn row_states<T: Number>(problem: Problem<'_, T>, states: &mut [RowState<T>]) {
    let mut students = problem.student;
    for (index, state) in states.iter_mut().enumerate() {
        let Some(student) = students.take_row() else { return };
        if problem.weight(index) != T::ZERO
            && let Some(TeacherRow::Numbers(teacher)) = TeacherRow::new(problem.teacher, index)
        {
            *state = merged(*state, piece(&problem, student, teacher));
        }
    }
}

/// What these classes say.
fn piece<T: Number>(
    problem: &Problem<'_, T>,
    student: Numbers<'_, T>,
    teacher: Numbers<'_, T>,
) -> RowState<T> {
    let logits = Logits::new(problem.temperature);
    let read = |x, t| {
        let (companion, reference, masses) = (logits, Reference::OfBlocks, &mut [][..]);
        problem.backend.run(FirstRead::<_, _, true> {
            logits,
            companion,
            x,
            t,
            reach: [&[], &[]],
            masses,
            reference,
        })
    };
    let forward = read(teacher, student);
    let reverse = read(student, teacher);
    RowState {
        temperature: problem.temperature,
        student: [forward.companion.reference, total(forward.companion_mass)],
        teacher: [forward.logits.reference, total(forward.mass)],
        forward: total(forward.weighted),
        reverse: total(reverse.weighted),
        unused: T::ZERO,
    }
}

/// The state of disjoint classes together.
pub(crate) fn merged<T: Float>(one: RowState<T>, other: RowState<T>) -> RowState<T> {
    if one.temperature == T::ZERO {
        return other;
    }
    if other.temperature == T::ZERO {
        return one;
    }
    let logits = Logits::new(one.temperature);
    let higher = |a: T, b: T| if a < b { b } else { a };
    let [student, teacher] =
        [higher(one.student[0], other.student[0]), higher(one.teacher[0], other.teacher[0])];
    let [one, other] = [one, other].map(|state| state.relative_to(logits, student, teacher));
    RowState {
        temperature: one.temperature,
        student: [student, one.student[1] + other.student[1]],
        teacher: [teacher, one.teacher[1] + other.teacher[1]],
        forward: one.forward + other.forward,
        reverse: one.reverse + other.reverse,
        unused: T::ZERO,
    }
}

impl<T: Float> RowState<T> {
    /// The same relative to other references, no lower ones.
    fn relative_to(self, logits: Logits<T>, student: T, teacher: T) -> Self {
        let RowState { temperature, forward, reverse, .. } = self;
        let [of_student, student_mass] = self.student;
        let [of_teacher, teacher_mass] = self.teacher;
        let risen = |from: T, to: T| {
            if from == to { T::ZERO } else { logits.at(to).exponent(Scalar::<T>::NEW, from) }
        };
        let (by_student, by_teacher) = (risen(of_student, student), risen(of_teacher, teacher));
        let [student_factor, teacher_factor] = [factor(by_student), factor(by_teacher)];
        RowState {
            temperature,
            student: [student, student_mass * student_factor],
            teacher: [teacher, teacher_mass * teacher_factor],
            forward: moved(forward, teacher_mass, by_teacher - by_student, teacher_factor),
            reverse: moved(reverse, student_mass, by_student - by_teacher, student_factor),
            unused: T::ZERO,
        }
    }

    fn measured(&self, [reference, mass]: [T; 2]) -> Measured<T> {
        Measured { logits: Logits::new(self.temperature).at(reference), mass }
    }
}

fn factor<T: Float>(by: T) -> T {
    if by == T::ZERO { T::ONE } else { exp_of(by) }
}

/// Weighted differences of which all have grown by so much, and all weights shrunk. Without weight there is
/// nothing, however far that is.
fn moved<T: Float>(sum: T, weight: T, by: T, factor: T) -> T {
    if weight == T::ZERO || factor == T::ZERO {
        return T::ZERO;
    }
    let shifted = if by == T::ZERO { sum } else { sum + weight * by };
    shifted * factor
}

/// `Σ w·(ln w − ln o)` over all classes: the teacher weighs, or the student.
pub(crate) fn divergence<T: Float>(state: &RowState<T>, weighs: Party) -> T {
    let (weight, other, weighted) = match weighs {
        Party::Teacher => (state.teacher, state.student, state.forward),
        Party::Student => (state.student, state.teacher, state.reverse),
    };
    if !(state.measured(weight).is_valid() && state.measured(other).is_valid()) {
        return T::NAN;
    }
    let value = weighted / weight[1] + ln_of(other[1] / weight[1]);
    if value < T::ZERO { T::ZERO } else { value }
}

/// The logarithm of the sum of the exponentials of one side's logits over the temperature.
pub(crate) fn log_mass<T: Float>(state: &RowState<T>, of: Party) -> T {
    let [reference, mass] = match of {
        Party::Student => state.student,
        Party::Teacher => state.teacher,
    };
    if mass == T::ZERO {
        return T::NEG_INFINITY;
    }
    reference / state.temperature + ln_of(mass)
}

/// These classes' parts of the losses, if there are places for them, and of the gradient.
pub(crate) fn within<T: Number>(
    problem: Problem<'_, T>,
    whole: &[RowState<T>],
    losses: &mut [T],
    mut gradient: Gradient<'_, T>,
) {
    let mut losses = losses.iter_mut();
    let mut students = problem.student;
    for (index, state) in whole.iter().enumerate() {
        let (Some(student), Some(slope)) = (students.take_row(), gradient.take_row(index)) else {
            return;
        };
        let place = losses.next();
        let weight = problem.weight(index);
        let teacher = match TeacherRow::new(problem.teacher, index) {
            Some(teacher) if weight != T::ZERO => teacher,
            Some(_) | None => {
                slope.nothing();
                if let Some(place) = place {
                    *place = T::ZERO;
                }
                continue;
            }
        };
        let [of_student, of_teacher] =
            [state.measured(state.student), state.measured(state.teacher)];
        if !(of_student.is_valid() && of_teacher.is_valid()) {
            slope.undefined();
            if let Some(place) = place {
                *place = T::NAN;
            }
            continue;
        }
        let formula = match problem.divergence {
            Divergence::Forward | Divergence::JensenShannon { .. } => Slope::Other { mass: T::ONE },
            Divergence::Reverse => Slope::Weight { center: divergence(state, Party::Student) },
        };
        let factor = slope.upstream * weight / problem.temperature;
        let aligned = Aligned::new(of_student, of_teacher);
        let pass = Pass {
            student: of_student.normalised(aligned.is_none()),
            teacher: TeacherSide::Logits(of_teacher.normalised(aligned.is_none())),
            aligned,
            apart: None,
            all_usual: false,
            divergence: Prepared::new(problem.divergence),
            asked: Asked {
                terms: place.is_some(),
                gradient: Some((formula, factor)),
                of: Party::Student,
            },
            plain: false,
        };
        let accumulation: Accumulation = slope.accumulation;
        let grad = slope.out;
        let terms = problem.backend.run(SecondRead {
            pass,
            student,
            teacher,
            reach: [&[], &[]],
            accumulation,
            grad,
        });
        if let Some(place) = place {
            *place = weight * total(terms.convex);
        }
    }
}
