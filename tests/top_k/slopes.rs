//! Gradients are slopes of the loss: central differences in f64.

use kldiv::{Isa, Upstream};
use proptest::prelude::*;

use crate::problem::{Problem, RESTS};

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn gradients_are_slopes(
        student in proptest::collection::vec(-4.0..4.0_f64, 1..40),
        teacher in proptest::collection::vec(-4.0..4.0_f64, 40),
        k in 0..40_usize,
        tau in 0.5..4.0_f64,
        order in 0..1000_usize,
    ) {
        let classes = student.len();
        let k = k.min(classes);
        let mass: f64 = teacher[..classes].iter().map(|t| t.exp()).sum();
        let named: Vec<u32> = (0..k).map(|place| ((place + order) % classes) as u32).collect();
        let log_probs = named.iter().map(|&class| teacher[class as usize] - mass.ln()).collect();
        let mut problem = Problem { student, classes, named, log_probs, k, temperature: tau };
        for rest in RESTS {
            let mut grad = vec![0.0; classes];
            problem.loss(rest, Isa::best()).grad_student(Upstream::Uniform(1.5), &mut grad)
                .expect("lengths that agree");
            for at in 0..classes {
                let step = 1e-5;
                let before = problem.student[at];
                let mut beside = |x: f64| {
                    problem.student[at] = x;
                    let value = 1.5 * problem.loss(rest, Isa::best()).weighted_mean();
                    problem.student[at] = before;
                    value
                };
                let slope = (beside(before + step) - beside(before - step)) / (2.0 * step);
                prop_assert!((slope - grad[at]).abs() < 1e-8, "{:?} {}: {} {}", rest, at, slope, grad[at]);
            }
        }
    }
}
