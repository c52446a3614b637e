//! Threads against one thread: what feature `rayon` gains, and from which length.
//!
//! # What is measured
//! Each operation through `KlDiv::parallel` on a pool of as many threads as the machine has, against
//! the same operation on one thread, taking turns on the same data; called from a thread of the
//! pool. Then losses and gradient of a batch of logits through `DistillLoss::parallel` on two threads.
//! First the results are compared, bit for bit.
//! # Units
//! Ratios of rates, medians over the rounds: 2 is twice as fast. Beside them nanoseconds for an element.
//! # To run it
//! ```text
//! cargo bench --features rayon --bench parallel
//! cargo bench --features rayon --bench parallel -- --test  # one round: checks the results
//! ```

mod support;

use core::cell::RefCell;

use kldiv::{DistillLoss, Isa, Rows, Teacher, Upstream, parallel, softmax};
use rayon_core::ThreadPoolBuilder;
use support::race::Race;
use support::{Data, Form, Hide, kl_div};

/// From where nothing is shared out to what no cache holds. Sums are cut at multiples of 65,536.
const LENGTHS: [usize; 9] =
    [1_000, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1 << 20, 1 << 24];
const CLASSES: usize = 1_000;
/// Rows of a batch of distillation, and their classes.
const ROWS: usize = 64;
const VOCABULARY: usize = 32_000;

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { 41 };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
    println!("cargo bench --features rayon --bench parallel");
    println!("f32, {threads} threads against one, medians of {rounds} rounds");
    for n in LENGTHS {
        pool.install(|| compare(rounds, n));
    }
    let two = ThreadPoolBuilder::new().num_threads(2).build().expect("a pool of two threads");
    two.install(|| distill(rounds));
}

/// Losses and gradient of a batch, on two threads against one.
fn distill(rounds: usize) {
    let n = ROWS * VOCABULARY;
    let data = Data::<f32>::new(n);
    let loss = || {
        let rows = |values| Rows::<f32>::new(values, VOCABULARY).expect("whole rows");
        let [student, teacher] = [data.ln_q(), data.ln_p()];
        DistillLoss::new(rows(student.hide()), Teacher::Logits(rows(teacher.hide())))
            .expect("equal shapes")
    };
    let upstream = Upstream::Uniform(0.3);
    let [mut losses, mut other_losses] = [[0.0; ROWS]; 2];
    let [mut grad, mut other_grad] = [vec![0.0; n], vec![0.0; n]];
    loss().loss_and_grad_student(upstream, &mut losses, &mut grad).expect("equal shapes");
    let threads = loss().parallel();
    threads.loss_and_grad_student(upstream, &mut other_losses, &mut other_grad).expect("as above");
    let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
    assert!(same(&losses, &other_losses) && same(&grad, &other_grad));
    drop(other_grad);

    let out = RefCell::new((losses, grad));
    let mut race = Race::new(rounds, n);
    race.enter("loss and gradient, one", || {
        let (losses, grad) = &mut *out.borrow_mut();
        loss().loss_and_grad_student(upstream, losses, grad)
    });
    race.enter("loss and gradient", || {
        let (losses, grad) = &mut *out.borrow_mut();
        loss().parallel().loss_and_grad_student(upstream, losses, grad)
    });
    race.run(&format!("{ROWS} rows of {VOCABULARY} logits, two threads"));
    race.ratio("loss and gradient", "loss and gradient, one", Some(1.8));
}

fn compare(rounds: usize, n: usize) {
    let data = Data::<f32>::new(n);
    let pair = data.pair(Form::Plain);
    let kl = || kl_div(pair.hide(), Isa::best());
    let upstream = Upstream::Uniform(0.3);
    let logits = &data.ln_q()[..n / CLASSES * CLASSES];
    let rows = || Rows::new(logits.hide(), CLASSES).expect("whole rows");

    let [mut out, mut other] = [vec![0.0; n], vec![0.0; n]];
    assert_eq!(kl().parallel().sum().to_bits(), kl().sum().to_bits());
    kl().grad_target(upstream, &mut out).expect("one length");
    kl().parallel().grad_target(upstream, &mut other).expect("one length");
    assert!(out.iter().zip(&other).all(|(a, b)| a.to_bits() == b.to_bits()));

    // One for all: where a vector lies in memory makes a difference.
    let out = RefCell::new(out);
    let mut race = Race::new(rounds, n);
    race.enter("sum, one", || kl().sum());
    race.enter("sum", || kl().parallel().sum());
    race.enter("grad_target, one", || kl().grad_target(upstream, &mut out.borrow_mut()));
    race.enter("grad_target", || kl().parallel().grad_target(upstream, &mut out.borrow_mut()));
    race.enter("softmax, one", || softmax(rows(), &mut out.borrow_mut()[..logits.len()]));
    race.enter("softmax", || parallel::softmax(rows(), &mut out.borrow_mut()[..logits.len()]));

    race.run(&format!("{n} elements"));
    let goal = (1 << 18..=1 << 20).contains(&n).then_some(1.8);
    race.ratio("sum", "sum, one", goal);
    race.ratio("grad_target", "grad_target, one", goal);
    race.ratio("softmax", "softmax, one", goal);
}
