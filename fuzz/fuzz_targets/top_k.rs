//! Teachers that name few classes: the same bits on every instruction set, refusals that touch nothing, and on tame
//! numbers close to the reference.
#![no_main]

mod support;

use kldiv::{
    DistillLoss, Divergence, Isa, Rest, Rows, Teacher, TopK, Upstream, reference, validate_top_k,
};
use support::{Number, assert_close, assert_same, fuzz_numbers, logits, slack};

fuzz_numbers!(check);

/// Whatever the classes: no place names this one.
const EMPTY: u32 = 63;
const FACTOR: f64 = 0.5;

fn check<T: Number>(head: [u8; 4], bytes: &[u8]) {
    let [flags, shape, places, cut] = head;
    let tame = flags & 2 != 0;
    let rest = match flags >> 2 & 3 {
        0 => Rest::Renormalise,
        1 => Rest::Bucket,
        2 => Rest::Uniform,
        _ => Rest::Ignore,
    };
    let temperature: f64 = [1.0, 2.5, 1e-3, 1e6][usize::from(flags >> 4 & 3)];
    let (classes, k) = (1 + usize::from(shape & 63), usize::from(places & 15));
    let rows = 1 + usize::from(shape >> 6);
    if bytes.len() < rows * k {
        return;
    }
    // Class indices come first, a byte each, then log-probabilities, then logits.
    let (indices, bytes) = bytes.split_at(rows * k);
    let numbers = logits::<T>(tame, bytes);
    if numbers.len() < rows * (k + classes) {
        return;
    }
    let (log_probs, student) = numbers.split_at(rows * k);
    let student = &student[..rows * classes];
    let mut log_probs = log_probs.to_vec();
    let mut named = Vec::new();
    for (&index, ln_p) in indices.iter().zip(&mut log_probs) {
        if tame {
            // -20..0
            *ln_p = T::of((ln_p.to_f64() - 20.0) / 2.0);
        }
        let index = u32::from(index);
        if index & 63 == EMPTY && flags & 64 != 0 {
            *ln_p = T::of(f64::NEG_INFINITY);
            named.push([u32::MAX, index][usize::from(cut & 1)]);
        } else {
            named.push(if flags & 128 == 0 { index % classes as u32 } else { index });
        }
    }
    let top_k = TopK::new(&named, &log_probs, k, rest).unwrap();
    let rows = Rows::new(student, classes).unwrap();
    let is_empty = |ln_p: T| ln_p.to_f64() == f64::NEG_INFINITY;
    let mut places = named.iter().zip(&log_probs);
    let in_range = places.all(|(&class, &ln_p)| is_empty(ln_p) || (class as usize) < classes);
    let loss = DistillLoss::new(rows, Teacher::TopK(top_k));
    assert_eq!(loss.is_ok(), in_range);
    let Ok(loss) = loss else { return };
    let tau = T::of(temperature);
    let loss = loss.temperature(tau).unwrap();
    assert!(loss.divergence(Divergence::Reverse).is_err());

    let want = everything(loss, Isa::Scalar, student.len(), rows.rows());
    for isa in Isa::available() {
        assert_same(isa, &everything(loss, isa, student.len(), rows.rows()), &want);
    }
    let repeated = validate_top_k(top_k).is_err();
    assert_eq!(repeated, repeats(&named, &log_probs, k));
    if !tame || repeated {
        return;
    }
    let (mut losses, mut grad) = (vec![0.0; rows.rows()], vec![0.0; student.len()]);
    let teacher = Teacher::TopK(top_k);
    reference::distill(rows, teacher, tau, Divergence::Forward, &mut losses);
    let upstream = Upstream::Uniform(T::of(FACTOR));
    reference::distill_grad_student(rows, teacher, tau, Divergence::Forward, upstream, &mut grad);
    let scaled: Vec<f64> = student.iter().map(|x| x.to_f64() / temperature).collect();
    let mut ln_q = vec![0.0; scaled.len()];
    reference::log_softmax(&scaled, classes, &mut ln_q);
    for (row, ln_q) in ln_q.chunks(classes).enumerate() {
        let places = row * k..(row + 1) * k;
        let places = named[places.clone()].iter().zip(&log_probs[places]);
        let places: Vec<(usize, f64)> = places
            .map(|(&class, ln_p)| (class as usize, ln_p.to_f64()))
            .filter(|&(_, ln_p)| ln_p != f64::NEG_INFINITY)
            .collect();
        let Some([of_loss, of_grad]) = scale::<T>(&places, ln_q, rest) else { continue };
        // The documented 8, and 16 by which rounded log-probabilities may miss one.
        let units = 24.0 * T::UNIT * slack::<T>();
        assert_close("loss", want[row], losses[row], units * of_loss);
        for class in row * classes..(row + 1) * classes {
            let tolerance = units * of_grad * FACTOR / temperature;
            assert_close("gradient", want[rows.rows() + class], grad[class], tolerance);
        }
    }
}

