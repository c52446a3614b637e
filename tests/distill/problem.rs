//! Students and teachers, and what can be asked of a loss between them.

use core::fmt::Debug;

use kldiv::{DistillLoss, Divergence, Isa, Reduction, Rows, Teacher, Upstream, reference};

use crate::support::{Answer, Number, Random, assert_same, log_probs, probs, raw, specials};

/// What the teacher is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    Logits,
    LogProbs,
    Probs,
    Classes,
}

pub(crate) const FORMS: [Form; 4] = [Form::Logits, Form::LogProbs, Form::Probs, Form::Classes];

/// Which divergence; the library's own says its share in the element type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Forward,
    Reverse,
    Mixture(f64),
}

pub(crate) const KINDS: [Kind; 4] =
    [Kind::Forward, Kind::Reverse, Kind::Mixture(0.5), Kind::Mixture(0.1)];

impl Kind {
    pub(crate) fn divergence<R: Number>(self) -> Divergence<R> {
        match self {
            Kind::Forward => Divergence::Forward,
            Kind::Reverse => Divergence::Reverse,
            Kind::Mixture(beta) => Divergence::JensenShannon { beta: R::of(beta) },
        }
    }
}

/// Whose numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side {
    Student,
    Teacher,
}

/// Numbers of a student and a teacher.
#[derive(Clone, Debug)]
pub(crate) struct Problem<R> {
    pub(crate) student: Vec<R>,
    pub(crate) teacher: Vec<R>,
    pub(crate) indices: Vec<u32>,
    pub(crate) classes: usize,
    pub(crate) form: Form,
    pub(crate) temperature: R,
}

impl<R: Number> Problem<R> {
    /// `teacher` is logits, and becomes what the form asks for.
    pub(crate) fn new(
        form: Form,
        student: Vec<R>,
        teacher: &[R],
        classes: usize,
        temperature: f64,
    ) -> Self {
        let mut wide = vec![0.0; teacher.len()];
        let numbers = match form {
            Form::Logits | Form::Classes => teacher.to_vec(),
            Form::LogProbs => {
                reference::log_softmax(teacher, classes, &mut wide);
                wide.into_iter().map(R::of).collect()
            }
            Form::Probs => {
                reference::softmax(teacher, classes, &mut wide);
                wide.into_iter().map(R::of).collect()
            }
        };
        let mut random = Random::new(9);
        let indices = (0..student.len() / classes)
            .map(|_| u32::try_from(random.below(classes as u64)).expect("few classes"))
            .collect();
        let temperature = R::of(temperature);
        Problem { student, teacher: numbers, indices, classes, form, temperature }
    }

    pub(crate) fn ordinary(form: Form, rows: usize, classes: usize, temperature: f64) -> Self {
        let n = rows * classes;
        Self::new(form, raw(1, n, 6.0), &raw(2, n, 6.0), classes, temperature)
    }

    pub(crate) fn rows(&self) -> usize {
        self.student.len() / self.classes
    }

