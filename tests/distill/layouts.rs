//! Rows with padding, gradients that add up, rows that are ignored.

use kldiv::{
    DistillLoss, Error, IGNORED, Isa, Reduction, Rows, Teacher, Upstream, log_softmax_on,
    reference, softmax_on,
};

use crate::problem::{FORMS, Form, KINDS, Kind, Problem};
use crate::support::{Answer, Number, assert_same, for_each_number, isas, raw};

const ROWS: usize = 5;

/// The same rows `stride` apart, with `padding` between them; the last one has as much of it as `last`.
fn spread<R: Number>(
    dense: &[R],
    classes: usize,
    stride: usize,
    padding: R,
    last: usize,
) -> Vec<R> {
    let mut values = Vec::new();
    for row in dense.chunks(classes) {
        values.extend_from_slice(row);
        values.resize(values.len() + stride - classes, padding);
    }
    values.truncate(values.len() - (stride - classes) + last);
    values
}

/// The rows without their padding.
fn gathered<R: Number>(values: &[R], classes: usize, stride: usize) -> Vec<R> {
    values.chunks(stride).flat_map(|row| row[..classes].to_vec()).collect()
}

/// All numbers of the padding.
fn paddings<R: Number>(values: &[R], classes: usize, stride: usize) -> Vec<R> {
    values.chunks(stride).flat_map(|row| row[classes..].to_vec()).collect()
}

