//! Losses and gradients close to those of `kldiv::reference`, on a scale that is made from the numbers.

use core::fmt::Debug;

use kldiv::{Isa, Upstream};

use crate::problem::{Data, FORMS, Form, KINDS, Kind, Problem, Side};
use crate::support::{Class, Number, class, for_each_number, raw};

/// Errors in units of rounding times the size of the parts.
const UNITS: f64 = 8.0;

/// Not the specials: of numbers as large the f32 differences overflow where the reference's do not.
const DATA: [Data; 11] = [
    Data::Ordinary,
    Data::Warm,
    Data::Spread,
    Data::Rising,
    Data::Climbing,
    Data::Leaping,
    Data::LeapingTeacher,
    Data::Masked,
    Data::Close,
    Data::Offset,
    Data::Unnormalised,
];

fn assert_near<R: Number>(context: &dyn Debug, got: R, exact: f64, units: f64, scale: f64) {
    let tolerance = units * R::UNIT * scale + R::FLOOR;
    let error = (got.to_f64() - exact).abs();
    assert!(
        error <= tolerance
            || (class(exact) != Class::Finite && class(got.to_f64()) == class(exact)),
        "{} {context:?}: {got:?}, should be {exact:e} within {tolerance:e}",
        R::NAME
    );
}

/// The documented scale of a row's loss.
fn scale(shares: &[[f64; 4]], kind: Kind) -> f64 {
    let weighed = |p: f64, ln_p: f64, ln_q: f64| {
        let size = (ln_p.abs() + ln_q.abs() + 1.0) * (1.0 + (ln_p - ln_q).abs());
        if p > 0.0 { p * size } else { 0.0 }
    };
    let of = |&[p, ln_p, q, ln_q]: &[f64; 4]| match kind {
        Kind::Forward => weighed(p, ln_p, ln_q),
        Kind::Reverse => weighed(q, ln_q, ln_p),
        // The mixture lies between: its logarithm is near the larger of the two.
        Kind::Mixture(beta) => {
            let ln_m = (beta * p + (1.0 - beta) * q).ln();
            beta * weighed(p, ln_p, ln_m) + (1.0 - beta) * weighed(q, ln_q, ln_m)
        }
    };
    shares.iter().map(of).sum()
}

fn compare_reference<R: Number>() {
    for data in DATA {
        for form in FORMS {
            for (rows, classes) in [(7, 1), (5, 2), (40, 10), (3, 129), (1, 3000)] {
                let problem = data.make::<R>(form, rows, classes);
                for kind in KINDS {
                    compare_with_reference(&(data, form, rows, classes, kind), &problem, kind);
                }
            }
        }
    }
}

fn compare_with_reference<R: Number>(context: &dyn Debug, problem: &Problem<R>, kind: Kind) {
    let (rows, classes) = (problem.rows(), problem.classes);
    let shares = problem.shares();
    let exact = problem.exact_losses(kind);
    let loss = problem.loss(kind, Isa::best());
    let factors: Vec<R> = raw(7, rows, 2.0);
    let upstream = Upstream::PerRow(factors.as_slice());
    let mut losses = vec![R::of(f64::NAN); rows];
    let mut fused = losses.clone();
    let mut grad = vec![R::of(f64::NAN); rows * classes];
    loss.row_losses(&mut losses).expect("one a row");
    loss.loss_and_grad_student(upstream, &mut fused, &mut grad).expect("lengths that agree");
    for row in 0..rows {
        let scale = scale(&shares[row * classes..][..classes], kind);
        // Rounded log-probabilities may count as normalised: 16 units.
        let units = UNITS + if problem.form == Form::LogProbs { 16.0 } else { 0.0 };
        assert_near(&(context, "loss", row), losses[row], exact[row], units, scale + 1e-3);
        assert_near(&(context, "fused loss", row), fused[row], exact[row], units, scale + 1e-3);
    }
    compare_grad(context, problem, kind, &grad, Side::Student);
    if problem.form != Form::Classes {
        loss.grad_teacher(upstream, &mut grad).expect("lengths that agree");
        compare_grad(context, problem, kind, &grad, Side::Teacher);
    }
}

fn compare_grad<R: Number>(
    context: &dyn Debug,
    problem: &Problem<R>,
    kind: Kind,
    grad: &[R],
    by: Side,
) {
    let factors: Vec<R> = raw(7, problem.rows(), 2.0);
    let exact = problem.exact_grad(kind, by, Upstream::PerRow(&factors));
    let by_teacher = by == Side::Teacher;
    let losses = problem.exact_losses(kind);
    for (i, [p, ln_p, q, ln_q]) in problem.shares().into_iter().enumerate() {
        let row = i / problem.classes;
        let own = if by_teacher { p } else { q };
        let of_probs = by_teacher && problem.form == Form::Probs;
        let over = if of_probs && p > 0.0 { p } else { 1.0 };
        let ln_size = |p: f64, ln_p: f64| if p > 0.0 { p * (ln_p.abs() + 8.0) } else { 0.0 };
        let parts = ln_size(p, ln_p) + ln_size(q, ln_q);
        let both = ln_p.is_finite() && ln_q.is_finite();
        let difference = if both { (ln_p - ln_q).abs() } else { 0.0 };
        let center = losses[row].abs().min(1e3) + 10.0;
        let mixed = if matches!(kind, Kind::Forward) ^ by_teacher { 0.0 } else { 1.0 };
        let size = parts * (1.0 + mixed * difference)
            + mixed
                * own
                * (center + difference)
                * (1.0 + ln_p.max(-200.0).abs() + ln_q.max(-200.0).abs());
        let size = size * factors[row].to_f64().abs() / over;
        let tau = problem.temperature.to_f64();
        let size = size / if by_teacher && problem.form != Form::Logits { 1.0 } else { tau };
        let context = (context, "by", by, i);
        assert_near(&context, grad[i], exact[i], UNITS, size);
    }
}

#[test]
fn losses_and_gradients_are_those_of_the_reference() {
    for_each_number!(R => compare_reference::<R>());
}
