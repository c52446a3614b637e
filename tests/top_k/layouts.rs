//! Weights, padding, gradients that add up, threads.

use kldiv::{DistillLoss, Element, Isa, Rows, Upstream};

use crate::problem::{Data, Problem, RESTS, everything};
use crate::support::{Number, assert_same, for_each_number, raw, same};

#[test]
fn weights_multiply_and_mask() {
    for_each_number!(R => for rest in RESTS {
        let mut problem = Problem::<R>::new(Data::Ordinary, 3, 50, 4);
        let plain = problem.loss(rest, Isa::best());
        let (mut losses, mut grad) = (vec![R::of(0.0); 3], vec![R::of(0.0); 150]);
        plain.loss_and_grad_student(Upstream::Uniform(R::of(1.0)), &mut losses, &mut grad)
            .expect("lengths that agree");
        let expected = (losses.clone(), grad.clone());
        // A row of weight 0 is not read.
        problem.student[50..100].fill(R::of(f64::NAN));
        problem.log_probs[4..8].fill(R::of(f64::NAN));
        let weights = [R::of(2.0), R::of(0.0), R::of(-0.5)];
        let loss = problem.loss(rest, Isa::best()).row_weights(&weights).expect("one a row");
        loss.loss_and_grad_student(Upstream::Uniform(R::of(1.0)), &mut losses, &mut grad)
            .expect("lengths that agree");
        for (row, weight) in weights.into_iter().enumerate() {
            let scaled = |x: R| if row == 1 { R::of(0.0) } else { x * weight };
            assert!(same(losses[row], scaled(expected.0[row])));
            for i in row * 50..(row + 1) * 50 {
                assert!(same(grad[i], scaled(expected.1[i])), "{rest:?} {row} {i}");
            }
        }
        let mean = (losses[0] + losses[2]).to_f64() / 1.5;
        assert!((loss.weighted_mean().to_f64() - mean).abs() < 8.0 * R::UNIT * (1.0 + mean.abs()));
    });
}

#[test]
fn padding_is_not_read() {
    for_each_number!(R => for rest in RESTS {
        for (classes, k) in [(10, 3), (1_100, 40)] {
            let problem = Problem::<R>::new(Data::Ordinary, 3, classes, k);
            let stride = classes + 5;
            let mut values = vec![R::of(f64::NAN); 3 * stride];
            for row in 0..3 {
                values[row * stride..][..classes]
                    .copy_from_slice(&problem.student[row * classes..][..classes]);
            }
            let student = Rows::strided(&values, classes, stride).expect("three rows");
            let dense = problem.loss(rest, Isa::best());
            let padded = DistillLoss::new(student, problem.teacher(rest)).expect("three rows");
            let factors: Vec<R> = raw(7, 3, 2.0);
            let upstream = Upstream::PerRow(factors.as_slice());
            let (mut one, mut other) = (vec![R::of(7.0); 3], vec![R::of(7.0); 3]);
            let mut grad = vec![R::of(7.0); 3 * classes];
            let mut wide = vec![R::of(7.0); 3 * stride];
            dense.loss_and_grad_student(upstream, &mut one, &mut grad).expect("lengths that agree");
            padded.loss_and_grad_student(upstream, &mut other, &mut wide).expect("likewise");
            for row in 0..3 {
                assert!(same(one[row], other[row]));
                let (wide, padding) = wide[row * stride..][..stride].split_at(classes);
                assert!(padding.iter().all(|x| x.bits() == 0));
                for (&a, &b) in wide.iter().zip(&grad[row * classes..]) {
                    assert!(same(a, b));
                }
            }
        }
    });
}

/// One rounding more than the gradient alone, in every class.
#[test]
fn gradients_add_up() {
    for_each_number!(R => for rest in RESTS {
        for (classes, k) in [(10, 3), (1_100, 40), (3_000, 0), (70_001, 5)] {
            let problem = Problem::<R>::new(Data::Ordinary, 1, classes, k);
            let loss = problem.loss(rest, Isa::best());
            let upstream = Upstream::Uniform(R::of(3.0));
            let before: Vec<R> = raw(5, classes, 2.0);
            let mut grad = vec![R::of(7.0); classes];
            loss.grad_student(upstream, &mut grad).expect("lengths that agree");
            let mut sum = before.clone();
            loss.accumulate(true).grad_student(upstream, &mut sum).expect("lengths that agree");
            for ((sum, &before), &grad) in sum.iter().zip(&before).zip(&grad) {
                assert!(same(*sum, before + grad), "{rest:?}");
            }
        }
    });
}

#[cfg(feature = "rayon")]
#[test]
fn threads_change_no_bit() {
    for_each_number!(R => for rest in RESTS {
        for k in [0, 7] {
            let (rows, classes) = (300, 200);
            let problem = Problem::<R>::new(Data::Masked, rows, classes, k);
            let loss = problem.loss(rest, Isa::best());
            let expected = everything(loss, rows, rows * classes);
            let parallel = loss.parallel();
            let (mut losses, mut grad) = (vec![R::of(7.0); rows], vec![R::of(7.0); rows * classes]);
            let factors: Vec<R> = raw(7, rows, 2.0);
            parallel
                .loss_and_grad_student(Upstream::PerRow(&factors), &mut losses, &mut grad)
                .expect("lengths that agree");
            let found = [
                crate::support::Answer::new("losses", &losses),
                crate::support::Answer::new("gradient", &grad),
            ];
            assert_same(&rest, &found, &expected[7..9]);
            let totals = [parallel.reduce(kldiv::Reduction::Sum), parallel.weighted_mean()];
            assert_same(&rest, &[crate::support::Answer::new("totals", &totals)], &expected[..1]);
        }
    });
}

/// A row's results are those of the row by itself.
#[test]
fn rows_do_not_depend_on_each_other() {
    for_each_number!(R => for rest in RESTS {
        let problem = Problem::<R>::new(Data::Peaked, 4, 33, 5);
        let all = everything(problem.loss(rest, Isa::best()), 4, 4 * 33);
        for row in 0..4 {
            let mut alone = problem.clone();
            alone.student = problem.student[row * 33..][..33].to_vec();
            alone.named = problem.named[row * 5..][..5].to_vec();
            alone.log_probs = problem.log_probs[row * 5..][..5].to_vec();
            let alone = everything(alone.loss(rest, Isa::best()), 1, 33);
            assert_same(&rest, &[alone[1].clone()], &[all[1].part(row..row + 1)]);
            let places = row * 33..(row + 1) * 33;
            assert_same(&rest, &[alone[2].clone()], &[all[2].part(places)]);
        }
    });
}