/// Whether a row names a class twice.
fn repeats<T: Number>(named: &[u32], log_probs: &[T], k: usize) -> bool {
    let rows = named.chunks(k.max(1)).zip(log_probs.chunks(k.max(1)));
    rows.into_iter().any(|(named, log_probs)| {
        let places = named.iter().zip(log_probs);
        let mut named: Vec<u32> = places
            .filter(|(_, ln_p)| ln_p.to_f64() != f64::NEG_INFINITY)
            .map(|(&class, _)| class)
            .collect();
        named.sort_unstable();
        named.windows(2).any(|pair| pair[0] == pair[1])
    })
}

/// What the errors of a row's loss and of its gradient over the factor are measured by; nothing where rounding decides
/// whether there is something left that has no place.
fn scale<T: Number>(places: &[(usize, f64)], ln_q: &[f64], rest: Rest) -> Option<[f64; 2]> {
    let p: f64 = places.iter().map(|(_, ln_p)| ln_p.exp()).sum();
    let divisor = if rest == Rest::Renormalise { p.ln() } else { 0.0 };
    let size = |ln_p: f64, ln_q: f64| {
        ln_p.exp() * (ln_p.abs() + ln_q.abs() + 1.0) * (1.0 + (ln_p - ln_q).abs())
    };
    let of_named = places.iter().map(|&(class, ln_p)| size(ln_p - divisor, ln_q[class]));
    let mut loss = 1.0 + of_named.sum::<f64>();
    let elsewhere: Vec<f64> = (0..ln_q.len())
        .filter(|&class| places.iter().all(|&(named, _)| named != class))
        .map(|class| ln_q[class])
        .collect();
    let r = (1.0 - p).max(T::UNIT);
    // The sum of the probabilities is rounded: what r lacks is multiplied by the derivative of the loss by it.
    match rest {
        Rest::Renormalise | Rest::Ignore => {}
        Rest::Bucket | Rest::Uniform if elsewhere.is_empty() => {
            if r < 64.0 * T::UNIT {
                return None;
            }
        }
        Rest::Bucket => {
            let largest = elsewhere.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let above: f64 = elsewhere.iter().map(|ln_q| (ln_q - largest).exp()).sum();
            let ln_s = largest + above.ln();
            loss += size(r.ln(), ln_s) + p * (1.0 + (r.ln() - ln_s).abs());
        }
        Rest::Uniform => {
            let n = elsewhere.len() as f64;
            let ln_each = (r / n).ln();
            loss += elsewhere.iter().map(|&ln_q| size(ln_each, ln_q)).sum::<f64>();
            let slopes = elsewhere.iter().map(|ln_q| 1.0 + (ln_each - ln_q).abs());
            loss += p * slopes.fold(0.0, f64::max);
        }
    }
    // Of logarithms down to this, shares of at most one, or of the sum.
    let furthest = ln_q.iter().fold(20.0 + divisor.abs(), |far: f64, ln_q| {
        if ln_q.exp() > 0.0 { far.max(ln_q.abs()) } else { far }
    });
    Some([loss, (1.0 + p) * (furthest + 8.0)])
}

/// Losses, gradients, losses beside gradients, gradients added up, and the mean.
fn everything<T: Number>(loss: DistillLoss<'_, T>, isa: Isa, n: usize, rows: usize) -> Vec<T> {
    let loss = loss.on(isa).unwrap();
    let upstream = Upstream::Uniform(T::of(FACTOR));
    let blank = |n| vec![T::of(0.0); n];
    let (mut losses, mut grad) = (blank(rows), blank(n));
    loss.row_losses(&mut losses).unwrap();
    loss.grad_student(upstream, &mut grad).unwrap();
    assert!(loss.grad_teacher(upstream, &mut blank(n)).is_err());
    let (mut fused, mut beside) = (blank(rows), blank(n));
    loss.loss_and_grad_student(upstream, &mut fused, &mut beside).unwrap();
    assert_same(isa, &beside, &grad);
    loss.accumulate(true).grad_student(upstream, &mut beside).unwrap();
    let mean = vec![loss.weighted_mean()];
    [losses, grad, fused, beside, mean].concat()
}
