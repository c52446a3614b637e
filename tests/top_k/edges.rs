//! The edges, by name.

use kldiv::{DistillLoss, Element, Isa, Rest, Rows, Teacher, TopK, Upstream};

use crate::problem::RESTS;
use crate::support::{Number, for_each_number, isas};

const NONE: f64 = f64::NEG_INFINITY;

/// Loss and gradient of one row, the same on every instruction set, and the same loss without a gradient but for
/// rounding.
fn row<R: Number>(
    student: &[f64],
    named: &[u32],
    log_probs: &[f64],
    rest: Rest,
) -> (f64, Vec<f64>) {
    let student: Vec<R> = student.iter().map(|&x| R::of(x)).collect();
    let log_probs: Vec<R> = log_probs.iter().map(|&x| R::of(x)).collect();
    let top_k = TopK::new(named, &log_probs, named.len(), rest).expect("one row");
    let rows = Rows::new(&student, student.len()).expect("one row");
    let loss = DistillLoss::new(rows, Teacher::TopK(top_k)).expect("classes in range");
    let all = |isa: Isa| {
        let loss = loss.on(isa).expect("available");
        let (mut losses, mut grad) = ([R::of(7.0)], vec![R::of(7.0); student.len()]);
        loss.loss_and_grad_student(Upstream::Uniform(R::of(1.0)), &mut losses, &mut grad)
            .expect("lengths that agree");
        let alone = loss.weighted_mean().to_f64();
        let value = losses[0].to_f64();
        let agree = (alone - value).abs() <= 8.0 * R::UNIT * (1.0 + value.abs());
        assert!(agree || alone == value || alone.is_nan() && value.is_nan(), "{alone} {value}");
        (losses[0].result_bits(), grad.iter().map(|x| x.result_bits()).collect::<Vec<_>>())
    };
    let first = all(Isa::Scalar);
    for isa in isas() {
        assert_eq!(all(isa), first, "{isa}");
    }
    let value = |bits| R::from_bits(bits).to_f64();
    (value(first.0), first.1.into_iter().map(value).collect())
}

#[track_caller]
fn near<R: Number>(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let tolerance = 16.0 * R::UNIT * (1.0 + expected.abs());
        let same = found == expected || found.is_nan() && expected.is_nan();
        assert!(same || (found - expected).abs() <= tolerance, "{found} {expected}");
    }
}

fn ln(x: f64) -> f64 {
    x.ln()
}

/// Half of the teacher is spread over classes that are masked with the lowest number: each is within range, their sum
/// is not.
#[test]
fn elsewhere_beyond_the_largest_number() {
    for_each_number!(R => for classes in [3, 40, 3000] {
        let largest = R::LARGEST.to_f64();
        let mut student = vec![-largest; classes];
        // One elsewhere is not masked: all others are far below it.
        (student[0], student[1]) = (0.0, 0.0);
        let (loss, grad) = row::<R>(&student, &[1], &[ln(0.5)], Rest::Uniform);
        let each = 0.5 / (classes - 1) as f64;
        let mut slopes = vec![-each; classes];
        (slopes[0], slopes[1]) = (0.5 - each, 0.0);
        near::<R>(&[loss / largest], &[each * (classes - 2) as f64]);
        near::<R>(&grad, &slopes);
    });
}

#[test]
fn no_place() {
    for_each_number!(R => for rest in RESTS {
        let (loss, grad) = row::<R>(&[0.0, ln(3.0)], &[], &[], rest);
        match rest {
            // r = 1 spread over both, against ¼ and ¾.
            Rest::Uniform => {
                near::<R>(&[loss], &[0.5 * (ln(2.0) + ln(2.0 / 3.0))]);
                near::<R>(&grad, &[-0.25, 0.25]);
            }
            Rest::Renormalise | Rest::Bucket | Rest::Ignore => {
                near::<R>(&[loss], &[0.0]);
                near::<R>(&grad, &[0.0, 0.0]);
            }
        }
    });
}

#[test]
fn all_places_empty() {
    for_each_number!(R => for rest in RESTS {
        let student = [0.0, ln(3.0)];
        let without = row::<R>(&student, &[], &[], rest);
        assert_eq!(row::<R>(&student, &[0, u32::MAX, 7], &[NONE; 3], rest), without);
    });
}