fn upstreams<R>(factors: &[R]) -> [Upstream<'_, R>; 2]
where
    R: Number,
{
    [Upstream::Uniform(R::of(-0.75)), Upstream::PerRow(factors)]
}

/// Losses and gradients; gradients without padding, which is checked to be 0.
fn answers<R: Number>(
    loss: DistillLoss<'_, R>,
    lens: [usize; 2],
    strides: [usize; 2],
    classes: usize,
) -> Vec<Answer> {
    let mut losses = vec![R::of(f64::NAN); ROWS];
    loss.row_losses(&mut losses).expect("a loss for each row");
    let means = [loss.weighted_mean(), loss.reduce(Reduction::Mean)];
    let mut answers = vec![Answer::new("losses", &losses), Answer::new("means", &means)];
    let factors = raw(8, ROWS, 2.0);
    for upstream in upstreams(&factors) {
        let mut grad = vec![R::of(f64::NAN); lens[0]];
        loss.loss_and_grad_student(upstream, &mut losses, &mut grad).expect("lengths that agree");
        answers.push(Answer::new("losses beside a gradient", &losses));
        answers.push(Answer::new("student", &gathered(&grad, classes, strides[0])));
        assert!(paddings(&grad, classes, strides[0]).iter().all(|&x| x.bits() == 0));
        let mut grad = vec![R::of(f64::NAN); lens[1]];
        if loss.grad_teacher(upstream, &mut grad).is_ok() {
            answers.push(Answer::new("teacher", &gathered(&grad, classes, strides[1])));
            assert!(paddings(&grad, classes, strides[1]).iter().all(|&x| x.bits() == 0));
        }
    }
    answers
}

fn padding_is_not_read<R: Number>(classes: usize, form: Form) {
    let problem = Problem::<R>::ordinary(form, ROWS, classes, 1.5);
    let dense = problem.student.len();
    for (strides, last) in
        [([classes + 3, classes], 0), ([classes, classes + 1], 1), ([2 * classes, classes + 17], 2)]
    {
        let [x, t] = [(&problem.student, strides[0]), (&problem.teacher, strides[1])].map(
            |(values, stride)| {
                spread(values, classes, stride, R::of(f64::NAN), last.min(stride - classes))
            },
        );
        let student = Rows::strided(&x, classes, strides[0]).expect("whole rows");
        let rows = Rows::strided(&t, classes, strides[1]).expect("whole rows");
        assert_eq!((student.rows(), student.stride()), (ROWS, strides[0]));
        assert_eq!(student.row(ROWS - 1), problem.student.chunks(classes).next_back());
        let teacher = match form {
            Form::Logits => Teacher::Logits(rows),
            Form::LogProbs => Teacher::LogProbs(rows),
            Form::Probs => Teacher::Probs(rows),
            Form::Classes => Teacher::Classes(&problem.indices),
        };
        for kind in KINDS {
            for isa in isas() {
                let expected = answers(problem.loss(kind, isa), [dense; 2], [classes; 2], classes);
                let loss = DistillLoss::new(student, teacher)
                    .and_then(|loss| loss.temperature(problem.temperature))
                    .and_then(|loss| loss.divergence(kind.divergence()))
                    .and_then(|loss| loss.on(isa))
                    .expect("a loss as before");
                let found = answers(loss, [x.len(), t.len()], strides, classes);
                assert_same(&(R::NAME, classes, strides, form, kind, isa), &found, &expected);
            }
        }
    }
}

#[test]
fn padded_rows_have_the_bits_of_dense_ones() {
    for_each_number!(R => for classes in [1, 2, 10, 40, 1_100] {
        for form in FORMS {
            padding_is_not_read::<R>(classes, form);
        }
    });
}

fn softmax_of_padded_rows<R: Number>(classes: usize, stride: usize) {
    let dense: Vec<R> = raw(3, ROWS * classes, 9.0);
    let padded = spread(&dense, classes, stride, R::of(f64::NAN), 0);
    let rows = Rows::new(&dense, classes).expect("whole rows");
    let strided = Rows::strided(&padded, classes, stride).expect("whole rows");
    for isa in isas() {
        for softmax in [softmax_on, log_softmax_on] {
            let mut expected = vec![R::of(f64::NAN); dense.len()];
            softmax(isa, rows, &mut expected).expect("equal lengths");
            let mut found = vec![R::of(f64::NAN); padded.len()];
            softmax(isa, strided, &mut found).expect("equal lengths");
            let context = (R::NAME, classes, stride, isa);
            let shares = gathered(&found, classes, stride);
            assert_same(&context, &[Answer::new("", &shares)], &[Answer::new("", &expected)]);
            assert!(paddings(&found, classes, stride).iter().all(|&x| x.bits() == 0));
        }
    }
}

#[test]
fn softmax_of_padded_rows_is_padded() {
    for_each_number!(R => for (classes, stride) in [(1, 2), (3, 5), (10, 16), (33, 40), (500, 512)] {
        softmax_of_padded_rows::<R>(classes, stride);
    });
}

/// One rounding more than the gradient alone, and padding stays.
fn accumulated_is_added<R: Number>(form: Form, kind: Kind, isa: Isa) {
    let (classes, stride) = (300, 303);
    let problem = Problem::<R>::ordinary(form, ROWS, classes, 0.7);
    let x = spread(&problem.student, classes, stride, R::of(f64::NAN), 1);
    let student = Rows::strided(&x, classes, stride).expect("whole rows");
    let mut weights = raw::<R>(4, ROWS, 2.0);
    weights[2] = R::of(0.0);
    let loss = DistillLoss::new(student, problem.teacher())
        .and_then(|loss| loss.divergence(kind.divergence()))
        .and_then(|loss| loss.row_weights(&weights))
        .and_then(|loss| loss.on(isa))
        .expect("a loss");
    let upstream = Upstream::Uniform(R::of(0.3));
    for by_student in [true, false] {
        let len = if by_student { x.len() } else { problem.teacher.len() };
        let before: Vec<R> = raw(5, len, 0.01);
        let run = |loss: DistillLoss<'_, R>, grad: &mut [R]| {
            let mut losses = vec![R::of(f64::NAN); ROWS];
            let done = if by_student {
                loss.loss_and_grad_student(upstream, &mut losses, grad)
            } else {
                loss.grad_teacher(upstream, grad)
            };
            done.map(|()| losses)
        };
        let mut alone = vec![R::of(f64::NAN); len];
        let Ok(losses) = run(loss, &mut alone) else { continue };
        let mut sum = before.clone();
        let again = run(loss.accumulate(true), &mut sum).expect("as before");
        let expected: Vec<R> = before
            .iter()
            .zip(&alone)
            .enumerate()
            .map(|(i, (&before, &alone))| {
                let is_padding = by_student && i % stride >= classes;
                let is_masked = i / (if by_student { stride } else { classes }) == 2;
                if is_padding || is_masked { before } else { before + alone }
            })
            .collect();
        let context = (R::NAME, form, kind, isa, by_student);
        assert_same(
            &context,
            &[Answer::new("gradient", &sum), Answer::new("losses", &again)],
            &[Answer::new("gradient", &expected), Answer::new("losses", &losses)],
        );
        let mut replaced = before;
        run(loss.accumulate(true).accumulate(false), &mut replaced).expect("as before");
        assert_same(&context, &[Answer::new("", &replaced)], &[Answer::new("", &alone)]);
    }
}