    pub(crate) fn student(&self) -> Rows<'_, R> {
        Rows::new(&self.student, self.classes).expect("whole rows")
    }

    pub(crate) fn teacher(&self) -> Teacher<'_, R> {
        let rows = Rows::new(&self.teacher, self.classes).expect("whole rows");
        match self.form {
            Form::Logits => Teacher::Logits(rows),
            Form::LogProbs => Teacher::LogProbs(rows),
            Form::Probs => Teacher::Probs(rows),
            Form::Classes => Teacher::Classes(&self.indices),
        }
    }

    pub(crate) fn numbers_of(&mut self, side: Side) -> &mut [R] {
        match side {
            Side::Student => &mut self.student,
            Side::Teacher => &mut self.teacher,
        }
    }

    pub(crate) fn loss(&self, kind: Kind, isa: Isa) -> DistillLoss<'_, R> {
        DistillLoss::new(self.student(), self.teacher())
            .expect("equal shapes")
            .temperature(self.temperature)
            .expect("a positive number")
            .divergence(kind.divergence())
            .expect("a share between 0 and 1")
            .on(isa)
            .expect("an available instruction set")
    }

    pub(crate) fn exact_losses(&self, kind: Kind) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.rows()];
        let (student, teacher) = (self.student(), self.teacher());
        reference::distill(student, teacher, self.temperature, kind.divergence(), &mut out);
        out
    }

    pub(crate) fn exact_grad(&self, kind: Kind, by: Side, upstream: Upstream<'_, R>) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.student.len()];
        let gradient = match by {
            Side::Student => reference::distill_grad_student,
            Side::Teacher => reference::distill_grad_teacher,
        };
        let (student, teacher) = (self.student(), self.teacher());
        gradient(student, teacher, self.temperature, kind.divergence(), upstream, &mut out);
        out
    }

    /// `(p, ln p, q, ln q)` of each class.
    pub(crate) fn shares(&self) -> Vec<[f64; 4]> {
        let tempered = |logits: &[R]| -> Vec<f64> {
            logits.iter().map(|x| x.to_f64() / self.temperature.to_f64()).collect()
        };
        let ln = |logits: &[f64]| {
            let mut out = vec![0.0; logits.len()];
            reference::log_softmax(logits, self.classes, &mut out);
            out
        };
        let ln_q = ln(&tempered(&self.student));
        let ln_p: Vec<f64> = match self.form {
            Form::Logits => ln(&tempered(&self.teacher)),
            Form::LogProbs => self.teacher.iter().map(|t| t.to_f64()).collect(),
            Form::Probs => self.teacher.iter().map(|t| t.to_f64().ln()).collect(),
            Form::Classes => (0..self.student.len())
                .map(|i| {
                    let chosen = self.indices[i / self.classes] as usize == i % self.classes;
                    if chosen { 0.0 } else { f64::NEG_INFINITY }
                })
                .collect(),
        };
        ln_p.iter().zip(ln_q).map(|(&ln_p, ln_q)| [ln_p.exp(), ln_p, ln_q.exp(), ln_q]).collect()
    }
}

/// Everything that a loss can be asked for.
pub(crate) struct Everything {
    /// `reduce` and `weighted_mean`.
    pub(crate) totals: [Answer; 2],
    /// As many numbers for each row: first `row_losses`, then gradients and what comes beside them.
    pub(crate) by_row: Vec<Answer>,
}

impl Everything {
    pub(crate) fn of<R: Number>(loss: DistillLoss<'_, R>, rows: usize, n: usize) -> Self {
        let factors: Vec<R> = raw(7, rows, 2.0);
        let upstreams = [Upstream::Uniform(R::of(-0.37)), Upstream::PerRow(&factors)];
        let blank = |n: usize| vec![R::of(f64::NAN); n];
        let totals = [
            Answer::new("reduce", &[loss.reduce(Reduction::Sum), loss.reduce(Reduction::Mean)]),
            Answer::new("weighted_mean", &[loss.weighted_mean()]),
        ];
        let (mut losses, mut grad) = (blank(rows), blank(n));
        loss.row_losses(&mut losses).expect("one a row");
        let mut by_row = vec![Answer::new("row_losses", &losses)];
        for upstream in upstreams {
            losses.fill(R::of(f64::NAN));
            grad.fill(R::of(f64::NAN));
            loss.grad_student(upstream, &mut grad).expect("lengths that agree");
            by_row.push(Answer::new("grad_student", &grad));
            if loss.grad_teacher(upstream, &mut grad).is_ok() {
                by_row.push(Answer::new("grad_teacher", &grad));
            }
            loss.loss_and_grad_student(upstream, &mut losses, &mut grad)
                .expect("lengths that agree");
            by_row.push(Answer::new("losses of both", &losses));
            by_row.push(Answer::new("gradient of both", &grad));
        }
        Everything { totals, by_row }
    }

    /// Holds it to the bits of another.
    #[track_caller]
    pub(crate) fn assert_same(&self, context: &dyn Debug, expected: &Self) {
        assert_same(context, &self.totals, &expected.totals);
        assert_same(context, &self.by_row, &expected.by_row);
    }
}

