//! Losses of rows of logits: against the reference, against their own slopes, at the edges, and the same bits everywhere.

mod support;

use core::fmt::Debug;

use kldiv::{DistillLoss, Divergence, Error, Isa, Reduction, Rows, Teacher, Upstream, reference};
use proptest::prelude::*;
use support::{Class, Random, Real, assert_same, class, isas, raw, same, specials};

/// The largest relative error of a loss above 2¹³ u².
const SMALL_LOSS: f64 = 1e-3;
/// Errors in units of rounding times the size of the parts.
const UNITS: f64 = 8.0;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Logits,
    LogProbs,
    Probs,
    Classes,
}

const FORMS: [Form; 4] = [Form::Logits, Form::LogProbs, Form::Probs, Form::Classes];

/// Names stand for divergences, whose shares depend on the element type.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Forward,
    Reverse,
    Mixture(f64),
}

const KINDS: [Kind; 4] = [Kind::Forward, Kind::Reverse, Kind::Mixture(0.5), Kind::Mixture(0.1)];

impl Kind {
    fn divergence<R: Real>(self) -> Divergence<R> {
        match self {
            Kind::Forward => Divergence::Forward,
            Kind::Reverse => Divergence::Reverse,
            Kind::Mixture(beta) => Divergence::JensenShannon { beta: R::of(beta) },
        }
    }
}

/// Numbers of a student and a teacher.
#[derive(Clone, Debug)]
struct Problem<R> {
    student: Vec<R>,
    teacher: Vec<R>,
    indices: Vec<u32>,
    classes: usize,
    form: Form,
    temperature: R,
}

impl<R: Real> Problem<R> {
    /// `teacher` is logits, and becomes what the form asks for.
    fn new(form: Form, student: Vec<R>, teacher: &[R], classes: usize, temperature: f64) -> Self {
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

    fn ordinary(form: Form, rows: usize, classes: usize, temperature: f64) -> Self {
        let n = rows * classes;
        Self::new(form, raw(1, n, 6.0), &raw(2, n, 6.0), classes, temperature)
    }

    fn rows(&self) -> usize {
        self.student.len() / self.classes
    }

    fn student(&self) -> Rows<'_, R> {
        Rows::new(&self.student, self.classes).expect("whole rows")
    }

