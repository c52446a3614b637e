//! Gradients against differences of the losses, and the sign of losses, on random logits.

use kldiv::{Isa, Reduction, Upstream};
use proptest::prelude::*;

use crate::problem::{FORMS, Form, KINDS, Kind, Problem, Side};

/// Moves one number of one side up and down and holds the gradient to the difference of the losses.
fn slopes(
    form: Form,
    kind: Kind,
    logits: &[(f64, f64)],
    tau: f64,
    at: usize,
) -> Result<(), TestCaseError> {
    let (student, teacher): (Vec<f64>, Vec<f64>) = logits.iter().copied().unzip();
    let classes = student.len();
    let problem = Problem::<f64>::new(form, student, &teacher, classes, tau);
    let at = at % classes;
    let upstream = Upstream::Uniform(1.75);
    let loss = problem.loss(kind, Isa::best());
    let mut grad = vec![f64::NAN; classes];
    for by in [Side::Student, Side::Teacher] {
        match by {
            Side::Student => loss.grad_student(upstream, &mut grad).expect("lengths that agree"),
            // Class indices have no gradient.
            Side::Teacher if form == Form::Classes => continue,
            Side::Teacher => loss.grad_teacher(upstream, &mut grad).expect("lengths that agree"),
        }
        let number = |of: &Problem<f64>| match by {
            Side::Student => of.student[at],
            Side::Teacher => of.teacher[at],
        };
        // A probability may be small: its step is small beside it.
        let relative = by == Side::Teacher && form == Form::Probs;
        let step = 1e-5 * if relative { number(&problem) } else { 1.0 };
        let moved = |step: f64| {
            let mut moved = problem.clone();
            moved.numbers_of(by)[at] += step;
            let value = moved.loss(kind, Isa::best()).reduce(Reduction::Sum);
            (number(&moved), value)
        };
        let ((above, more), (below, less)) = (moved(step), moved(-step));
        let slope = 1.75 * (more - less) / (above - below);
        // The third derivative times step², and the losses' own rounding over the step.
        let scale = 1.0 + grad[at].abs() + if relative { 1.0 / number(&problem) } else { 0.0 };
        prop_assert!(
            (grad[at] - slope).abs() <= 3e-8 * scale,
            "{form:?} {kind:?} by {by:?}: {}, slope {slope}",
            grad[at]
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn gradients_are_slopes(
        logits in proptest::collection::vec((-4.0..4.0_f64, -4.0..4.0_f64), 1..60),
        tau in 0.5..4.0_f64,
        at in 0..1000_usize,
    ) {
        for form in FORMS {
            for kind in KINDS {
                // Against one class the reverse divergence is infinite.
                if form != Form::Classes || kind != Kind::Reverse {
                    slopes(form, kind, &logits, tau, at)?;
                }
            }
        }
    }

    #[test]
    fn no_loss_from_logits_is_negative(
        logits in proptest::collection::vec((-9.0..9.0_f32, -1e-3..1e-3_f32), 1..300),
        tau in 0.25..8.0_f32,
    ) {
        let student: Vec<f32> = logits.iter().map(|&(t, noise)| t + noise).collect();
        let teacher: Vec<f32> = logits.iter().map(|&(t, _)| t).collect();
        let classes = student.len();
        let problem = Problem::new(Form::Logits, student, &teacher, classes, tau.into());
        for kind in KINDS {
            let loss = problem.loss(kind, Isa::best());
            let (mut fused, mut grad) = ([-1.0], vec![0.0; classes]);
            loss.loss_and_grad_student(Upstream::Uniform(1.0), &mut fused, &mut grad).expect("");
            prop_assert!(fused[0] >= 0.0 && loss.weighted_mean() >= 0.0, "{kind:?}: {fused:?}");
        }
    }
}
