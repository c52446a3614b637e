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
