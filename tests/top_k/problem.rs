//! Students, and teachers that name few classes.

use kldiv::{DistillLoss, Isa, Rest, Rows, Teacher, TopK, Upstream, reference};

use crate::support::{Answer, Number, Random, raw};

pub(crate) const RESTS: [Rest; 4] = [Rest::Renormalise, Rest::Bucket, Rest::Uniform, Rest::Ignore];

/// A student and the places of a teacher.
#[derive(Clone, Debug)]
pub(crate) struct Problem<R> {
    pub(crate) student: Vec<R>,
    pub(crate) classes: usize,
    pub(crate) named: Vec<u32>,
    pub(crate) log_probs: Vec<R>,
    pub(crate) k: usize,
    pub(crate) temperature: R,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Data {
    Ordinary,
    Warm,
    /// The student is nearly certain of a named class.
    Peaked,
    /// So certain that no other class has a probability in its type.
    Certain,
    /// Masses that underflow among others that do not.
    Spread,
    /// The reference moves again and again.
    Rising,
    /// Classes that the student excludes, and empty places.
    Masked,
    /// The teacher's probabilities are those of the student.
    Close,
    /// Far from zero, where nothing but differences matters.
    Offset,
    /// Probabilities that no number of the type can hold.
    Faint,
}

pub(crate) const DATA: [Data; 10] = [
    Data::Ordinary,
    Data::Warm,
    Data::Peaked,
    Data::Certain,
    Data::Spread,
    Data::Rising,
    Data::Masked,
    Data::Close,
    Data::Offset,
    Data::Faint,
];

impl<R: Number> Problem<R> {
    pub(crate) fn new(data: Data, rows: usize, classes: usize, k: usize) -> Self {
        let n = rows * classes;
        let mut student: Vec<R> = raw(1, n, if data == Data::Spread { 300.0 } else { 6.0 });
        let teacher: Vec<R> = match data {
            Data::Close => student.clone(),
            _ => raw(2, n, 6.0),
        };
        let mut ln_p = vec![0.0; n];
        reference::log_softmax(&teacher, classes, &mut ln_p);
        let mut random = Random::new(k as u64);
        let (mut named, mut log_probs) = (Vec::new(), Vec::new());
        for ln_p in ln_p.chunks(classes) {
            let mut all: Vec<usize> = (0..classes).collect();
            for place in 0..k {
                let other = place + random.below((classes - place) as u64) as usize;
                all.swap(place, other);
            }
            named.extend(all[..k].iter().map(|&class| class as u32));
            log_probs.extend(all[..k].iter().map(|&class| R::of(ln_p[class])));
        }
        let mut temperature = R::of(1.0);
        match data {
            Data::Ordinary | Data::Spread | Data::Close => {}
            Data::Warm => temperature = R::of(2.7),
            Data::Peaked | Data::Certain => {
                let height =
                    if data == Data::Peaked { 22.0 } else { -2.0 * R::SMALLEST.to_f64().ln() };
                for (student, named) in student.chunks_mut(classes).zip(named.chunks(k.max(1))) {
                    student[named[named.len() / 2] as usize] = R::of(height);
                }
            }
            Data::Rising => {
                for (i, x) in student.iter_mut().enumerate() {
                    *x = R::of(x.to_f64() / 8.0 + (i % classes) as f64 / 100.0);
                }
            }
            Data::Masked => {
                for i in (0..n).filter(|i| i % 3 == 0) {
                    student[i] = R::of(f64::NEG_INFINITY);
                }
                for (i, ln_p) in log_probs.iter_mut().enumerate() {
                    // Whatever its class.
                    if i % 4 == 1 {
                        *ln_p = R::of(f64::NEG_INFINITY);
                        named[i] = [u32::MAX, 0, classes as u32][i % 3];
                    }
                }
            }
            Data::Offset => {
                for x in &mut student {
                    *x = R::of(x.to_f64() + 1e4);
                }
            }
            Data::Faint => {
                for ln_p in &mut log_probs {
                    *ln_p = R::of(ln_p.to_f64() + 2.0 * R::SMALLEST.to_f64().ln());
                }
            }
        }
        Problem { student, classes, named, log_probs, k, temperature }
    }

    pub(crate) fn rows(&self) -> usize {
        self.student.len() / self.classes
    }

    pub(crate) fn student(&self) -> Rows<'_, R> {
        Rows::new(&self.student, self.classes).expect("whole rows")
    }

    pub(crate) fn teacher(&self, rest: Rest) -> Teacher<'_, R> {
        let top_k = TopK::new(&self.named, &self.log_probs, self.k, rest);
        Teacher::TopK(top_k.expect("whole rows"))
    }

    pub(crate) fn loss(&self, rest: Rest, isa: Isa) -> DistillLoss<'_, R> {
        DistillLoss::new(self.student(), self.teacher(rest))
            .and_then(|loss| loss.temperature(self.temperature))
            .and_then(|loss| loss.on(isa))
            .expect("as many rows, classes in range")
    }

    pub(crate) fn exact_losses(&self, rest: Rest) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.rows()];
        let (student, teacher) = (self.student(), self.teacher(rest));
        reference::distill(student, teacher, self.temperature, Default::default(), &mut out);
        out
    }

    pub(crate) fn exact_grad(&self, rest: Rest, upstream: Upstream<'_, R>) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.student.len()];
        let (student, teacher) = (self.student(), self.teacher(rest));
        let tau = self.temperature;
        reference::distill_grad_student(
            student,
            teacher,
            tau,
            Default::default(),
            upstream,
            &mut out,
        );
        out
    }

    /// `ln q` of each class.
    pub(crate) fn ln_q(&self) -> Vec<f64> {
        let tau = self.temperature.to_f64();
        let logits: Vec<f64> = self.student.iter().map(|x| x.to_f64() / tau).collect();
        let mut out = vec![0.0; logits.len()];
        reference::log_softmax(&logits, self.classes, &mut out);
        out
    }
}

/// Everything that a loss can be asked for.
pub(crate) fn everything<R: Number>(
    loss: DistillLoss<'_, R>,
    rows: usize,
    n: usize,
) -> Vec<Answer> {
    let factors: Vec<R> = raw(7, rows, 2.0);
    let blank = |n: usize| vec![R::of(f64::NAN); n];
    let (mut losses, mut grad) = (blank(rows), blank(n));
    loss.row_losses(&mut losses).expect("one a row");
    let totals = [loss.reduce(kldiv::Reduction::Sum), loss.weighted_mean()];
    let mut all = vec![Answer::new("totals", &totals), Answer::new("row_losses", &losses)];
    for upstream in [Upstream::Uniform(R::of(-0.37)), Upstream::PerRow(&factors)] {
        losses.fill(R::of(f64::NAN));
        grad.fill(R::of(f64::NAN));
        loss.grad_student(upstream, &mut grad).expect("lengths that agree");
        all.push(Answer::new("grad_student", &grad));
        grad.fill(R::of(f64::NAN));
        loss.loss_and_grad_student(upstream, &mut losses, &mut grad).expect("lengths that agree");
        all.push(Answer::new("losses of both", &losses));
        all.push(Answer::new("gradient of both", &grad));
        grad.fill(R::of(0.75));
        loss.accumulate(true).grad_student(upstream, &mut grad).expect("lengths that agree");
        all.push(Answer::new("gradient added", &grad));
    }
    all
}