#[test]
fn accumulated_gradients_are_added() {
    for_each_number!(R => for form in FORMS {
        for kind in KINDS {
            for isa in isas() {
                accumulated_is_added::<R>(form, kind, isa);
            }
        }
    });
}

fn ignored_rows_do_not_count<R: Number>() {
    let classes = 7;
    let mut values: Vec<R> = raw(6, 3 * classes, 4.0);
    let counted = [values[..classes].to_vec(), values[2 * classes..].to_vec()].concat();
    values[classes..2 * classes].fill(R::of(f64::NAN));
    let labels = [3, IGNORED, 0];
    let student = Rows::new(&values, classes).expect("whole rows");
    for isa in isas() {
        let loss = DistillLoss::new(student, Teacher::Classes(&labels))
            .and_then(|loss| loss.on(isa))
            .expect("labels in range");
        let others = Rows::new(&counted, classes).expect("whole rows");
        let others = DistillLoss::new(others, Teacher::Classes(&[3, 0]))
            .and_then(|loss| loss.on(isa))
            .expect("labels in range");
        let mean = [Answer::new("mean", &[loss.weighted_mean()])];
        assert_same(&isa, &mean, &[Answer::new("mean", &[others.weighted_mean()])]);
        let (mut losses, mut grad) = (vec![R::of(9.0); 3], vec![R::of(9.0); 3 * classes]);
        let upstream = Upstream::Uniform(R::of(1.0));
        loss.loss_and_grad_student(upstream, &mut losses, &mut grad).expect("lengths that agree");
        assert_eq!(losses[1].bits(), 0);
        assert!(grad[classes..2 * classes].iter().all(|x| x.bits() == 0));
        assert!(grad[..classes].iter().all(|x| x.to_f64() != 0.0));
    }
    let mut exact = [9.0; 3];
    let forward = Kind::Forward.divergence();
    let teacher = Teacher::Classes(&labels);
    reference::distill(student, teacher, R::of(1.0), forward, &mut exact);
    assert_eq!(exact[1], 0.0);
    assert!(exact[0] > 0.0 && exact[2] > 0.0);
    let mut grad = vec![9.0; 3 * classes];
    let one = Upstream::Uniform(R::of(1.0));
    reference::distill_grad_student(student, teacher, R::of(1.0), forward, one, &mut grad);
    assert!(grad[classes..2 * classes].iter().all(|&x| x == 0.0) && grad[0] != 9.0);

    let error = DistillLoss::new(student, Teacher::Classes(&[3, IGNORED - 1, 0])).err();
    assert_eq!(error, Some(Error::ClassIndex { row: 1, index: IGNORED - 1, classes }));
}

#[test]
fn ignored_rows_count_nowhere() {
    for_each_number!(R => ignored_rows_do_not_count::<R>());
}

#[test]
fn rows_that_cannot_be_cut() {
    let values = [0.0_f32; 10];
    let refused = |classes, stride| Rows::strided(&values, classes, stride).expect_err("refused");
    let cases = [
        (
            refused(0, 4),
            Error::ZeroClasses { len: 10 },
            "10 elements cannot be cut into rows of 0 classes",
        ),
        (
            refused(5, 4),
            Error::Stride { classes: 5, stride: 4 },
            "rows of 5 classes cannot begin every 4 elements",
        ),
        (
            refused(3, 4),
            Error::StridedRows { len: 10, classes: 3, stride: 4 },
            "10 elements end within a row: 3 classes, 4 elements from row to row",
        ),
    ];
    for (found, expected, text) in cases {
        assert_eq!((found, found.to_string()), (expected, text.to_owned()));
    }
    for (classes, stride, rows) in
        [(2, 4, 3), (2, 8, 2), (10, 10, 1), (10, usize::MAX, 1), (1, 1, 10)]
    {
        assert_eq!(Rows::strided(&values, classes, stride).map(|rows| rows.rows()), Ok(rows));
    }
    assert_eq!(
        Rows::<f32>::strided(&[], 3, 5).map(|rows| (rows.rows(), rows.row(0))),
        Ok((0, None))
    );
    let rows = Rows::strided(&values, 2, 4).expect("whole rows");
    assert_eq!((rows.row(2), rows.row(3), rows.row(usize::MAX)), (Some(&[0.0; 2][..]), None, None));
}
