//! Divergences that are small beside the rounding of what they are summed from.

use kldiv::{Isa, Upstream};

use crate::problem::{Form, KINDS, Kind, Problem};
use crate::support::{Number, Random, for_each_number, isas, raw};

/// The largest relative error of a loss above 2¹³ u².
const SMALL_LOSS: f64 = 1e-3;

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
fn nearly_equal<R: Number>(form: Form, classes: usize, noise: f64) -> Problem<R> {
    let teacher: Vec<R> = raw(1, classes, 3.0);
    let mut random = Random::new(2);
    let student = teacher.iter().map(|t| R::of(t.to_f64() + random.between(noise))).collect();
    Problem::new(form, student, &teacher, classes, 1.0)
}

/// The vocabulary of a language model, f32, and a true divergence of 4.9e-9: the plain sum of terms would be 50 times off.
#[test]
fn small_divergences_are_right() {
    fn check<R: Number>(form: Form, classes: usize, noise: f64) -> f64 {
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
    fn check<R: Number>(noises: impl Iterator<Item = f64>) {
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
    fn check<R: Number>() {
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
    for_each_number!(R => check::<R>());
}
