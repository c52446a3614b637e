//! What is done once a row: its weight, its reads, its loss, its place in the gradient.

use super::divergences::Prepared;
use super::known::{Known, first_read};
use super::parts::class::Asked;
use super::parts::logits::{Aligned, Apart, Normalised};
use super::parts::numbers::{is_finite, total};
use super::parts::slope::Slope;
use super::parts::teacher::TeacherRow;
use super::passes::centred::CentredRead;
use super::passes::first::Reference;
use super::passes::kept::{KeptPass, KeptRead};
use super::passes::second::{Pass, SecondRead, TeacherSide, Terms};
use super::problem::{Accumulation, Losses, Outcome, Party, Problem, RowGradient, Wanted};
use super::top_k;
use crate::backend::Number;
use crate::float::{Computed, Float};
use crate::lanes::scalar::Scalar;
use crate::numbers::{Numbers, Places};
use crate::stream::compensated::Compensated;
use crate::teacher::{Divergence, TeacherNumbers};

/// Runs over all rows.
pub(crate) fn distill<T: Number>(problem: Problem<'_, T>, wanted: Wanted<'_, T>) -> Outcome<T> {
    let Wanted { losses, mut gradient } = wanted;
    let (loss, places) = match losses {
        Losses::Unwanted => (false, &mut [][..]),
        Losses::Total => (true, &mut [][..]),
        Losses::Each(places) => (true, places),
    };
    let mut places = places.iter_mut();
    let mut sums = RowSums::new();
    let mut students = problem.student;
    let mut index = 0;
    loop {
        let reach = [students.values.plain(), reach_of(problem.teacher, index)];
        let Some(student) = students.take_row() else { break };
        let slope = gradient.as_mut().and_then(|gradient| gradient.take_row(index));
        let weight = problem.weight(index);
        let value = match TeacherRow::new(problem.teacher, index) {
            Some(teacher) if weight != T::ZERO => {
                sums.add(weight, row(&problem, student, teacher, reach, weight, loss, slope))
            }
            Some(_) | None => {
                if let Some(slope) = slope {
                    slope.nothing();
                }
                T::ZERO
            }
        };
        if let Some(place) = places.next() {
            *place = value;
        }
        index += 1;
    }
    sums.totals()
}

/// A row of the teacher's and all that lies behind it, for what is read next; nothing if it has no numbers.
fn reach_of<T: Computed>(teacher: TeacherNumbers<'_, T>, row: usize) -> &[T] {
    match teacher {
        TeacherNumbers::Logits(rows)
        | TeacherNumbers::LogProbs(rows)
        | TeacherNumbers::Probs(rows) => {
            rows.values.plain().get(row * rows.stride..).unwrap_or_default()
        }
        TeacherNumbers::Classes(_) | TeacherNumbers::TopK(_) => &[],
    }
}

