//! Losses of rows of logits: the same bits on every instruction set, gradients the same alone and beside the loss,
//! within what a divergence can be, and on tame numbers close to the reference.
#![no_main]

mod support;

use kldiv::{DistillLoss, Divergence, Isa, Rows, Teacher, Upstream, reference};
use support::{Number, assert_close, assert_same, fuzz_numbers, logits, slack};

fuzz_numbers!(check);

fn check<T: Number>(head: [u8; 3], bytes: &[u8]) {
    let tame = head[0] & 2 != 0;
    let values = logits::<T>(tame, bytes);
    let classes = 1 + usize::from(head[1]);
    let half = values.len() / 2 / classes * classes;
    let (student, teacher) = (&values[..half], &values[half..][..half]);
    let rows = Rows::new(student, classes).unwrap();
    let teacher_rows = Rows::new(teacher, classes).unwrap();
    let indices: Vec<u32> = (0..rows.rows()).map(|row| (row * 7 % classes) as u32).collect();
    let teacher = match head[2] & 3 {
        0 => Teacher::Logits(teacher_rows),
        1 => Teacher::LogProbs(teacher_rows),
        2 => Teacher::Probs(teacher_rows),
        _ => Teacher::Classes(&indices),
    };
    let divergence = match head[2] >> 2 & 3 {
        0 => Divergence::Reverse,
        1 => Divergence::JensenShannon { beta: T::of(0.25) },
        _ => Divergence::Forward,
    };
    let temperature: f64 = match head[2] >> 6 {
        0 => 1.0,
        1 => 2.5,
        2 => 1e-3,
        _ => 1e6,
    };
    let tau = T::of(temperature);
    let loss = DistillLoss::new(rows, teacher).unwrap();
    let mut loss = loss.temperature(tau).unwrap().divergence(divergence).unwrap();
    let weights: Vec<T> = student.iter().step_by(classes).copied().collect();
    if head[2] & 32 != 0 {
        loss = loss.row_weights(&weights).unwrap();
    }

    let want = everything(loss, Isa::Scalar, student.len(), rows.rows());
    for isa in Isa::available() {
        assert_same(isa, &everything(loss, isa, student.len(), rows.rows()), &want);
    }
    let normalised = matches!(teacher, Teacher::Logits(_) | Teacher::Classes(_));
    if normalised && head[2] & 32 == 0 {
        let mut exact = vec![0.0; rows.rows()];
        reference::distill(rows, teacher, tau, divergence, &mut exact);
        for (&got, &exact) in want.iter().zip(&exact) {
            let number = got.to_f64();
            assert_eq!(number.is_nan(), exact.is_nan(), "{got:?}, reference {exact:?}");
            assert!(!(number < 0.0), "negative: {got:?}");
            if matches!(divergence, Divergence::JensenShannon { .. }) {
                // -0.25 ln 0.25 - 0.75 ln 0.75, the most that a row tells of which side it is.
                assert!(!(number > 0.562_336), "too large: {got:?}");
                assert!(!(exact > 0.562_336), "reference too large: {exact:?}");
            }
            if tame {
                // Parts of at most 40 each, and a difference of 80 that multiplies their errors.
                let size = 1.0 + 80.0 / temperature;
                assert_close("loss", got, exact, 8.0 * T::UNIT * slack::<T>() * size * size);
            }
        }
    }
}

/// Losses, gradients, losses beside gradients, and the mean.
fn everything<T: Number>(loss: DistillLoss<'_, T>, isa: Isa, n: usize, rows: usize) -> Vec<T> {
    let loss = loss.on(isa).unwrap();
    let upstream = Upstream::Uniform(T::of(0.5));
    let blank = |n| vec![T::of(0.0); n];
    let (mut losses, mut by_student, mut by_teacher) = (blank(rows), blank(n), blank(n));
    loss.row_losses(&mut losses).unwrap();
    loss.grad_student(upstream, &mut by_student).unwrap();
    // Class indices have no gradient: zeros then.
    loss.grad_teacher(upstream, &mut by_teacher).ok();
    let (mut fused, mut beside) = (blank(rows), blank(n));
    loss.loss_and_grad_student(upstream, &mut fused, &mut beside).unwrap();
    assert_same(isa, &beside, &by_student);
    let mean = vec![loss.weighted_mean()];
    [losses, by_student, by_teacher, fused, mean].concat()
}