/// Also where P comes out a little below one, beside no class elsewhere.
#[test]
fn as_many_places_as_classes() {
    for_each_number!(R => for rest in RESTS {
        for shift in [0.0, -4.0 * R::UNIT, 4.0 * R::UNIT] {
            let log_probs = [ln(0.5) + shift, ln(0.25), ln(0.25)];
            let (loss, grad) = row::<R>(&[0.0, ln(3.0), 0.0], &[2, 0, 1], &log_probs, rest);
            // p is ¼, ¼, ½ and q is ⅕, ⅗, ⅕.
            let expected = 0.25 * ln(1.25) + 0.25 * ln(1.25 / 3.0) + 0.5 * ln(2.5);
            near::<R>(&[loss], &[expected]);
            near::<R>(&grad, &[-0.05, 0.35, -0.3]);
        }
    });
}

#[test]
fn as_many_places_as_classes_and_less_than_one() {
    for_each_number!(R => {
        let all = |rest| row::<R>(&[0.0, 0.0], &[0, 1], &[ln(0.25), ln(0.25)], rest);
        near::<R>(&[all(Rest::Renormalise).0], &[0.0]);
        assert_eq!(all(Rest::Bucket).0, f64::INFINITY);
        near::<R>(&[all(Rest::Uniform).0, all(Rest::Ignore).0], &[0.5 * ln(0.5); 2]);
        near::<R>(&all(Rest::Bucket).1, &[0.25, 0.25]);
        near::<R>(&all(Rest::Ignore).1, &[0.0, 0.0]);
    });
}

/// `r` is 0 then, not a little less, of which there is no logarithm.
#[test]
fn more_than_one_by_rounding() {
    for_each_number!(R => for rest in RESTS {
        let log_probs = [ln(0.5) + 2.0 * R::UNIT, ln(0.5) + 2.0 * R::UNIT];
        let (loss, grad) = row::<R>(&[0.0, 0.0, 0.0], &[0, 2], &log_probs, rest);
        near::<R>(&[loss], &[ln(1.5)]);
        near::<R>(&grad, &[1.0 / 3.0 - 0.5, 1.0 / 3.0, 1.0 / 3.0 - 0.5]);
    });
}

/// Not by rounding: the formula holds, which is no divergence.
#[test]
fn far_more_than_one() {
    for_each_number!(R => {
        let log_probs = [ln(0.75), ln(0.75)];
        let (loss, grad) = row::<R>(&[0.0, 0.0, 0.0], &[0, 2], &log_probs, Rest::Bucket);
        near::<R>(&[loss], &[1.5 * ln(2.25)]);
        near::<R>(&grad, &[1.0 / 3.0 - 0.75, 1.0 / 3.0, 1.0 / 3.0 - 0.75]);
    });
}

#[test]
fn nothing_left_beside_no_mass_elsewhere() {
    for_each_number!(R => for rest in RESTS {
        let (loss, grad) = row::<R>(&[0.0, NONE, 0.0, NONE], &[0, 2], &[ln(0.5); 2], rest);
        near::<R>(&[loss], &[0.0]);
        near::<R>(&grad, &[0.0; 4]);
    });
}

#[test]
fn something_left_beside_no_mass_elsewhere() {
    for_each_number!(R => {
        let all = |rest| row::<R>(&[0.0, NONE, 0.0, NONE], &[0, 2], &[ln(0.25); 2], rest);
        near::<R>(&[all(Rest::Renormalise).0], &[0.0]);
        for rest in [Rest::Bucket, Rest::Uniform] {
            assert_eq!(all(rest).0, f64::INFINITY);
        }
        near::<R>(&all(Rest::Bucket).1, &[0.25, 0.0, 0.25, 0.0]);
        near::<R>(&all(Rest::Uniform).1, &[0.25, -0.25, 0.25, -0.25]);
    });
}

/// One excluded class is enough where each has its part; for a bucket others are left.
#[test]
fn an_excluded_class_elsewhere() {
    for_each_number!(R => {
        let all = |rest| row::<R>(&[0.0, NONE, 0.0], &[0], &[ln(0.5)], rest);
        near::<R>(&[all(Rest::Bucket).0], &[0.0]);
        assert_eq!(all(Rest::Uniform).0, f64::INFINITY);
        near::<R>(&all(Rest::Bucket).1, &[0.0; 3]);
    });
}

