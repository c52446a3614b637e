//! What is done once a row of which the teacher names few classes.
//!
//! The row is read once for the mass elsewhere, and once more for a gradient. The named classes are gathered,
//! a few at a time, and read as rows of their own, by the kernels that other rows have.

use super::divergences::{Prepared, terms};
use super::parts::class::Asked;
use super::parts::companion::Nothing;
use super::parts::logits::{Logits, Measured, Normalised, PartMass};
use super::parts::named::is_empty;
use super::parts::numbers::{exp_of, ln_of, total};
use super::parts::slope::Slope;
use super::parts::teacher::TeacherRow;
use super::passes::elsewhere::{ElsewhereRead, ElsewhereSlope, ElsewhereSlopes, Even};
use super::passes::first::{FirstRead, Reference};
use super::passes::second::{Pass, SecondRead, TeacherSide, Terms};
use super::problem::{Accumulation, Party, Problem, RowGradient};
use crate::backend::Number;
use crate::float::Float;
use crate::lanes::scalar::Scalar;
use crate::numbers::{self, Numbers, Places};
use crate::stream::compensated::Compensated;
use crate::top_k::{NamedRow, Rest};

/// Places that are gathered at a time: a stream of its own.
const GATHERED: usize = 256;

/// The loss of a row, 0 if nobody asked, and its gradient.
pub(super) fn row<T: Number>(
    problem: &Problem<'_, T>,
    student: Numbers<'_, T>,
    named: NamedRow<'_, T>,
    rest: Rest,
    weight: T,
    loss: bool,
    gradient: Option<RowGradient<'_, T>>,
) -> T {
    let masses = Masses::new(problem, student, named, rest);
    if !masses.student.is_valid() {
        if let Some(gradient) = gradient {
            gradient.undefined();
        }
        return T::NAN;
    }
    let shares = Shares::new(&masses, rest);
    let factor = match &gradient {
        Some(gradient) => gradient.upstream * weight / problem.temperature,
        None => T::ZERO,
    };
    let asked = Asked {
        terms: loss,
        gradient: gradient.is_some().then_some((Slope::Other { mass: shares.named }, factor)),
        of: Party::Student,
    };
    let pass = Pass {
        student: masses.student.normalised(true),
        teacher: TeacherSide::Logits(shares.teacher),
        aligned: None,
        apart: None,
        all_usual: false,
        divergence: Prepared::Forward,
        asked,
        plain: loss,
    };
    let place = gradient.map(|RowGradient { accumulation, mut out, .. }| {
        let formula = ElsewhereSlope {
            logits: masses.elsewhere.logits,
            scale: shares.scale * factor,
            less: shares.less * factor,
        };
        problem.backend.run(ElsewhereSlopes {
            formula,
            row: student,
            named,
            accumulation,
            grad: out.again(),
        });
        (accumulation, out)
    });
    let terms = named_terms(problem, student, named, pass, place);
    if loss { masses.loss(rest, &shares, &terms) } else { T::ZERO }
}

/// The masses of a row.
struct Masses<T> {
    /// Of the classes elsewhere, relative to a reference of their own.
    elsewhere: PartMass<T>,
    /// Their number.
    count: usize,
    /// Of those the number to which the student gives any probability, and the sum of their exponents with the
    /// other sign; only where `r` is spread over them.
    even: [Compensated<T>; 2],
    /// By what the latter has been divided: 1, or a power of two where it would be out of range.
    even_scale: T,
    /// Of all classes.
    student: Measured<T>,
    /// Of the teacher's probabilities.
    teacher: PartMass<T>,
}

