//! What `validate` finds, where it says it found it, and what it does not look at.

use kldiv::{DistillLoss, Error, IGNORED, Rows, Side, Teacher};

use crate::support::{Number, for_each_number};

/// Three rows of two classes with nothing to find.
const LOGITS: [f64; 6] = [0.0, 1.0, f64::NEG_INFINITY, 3.0, -2.0, f64::MIN];
const PROBS: [f64; 6] = [0.5, 0.5, 0.0, 1.0, 0.25, 0.75];

fn of<R: Number>(values: &[f64]) -> Vec<R> {
    values.iter().map(|&value| R::of(value)).collect()
}

fn ln<R: Number>(values: &[f64]) -> Vec<R> {
    values.iter().map(|&value| R::of(value.ln())).collect()
}

fn rows<R>(values: &[R]) -> Rows<'_, R> {
    Rows::new(values, 2).expect("whole rows")
}

/// What is found, and in what words. A NaN equals itself here.
#[track_caller]
fn finds<R: Number>(student: &[R], teacher: Teacher<'_, R>, expected: Error, text: &str) {
    let found = DistillLoss::new(rows(student), teacher).expect("equal shapes");
    let found = found.validate(R::of(1e-6)).expect_err(text);
    assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{}", R::NAME);
    assert_eq!(found.to_string(), text, "{}", R::NAME);
}

#[test]
fn sound_rows_pass() {
    fn check<R: Number>() {
        let (student, probs, ln_probs) = (of::<R>(&LOGITS), of::<R>(&PROBS), ln::<R>(&PROBS));
        for teacher in [
            Teacher::Logits(rows(&student)),
            Teacher::LogProbs(rows(&ln_probs)),
            Teacher::Probs(rows(&probs)),
            Teacher::Classes(&[0, 1, 1]),
        ] {
            let loss = DistillLoss::new(rows(&student), teacher).expect("equal shapes");
            assert_eq!(loss.validate(R::of(1e-6)), Ok(()), "{} {teacher:?}", R::NAME);
        }
        // Within the tolerance, and beyond it.
        let off = of::<R>(&[0.5, 0.51]);
        let loss = DistillLoss::new(rows(&student[..2]), Teacher::Probs(rows(&off)));
        let loss = loss.expect("equal shapes");
        assert_eq!(loss.validate(R::of(0.02)), Ok(()));
        assert!(matches!(loss.validate(R::of(0.005)), Err(Error::RowSum { row: 0, .. })));
        assert!(matches!(loss.validate(R::of(f64::NAN)), Err(Error::RowSum { row: 0, .. })));
        let above = of::<R>(&[0.004, f64::NEG_INFINITY]);
        let loss = DistillLoss::new(rows(&student[..2]), Teacher::LogProbs(rows(&above)));
        let loss = loss.expect("equal shapes");
        assert_eq!(loss.validate(R::of(0.005)), Ok(()));
        let found = loss.validate(R::of(0.003));
        assert!(matches!(found, Err(Error::TeacherLogProbability { row: 0, index: 0, .. })));
        // No rows.
        let none = DistillLoss::new(rows::<R>(&[]), Teacher::Probs(rows(&[])));
        assert_eq!(none.expect("no rows").validate(R::of(0.0)), Ok(()));
    }
    for_each_number!(R => check::<R>());
}

#[test]
fn logits_without_a_softmax() {
    fn check<R: Number>() {
        let student = of::<R>(&LOGITS);
        for (value, said) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
            for at in 0..6 {
                let mut spoilt = student.clone();
                spoilt[at] = R::of(value);
                // The later ones do not matter.
                spoilt[5] = R::of(value);
                let (row, index) = (at / 2, at % 2);
                let text = |side: Side| {
                    format!("logit {index} of {side} row {row} is {said}: the row has no softmax")
                };
                let side = Side::Student;
                let expected = Error::Logit { side, row, index, value };
                finds(&spoilt, Teacher::Classes(&[0, 1, 1]), expected, &text(side));
                let side = Side::Teacher;
                let expected = Error::Logit { side, row, index, value };
                finds(&student, Teacher::Logits(rows(&spoilt)), expected, &text(side));
            }
        }
        for row in 0..3 {
            let mut spoilt = student.clone();
            spoilt[2 * row..][..2].fill(R::of(f64::NEG_INFINITY));
            let text = |side: Side| {
                format!("logits of {side} row {row} are all -inf: the row has no softmax")
            };
            let side = Side::Student;
            finds(&spoilt, Teacher::Classes(&[0; 3]), Error::NoLogit { side, row }, &text(side));
            let side = Side::Teacher;
            let teacher = Teacher::Logits(rows(&spoilt));
            finds(&student, teacher, Error::NoLogit { side, row }, &text(side));
        }
    }
    for_each_number!(R => check::<R>());
}

