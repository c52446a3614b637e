//! Rows with infinities and NaN, classes and rows that take no part, and nothing at all.

use kldiv::{DistillLoss, Isa, Reduction, Rows, Teacher, Upstream};

use crate::problem::{Everything, FORMS, Form, KINDS, Kind, Problem, Side};
use crate::support::{Number, assert_same, class, for_each_number, isas};

/// Three rows of which the middle one is spoilt; the others come out as without it.
#[test]
fn a_spoilt_row_is_nan_and_no_other() {
    fn check<R: Number>() {
        let classes = 77;
        let infinity = R::of(f64::INFINITY);
        for form in FORMS {
            let sound = Problem::<R>::ordinary(form, 3, classes, 1.5);
            for kind in KINDS {
                let expected = Everything::of(sound.loss(kind, Isa::best()), 3, 3 * classes);
                for spoil in [infinity, R::of(f64::NAN), infinity.negative()] {
                    for side in [Side::Student, Side::Teacher] {
                        if side == Side::Teacher && form != Form::Logits {
                            continue;
                        }
                        let mut spoilt = sound.clone();
                        let all = spoil.to_f64() == f64::NEG_INFINITY;
                        let count = if all { classes } else { 1 };
                        spoilt.numbers_of(side)[classes..][..count].fill(spoil);
                        for isa in isas() {
                            let got = Everything::of(spoilt.loss(kind, isa), 3, 3 * classes);
                            let context = (R::NAME, form, kind, isa, side, spoil);
                            for total in &got.totals {
                                let nan = total.values().all(f64::is_nan);
                                assert!(nan, "{context:?}: {} is not NaN", total.what);
                            }
                            assert_eq!(got.by_row.len(), expected.by_row.len());
                            for (got, expected) in got.by_row.iter().zip(&expected.by_row) {
                                let width = expected.bits().len() / 3;
                                let nan = got.part(width..2 * width).values().all(f64::is_nan);
                                assert!(
                                    nan,
                                    "{context:?}: {} of the spoilt row is not NaN",
                                    got.what
                                );
                                for others in [0..width, 2 * width..3 * width] {
                                    let parts = [got, expected].map(|of| [of.part(others.clone())]);
                                    assert_same(&context, &parts[0], &parts[1]);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    for_each_number!(R => check::<R>());
}

/// A share of the smallest number is zero, and its logarithm is not to weigh.
#[test]
fn shares_of_the_smallest_mass() {
    fn check<R: Number>() {
        let smallest = R::of(R::SMALLEST.to_f64().ln());
        for form in FORMS {
            let certain = [R::of(0.0), R::of(f64::NEG_INFINITY)];
            let student = vec![R::of(0.0), smallest];
            let mut problem = Problem::new(form, student, &certain, 2, 1.0);
            problem.indices = vec![0];
            let exact = problem.exact_losses(Kind::Mixture(0.5))[0];
            assert!(exact.abs() <= 4.0 * R::SMALLEST.to_f64(), "{form:?}: {exact:e}");
            for isa in isas() {
                let all = Everything::of(problem.loss(Kind::Mixture(0.5), isa), 1, 2);
                for answer in all.totals.iter().chain(&all.by_row) {
                    for value in answer.values() {
                        let size = value.abs();
                        assert!(size <= 1e-40, "{form:?} on {isa}, {}: {value:?}", answer.what);
                    }
                }
            }
        }
    }
    for_each_number!(R => check::<R>());
}

#[test]
fn suppressed_classes() {
    fn check<R: Number>() {
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
                for by in [Side::Student, Side::Teacher] {
                    let problem = match by {
                        Side::Student => Problem::new(Form::Logits, student.clone(), &full, 4, 1.0),
                        Side::Teacher => Problem::new(Form::Logits, full.clone(), &teacher, 4, 1.0),
                    };
                    let value = problem.loss(kind, isa).weighted_mean().to_f64();
                    let exact = problem.exact_losses(kind)[0];
                    let infinite = match kind {
                        Kind::Forward => by == Side::Student,
                        Kind::Reverse => by == Side::Teacher,
                        Kind::Mixture(_) => false,
                    };
                    assert_eq!(value == f64::INFINITY, infinite, "{kind:?} {isa}: {value}");
                    assert!(infinite || (value - exact).abs() <= 8.0 * R::UNIT, "{kind:?}");
                }
            }
        }
    }
    for_each_number!(R => check::<R>());
}

#[test]
fn a_masked_row_is_never_read() {
    fn check<R: Number>() {
        let classes = 40;
        for form in FORMS {
            let sound = Problem::<R>::ordinary(form, 4, classes, 1.0);
            let mut spoilt = sound.clone();
            spoilt.student[classes..][..classes].fill(R::of(f64::NAN));
            spoilt.teacher[classes..][..classes].fill(R::of(f64::NAN));
            let weights = [R::of(0.5), R::of(-0.0), R::of(3.0), R::of(1.0)];
            for kind in KINDS {
                for isa in isas() {
                    let weighted = |of: &Problem<R>| {
                        let loss = of.loss(kind, isa).row_weights(&weights).expect("four");
                        Everything::of(loss, 4, 4 * classes)
                    };
                    let got = weighted(&spoilt);
                    got.assert_same(&(R::NAME, form, kind, isa), &weighted(&sound));
                    for answer in &got.by_row {
                        let width = answer.bits().len() / 4;
                        for &bits in &answer.bits()[width..2 * width] {
                            assert_eq!(bits, 0, "{form:?} {kind:?} {}", answer.what);
                        }
                    }
                    // Weights multiply losses; their mean is over the weights.
                    let mut plain = [R::of(f64::NAN); 4];
                    sound.loss(kind, isa).row_losses(&mut plain).expect("four");
                    let losses = &got.by_row[0];
                    for row in [0, 2, 3] {
                        let expected = (plain[row] * weights[row]).result_bits();
                        assert_eq!(losses.bits()[row], expected, "{form:?} {kind:?} row {row}");
                    }
                    let total: f64 = losses.values().sum();
                    let mean: f64 = got.totals[1].values().sum();
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
    for_each_number!(R => check::<R>());
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

/// As one masks with the lowest number, for want of −∞: the temperature makes of a span beyond the largest number one
/// that is within.
#[test]
fn spans_beyond_the_largest_number() {
    fn check<R: Number>() {
        let (top, bottom) = (R::LARGEST, R::LARGEST.negative());
        let half = R::LARGEST.to_f64() / 2.0;
        for isa in isas() {
            let mut problem =
                Problem::new(Form::Classes, vec![top, bottom], &[bottom, top], 2, 4.0);
            problem.indices = vec![1];
            let is_half = |loss: f64| (loss / half - 1.0).abs() <= 4.0 * R::UNIT;
            let loss = problem.loss(Kind::Forward, isa).weighted_mean().to_f64();
            assert!(is_half(loss), "{} classes, {isa}: {loss:e}", R::NAME);
            assert!(is_half(problem.exact_losses(Kind::Forward)[0]));

            problem.form = Form::Logits;
            let nothing = [0.0; 2];
            for (kind, expected, slopes) in [
                (Kind::Forward, half, [[0.25, -0.25], nothing]),
                (Kind::Reverse, half, [nothing, [-0.25, 0.25]]),
                (Kind::Mixture(0.5), core::f64::consts::LN_2, [nothing; 2]),
            ] {
                let context = format!("{} {kind:?}, {isa}", R::NAME);
                let loss = problem.loss(kind, isa);
                let one = Upstream::Uniform(R::of(1.0));
                let (mut losses, mut grad) = ([R::of(0.0)], [R::of(1.0); 2]);
                loss.loss_and_grad_student(one, &mut losses, &mut grad).expect("one row");
                for loss in [loss.weighted_mean().to_f64(), losses[0].to_f64()] {
                    let error = (loss / expected - 1.0).abs();
                    assert!(error <= 4.0 * R::UNIT, "{context}: {loss:e}");
                }
                let exact = problem.exact_losses(kind)[0];
                assert!((exact / expected - 1.0).abs() <= 1e-15, "{context}: {exact:e}");
                let by_student = grad.map(R::to_f64);
                loss.grad_teacher(one, &mut grad).expect("one row");
                assert_eq!([by_student, grad.map(R::to_f64)], slopes, "{context}");
                for (side, slopes) in [Side::Student, Side::Teacher].into_iter().zip(slopes) {
                    assert_eq!(problem.exact_grad(kind, side, one), slopes, "{context}");
                }
            }
        }
    }
    for_each_number!(R => check::<R>());
}

/// A divergence within range of which no partial sum is, unless it is one of shares: rows of one block and of several.
#[test]
fn sums_beyond_the_largest_number() {
    fn check<R: Number>() {
        let (top, bottom) = (R::LARGEST, R::LARGEST.negative());
        for classes in [2, 3, 17, 40, 5000] {
            let even = vec![R::of(0.0); classes];
            let mut sure = vec![bottom; classes];
            sure[classes - 1] = top;
            let span = R::LARGEST.to_f64() / 2.0;
            let expected = span / classes as f64 * (classes - 1) as f64;
            for form in [Form::Logits, Form::LogProbs, Form::Probs] {
                let problem = Problem::new(form, sure.clone(), &even, classes, 4.0);
                check_all(&problem, Kind::Forward, expected);
            }
            let problem = Problem::new(Form::Logits, even.clone(), &sure, classes, 4.0);
            check_all(&problem, Kind::Reverse, expected);
            // The span is half of that without a temperature.
            let half = |x: &R| R::of(x.to_f64() / 4.0);
            let problem =
                Problem::new(Form::Logits, sure.iter().map(half).collect(), &even, classes, 1.0);
            check_all(&problem, Kind::Forward, expected);
        }
    }
    fn check_all<R: Number>(problem: &Problem<R>, kind: Kind, expected: f64) {
        let classes = problem.classes;
        // Logarithms of probabilities have their own rounding.
        let tolerance = (8.0 + (classes as f64).ln()) * R::UNIT;
        for isa in isas() {
            let loss = problem.loss(kind, isa);
            let (mut losses, mut grad) = ([R::of(0.0)], vec![R::of(0.0); classes]);
            loss.loss_and_grad_student(Upstream::Uniform(R::of(1.0)), &mut losses, &mut grad)
                .expect("one row");
            for loss in [loss.weighted_mean().to_f64(), losses[0].to_f64()] {
                let error = (loss / expected - 1.0).abs();
                let context = (R::NAME, problem.form, kind, classes);
                assert!(error <= tolerance, "{context:?} on {isa}: {loss:e}, {expected:e}");
            }
        }
        let exact = problem.exact_losses(kind)[0];
        assert!((exact / expected - 1.0).abs() <= tolerance, "{kind:?}: {exact:e}");
    }
    for_each_number!(R => check::<R>());
}

/// `ln 2` in each of three rows, with weights whose sum is out of range.
#[test]
fn large_weights_have_a_mean() {
    fn check<R: Number>() {
        let problem = Problem::new(Form::Classes, vec![R::of(0.0); 6], &[R::of(0.0); 6], 2, 1.0);
        for weights in [
            [R::LARGEST; 3],
            [R::of(R::LARGEST.to_f64() / 2.0); 3],
            [R::LARGEST, R::of(1.0), R::LARGEST],
            [R::LARGEST, R::LARGEST, R::of(-1.0)],
        ] {
            for isa in isas() {
                let loss = problem.loss(Kind::Forward, isa).row_weights(&weights).expect("three");
                let mean = loss.weighted_mean().to_f64();
                let error = (mean / core::f64::consts::LN_2 - 1.0).abs();
                assert!(error <= 4.0 * R::UNIT, "{} {weights:?}, {isa}: {mean}", R::NAME);
            }
        }
    }
    for_each_number!(R => check::<R>());
}

/// Row by row of the table: of two rows, with the losses `ln 2` and 0.
#[test]
fn weights_that_are_no_sizes() {
    fn check<R: Number>() {
        let student = [0.0, 0.0, 0.0, f64::NEG_INFINITY].map(R::of);
        let mut problem = Problem::new(Form::Classes, student.to_vec(), &student, 2, 1.0);
        problem.indices = vec![1, 0];
        let ln_2 = R::of(core::f64::consts::LN_2).to_f64();
        let infinity = f64::INFINITY;
        for (weights, losses, slope, sum, mean) in [
            ([-2.0, 1.0], [-2.0 * ln_2, 0.0], -1.0, -2.0 * ln_2, 2.0 * ln_2),
            ([-1.0, 1.0], [-ln_2, 0.0], -0.5, -ln_2, -infinity),
            ([f64::NAN, 1.0], [f64::NAN, 0.0], f64::NAN, f64::NAN, f64::NAN),
            ([infinity, 1.0], [infinity, 0.0], infinity, infinity, f64::NAN),
            ([-infinity, 1.0], [-infinity, 0.0], -infinity, -infinity, f64::NAN),
            ([1.0, infinity], [ln_2, f64::NAN], 0.5, f64::NAN, f64::NAN),
        ] {
            let weights = weights.map(R::of);
            for isa in isas() {
                let loss = problem.loss(Kind::Forward, isa).row_weights(&weights).expect("two");
                let (mut found, mut grad) = ([R::of(9.0); 2], [R::of(9.0); 4]);
                let one = Upstream::Uniform(R::of(1.0));
                loss.loss_and_grad_student(one, &mut found, &mut grad).expect("two rows");
                let found = [found[0], found[1], grad[0]].map(R::to_f64);
                let found = [found[0], found[1], found[2], loss.reduce(Reduction::Sum).to_f64()];
                let expected = [losses[0], losses[1], slope, sum];
                let mean = (loss.weighted_mean().to_f64(), mean);
                for (found, expected) in found.into_iter().zip(expected).chain([mean]) {
                    let near = (found - expected).abs() <= 2.0 * R::UNIT * expected.abs();
                    let same = class(found) == class(expected);
                    assert!(
                        same && (near || !expected.is_finite()),
                        "{} {weights:?}, {isa}: {found}, not {expected}",
                        R::NAME
                    );
                }
            }
        }
    }
    for_each_number!(R => check::<R>());
}

/// A teacher that is certain of a class that the student rules out.
#[test]
fn what_a_side_that_weighs_gains_from_an_impossible_class() {
    fn check<R: Number>() {
        let none = f64::NEG_INFINITY;
        for (weighs, other, expected) in [
            ([0.0, none, none], [none, 0.0, 0.0], [f64::NAN, 0.0, 0.0]),
            ([0.0, none, 0.0], [none, 0.0, 0.0], [f64::NAN, 0.0, none]),
        ] {
            let [weighs, other] = [weighs.map(R::of), other.map(R::of)];
            let one = Upstream::Uniform(R::of(1.0));
            let agree = |found: [f64; 3]| found.map(f64::to_bits) == expected.map(f64::to_bits);
            let nan_is_nan = |grad: &[f64]| {
                let mut found = [0.0; 3];
                for (place, &x) in found.iter_mut().zip(grad) {
                    *place = if x.is_nan() { f64::NAN } else { x };
                }
                found
            };
            for isa in isas() {
                for (kind, side) in [(Kind::Forward, Side::Teacher), (Kind::Reverse, Side::Student)]
                {
                    let (student, teacher) = match side {
                        Side::Teacher => (other, weighs),
                        Side::Student => (weighs, other),
                    };
                    let problem = Problem::new(Form::Logits, student.to_vec(), &teacher, 3, 1.0);
                    let loss = problem.loss(kind, isa);
                    let mut grad = [R::of(9.0); 3];
                    match side {
                        Side::Teacher => loss.grad_teacher(one, &mut grad).expect("one row"),
                        Side::Student => loss.grad_student(one, &mut grad).expect("one row"),
                    }
                    let found = nan_is_nan(&grad.map(R::to_f64));
                    assert!(agree(found), "{} {kind:?}, {isa}: {found:?}", R::NAME);
                    let exact = nan_is_nan(&problem.exact_grad(kind, side, one));
                    assert!(agree(exact), "reference, {kind:?}: {exact:?}");
                    assert_eq!(loss.weighted_mean().to_f64(), f64::INFINITY);
                }
            }
        }
    }
    for_each_number!(R => check::<R>());
}