/// Rows that make the kernels take each of their turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Data {
    Ordinary,
    Warm,
    /// Masses that underflow among others that do not.
    Spread,
    /// The reference moves again and again.
    Rising,
    /// It moves, but all numbers stay usual.
    Climbing,
    /// It moves where a block begins, so far that earlier numbers which were usual no longer are.
    Leaping,
    LeapingTeacher,
    /// Suppressed classes on one side or both, from the start.
    Masked,
    Specials,
    Close,
    /// Far from zero, where nothing but differences matters.
    Offset,
    /// Probabilities that were cut off a larger whole.
    Unnormalised,
}

impl Data {
    pub(crate) fn make<R: Number>(self, form: Form, rows: usize, classes: usize) -> Problem<R> {
        let n = rows * classes;
        let mut problem = Problem::<R>::ordinary(form, rows, classes, 1.0);
        match self {
            Data::Ordinary => {}
            Data::Warm => problem.temperature = R::of(2.7),
            Data::Spread => problem.student = raw(3, n, 300.0),
            Data::Rising => {
                for (i, x) in problem.student.iter_mut().enumerate() {
                    *x = R::of(x.to_f64() / 8.0 + (i % classes) as f64 / 100.0);
                }
                if form == Form::Logits {
                    for (i, t) in problem.teacher.iter_mut().enumerate() {
                        *t = R::of(t.to_f64() / 8.0 + (i % classes) as f64 / 70.0);
                    }
                }
            }
            Data::Climbing => {
                for (i, (x, t)) in problem.student.iter_mut().zip(&mut problem.teacher).enumerate()
                {
                    let height = (i % classes) as f64 / 300.0;
                    *x = R::of(x.to_f64() / 8.0 + height);
                    if form == Form::Logits {
                        *t = R::of(t.to_f64() / 8.0 + height);
                    }
                }
            }
            Data::Leaping => leap(&mut problem.student, classes),
            Data::LeapingTeacher => {
                if form == Form::Logits {
                    leap(&mut problem.teacher, classes);
                }
            }
            Data::Masked => {
                for i in (0..n).filter(|i| i % 3 == 0 || i % classes < classes / 3) {
                    problem.student[i] = R::of(f64::NEG_INFINITY);
                    if i % 2 == 0 && form != Form::Classes {
                        let none = if form == Form::Probs { 0.0 } else { f64::NEG_INFINITY };
                        problem.teacher[i] = R::of(none);
                    }
                }
            }
            Data::Specials => {
                let specials = specials::<R>();
                for (i, &special) in specials.iter().enumerate().take(n / 5) {
                    problem.student[(i * 5 + 11) % n] = special;
                    problem.teacher[(i * 7 + 5) % n] = special;
                }
            }
            Data::Close => {
                problem.student =
                    problem.teacher.iter().map(|t| R::of(t.to_f64() * 1.001)).collect();
            }
            Data::Offset => {
                for x in &mut problem.student {
                    *x = R::of(x.to_f64() + 1e4);
                }
                if form == Form::Logits {
                    for t in &mut problem.teacher {
                        *t = R::of(t.to_f64() - 1e4);
                    }
                }
            }
            Data::Unnormalised => match form {
                Form::Probs => problem.teacher = probs(5, n, 3),
                Form::LogProbs => problem.teacher = log_probs(5, n, 3),
                Form::Logits | Form::Classes => {}
            },
        }
        problem
    }
}

fn leap<R: Number>(logits: &mut [R], classes: usize) {
    let depth = R::SMALLEST_NORMAL.to_f64().ln() + 22.0;
    for (i, x) in logits.iter_mut().enumerate() {
        let height = match i % classes {
            late if late >= 2048 => 25.0,
            early if early % 2 == 1 => depth,
            _ => 0.0,
        };
        *x = R::of(x.to_f64() / 8.0 + height);
    }
}