#[test]
fn teachers_that_are_no_distribution() {
    fn check<R: Number>() {
        let student = of::<R>(&LOGITS);
        for (value, said) in [(f64::NAN, "NaN"), (-0.125, "-0.125"), (f64::NEG_INFINITY, "-inf")] {
            let mut probs = of::<R>(&PROBS);
            probs[3] = R::of(value);
            let text = format!("teacher row 1 has {said} at 1, not a probability");
            let expected = Error::TeacherProbability { row: 1, index: 1, value };
            finds(&student, Teacher::Probs(rows(&probs)), expected, &text);
        }
        for (value, said) in [(f64::NAN, "NaN"), (0.5, "0.5"), (f64::INFINITY, "inf")] {
            let mut log_probs = ln::<R>(&PROBS);
            log_probs[4] = R::of(value);
            let text = format!(
                "teacher row 2 has {said} at 0, not a log-probability; were probabilities or logits \
                 passed?"
            );
            let expected = Error::TeacherLogProbability { row: 2, index: 0, value };
            finds(&student, Teacher::LogProbs(rows(&log_probs)), expected, &text);
        }
        for (row, sum, said) in [
            ([0.25, 0.25], 0.5, "0.5"),
            ([1.25, 0.75], 2.0, "2"),
            ([f64::INFINITY, 0.0], f64::INFINITY, "inf"),
        ] {
            let mut probs = of::<R>(&PROBS);
            probs[4..].copy_from_slice(&of::<R>(&row));
            let text = format!("probabilities of teacher row 2 sum to {said}, not to 1");
            let expected = Error::RowSum { side: Side::Teacher, row: 2, sum };
            finds(&student, Teacher::Probs(rows(&probs)), expected, &text);
        }
        let log_probs = ln::<R>(&[0.5, 0.5, 0.5, 0.5, 0.25, 0.25]);
        let loss = DistillLoss::new(rows(&student), Teacher::LogProbs(rows(&log_probs)));
        let found = loss.expect("equal shapes").validate(R::of(1e-3));
        assert!(
            matches!(found, Err(Error::RowSum { side: Side::Teacher, row: 2, sum }) if (sum - 0.5).abs() < 1e-6),
            "{found:?}"
        );
        // The first row that is wrong, the student first.
        let mut spoilt = student.clone();
        spoilt[2] = R::of(f64::NAN);
        let mut probs = of::<R>(&PROBS);
        probs[2] = R::of(-1.0);
        let loss = DistillLoss::new(rows(&spoilt), Teacher::Probs(rows(&probs))).expect("shapes");
        let found = loss.validate(R::of(1e-6));
        assert!(matches!(found, Err(Error::Logit { side: Side::Student, row: 1, index: 0, .. })));
        probs[1] = R::of(-2.0);
        let loss = DistillLoss::new(rows(&spoilt), Teacher::Probs(rows(&probs))).expect("shapes");
        let expected = Error::TeacherProbability { row: 0, index: 1, value: -2.0 };
        assert_eq!(loss.validate(R::of(1e-6)), Err(expected));
    }
    for_each_number!(R => check::<R>());
}

/// Rows of weight 0, rows that are ignored, padding.
#[test]
fn what_does_not_count_is_not_looked_at() {
    fn check<R: Number>() {
        let nan = R::of(f64::NAN);
        let mut student = of::<R>(&LOGITS);
        student[2] = nan;
        let mut probs = of::<R>(&PROBS);
        probs[3] = nan;
        let tolerance = R::of(1e-6);
        for weight in [0.0, -0.0] {
            let weights = of::<R>(&[1.0, weight, f64::NAN]);
            let loss = DistillLoss::new(rows(&student), Teacher::Probs(rows(&probs)));
            let loss = loss.and_then(|loss| loss.row_weights(&weights)).expect("shapes");
            assert_eq!(loss.validate(tolerance), Ok(()));
        }
        let weights = of::<R>(&[0.0, -1.0, 0.0]);
        let loss = DistillLoss::new(rows(&student), Teacher::Probs(rows(&probs)));
        let loss = loss.and_then(|loss| loss.row_weights(&weights)).expect("shapes");
        assert!(matches!(loss.validate(tolerance), Err(Error::Logit { row: 1, index: 0, .. })));

        let ignored = Teacher::Classes(&[0, IGNORED, 1]);
        let loss = DistillLoss::new(rows(&student), ignored).expect("shapes");
        assert_eq!(loss.validate(tolerance), Ok(()));

        let (one, half) = (R::of(1.0), R::of(0.5));
        let padded = [one, one, nan, one, one, nan, one, one];
        let student = Rows::strided(&padded, 2, 3).expect("three rows");
        let padded = [half, half, nan, nan, half, half, nan, nan, half, half, nan];
        let teacher = Teacher::Probs(Rows::strided(&padded, 2, 4).expect("three rows"));
        let loss = DistillLoss::new(student, teacher).expect("shapes");
        assert_eq!(loss.validate(tolerance), Ok(()));
    }
    for_each_number!(R => check::<R>());
}