    fn teacher(&self) -> Teacher<'_, R> {
        let rows = Rows::new(&self.teacher, self.classes).expect("whole rows");
        match self.form {
            Form::Logits => Teacher::Logits(rows),
            Form::LogProbs => Teacher::LogProbs(rows),
            Form::Probs => Teacher::Probs(rows),
            Form::Classes => Teacher::Classes(&self.indices),
        }
    }

    fn loss(&self, kind: Kind, isa: Isa) -> DistillLoss<'_, R> {
        DistillLoss::new(self.student(), self.teacher())
            .expect("equal shapes")
            .temperature(self.temperature)
            .expect("a positive number")
            .divergence(kind.divergence())
            .expect("a share between 0 and 1")
            .on(isa)
            .expect("an available instruction set")
    }

    fn exact_losses(&self, kind: Kind) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.rows()];
        let (student, teacher) = (self.student(), self.teacher());
        reference::distill(student, teacher, self.temperature, kind.divergence(), &mut out);
        out
    }

    fn exact_grad(&self, kind: Kind, by_teacher: bool, upstream: Upstream<'_, R>) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.student.len()];
        let gradient = if by_teacher {
            reference::distill_grad_teacher
        } else {
            reference::distill_grad_student
        };
        let (student, teacher) = (self.student(), self.teacher());
        gradient(student, teacher, self.temperature, kind.divergence(), upstream, &mut out);
        out
    }

    /// `(p, ln p, q, ln q)` of each class.
    fn shares(&self) -> Vec<[f64; 4]> {
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

/// What was asked for, and what came out.
type Answer<R> = (&'static str, Vec<R>);

/// Everything a loss can be asked for.
fn everything<R: Real>(loss: DistillLoss<'_, R>, rows: usize, n: usize) -> Vec<Answer<R>> {
    let factors: Vec<R> = raw(7, rows, 2.0);
    let upstreams = [Upstream::Uniform(R::of(-0.37)), Upstream::PerRow(&factors)];
    let blank = |n: usize| vec![R::of(f64::NAN); n];
    let mut answers = vec![
        ("reduce", vec![loss.reduce(Reduction::Sum), loss.reduce(Reduction::Mean)]),
        ("weighted_mean", vec![loss.weighted_mean()]),
    ];
    let mut losses = blank(rows);
    loss.row_losses(&mut losses).expect("one a row");
    answers.push(("row_losses", losses));
    for upstream in upstreams {
        let (mut losses, mut grad) = (blank(rows), blank(n));
        loss.grad_student(upstream, &mut grad).expect("lengths that agree");
        answers.push(("grad_student", grad.clone()));
        if loss.grad_teacher(upstream, &mut grad).is_ok() {
            answers.push(("grad_teacher", grad.clone()));
        }
        loss.loss_and_grad_student(upstream, &mut losses, &mut grad).expect("lengths that agree");
        answers.push(("losses of both", losses));
        answers.push(("gradient of both", grad));
    }
    answers
}

// --- Bits ---------------------------------------------------------------------------------------

/// Rows that make the kernels take each of their turns.
fn made<R: Real>(what: &str, form: Form, rows: usize, classes: usize) -> Problem<R> {
    let n = rows * classes;
    let mut problem = Problem::<R>::ordinary(form, rows, classes, 1.0);
    match what {
        "ordinary" => {}
        "warm" => problem.temperature = R::of(2.7),
        // Masses that underflow among others that do not.
        "spread" => problem.student = raw(3, n, 300.0),
        // The reference moves again and again.
        "rising" => {
            for (i, x) in problem.student.iter_mut().enumerate() {
                *x = R::of(x.to_f64() / 8.0 + (i % classes) as f64 / 100.0);
            }
            if form == Form::Logits {
                for (i, t) in problem.teacher.iter_mut().enumerate() {
                    *t = R::of(t.to_f64() / 8.0 + (i % classes) as f64 / 70.0);
                }
            }
        }
        // It moves, but all numbers stay usual.
        "climbing" => {
            for (i, (x, t)) in problem.student.iter_mut().zip(&mut problem.teacher).enumerate() {
                let height = (i % classes) as f64 / 300.0;
                *x = R::of(x.to_f64() / 8.0 + height);
                if form == Form::Logits {
                    *t = R::of(t.to_f64() / 8.0 + height);
                }
            }
        }
        // It moves where a block begins, so far that earlier numbers which were usual no longer are.
        "leaping" => leap(&mut problem.student, classes),
        "leaping teacher" if form == Form::Logits => leap(&mut problem.teacher, classes),
        "leaping teacher" => {}
        // Suppressed classes on one side or both, from the start.
        "masked" => {
            for i in (0..n).filter(|i| i % 3 == 0 || i % classes < classes / 3) {
                problem.student[i] = R::of(f64::NEG_INFINITY);
                if i % 2 == 0 && form != Form::Classes {
                    let none = if form == Form::Probs { 0.0 } else { f64::NEG_INFINITY };
                    problem.teacher[i] = R::of(none);
                }
            }
        }
        "specials" => {
            let specials = specials::<R>();
            for (i, &special) in specials.iter().enumerate().take(n / 5) {
                problem.student[(i * 5 + 11) % n] = special;
                problem.teacher[(i * 7 + 5) % n] = special;
            }
        }
        "close" => {
            problem.student = problem.teacher.iter().map(|t| R::of(t.to_f64() * 1.001)).collect();
        }
        other => panic!("{other}"),
    }
    problem
}

fn leap<R: Real>(logits: &mut [R], classes: usize) {
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

const MADE: [&str; 10] = [
    "ordinary",
    "warm",
    "spread",
    "rising",
    "climbing",
    "leaping",
    "leaping teacher",
    "masked",
    "specials",
    "close",
];

fn compare_bits<R: Real>(shapes: impl Iterator<Item = (usize, usize)> + Clone) {
    for what in MADE {
        for form in FORMS {
            for (rows, classes) in shapes.clone() {
                let problem = made::<R>(what, form, rows, classes);
                for kind in KINDS {
                    let all = |isa| everything(problem.loss(kind, isa), rows, rows * classes);
                    let expected = all(Isa::Scalar);
                    for isa in isas() {
                        let context = (what, form, kind, isa, rows, classes);
                        assert_same(&context, &all(isa), &expected);
                    }
                }
            }
        }
    }
}

#[test]
fn every_instruction_set_has_the_bits_of_scalar_code() {
    // Around a tile, a block and several of them, in f32 and in f64.
    let few = (1..=35).step_by(2).chain([63, 64, 65, 127, 128, 129]);
    let many = [512, 513, 1023, 1024, 1025, 3000, 4097];
    compare_bits::<f32>(few.clone().map(|classes| (2, classes)).chain(many.map(|n| (1, n))));
    compare_bits::<f64>(few.map(|classes| (2, classes)).chain(many.map(|n| (1, n))));
}

/// A row's results are those of the row by itself, whatever comes before it.
#[test]
fn rows_do_not_depend_on_each_other() {
    fn check<R: Real>() {
        for form in FORMS {
            let problem = Problem::<R>::ordinary(form, 5, 33, 1.5);
            for kind in KINDS {
                let mut losses = [R::of(0.0); 5];
                problem.loss(kind, Isa::best()).row_losses(&mut losses).expect("five rows");
                for (row, &loss) in losses.iter().enumerate() {
                    let mut alone = problem.clone();
                    alone.student = problem.student[row * 33..][..33].to_vec();
                    alone.teacher = problem.teacher[row * 33..][..33].to_vec();
                    alone.indices = vec![problem.indices[row]];
                    let alone = alone.loss(kind, Isa::best()).reduce(Reduction::Sum);
                    assert!(same(loss, alone), "{form:?} {kind:?}: {loss:?}, alone {alone:?}");
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

// --- The reference ------------------------------------------------------------------------------

fn assert_near<R: Real>(context: &dyn Debug, got: R, exact: f64, units: f64, scale: f64) {
    let tolerance = units * R::UNIT * scale + R::FLOOR;
    let error = (got.to_f64() - exact).abs();
    assert!(
        error <= tolerance
            || (class(exact) != Class::Finite && class(got.to_f64()) == class(exact)),
        "{} {context:?}: {got:?}, should be {exact:e} within {tolerance:e}",
        R::NAME
    );
}

/// The documented scale of a row's loss.
fn scale(shares: &[[f64; 4]], kind: Kind) -> f64 {
    let weighed = |p: f64, ln_p: f64, ln_q: f64| {
        let size = (ln_p.abs() + ln_q.abs() + 1.0) * (1.0 + (ln_p - ln_q).abs());
        if p > 0.0 { p * size } else { 0.0 }
    };
    let of = |&[p, ln_p, q, ln_q]: &[f64; 4]| match kind {
        Kind::Forward => weighed(p, ln_p, ln_q),
        Kind::Reverse => weighed(q, ln_q, ln_p),
        // The mixture lies between: its logarithm is near the larger of the two.
        Kind::Mixture(beta) => {
            let ln_m = (beta * p + (1.0 - beta) * q).ln();
            beta * weighed(p, ln_p, ln_m) + (1.0 - beta) * weighed(q, ln_q, ln_m)
        }
    };
    shares.iter().map(of).sum()
}

fn compare_reference<R: Real>() {
    // Of numbers as large as specials the f32 differences overflow where the reference's do not.
    let names = MADE.into_iter().filter(|&what| what != "specials");
    for what in names.chain(["offset", "unnormalised"]) {
        for form in FORMS {
            for (rows, classes) in [(7, 1), (5, 2), (40, 10), (3, 129), (1, 3000)] {
                let problem = match what {
                    "offset" => {
                        let mut problem = made::<R>("ordinary", form, rows, classes);
                        for x in &mut problem.student {
                            *x = R::of(x.to_f64() + 1e4);
                        }
                        if form == Form::Logits {
                            for t in &mut problem.teacher {
                                *t = R::of(t.to_f64() - 1e4);
                            }
                        }
                        problem
                    }
                    "unnormalised" => {
                        let mut problem = made::<R>("ordinary", form, rows, classes);
                        if matches!(form, Form::Probs | Form::LogProbs) {
                            problem.teacher = match form {
                                Form::Probs => support::probs(5, rows * classes, 3),
                                _ => support::log_probs(5, rows * classes, 3),
                            };
                        }
                        problem
                    }
                    _ => made(what, form, rows, classes),
                };
                for kind in KINDS {
                    compare_with_reference(&(what, form, rows, classes, kind), &problem, kind);
                }
            }
        }
    }
}

fn compare_with_reference<R: Real>(context: &dyn Debug, problem: &Problem<R>, kind: Kind) {
    let (rows, classes) = (problem.rows(), problem.classes);
    let shares = problem.shares();
    let exact = problem.exact_losses(kind);
    let loss = problem.loss(kind, Isa::best());
    let factors: Vec<R> = raw(7, rows, 2.0);
    let upstream = Upstream::PerRow(factors.as_slice());
    let mut losses = vec![R::of(f64::NAN); rows];
    let mut fused = losses.clone();
    let mut grad = vec![R::of(f64::NAN); rows * classes];
    loss.row_losses(&mut losses).expect("one a row");
    loss.loss_and_grad_student(upstream, &mut fused, &mut grad).expect("lengths that agree");
    for row in 0..rows {
        let scale = scale(&shares[row * classes..][..classes], kind);
        // Rounded log-probabilities may count as normalised: 16 units.
        let units = UNITS + if problem.form == Form::LogProbs { 16.0 } else { 0.0 };
        assert_near(&(context, "loss", row), losses[row], exact[row], units, scale + 1e-3);
        assert_near(&(context, "fused loss", row), fused[row], exact[row], units, scale + 1e-3);
    }
    compare_grad(context, problem, kind, &grad, false);
    if problem.form != Form::Classes {
        loss.grad_teacher(upstream, &mut grad).expect("lengths that agree");
        compare_grad(context, problem, kind, &grad, true);
    }
}

fn compare_grad<R: Real>(
    context: &dyn Debug,
    problem: &Problem<R>,
    kind: Kind,
    grad: &[R],
    by_teacher: bool,
) {
    let factors: Vec<R> = raw(7, problem.rows(), 2.0);
    let exact = problem.exact_grad(kind, by_teacher, Upstream::PerRow(&factors));
    let losses = problem.exact_losses(kind);
    for (i, [p, ln_p, q, ln_q]) in problem.shares().into_iter().enumerate() {
        let row = i / problem.classes;
        let own = if by_teacher { p } else { q };
        let of_probs = by_teacher && problem.form == Form::Probs;
        let over = if of_probs && p > 0.0 { p } else { 1.0 };
        let ln_size = |p: f64, ln_p: f64| if p > 0.0 { p * (ln_p.abs() + 8.0) } else { 0.0 };
        let parts = ln_size(p, ln_p) + ln_size(q, ln_q);
        let both = ln_p.is_finite() && ln_q.is_finite();
        let difference = if both { (ln_p - ln_q).abs() } else { 0.0 };
        let center = losses[row].abs().min(1e3) + 10.0;
        let mixed = if matches!(kind, Kind::Forward) ^ by_teacher { 0.0 } else { 1.0 };
        let size = parts * (1.0 + mixed * difference)
            + mixed
                * own
                * (center + difference)
                * (1.0 + ln_p.max(-200.0).abs() + ln_q.max(-200.0).abs());
        let size = size * factors[row].to_f64().abs() / over;
        let tau = problem.temperature.to_f64();
        let size = size / if by_teacher && problem.form != Form::Logits { 1.0 } else { tau };
        let context = (context, if by_teacher { "by teacher" } else { "by student" }, i);
        assert_near(&context, grad[i], exact[i], UNITS, size);
    }
}

#[test]
fn losses_and_gradients_are_those_of_the_reference() {
    compare_reference::<f32>();
    compare_reference::<f64>();
}

// --- Small divergences --------------------------------------------------------------------------

/// The rounded log-probabilities of a softmax do not sum to one, and what they miss it by is as large as a small
/// divergence: they count as normalised, and the loss is that of the logits which they stand for.
#[test]
fn rounded_log_probabilities_count_as_normalised() {
    for kind in [Kind::Forward, Kind::Reverse] {
        let exact = nearly_equal::<f32>(Form::Logits, 1000, 1e-3).exact_losses(kind)[0];
        let problem = nearly_equal::<f32>(Form::LogProbs, 1000, 1e-3);
        let excess = problem.teacher.iter().map(|t| libm::exp(f64::from(*t))).sum::<f64>() - 1.0;
        assert!(excess.abs() > 0.02 * exact, "nothing to see: {excess:e} beside {exact:e}");
        for isa in isas() {
            let value = f64::from(problem.loss(kind, isa).weighted_mean());
            assert!((value / exact - 1.0).abs() < 0.01, "{kind:?} {isa}: {value:e}, not {exact:e}");
        }
    }
}

/// A student that misses its teacher by about `noise`.
fn nearly_equal<R: Real>(form: Form, classes: usize, noise: f64) -> Problem<R> {
    let teacher: Vec<R> = raw(1, classes, 3.0);
    let mut random = Random::new(2);
    let student = teacher.iter().map(|t| R::of(t.to_f64() + random.between(noise))).collect();
    Problem::new(form, student, &teacher, classes, 1.0)
}

/// The vocabulary of a language model, f32, and a true divergence of 4.9e-9: the plain sum of terms would be 50 times off.
#[test]
fn small_divergences_are_right() {
    fn check<R: Real>(form: Form, classes: usize, noise: f64) -> f64 {
        let problem = nearly_equal::<R>(form, classes, noise);
        for kind in KINDS {
            let exact = problem.exact_losses(kind)[0];
            for isa in isas() {
                let loss = problem.loss(kind, isa);
                let (mut fused, mut grad) = ([R::of(0.0)], vec![R::of(0.0); classes]);
                let one = Upstream::Uniform(R::of(1.0));
                loss.loss_and_grad_student(one, &mut fused, &mut grad).expect("one row");
                for value in [loss.weighted_mean(), fused[0]] {
                    let error = (value.to_f64() / exact - 1.0).abs();
                    if isa == Isa::Scalar {
                        println!("{} {form:?} {kind:?} {exact:e}: {error:.1e}", R::NAME);
                    }
                    assert!(error <= SMALL_LOSS, "{} {form:?} {kind:?} {isa}: {value:?}", R::NAME);
                }
            }
        }
        problem.exact_losses(Kind::Forward)[0]
    }
    let exact = check::<f32>(Form::Logits, 151_936, 1.71e-4);
    assert!((4.8e-9..5.0e-9).contains(&exact), "{exact:e}");
    check::<f32>(Form::Logits, 151_936, 1e-5);
    check::<f32>(Form::Logits, 10, 3e-3);
    check::<f32>(Form::Logits, 10, 1e-4);
    check::<f32>(Form::Logits, 10, 3e-5);
    check::<f32>(Form::Probs, 151_936, 1e-2);
    check::<f64>(Form::Logits, 1000, 1e-6);
    check::<f64>(Form::Logits, 151_936, 1e-9);
}

/// One read or two: where one is replaced by the other both are right, so nothing jumps.
#[test]
fn one_read_and_two_agree_where_they_meet() {
    fn check<R: Real>(noises: impl Iterator<Item = f64>) {
        for noise in noises {
            let problem = nearly_equal::<R>(Form::Logits, 1000, noise);
            for kind in [Kind::Forward, Kind::Reverse] {
                let exact = problem.exact_losses(kind)[0];
                let value = problem.loss(kind, Isa::best()).weighted_mean().to_f64();
                let error = (value / exact - 1.0).abs();
                assert!(error <= SMALL_LOSS, "{} {kind:?} at {exact:e}: {error:e}", R::NAME);
            }
        }
    }
    check::<f32>((0..60).map(|i| 0.01 * 1.1_f64.powi(i)));
    check::<f64>((0..60).map(|i| 2e-7 * 1.2_f64.powi(i)));
}

#[test]
fn equal_logits_have_no_divergence() {
    fn check<R: Real>() {
        for classes in [1, 2, 10, 129, 1000, 5000] {
            for temperature in [1.0, 3.3] {
                let logits: Vec<R> = raw(4, 3 * classes, 30.0);
                let problem =
                    Problem::new(Form::Logits, logits.clone(), &logits, classes, temperature);
                for kind in KINDS {
                    let loss = problem.loss(kind, Isa::best());
                    let mut losses = [R::of(1.0); 3];
                    loss.row_losses(&mut losses).expect("three rows");
                    assert_eq!(losses.map(R::bits), [0; 3], "{kind:?} {classes}");
                    let mut grad = vec![R::of(1.0); 3 * classes];
                    let one = Upstream::Uniform(R::of(1.0));
                    loss.loss_and_grad_student(one, &mut losses, &mut grad).expect("three rows");
                    assert_eq!(losses.map(R::bits), [0; 3], "{kind:?} {classes}");
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

// --- Slopes -------------------------------------------------------------------------------------

/// Moves one number of one side up and down and holds the gradient to the difference of the losses.
fn slopes(
    form: Form,
    kind: Kind,
    logits: &[(f64, f64)],
    tau: f64,
    at: usize,
) -> Result<(), TestCaseError> {
    let (student, teacher): (Vec<f64>, Vec<f64>) = logits.iter().copied().unzip();
    let classes = student.len();
    let problem = Problem::<f64>::new(form, student, &teacher, classes, tau);
    let at = at % classes;
    let upstream = Upstream::Uniform(1.75);
    let loss = problem.loss(kind, Isa::best());
    let mut grad = vec![f64::NAN; classes];
    for by_teacher in [false, true] {
        if by_teacher {
            if form == Form::Classes {
                continue;
            }
            loss.grad_teacher(upstream, &mut grad).expect("lengths that agree");
        } else {
            loss.grad_student(upstream, &mut grad).expect("lengths that agree");
        }
        let number = |of: &Problem<f64>| if by_teacher { of.teacher[at] } else { of.student[at] };
        // A probability may be small: its step is small beside it.
        let relative = by_teacher && form == Form::Probs;
        let step = 1e-5 * if relative { number(&problem) } else { 1.0 };
        let moved = |by: f64| {
            let mut moved = problem.clone();
            let side = if by_teacher { &mut moved.teacher } else { &mut moved.student };
            side[at] += by;
            let value = moved.loss(kind, Isa::best()).reduce(Reduction::Sum);
            (number(&moved), value)
        };
        let ((above, more), (below, less)) = (moved(step), moved(-step));
        let slope = 1.75 * (more - less) / (above - below);
        // The third derivative times step², and the losses' own rounding over the step.
        let scale = 1.0 + grad[at].abs() + if relative { 1.0 / number(&problem) } else { 0.0 };
        prop_assert!(
            (grad[at] - slope).abs() <= 3e-8 * scale,
            "{form:?} {kind:?} by {}: {}, slope {slope}",
            if by_teacher { "teacher" } else { "student" },
            grad[at]
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn gradients_are_slopes(
        logits in proptest::collection::vec((-4.0..4.0_f64, -4.0..4.0_f64), 1..60),
        tau in 0.5..4.0_f64,
        at in 0..1000_usize,
    ) {
        for form in FORMS {
            for kind in KINDS {
                // Against one class the reverse divergence is infinite.
                if form != Form::Classes || kind != Kind::Reverse {
                    slopes(form, kind, &logits, tau, at)?;
                }
            }
        }
    }

    #[test]
    fn no_loss_from_logits_is_negative(
        logits in proptest::collection::vec((-9.0..9.0_f32, -1e-3..1e-3_f32), 1..300),
        tau in 0.25..8.0_f32,
    ) {
        let student: Vec<f32> = logits.iter().map(|&(t, noise)| t + noise).collect();
        let teacher: Vec<f32> = logits.iter().map(|&(t, _)| t).collect();
        let classes = student.len();
        let problem = Problem::new(Form::Logits, student, &teacher, classes, tau.into());
        for kind in KINDS {
            let loss = problem.loss(kind, Isa::best());
            let (mut fused, mut grad) = ([-1.0], vec![0.0; classes]);
            loss.loss_and_grad_student(Upstream::Uniform(1.0), &mut fused, &mut grad).expect("");
            prop_assert!(fused[0] >= 0.0 && loss.weighted_mean() >= 0.0, "{kind:?}: {fused:?}");
        }
    }
}

// --- Special values -----------------------------------------------------------------------------

/// Three rows of which the middle one is spoilt; the others come out as without it.
#[test]
fn a_spoilt_row_is_nan_and_no_other() {
    fn check<R: Real>() {
        let classes = 77;
        let infinity = R::of(f64::INFINITY);
        for form in FORMS {
            let sound = Problem::<R>::ordinary(form, 3, classes, 1.5);
            for kind in KINDS {
                let expected = everything(sound.loss(kind, Isa::best()), 3, 3 * classes);
                for spoil in [infinity, R::of(f64::NAN), infinity.negative()] {
                    for by_teacher in [false, true] {
                        if by_teacher && form != Form::Logits {
                            continue;
                        }
                        let mut spoilt = sound.clone();
                        let side =
                            if by_teacher { &mut spoilt.teacher } else { &mut spoilt.student };
                        let all = spoil.to_f64() == f64::NEG_INFINITY;
                        let count = if all { classes } else { 1 };
                        side[classes..][..count].fill(spoil);
                        for isa in isas() {
                            let got = everything(spoilt.loss(kind, isa), 3, 3 * classes);
                            for ((what, got), (_, expected)) in got.iter().zip(&expected) {
                                let width = got.len() / 3;
                                for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
                                    let total = matches!(*what, "reduce" | "weighted_mean");
                                    let right = if total || i / width == 1 {
                                        got.to_f64().is_nan()
                                    } else {
                                        same(got, expected)
                                    };
                                    assert!(right, "{form:?} {kind:?} {isa} {what}[{i}]: {got:?}");
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

/// A share of the smallest number is zero, and its logarithm is not to weigh.
#[test]
fn shares_of_the_smallest_mass() {
    fn check<R: Real>() {
        let smallest = R::of(R::SMALLEST.to_f64().ln());
        for form in FORMS {
            let certain = [R::of(0.0), R::of(f64::NEG_INFINITY)];
            let student = vec![R::of(0.0), smallest];
            let mut problem = Problem::new(form, student, &certain, 2, 1.0);
            problem.indices = vec![0];
            let exact = problem.exact_losses(Kind::Mixture(0.5))[0];
            assert!(exact.abs() <= 4.0 * R::SMALLEST.to_f64(), "{form:?}: {exact:e}");
            for isa in isas() {
                for (what, values) in everything(problem.loss(Kind::Mixture(0.5), isa), 1, 2) {
                    for value in values {
                        let size = value.to_f64().abs();
                        assert!(size <= 1e-40, "{form:?} on {isa}, {what}: {value:?}");
                    }
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn suppressed_classes() {
    fn check<R: Real>() {
        let none = R::of(f64::NEG_INFINITY);
        let row = |values: &[f64]| -> Vec<R> { values.iter().map(|&x| R::of(x)).collect() };
        let three = row(&[0.5, -1.0, 2.0]);
        let other = row(&[1.5, 0.25, -0.5]);
        for kind in KINDS {
            for isa in isas() {
                // On both sides: as if the class were not there.
                let (mut student, mut teacher) = (three.clone(), other.clone());
                student.insert(1, none);
                teacher.insert(1, none);
                let without = Problem::new(Form::Logits, three.clone(), &other, 3, 1.0);
                let with = Problem::new(Form::Logits, student.clone(), &teacher, 4, 1.0);
                let (with, without) = (with.loss(kind, isa), without.loss(kind, isa));
                let error = with.weighted_mean().to_f64() - without.weighted_mean().to_f64();
                assert!(error.abs() <= 4.0 * R::UNIT, "{kind:?} {isa}: {error:e}");
                let mut grad = [R::of(f64::NAN); 4];
                with.grad_student(Upstream::Uniform(R::of(1.0)), &mut grad).expect("four");
                assert_eq!(grad[1].to_f64(), 0.0, "{kind:?} {isa}");
                with.grad_teacher(Upstream::Uniform(R::of(1.0)), &mut grad).expect("four");
                assert_eq!(grad[1].to_f64(), 0.0, "{kind:?} {isa}");

                // On one side: infinite if the other one weighs, else a class less to match.
                let full = row(&[1.5, 0.0, 0.25, -0.5]);
                for by_student in [true, false] {
                    let problem = if by_student {
                        Problem::new(Form::Logits, student.clone(), &full, 4, 1.0)
                    } else {
                        Problem::new(Form::Logits, full.clone(), &teacher, 4, 1.0)
                    };
                    let value = problem.loss(kind, isa).weighted_mean().to_f64();
                    let exact = problem.exact_losses(kind)[0];
                    let infinite = match kind {
                        Kind::Forward => by_student,
                        Kind::Reverse => !by_student,
                        Kind::Mixture(_) => false,
                    };
                    assert_eq!(value == f64::INFINITY, infinite, "{kind:?} {isa}: {value}");
                    assert!(infinite || (value - exact).abs() <= 8.0 * R::UNIT, "{kind:?}");
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn a_masked_row_is_never_read() {
    fn check<R: Real>() {
        let classes = 40;
        for form in FORMS {
            let sound = Problem::<R>::ordinary(form, 4, classes, 1.0);
            let mut spoilt = sound.clone();
            spoilt.student[classes..][..classes].fill(R::of(f64::NAN));
            spoilt.teacher[classes..][..classes].fill(R::of(f64::NAN));
            let weights = [R::of(0.5), R::of(-0.0), R::of(3.0), R::of(1.0)];
            for kind in KINDS {
                for isa in isas() {
                    let weighted = |of: &Problem<R>| -> Vec<Answer<R>> {
                        let loss = of.loss(kind, isa).row_weights(&weights).expect("four");
                        everything(loss, 4, 4 * classes)
                    };
                    let got = weighted(&spoilt);
                    assert_same(&(form, kind, isa), &got, &weighted(&sound));
                    for (what, answers) in got.iter().filter(|(_, answers)| answers.len() > 3) {
                        let width = answers.len() / 4;
                        for answer in &answers[width..2 * width] {
                            assert_eq!(answer.bits(), 0, "{form:?} {kind:?} {what}");
                        }
                    }
                    // Weights multiply losses; their mean is over the weights.
                    let plain = everything(sound.loss(kind, isa), 4, 4 * classes);
                    for row in [0, 2, 3] {
                        let expected = plain[2].1[row] * weights[row];
                        assert!(same(got[2].1[row], expected), "{form:?} {kind:?} row {row}");
                    }
                    let total: f64 = got[2].1.iter().map(|loss| loss.to_f64()).sum();
                    let mean = got[1].1[0].to_f64();
                    let same_class = class(mean) == class(total / 4.5);
                    let close = (mean - total / 4.5).abs() <= 4.0 * R::UNIT * mean.abs();
                    assert!(
                        same_class && (close || !mean.is_finite()),
                        "{form:?} {kind:?}: {mean}"
                    );
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn nothing_left() {
    let (student, none): ([f32; 6], [f32; 0]) = ([0.5; 6], []);
    let rows = Rows::new(&student, 3).expect("two rows");
    let loss = DistillLoss::new(rows, Teacher::Classes(&[0, 2])).expect("two rows");
    let masked = loss.row_weights(&[0.0, 0.0]).expect("two rows");
    assert_eq!(masked.weighted_mean().to_bits(), 0);
    assert_eq!(masked.reduce(Reduction::Sum).to_bits(), 0);
    let empty = Rows::new(&none, 3).expect("no rows");
    let empty = DistillLoss::new(empty, Teacher::Classes(&[])).expect("no rows");
    assert_eq!(empty.weighted_mean().to_bits(), 0);
    assert_eq!(empty.reduce(Reduction::Sum).to_bits(), 0);
    assert!(empty.reduce(Reduction::Mean).is_nan());
    empty.row_losses(&mut []).expect("no rows");
    empty.grad_student(Upstream::Uniform(1.0), &mut []).expect("no rows");
}

#[test]
fn reductions_divide_the_sum() {
    let problem = Problem::<f64>::ordinary(Form::Logits, 6, 10, 1.0);
    let loss = problem.loss(Kind::Forward, Isa::best());
    let sum = loss.reduce(Reduction::Sum);
    assert_eq!(loss.reduce(Reduction::Mean), sum / 60.0);
    assert_eq!(loss.reduce(Reduction::BatchMean(6)), sum / 6.0);
    assert_eq!(loss.weighted_mean(), sum / 6.0);
}

// --- Errors -------------------------------------------------------------------------------------

/// Runs `call` on marked outputs and holds it to an error that leaves all marks in place.
fn refuses(
    expected: Error,
    text: &str,
    call: impl FnOnce(&mut [f32], &mut [f32]) -> Result<(), Error>,
) {
    let (mut losses, mut grad) = ([7.25; 2], [7.25; 6]);
    assert_eq!(call(&mut losses, &mut grad), Err(expected));
    assert!(losses.iter().chain(&grad).all(|&x| x == 7.25), "{expected}: written to");
    assert_eq!(expected.to_string(), text);
}

#[test]
fn every_mismatch_has_its_error() {
    let values = [0.5_f32; 12];
    let rows = |n: usize, classes| Rows::new(&values[..n], classes).expect("whole rows");
    let student = rows(6, 3);
    for (more, narrow) in [
        (Teacher::Logits(rows(9, 3)), Teacher::Logits(rows(4, 2))),
        (Teacher::LogProbs(rows(9, 3)), Teacher::LogProbs(rows(4, 2))),
        (Teacher::Probs(rows(9, 3)), Teacher::Probs(rows(4, 2))),
    ] {
        refuses(
            Error::TeacherRows { student: 2, teacher: 3 },
            "student has 2 rows but teacher has 3",
            |_, _| DistillLoss::new(student, more).map(drop),
        );
        refuses(
            Error::TeacherClasses { student: 3, teacher: 2 },
            "student has 3 classes but teacher has 2",
            |_, _| DistillLoss::new(student, narrow).map(drop),
        );
    }
    refuses(
        Error::TeacherRows { student: 2, teacher: 1 },
        "student has 2 rows but teacher has 1",
        |_, _| DistillLoss::new(student, Teacher::Classes(&[0])).map(drop),
    );
    for index in [3, 4, u32::MAX] {
        refuses(
            Error::ClassIndex { row: 1, index, classes: 3 },
            &format!("class {index} of row 1 is not below 3, the number of classes"),
            |_, _| DistillLoss::new(student, Teacher::Classes(&[2, index])).map(drop),
        );
    }
    let of_classes = DistillLoss::new(student, Teacher::Classes(&[2, 0])).expect("in range");
    refuses(
        Error::ClassesGradient { rows: 2 },
        "teacher is 2 class indices, which have no gradient",
        |_, grad| of_classes.grad_teacher(Upstream::Uniform(1.0), grad),
    );
    let loss = DistillLoss::new(student, Teacher::Logits(rows(6, 3))).expect("equal shapes");
    for found in [1, 3] {
        refuses(
            Error::WeightsLength { expected: 2, found },
            &format!("{found} row weights, 2 are needed"),
            |_, _| loss.row_weights(&values[..found]).map(drop),
        );
    }
    let one = Upstream::Uniform(1.0);
    let short = Error::OutputLength { expected: 2, found: 1 };
    let text = "output has 1 elements, 2 are needed";
    refuses(short, text, |losses, _| loss.row_losses(&mut losses[1..]));
    refuses(short, text, |losses, grad| loss.loss_and_grad_student(one, &mut losses[1..], grad));
    let short = Error::OutputLength { expected: 6, found: 5 };
    let text = "output has 5 elements, 6 are needed";
    refuses(short, text, |_, grad| loss.grad_student(one, &mut grad[1..]));
    refuses(short, text, |_, grad| loss.grad_teacher(one, &mut grad[1..]));
    refuses(short, text, |losses, grad| loss.loss_and_grad_student(one, losses, &mut grad[1..]));
    let upstreams = [
        (
            Upstream::PerRow(&values[..3]),
            Error::UpstreamLength { expected: 2, found: 3 },
            "upstream gradient has 3 elements, 2 are needed",
        ),
        (
            Upstream::PerElement(&values[..6]),
            Error::UpstreamPerElement { len: 6 },
            "upstream gradient for each of 6 elements; a loss of rows has one for each row or one \
             for all",
        ),
    ];
    for (upstream, error, text) in upstreams {
        refuses(error, text, |_, grad| loss.grad_student(upstream, grad));
        refuses(error, text, |_, grad| loss.grad_teacher(upstream, grad));
        refuses(error, text, |losses, grad| loss.loss_and_grad_student(upstream, losses, grad));
    }
    if let Some(isa) = [Isa::Neon, Isa::Sse2].into_iter().find(|isa| !isa.is_available()) {
        let text = format!("instruction set {isa} is not available here");
        refuses(Error::IsaUnavailable { isa }, &text, |_, _| loss.on(isa).map(drop));
    }
}

#[test]
fn parameters_that_mean_nothing() {
    let values = [0.5_f32; 6];
    let rows = Rows::new(&values, 3).expect("whole rows");
    let loss = DistillLoss::new(rows, Teacher::Logits(rows)).expect("equal shapes");
    let refused = |result: Result<DistillLoss<'_, f32>, Error>, error: Error, text: &str| {
        assert_eq!(result.err(), Some(error));
        assert_eq!(error.to_string(), text);
    };
    for tau in [0.0, -0.0, -1.0, f32::INFINITY, f32::MIN_POSITIVE / 2.0] {
        let value = f64::from(tau);
        let text = format!("temperature {value} is not a positive, normal, finite number");
        refused(loss.temperature(tau), Error::Temperature { value }, &text);
    }
    let nan = loss.temperature(f32::NAN).map(drop);
    assert!(matches!(nan, Err(Error::Temperature { value }) if value.is_nan()));
    for beta in [0.0, 1.0, -0.5, 1.5, f32::INFINITY] {
        let value = f64::from(beta);
        let text = format!("share beta = {value} is not above 0 and below 1");
        let mixture = Divergence::JensenShannon { beta };
        refused(loss.divergence(mixture), Error::Beta { value }, &text);
    }
    let nan = loss.divergence(Divergence::JensenShannon { beta: f32::NAN }).map(drop);
    assert!(matches!(nan, Err(Error::Beta { value }) if value.is_nan()));
}
