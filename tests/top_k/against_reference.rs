//! Losses and gradients close to those of `kldiv::reference`, and the bits of scalar code.

use core::fmt::Debug;

use kldiv::{Element, Isa, Rest, Upstream};

use crate::problem::{DATA, Problem, RESTS, everything};
use crate::support::{Class, Number, assert_same, class, for_each_number, isas, raw};

/// Errors in units of rounding times the size of the parts: the documented 8, and 16 by which rounded
/// log-probabilities may miss one.
const UNITS: f64 = 24.0;

/// `(rows, classes, k)`: short rows, rows of several blocks and windows, few places and many.
const SHAPES: [(usize, usize, usize); 11] = [
    (3, 1, 0),
    (3, 1, 1),
    (5, 2, 1),
    (4, 10, 3),
    (4, 10, 10),
    (3, 129, 8),
    (2, 1_500, 64),
    (2, 1_500, 700),
    (1, 3_000, 0),
    (1, 3_000, 257),
    (1, 70_001, 20),
];

fn assert_near<R: Number>(context: &dyn Debug, got: R, exact: f64, scale: f64) {
    let tolerance = UNITS * R::UNIT * scale + R::FLOOR;
    let error = (got.to_f64() - exact).abs();
    assert!(
        error <= tolerance
            || (class(exact) != Class::Finite && class(got.to_f64()) == class(exact)),
        "{} {context:?}: {got:?}, should be {exact:e} within {tolerance:e}",
        R::NAME
    );
}

/// What the errors of a row's parts are measured by.
struct Scale {
    loss: f64,
    /// Of a gradient: what all classes share, and by class.
    shared: f64,
    by_class: Vec<f64>,
}

fn scale<R: Number>(problem: &Problem<R>, rest: Rest, row: usize) -> Scale {
    let (classes, k) = (problem.classes, problem.k);
    let all = problem.ln_q();
    let ln_q = &all[row * classes..][..classes];
    let places = row * k..(row + 1) * k;
    let named: Vec<(usize, f64)> = problem.named[places.clone()]
        .iter()
        .zip(&problem.log_probs[places])
        .map(|(&class, ln_p)| (class as usize, ln_p.to_f64()))
        .filter(|&(_, ln_p)| ln_p != f64::NEG_INFINITY)
        .collect();
    let sum: f64 = named.iter().map(|(_, ln_p)| ln_p.exp()).sum();
    let divisor = match rest {
        Rest::Renormalise => {
            let largest = named.iter().map(|&(_, ln_p)| ln_p).fold(f64::NEG_INFINITY, f64::max);
            let above: f64 = named.iter().map(|(_, ln_p)| (ln_p - largest).exp()).sum();
            largest + above.ln()
        }
        _ => 0.0,
    };
    let weighed = |p: f64, ln_p: f64, ln_q: f64| {
        let size = (ln_p.abs() + ln_q.abs() + 1.0) * (1.0 + (ln_p - ln_q).abs());
        if p > 0.0 { p * size } else { 0.0 }
    };
    let of_named = named.iter().map(|&(class, ln_p)| {
        let ln_p = ln_p - divisor;
        weighed(ln_p.exp(), ln_p, ln_q[class])
    });
    let mut loss: f64 = of_named.sum::<f64>() + 1.0;
    let elsewhere: Vec<usize> =
        (0..classes).filter(|class| named.iter().all(|(named, _)| named != class)).collect();
    let largest = elsewhere.iter().map(|&class| ln_q[class]).fold(f64::NEG_INFINITY, f64::max);
    let above: f64 = elsewhere.iter().map(|&class| (ln_q[class] - largest).exp()).sum();
    let ln_s = if elsewhere.is_empty() || largest == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else {
        largest + above.ln()
    };
    let r = (1.0 - sum).max(R::UNIT);
    let mut shared = 0.0;
    match rest {
        Rest::Renormalise | Rest::Ignore => {}
        // What r lacks by the rounding of P is multiplied by the logarithms.
        Rest::Bucket => {
            loss += weighed(r, r.ln(), ln_s) + sum * (1.0 + (r.ln() - ln_s).abs());
        }
        Rest::Uniform => {
            let n = elsewhere.len() as f64;
            let each = elsewhere.iter().map(|&class| weighed(r / n, (r / n).ln(), ln_q[class]));
            loss += each.sum::<f64>() * (1.0 + sum / r.max(1e-3));
            shared = 1.0 / n.max(1.0);
        }
    }
    let size = |ln: f64| if ln.exp() > 0.0 { ln.exp() * (ln.abs() + 8.0) } else { 0.0 };
    let mut by_class: Vec<f64> = ln_q.iter().map(|&ln_q| size(ln_q)).collect();
    if rest == Rest::Bucket {
        for &class in &elsewhere {
            let share = ln_q[class] - ln_s;
            by_class[class] += size(share) * (1.0 + ln_s.exp());
        }
    }
    for &(class, ln_p) in &named {
        by_class[class] += size(ln_p - divisor);
    }
    Scale { loss, shared, by_class }
}