impl<T: Number> Masses<T> {
    fn new(
        problem: &Problem<'_, T>,
        student: Numbers<'_, T>,
        named: NamedRow<'_, T>,
        rest: Rest,
    ) -> Self {
        let Problem { backend, temperature, .. } = *problem;
        let logits = Logits::new(temperature);
        let row = student;
        let mut even_scale = T::ONE;
        let (elsewhere, even) = match rest {
            Rest::Renormalise | Rest::Bucket | Rest::Ignore => {
                let companion = Nothing;
                let read =
                    backend.run(ElsewhereRead::<_, _, false> { logits, companion, row, named });
                let PartMass { mass: nothing, .. } = PartMass::none(logits);
                (PartMass { logits: read.logits, mass: read.mass }, [nothing; 2])
            }
            Rest::Uniform => {
                let companion = Even;
                let read =
                    backend.run(ElsewhereRead::<_, _, true> { logits, companion, row, named });
                let mass = PartMass { logits: read.logits, mass: read.mass };
                let mut exponents = read.weighted;
                if exponents.sum == T::INFINITY {
                    // Each is within range, but not all together.
                    even_scale = T::from_usize(row.len().next_power_of_two());
                    let logits = Logits::new(temperature * even_scale);
                    let read =
                        backend.run(ElsewhereRead::<_, _, true> { logits, companion, row, named });
                    exponents = read.weighted;
                }
                (mass, [read.companion_mass, exponents])
            }
        };
        // Probabilities are summed as they are, so that 1 − P is right to the last bits; but not where they are
        // divided by P, which may be too small for a number.
        let of_teacher = match rest {
            Rest::Renormalise => Logits::new(T::ONE),
            Rest::Bucket | Rest::Uniform | Rest::Ignore => Logits::new(T::ONE).at(T::ZERO),
        };
        let mut teacher = PartMass::none(of_teacher);
        let mut of_named = PartMass::none(logits);
        let mut count = student.len();
        let mut room = [T::ZERO; GATHERED];
        let (mut left, mut wide) = (named, numbers::room::<_, GATHERED>());
        while let Some(NamedRow { classes, log_probs }) = left.take(GATHERED) {
            let log_probs = log_probs.in_room(T::ZERO, &mut wide);
            let (gathered, present) = gather(student, classes, log_probs, &mut room);
            count = count.saturating_sub(present);
            let read = backend.run(FirstRead::<_, _, false> {
                logits: of_teacher,
                companion: logits,
                x: Numbers::Wide(log_probs),
                t: Numbers::Wide(gathered),
                reach: [&[], &[]],
                masses: &mut [],
                reference: Reference::OfBlocks,
            });
            teacher = teacher.join(PartMass { logits: read.logits, mass: read.mass });
            of_named =
                of_named.join(PartMass { logits: read.companion, mass: read.companion_mass });
        }
        let all = elsewhere.join(of_named);
        Masses { elsewhere, count, even, even_scale, student: all.measured(), teacher }
    }
}

/// What follows from the masses.
struct Shares<T> {
    /// What the named classes' probabilities are made of.
    teacher: Normalised<T>,
    /// By what the student's named ones are multiplied in the gradient.
    named: T,
    /// In the gradient elsewhere: what exponentials are multiplied by, and what is taken away.
    scale: T,
    less: T,
    /// The student's mass elsewhere as a share, and its logarithm.
    s: T,
    ln_s: T,
    /// `1 − P`, not below 0; and `P − 1`, likewise.
    r: T,
    excess: T,
}

impl<T: Number> Shares<T> {
    fn new(masses: &Masses<T>, rest: Rest) -> Self {
        let Masses { elsewhere, student, teacher, count, .. } = masses;
        let mass = total(elsewhere.mass);
        let exponent = student.logits.exponent(Scalar::<T>::NEW, elsewhere.logits.reference);
        // By what exponentials elsewhere become shares.
        let share = exp_of(exponent) / student.mass;
        let (s, ln_s) = if mass == T::ZERO {
            (T::ZERO, T::NEG_INFINITY)
        } else {
            (mass * share, exponent + (ln_of(mass) - ln_of(student.mass)))
        };
        let put_back = if teacher.logits.reference == T::ZERO {
            T::ONE
        } else {
            exp_of(teacher.logits.reference)
        };
        let Compensated { sum, lost } = teacher.mass;
        let excess = (sum * put_back - T::ONE) + lost * put_back;
        let rounding = T::from_f64(16.0) * T::UNIT;
        let mut r = T::ZERO - excess;
        if r < T::ZERO || (s == T::ZERO && ln_s == T::NEG_INFINITY && r <= rounding) {
            r = T::ZERO;
        }
        let excess = if excess <= rounding { T::ZERO } else { excess };
        let as_they_are = Normalised::identity();
        let of_all = |scale: T| if mass == T::ZERO { T::ZERO } else { scale };
        let shares = Shares {
            teacher: as_they_are,
            named: T::ONE,
            scale: of_all(share),
            less: T::ZERO,
            s,
            ln_s,
            r,
            excess,
        };
        match rest {
            Rest::Renormalise if sum == T::ZERO => {
                Shares { named: T::ZERO, scale: T::ZERO, ..shares }
            }
            Rest::Renormalise => {
                let teacher = teacher.measured().normalised(true);
                Shares { teacher, ..shares }
            }
            // q·(1 − r/s) is what q has of s, times s − r.
            Rest::Bucket => Shares { scale: of_all((s - r) / mass), ..shares },
            Rest::Uniform if *count == 0 => shares,
            Rest::Uniform => Shares { less: r / T::from_usize(*count), ..shares },
            Rest::Ignore => {
                let p = total(teacher.mass) * put_back;
                Shares { named: p, scale: of_all(share * p), ..shares }
            }
        }
    }
}