/// The loss of one row, 0 if nobody asked, and its gradient.
fn row<T: Number>(
    problem: &Problem<'_, T>,
    student: Numbers<'_, T>,
    teacher: TeacherRow<'_, T>,
    reach: [&[T]; 2],
    weight: T,
    loss: bool,
    gradient: Option<RowGradient<'_, T>>,
) -> T {
    if let TeacherRow::TopK(named, rest) = teacher {
        return top_k::row(problem, student, named, rest, weight, loss, gradient);
    }
    let Some(mut gradient) = gradient else {
        let blocks = Reference::OfBlocks;
        let known = match problem.divergence {
            Divergence::Forward | Divergence::Reverse => {
                first_read::<T, true>(problem, student, teacher, blocks, reach, &mut [])
            }
            // Of a mixture one read tells nothing but the masses.
            Divergence::JensenShannon { .. } => {
                first_read::<T, false>(problem, student, teacher, blocks, reach, &mut [])
            }
        };
        if !known.is_valid {
            return T::NAN;
        }
        return known.value.unwrap_or_else(|| {
            let mut pass = known.pass(problem, Party::Student);
            if pass.aligned.is_none() {
                // So small a divergence asks for no less.
                pass.apart = known.apart();
            }
            let terms = read(problem, student, teacher, reach, &known, pass, Place::none());
            let value = known.divergence(problem, &terms);
            known.refined(problem, student, teacher, &mut pass, value)
        });
    };
    // A gradient needs the masses alone; a loss beside it comes from the second read. They are kept in
    // the gradient's place, unless there are numbers in it that count, it is too narrow for them, or nobody
    // takes them from there.
    let room = match (gradient.accumulation, problem.divergence, &mut gradient.out) {
        (
            Accumulation::Replace,
            Divergence::Forward | Divergence::Reverse,
            Places::Wide(places),
        ) => &mut **places,
        (Accumulation::Replace | Accumulation::Add, _, _) => &mut [],
    };
    // A reference that never moves is one that masses can be kept for.
    let known = first_read::<T, false>(problem, student, teacher, Reference::OfRow, reach, room);
    if !known.is_valid {
        gradient.undefined();
        return T::NAN;
    }
    let RowGradient { of, upstream, accumulation, out } = gradient;
    let mut place = Place { accumulation, grad: out };
    let mut pass = known.pass(problem, of);
    let slope = known.slope(problem, pass.divergence, of, upstream * weight);
    match slope {
        // It is centred by sums over the row, which come first.
        (Slope::Weight { .. }, factor) if pass.divergence.weighs(of) && is_softmax(problem, of) => {
            if let Divergence::JensenShannon { .. } = problem.divergence {
                pass.plain = true;
                if accumulation == Accumulation::Replace
                    && place.grad.is_wide()
                    && let Some((weights, logits)) = known.softmax(of, &pass, student, teacher)
                {
                    pass.asked.gradient = Some((Slope::Difference, T::ONE));
                    let terms = read(problem, student, teacher, reach, &known, pass, place.again());
                    let (center, all_usual) = (total(terms.plain), pass.all_usual);
                    let grad = place.grad.into_plain();
                    let last = CentredRead { weights, center, factor, all_usual, logits, grad };
                    problem.backend.run(last);
                    return if loss { known.divergence(problem, &terms) } else { T::ZERO };
                }
            }
            let terms = read(problem, student, teacher, reach, &known, pass, place.again());
            let value = known.divergence(problem, &terms);
            let value = known.refined(problem, student, teacher, &mut pass, value);
            let center = match problem.divergence {
                Divergence::Forward | Divergence::Reverse => value,
                Divergence::JensenShannon { .. } => total(terms.plain),
            };
            (pass.asked.terms, pass.plain) = (false, false);
            pass.asked.gradient = Some((Slope::Weight { center }, factor));
            read(problem, student, teacher, reach, &known, pass, place);
            if loss { value } else { T::ZERO }
        }
        slope => {
            (pass.asked.terms, pass.plain) = (loss, loss && pass.plain);
            pass.asked.gradient = Some(slope);
            let terms = read(problem, student, teacher, reach, &known, pass, place);
            if !loss {
                return T::ZERO;
            }
            let value = known.divergence(problem, &terms);
            pass.asked.gradient = None;
            known.refined(problem, student, teacher, &mut pass, value)
        }
    }
}

/// Where a row's gradient goes.
struct Place<'a, T: Computed> {
    accumulation: Accumulation,
    /// Empty if there is none.
    grad: Places<'a, T>,
}

impl<T: Computed> Place<'_, T> {
    /// That of no gradient.
    fn none() -> Self {
        Place { accumulation: Accumulation::Replace, grad: Places::none() }
    }

    fn again(&mut self) -> Place<'_, T> {
        Place { accumulation: self.accumulation, grad: self.grad.again() }
    }
}

