//! Losses of rows of logits, and their gradients.
//!
//! # What is measured
//! Forward divergence from a teacher's logits: `distill` the losses, `distill_and_grad` losses and
//! gradient by the student at once, `distill_classes` the cross-entropy loss of class indices;
//! of one row of the id's length, in memory of 64 rows. `exp` is the yardstick: one exponential
//! of ours for each element of one of the two matrices.
//! # Units
//! Time of a call; elements a second; bytes a second, two reads for each element, for the
//! gradient also a write.
//! # One id
//! Ids are `kernel/type/instruction set/length`:
//! ```text
//! cargo bench --bench distill -- 'distill/f32/avx2/32000$'
//! ```
//! Without a filter the ratios to `exp` come first, each the median over rounds in which all take
//! turns.

mod support;

use core::hint::black_box;
use std::time::Instant;

use criterion::Criterion;
use kldiv::{
    DistillLoss, Divergence, Element, Input, Isa, KlDiv, Rows, Target, Teacher, Upstream, reference,
};
use support::{Data, Number, Work, for_each_number, yardstick};

/// Classes: a small problem, and the vocabularies of two language models.
const CLASSES: [usize; 3] = [1_000, 32_000, 128_256];
/// Rows in memory: 64 · 128,256 elements are in no cache.
const ROWS: usize = 64;
const ROUNDS: usize = 31;

fn main() {
    let mut criterion = support::criterion();
    if !std::env::args().skip(1).any(|argument| !argument.starts_with("--")) {
        for isa in Isa::available().filter(|&isa| isa != Isa::Scalar) {
            for classes in CLASSES {
                ratios(isa, 1, classes);
            }
        }
        ratios(Isa::best(), ROWS, CLASSES[2]);
    }
    for_each_number!(T => both::<T>(&mut criterion));
    criterion.final_summary();
}

/// Ours, ready to run: what a caller pays for each time.
fn loss<'a, T: Element<Real = T>>(
    student: &'a [T],
    teacher: &'a [T],
    classes: usize,
    isa: Isa,
) -> DistillLoss<'a, T> {
    let rows = |values| Rows::new(values, classes).expect("whole rows");
    let loss = DistillLoss::new(rows(student), Teacher::Logits(rows(teacher)));
    loss.and_then(|loss| loss.on(isa)).expect("equal shapes, an available instruction set")
}

fn both<T: Number>(criterion: &mut Criterion) {
    for n in CLASSES {
        let data = Data::<T>::new(n);
        let exact = || {
            let rows = |values| Rows::new(values, n).expect("whole rows");
            let (mut exact, one) = ([0.0], T::of(1.0));
            let (student, teacher) = (rows(data.ln_q()), Teacher::Logits(rows(data.ln_p())));
            reference::distill(student, teacher, one, Divergence::Forward, &mut exact);
            exact[0]
        };
        let close = |id: &str, loss: T| {
            let (found, exact) = (loss.into(), exact());
            assert!((found - exact).abs() <= 100.0 * T::UNIT * exact, "{id}: {found}, not {exact}");
        };
        for isa in Isa::available() {
            let pair = || (data.ln_q(), data.ln_p());
            Work { kernel: "distill", isa, n, inputs: 2 * n, outputs: 1 }.bench(
                criterion,
                pair,
                |(s, t), out| loss(s, t, n, isa).row_losses(out).expect("one row"),
                |id, out| close(id, out[0]),
            );
            Work { kernel: "distill_and_grad", isa, n, inputs: 2 * n, outputs: n + 1 }.bench(
                criterion,
                pair,
                |(s, t), out| {
                    let (losses, grad) = out.split_at_mut(1);
                    let one = Upstream::Uniform(T::of(1.0));
                    let loss = loss(s, t, n, isa);
                    loss.loss_and_grad_student(one, losses, grad).expect("one row");
                },
                |id, out| {
                    close(id, out[0]);
                    let sum: f64 = out[1..].iter().map(|&g| g.into()).sum();
                    assert!(sum.abs() <= 100.0 * T::UNIT, "{id}: slopes sum to {sum}");
                },
            );
            Work { kernel: "distill_classes", isa, n, inputs: n, outputs: 1 }.bench(
                criterion,
                || data.ln_q(),
                |s, out| {
                    let rows = Rows::new(s, n).expect("whole rows");
                    let loss = DistillLoss::new(rows, Teacher::Classes(&[7]));
                    let loss = loss.and_then(|loss| loss.on(isa)).expect("an available one");
                    loss.row_losses(out).expect("one row");
                },
                |id, out| {
                    let (found, exact): (f64, f64) = (out[0].into(), data.ln_q()[7].into());
                    assert!((found + exact).abs() <= 100.0 * T::UNIT * -exact, "{id}: {found}");
                },
            );
        }
    }
}

/// Times of all in turn, as multiples of the yardstick's.
fn ratios(isa: Isa, rows: usize, classes: usize) {
    let n = rows * classes;
    let data = Data::<f32>::new(n);
    let (student, teacher) = (data.ln_q(), data.ln_p());
    let (mut losses, mut grad) = (vec![0.0; rows], vec![0.0; n]);
    let repeats = 200_000_usize.div_ceil(n);
    let one = Upstream::Uniform(1.0);
    let exp = KlDiv::new(Input::LogProbs(student), Target::LogProbs(student));
    let exp = exp.and_then(|exp| exp.on(isa)).expect("equal lengths");
    let loss = loss(student, teacher, classes, isa);
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let [of_exp, of_loss, of_both, of_dot] = &mut times;
        of_exp.push(time(repeats, || exp.grad_input(one, black_box(&mut grad)).expect("n")));
        of_loss.push(time(repeats, || loss.row_losses(black_box(&mut losses)).expect("rows")));
        of_both.push(time(repeats, || {
            let (losses, grad) = black_box((&mut losses, &mut grad));
            loss.loss_and_grad_student(one, losses, grad).expect("rows, n");
        }));
        of_dot.push(time(repeats, || {
            black_box(yardstick::dot(black_box(student), black_box(teacher)));
        }));
    }
    let of = |a: &[f64], b: &[f64]| {
        let mut ratios: Vec<f64> = a.iter().zip(b).map(|(a, b)| a / b).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ROUNDS / 2]
    };
    let [exp, loss, both, dot] = &times;
    println!(
        "{isa} {rows} x {classes}, f32: loss {:.2} x exp, loss and gradient {:.2} x exp, \
         loss at {:.0} % of the rate of a dot product",
        of(loss, exp),
        of(both, exp),
        100.0 * of(dot, loss)
    );
}

fn time(repeats: usize, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..repeats {
        work();
    }
    start.elapsed().as_secs_f64()
}
