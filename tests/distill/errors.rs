//! What is refused, with which words, and that nothing has been written then.

use kldiv::{DistillLoss, Divergence, Error, Isa, Rows, Teacher, Upstream};

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
    for index in [3, 4, u32::MAX - 1] {
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
    for (tau, said) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (-1.0, "-1"),
        (-0.1, "-0.1"),
        (f32::INFINITY, "inf"),
        (f32::MIN, "-3.4028235e38"),
        (f32::MIN_POSITIVE / 2.0, "5.877472e-39"),
    ] {
        let value = f64::from(tau);
        let text = format!("temperature {said} is not a positive, normal, finite number");
        refused(loss.temperature(tau), Error::Temperature { value }, &text);
    }
    let nan = loss.temperature(f32::NAN).map(drop);
    assert!(matches!(nan, Err(Error::Temperature { value }) if value.is_nan()));
    for (beta, said) in
        [(0.0, "0"), (1.0, "1"), (-0.5, "-0.5"), (1.1, "1.1"), (1e9, "1e9"), (f32::INFINITY, "inf")]
    {
        let value = f64::from(beta);
        let text = format!("share beta = {said} is not above 0 and below 1");
        let mixture = Divergence::JensenShannon { beta };
        refused(loss.divergence(mixture), Error::Beta { value }, &text);
    }
    let nan = loss.divergence(Divergence::JensenShannon { beta: f32::NAN }).map(drop);
    assert!(matches!(nan, Err(Error::Beta { value }) if value.is_nan()));
}

/// Numbers stand in an error with the digits that tell them from others of their type.
#[test]
fn numbers_are_said_in_few_signs() {
    for (value, said) in [
        (1e-310, "1e-310"),
        (f64::MIN, "-1.7976931348623157e308"),
        (-1e22, "-1e22"),
        (-1234.5, "-1234.5"),
        (-0.25, "-0.25"),
        (-1e-5, "-1e-5"),
        (-0.001, "-0.001"),
        // Not what an f32 holds.
        (-0.1, "-0.1"),
        (-0.123_456_789_012, "-0.123456789012"),
        // What one holds, but as short with all of its digits.
        (-1_073_741_824.0, "-1073741824"),
        (f64::from(-0.3_f32), "-0.3"),
        (f64::from(-1.000_000_1_f32), "-1.0000001"),
    ] {
        let text = format!("temperature {said} is not a positive, normal, finite number");
        assert_eq!(Error::Temperature { value }.to_string(), text);
        let text = format!("input[3] = {said} is below zero, not a probability");
        let error = Error::NegativeProbability { side: kldiv::Side::Input, index: 3, value };
        assert_eq!(error.to_string(), text);
    }
}