/// Reads the row again. Of kept masses the gradient's place has them before it has the gradient.
fn read<T: Number>(
    problem: &Problem<'_, T>,
    student: Numbers<'_, T>,
    teacher: TeacherRow<'_, T>,
    reach: [&[T]; 2],
    known: &Known<T>,
    pass: Pass<T>,
    place: Place<'_, T>,
) -> Terms<T> {
    let Place { accumulation, mut grad } = place;
    if known.kept
        && let Some(pass) = KeptPass::new(&pass)
        && let (TeacherRow::Numbers(teacher), Places::Wide(grad)) = (teacher, grad.again())
    {
        return problem.backend.run(KeptRead { pass, student, teacher, reach, grad });
    }
    let grad = if pass.asked.gradient.is_some() { grad } else { Places::none() };
    problem.backend.run(SecondRead { pass, student, teacher, reach, accumulation, grad })
}

/// Whether the gradient of one side is by logits, which a softmax makes shares of.
fn is_softmax<T: Computed>(problem: &Problem<'_, T>, of: Party) -> bool {
    match of {
        Party::Student => true,
        Party::Teacher => matches!(problem.teacher, TeacherNumbers::Logits(_)),
    }
}

impl<T: Float> Known<T> {
    /// A read for the terms of the loss.
    fn pass(&self, problem: &Problem<'_, T>, of: Party) -> Pass<T> {
        let aligned = match self.teacher {
            Some(teacher) => Aligned::new(self.student, teacher),
            None => None,
        };
        let apart = match problem.divergence {
            Divergence::JensenShannon { .. } => self.apart(),
            Divergence::Forward | Divergence::Reverse => None,
        };
        let logarithms =
            aligned.is_none() || matches!(problem.divergence, Divergence::JensenShannon { .. });
        let teacher = match (self.teacher, problem.teacher) {
            (Some(teacher), _) => TeacherSide::Logits(teacher.normalised(logarithms)),
            (None, TeacherNumbers::Probs(_)) => TeacherSide::Probs,
            (None, TeacherNumbers::Classes(_)) => TeacherSide::OneHot,
            (
                None,
                TeacherNumbers::Logits(_) | TeacherNumbers::LogProbs(_) | TeacherNumbers::TopK(_),
            ) => TeacherSide::Logits(Normalised::identity()),
        };
        Pass {
            student: self.student.normalised(logarithms),
            teacher,
            aligned,
            apart,
            all_usual: self.all_usual,
            divergence: Prepared::new(problem.divergence),
            asked: Asked { terms: true, gradient: None, of },
            plain: self.teacher.is_none(),
        }
    }

    /// The logits of one side and what is known of them, if it has any.
    fn softmax<'a>(
        &self,
        of: Party,
        pass: &Pass<T>,
        student: Numbers<'a, T>,
        teacher: TeacherRow<'a, T>,
    ) -> Option<(Normalised<T>, Numbers<'a, T>)> {
        match (of, pass.teacher, teacher) {
            (Party::Student, _, _) => Some((pass.student, student)),
            (Party::Teacher, TeacherSide::Logits(weights), TeacherRow::Numbers(logits)) => {
                Some((weights, logits))
            }
            (Party::Teacher, _, _) => None,
        }
    }

    /// Differences without rounding, if both sides are logits.
    fn apart(&self) -> Option<Apart<T>> {
        Apart::new(self.student, self.teacher?)
    }

    /// The formula of a gradient and its factor, not yet centred by sums over the row.
    fn slope(
        &self,
        problem: &Problem<'_, T>,
        divergence: Prepared<T>,
        of: Party,
        factor: T,
    ) -> (Slope<T>, T) {
        let factor = factor * divergence.share(of);
        let softmax = is_softmax(problem, of);
        let probs = of == Party::Teacher && matches!(problem.teacher, TeacherNumbers::Probs(_));
        // The derivative of the weight itself.
        let center = match problem.divergence {
            Divergence::Forward | Divergence::Reverse => T::ZERO - T::ONE,
            Divergence::JensenShannon { .. } => T::ZERO,
        };
        let slope = match (divergence.weighs(of), of) {
            (true, _) if probs => Slope::WeightProbs { center },
            (true, _) => Slope::Weight { center },
            (false, _) if probs => Slope::OtherProbs,
            (false, Party::Teacher) if softmax => Slope::Other { mass: T::ONE },
            (false, Party::Teacher) => Slope::Other { mass: T::ZERO },
            (false, Party::Student) => Slope::Other { mass: self.teacher_mass },
        };
        (slope, if softmax { factor / problem.temperature } else { factor })
    }
}

