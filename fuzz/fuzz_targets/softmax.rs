//! Rows of logits: `softmax` and `log_softmax` close to the reference, distillation the same bits on every instruction set.
#![no_main]

mod support;

use kldiv::{
    DistillLoss, Divergence, Isa, Rows, Teacher, Upstream, log_softmax, reference, softmax,
};
use libfuzzer_sys::fuzz_target;
use support::{Float, assert_close, assert_refused, assert_same, numbers};

fuzz_target!(|data: &[u8]| {
    let Some((&head, bytes)) = data.split_first_chunk() else {
        return;
    };
    if head[0] & 1 == 0 {
        check::<f32>(head, &numbers(bytes));
    } else {
        check::<f64>(head, &numbers(bytes));
    }
});

/// `head` chooses, `values` are any bit patterns, or all of them within -20..20.
fn check<T: Float>(head: [u8; 3], values: &[T]) {
    let tame = |&x: &T| T::nearest(40.0 * x.fraction().into() - 20.0);
    let values: Vec<T> =
        if head[0] & 2 == 0 { values.to_vec() } else { values.iter().map(tame).collect() };
    let classes = 1 + usize::from(head[1]);
    let half = values.len() / 2 / classes * classes;
    let (student, teacher) = (&values[..half], &values[half..][..half]);
    against_reference(student, classes);
    wrong_lengths(student, classes);
    distill(head, student, teacher, classes);
}

fn against_reference<T: Float>(logits: &[T], classes: usize) {
    let rows = Rows::new(logits, classes).unwrap();
    let mut got = vec![T::nearest(0.0); logits.len()];
    let mut want = vec![0.0; logits.len()];
    log_softmax(rows, &mut got).unwrap();
    reference::log_softmax(logits, classes, &mut want);
    for (&got, &want) in got.iter().zip(&want) {
        let bound = T::UNIT * T::REFERENCE * (4.0 * want.abs() + 4.0);
        assert_close("log_softmax", got, want, bound);
    }
    softmax(rows, &mut got).unwrap();
    let log_probs = want.clone();
    reference::softmax(logits, classes, &mut want);
    for (index, (&got, &want)) in got.iter().zip(&want).enumerate() {
        // What the rounding of a logit's distance from the largest makes of the result.
        let distance = if want > 0.0 { log_probs[index].abs() } else { 0.0 };
        let bound = T::UNIT * T::REFERENCE * want * (distance + 8.0);
        assert_close("softmax", got, want, bound);
    }
}

fn wrong_lengths<T: Float>(logits: &[T], classes: usize) {
    let rows = Rows::new(logits, classes).unwrap();
    assert_refused(logits.len() + 1, |out: &mut [T]| log_softmax(rows, out));
    assert_refused(logits.len() + 1, |out: &mut [T]| softmax(rows, out));
    assert!(Rows::new(logits, 0).is_err());
    if classes > 1 {
        let longer = vec![T::nearest(0.5); logits.len() + 1];
        assert!(Rows::new(&longer, classes).is_err());
    }
}

fn distill<T: Float>(head: [u8; 3], student: &[T], teacher: &[T], classes: usize) {
    let rows = Rows::new(student, classes).unwrap();
    let teacher_rows = Rows::new(teacher, classes).unwrap();
    // The teacher's bits serve as class indices and as weights too.
    let indices: Vec<u32> = (0..rows.rows()).map(|row| (row * 7 % classes) as u32).collect();
    let teacher = match head[2] & 3 {
        0 => Teacher::Logits(teacher_rows),
        1 => Teacher::LogProbs(teacher_rows),
        2 => Teacher::Probs(teacher_rows),
        _ => Teacher::Classes(&indices),
    };
    let divergence = match head[2] >> 2 & 3 {
        0 => Divergence::Reverse,
        1 => Divergence::JensenShannon { beta: T::nearest(0.25) },
        _ => Divergence::Forward,
    };
    let tau = T::nearest(if head[2] & 16 == 0 { 1.0 } else { 2.5 });
    let loss = DistillLoss::new(rows, teacher).unwrap().temperature(tau).divergence(divergence);
    let run = |isa: Isa| {
        let loss = loss.on(isa).unwrap();
        let upstream = Upstream::Uniform(T::nearest(0.5));
        let mut out = vec![T::nearest(0.0); rows.rows() + 2 * student.len()];
        let (losses, grads) = out.split_at_mut(rows.rows());
        let (by_student, by_teacher) = grads.split_at_mut(student.len());
        // Refused for the combinations that have no meaning, and then zeros everywhere.
        loss.row_losses(losses).ok();
        loss.grad_student(upstream, by_student).ok();
        loss.grad_teacher(upstream, by_teacher).ok();
        let mut both = vec![T::nearest(0.0); student.len() + rows.rows()];
        let (losses, grads) = both.split_at_mut(rows.rows());
        if loss.loss_and_grad_student(upstream, losses, grads).is_ok() {
            assert_same(isa, &both, &out[..both.len()]);
        }
        out.push(loss.weighted_mean());
        out
    };
    let want = run(Isa::Scalar);
    for isa in Isa::available() {
        assert_same(isa, &run(isa), &want);
    }
}