fn compare_with_reference<R: Number>(context: &dyn Debug, problem: &Problem<R>, rest: Rest) {
    let (rows, classes) = (problem.rows(), problem.classes);
    let exact = problem.exact_losses(rest);
    let loss = problem.loss(rest, Isa::best());
    let factors: Vec<R> = raw(7, rows, 2.0);
    let upstream = Upstream::PerRow(factors.as_slice());
    let mut losses = vec![R::of(f64::NAN); rows];
    let mut fused = losses.clone();
    let mut grad = vec![R::of(f64::NAN); rows * classes];
    loss.row_losses(&mut losses).expect("one a row");
    loss.loss_and_grad_student(upstream, &mut fused, &mut grad).expect("lengths that agree");
    let exact_grad = problem.exact_grad(rest, upstream);
    for row in 0..rows {
        let scale = scale(problem, rest, row);
        assert_near(&(context, rest, "loss", row), losses[row], exact[row], scale.loss);
        assert_near(&(context, rest, "fused loss", row), fused[row], exact[row], scale.loss);
        let factor = (factors[row].to_f64() / problem.temperature.to_f64()).abs();
        for (class, size) in scale.by_class.iter().enumerate() {
            let i = row * classes + class;
            let size = (size + scale.shared) * factor;
            assert_near(&(context, rest, "gradient", row, class), grad[i], exact_grad[i], size);
        }
    }
}

#[test]
fn losses_and_gradients_are_those_of_the_reference() {
    for_each_number!(R => for data in DATA {
        for (rows, classes, k) in SHAPES {
            let problem = Problem::<R>::new(data, rows, classes, k);
            for rest in RESTS {
                compare_with_reference(&(data, rows, classes, k), &problem, rest);
            }
        }
    });
}

#[test]
fn every_instruction_set_has_the_bits_of_scalar_code() {
    for_each_number!(R => for data in DATA {
        for (rows, classes, k) in SHAPES {
            let problem = Problem::<R>::new(data, rows, classes, k);
            for rest in RESTS {
                let all = |isa| everything(problem.loss(rest, isa), rows, rows * classes);
                let expected = all(Isa::Scalar);
                for isa in isas() {
                    let context = (R::NAME, data, rest, isa, rows, classes, k);
                    assert_same(&context, &all(isa), &expected);
                }
            }
        }
    });
}

/// With an exact 22.17 below a peak, 1 − Σ q would be 0 in f32.
#[test]
fn the_mass_elsewhere_is_summed() {
    for_each_number!(R => {
        let student = [22.0, 0.0, -1.0, 0.5].map(R::of);
        let (named, log_probs) = ([0], [R::of(-0.25)]);
        let problem = Problem {
            student: student.to_vec(),
            classes: 4,
            named: named.to_vec(),
            log_probs: log_probs.to_vec(),
            k: 1,
            temperature: R::of(1.0),
        };
        let s = (1.0 + (-1.0_f64).exp() + 0.5_f64.exp()) / 22.0_f64.exp();
        let s = s / (1.0 + s);
        let (p, r) = ((-0.25_f64).exp(), -(-0.25_f64).exp_m1());
        let expected = p * (-0.25 - (-s).ln_1p()) + r * (r.ln() - s.ln());
        let found = problem.loss(Rest::Bucket, Isa::best()).weighted_mean().to_f64();
        assert!((found - expected).abs() < 64.0 * R::UNIT, "{found} {expected}");
    });
}