#[test]
fn student_excludes_a_named_class() {
    for_each_number!(R => for rest in RESTS {
        let (loss, grad) = row::<R>(&[NONE, 0.0, 0.0], &[0], &[ln(0.5)], rest);
        assert_eq!(loss, f64::INFINITY);
        let p = if rest == Rest::Renormalise { 1.0 } else { 0.5 };
        near::<R>(&grad[..1], &[-p]);
        assert!(grad[1..].iter().all(|g| g.is_finite()));
        // Without a probability it takes no part: an empty place, and one that rounds to nothing.
        for ln_p in [NONE, 4.0 * R::SMALLEST.to_f64().ln()] {
            let (loss, grad) = row::<R>(&[NONE, 0.0, 0.0], &[0, 1], &[ln_p, 0.0], rest);
            near::<R>(&[loss], &[ln(2.0)]);
            near::<R>(&grad, &[0.0, -0.5, 0.5]);
        }
    });
}

/// Their logits are further below the peak than the type has numbers for.
#[test]
fn mass_elsewhere_that_is_no_number() {
    for_each_number!(R => {
        let depth = -(2.0 * R::SMALLEST.to_f64().ln()).round();
        let (loss, grad) =
            row::<R>(&[depth, 0.0, 0.0], &[0], &[ln(0.5)], Rest::Bucket);
        near::<R>(&[loss], &[0.5 * ln(0.5) + 0.5 * (ln(0.5) + depth - ln(2.0))]);
        near::<R>(&grad, &[0.5, -0.25, -0.25]);
        let (loss, _) = row::<R>(&[depth, 0.0, 0.0], &[0], &[ln(0.5)], Rest::Uniform);
        near::<R>(&[loss], &[0.5 * ln(0.5) + 0.5 * (ln(0.25) + depth)]);
    });
}

#[test]
fn probabilities_that_are_no_numbers() {
    for_each_number!(R => {
        let faint = 2.0 * R::SMALLEST.to_f64().ln();
        // As if they were a half each.
        let (loss, grad) =
            row::<R>(&[0.0, 0.0, 0.0], &[0, 1], &[faint; 2], Rest::Renormalise);
        near::<R>(&[loss], &[ln(1.5)]);
        near::<R>(&grad, &[1.0 / 3.0 - 0.5, 1.0 / 3.0 - 0.5, 1.0 / 3.0]);
        let (loss, grad) = row::<R>(&[0.0, 0.0, 0.0], &[0, 1], &[faint; 2], Rest::Ignore);
        assert_eq!((loss, grad), (0.0, vec![0.0; 3]));
    });
}

#[test]
fn rows_without_a_softmax() {
    for_each_number!(R => for rest in RESTS {
        for student in [[f64::NAN, 0.0, 1.0], [0.0, f64::NAN, 1.0], [f64::INFINITY, 0.0, 1.0],
                        [0.0, 1.0, f64::INFINITY], [NONE; 3]] {
            let (loss, grad) = row::<R>(&student, &[1], &[-0.5], rest);
            assert!(loss.is_nan() && grad.iter().all(|g| g.is_nan()), "{student:?}");
        }
    });
}

/// Not only where it stands in the first block.
#[test]
fn not_a_number_far_below_a_peak() {
    for_each_number!(R => for rest in RESTS {
        for at in [5, 3_000] {
            let mut student = vec![0.0; 5_000];
            student[at] = f64::NAN;
            student[4_500] = -4.0 * R::SMALLEST.to_f64().ln();
            for named in [1, 4_500] {
                let (loss, grad) = row::<R>(&student, &[named], &[-0.5], rest);
                assert!(loss.is_nan() && grad.iter().all(|g| g.is_nan()), "{at} {named}");
            }
        }
    });
}

#[test]
fn a_log_probability_that_is_not_a_number() {
    for_each_number!(R => for rest in RESTS {
        let (loss, grad) = row::<R>(&[0.0, 0.0, 0.0], &[1, 2], &[f64::NAN, -1.0], rest);
        assert!(loss.is_nan() && grad[1].is_nan(), "{rest:?}");
    });
}

/// The loss means nothing then, but it is the same everywhere, and nothing panics.
#[test]
fn a_class_named_twice() {
    for_each_number!(R => for rest in RESTS {
        row::<R>(&[0.0, 1.0, 0.0], &[1, 1, 0, 2, 1], &[-1.0; 5], rest);
    });
}