impl<T: Number> Known<T> {
    /// The divergence, from a further read with differences that are not rounded (which the pass has from
    /// then on) if it is so small that their rounding would show. That is so for no two rows but such
    /// as agree in all but the last digits.
    fn refined(
        &self,
        problem: &Problem<'_, T>,
        student: Numbers<'_, T>,
        teacher: TeacherRow<'_, T>,
        pass: &mut Pass<T>,
        value: T,
    ) -> T {
        let limit = match pass.aligned {
            Some(_) => T::UNIT * T::UNIT * T::from_f64(SMALL_ALIGNED),
            None => T::UNIT * T::from_f64(SMALL),
        };
        if pass.apart.is_some() || !(T::ZERO < value && value < limit) {
            return value;
        }
        pass.apart = self.apart();
        if pass.apart.is_none() {
            return value;
        }
        let (pass, reach) = (*pass, [&[][..]; 2]);
        self.divergence(problem, &read(problem, student, teacher, reach, self, pass, Place::none()))
    }
}

/// Below so many `u` a divergence, about `d²/2`, may show what differences `d` lack if each is taken from
/// two logarithms, some `2 u·(|ln p| + |ln q|)`; above, that is less than a thousandth of `d`.
const SMALL: f64 = 1024.0;

/// Below so many `u²` it may show even the rounding of differences between logits whose references are less
/// than a temperature apart, some `u`; above, that too is less than a thousandth of `d`.
const SMALL_ALIGNED: f64 = 4_194_304.0;

/// The losses and weights of rows, added in order.
#[derive(Clone, Copy, Debug)]
pub struct RowSums<T> {
    loss: Compensated<T>,
    weight: Compensated<T>,
    is_empty: bool,
    /// Whether every loss and weight was finite.
    is_finite: bool,
}

impl<T: Float> RowSums<T> {
    pub(crate) fn new() -> Self {
        let zero = Compensated::zero(Scalar::<T>::NEW);
        RowSums { loss: zero, weight: zero, is_empty: true, is_finite: true }
    }

    /// Returns the weighted loss.
    fn add(&mut self, weight: T, value: T) -> T {
        let loss = weight * value;
        self.add_weighted(weight, loss);
        self.is_finite &= is_finite(value);
        loss
    }

    fn add_weighted(&mut self, weight: T, loss: T) {
        let single = |sum| Compensated { sum, lost: T::ZERO };
        self.loss = self.loss.merge(Scalar::<T>::NEW, single(loss));
        self.weight = self.weight.merge(Scalar::<T>::NEW, single(weight));
        self.is_empty = false;
        self.is_finite &= is_finite(weight);
    }

    /// The weighted losses of these rows, the first ones of a problem; those that do not count are left
    /// out.
    #[cfg(feature = "rayon")]
    pub(crate) fn add_rows(&mut self, problem: &Problem<'_, T>, losses: &[T]) {
        for (row, &loss) in losses.iter().enumerate() {
            let weight = problem.weight(row);
            if weight != T::ZERO && TeacherRow::new(problem.teacher, row).is_some() {
                self.add_weighted(weight, loss);
            }
        }
    }

    pub(crate) fn totals(&self) -> Outcome<T> {
        let [loss, weight] = [total(self.loss), total(self.weight)];
        let overflows = self.is_finite && !(is_finite(loss) && is_finite(weight));
        Outcome { loss, weight, is_empty: self.is_empty, overflows }
    }
}