impl<T: Number> Masses<T> {
    fn loss(&self, rest: Rest, shares: &Shares<T>, of_named: &Terms<T>) -> T {
        let [convex, plain] = [total(of_named.convex), total(of_named.plain)];
        let &Shares { s, ln_s, r, excess, .. } = shares;
        // Σ p·(ln p − ln q) is Σ p·φ(ln q − ln p) + Σ p − Σ q, of which no terms cancel.
        let value = match rest {
            Rest::Renormalise if self.teacher.mass.sum == T::ZERO => T::ZERO,
            Rest::Renormalise => convex + s,
            Rest::Bucket => {
                let d = ln_s - ln_of(r);
                let [bucket, _] = terms(Scalar::<T>::NEW, r, s, d, true);
                convex + bucket + excess
            }
            // There is nowhere to spread r over: no distribution.
            Rest::Uniform if r > T::ZERO && self.count == 0 => return plain,
            Rest::Uniform if r == T::ZERO => plain,
            Rest::Uniform => plain + self.evenly(r),
            Rest::Ignore => return plain,
        };
        // Only rounding makes a divergence of distributions negative.
        if value < T::ZERO && excess == T::ZERO { T::ZERO } else { value }
    }

    /// `Σ_elsewhere (r/n)·(ln(r/n) − ln q)`.
    fn evenly(&self, r: T) -> T {
        let [present, weighted] = self.even;
        let present = present.sum.into() + present.lost.into();
        if present < self.count as f64 {
            return T::INFINITY;
        }
        let each = r / T::from_usize(self.count);
        let reference = self.elsewhere.logits.reference;
        let exponent = self.student.logits.exponent(Scalar::<T>::NEW, reference);
        let ln_q = exponent - ln_of(self.student.mass);
        r * (ln_of(each) - ln_q) + each * self.even_scale * total(weighted)
    }
}

/// The terms of the named classes, and their gradient into its place.
fn named_terms<T: Number>(
    problem: &Problem<'_, T>,
    student: Numbers<'_, T>,
    named: NamedRow<'_, T>,
    pass: Pass<T>,
    mut place: Option<(Accumulation, Places<'_, T>)>,
) -> Terms<T> {
    let zero = Compensated { sum: T::ZERO, lost: T::ZERO };
    let mut all = Terms { convex: zero, plain: zero };
    let (mut room, mut slopes) = ([T::ZERO; GATHERED], [T::ZERO; GATHERED]);
    let (mut left, mut wide) = (named, numbers::room::<_, GATHERED>());
    while let Some(NamedRow { classes, log_probs }) = left.take(GATHERED) {
        let log_probs = log_probs.in_room(T::ZERO, &mut wide);
        let (gathered, _) = gather(student, classes, log_probs, &mut room);
        let length = if place.is_some() { gathered.len() } else { 0 };
        let grad = slopes.get_mut(..length).unwrap_or_default();
        let terms = problem.backend.run(SecondRead {
            pass,
            student: Numbers::Wide(gathered),
            teacher: TeacherRow::Numbers(Numbers::Wide(log_probs)),
            reach: [&[], &[]],
            accumulation: Accumulation::Replace,
            grad: Places::Wide(grad),
        });
        all.convex = all.convex.merge(Scalar::<T>::NEW, terms.convex);
        all.plain = all.plain.merge(Scalar::<T>::NEW, terms.plain);
        if let Some((accumulation, grad)) = &mut place {
            scatter(&slopes, classes, log_probs, *accumulation, grad);
        }
    }
    all
}

/// The student's logits of the named classes, −∞ for empty places, and how many places are not empty.
fn gather<'b, T: Float>(
    student: Numbers<'_, T>,
    classes: &[u32],
    log_probs: &[T],
    room: &'b mut [T; GATHERED],
) -> (&'b [T], usize) {
    let mut present = 0;
    let places = room.iter_mut().zip(classes).zip(log_probs);
    for ((place, &class), &ln_p) in places {
        *place = if is_empty(ln_p) {
            T::NEG_INFINITY
        } else {
            present += 1;
            student.get(class as usize).unwrap_or(T::NEG_INFINITY)
        };
    }
    (room.get(..classes.len()).unwrap_or_default(), present)
}

/// Writes the gradients of the named classes.
fn scatter<T: Float>(
    slopes: &[T],
    classes: &[u32],
    log_probs: &[T],
    accumulation: Accumulation,
    grad: &mut Places<'_, T>,
) {
    for ((&slope, &class), &ln_p) in slopes.iter().zip(classes).zip(log_probs) {
        if !is_empty(ln_p) {
            grad.put(class as usize, slope, accumulation == Accumulation::Add);
        }
    }
}
