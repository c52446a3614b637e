//! Numbers of 16 bits against f32: what it costs to widen them, and what half the memory gains.
//!
//! # What is measured
//! The same operation on `f16`, on `bf16` and on the same numbers as `f32`, taking turns. First the results are compared:
//! a sum or a loss has the same bits.
//! # Units
//! Ratios of rates, elements a second, medians over the rounds. Beside them nanoseconds for an element.
//! # To run it
//! ```text
//! cargo bench --features half --bench half            # memory is 2^25 elements
//! cargo bench --features half --bench half -- 24      # memory is 2^24 elements
//! cargo bench --features half --bench half -- --test  # one round: checks the results, times mean nothing
//! ```

mod support;

use core::cell::RefCell;
use core::hint::black_box;

use half::{bf16, f16};
use kldiv::{DistillLoss, Element, Input, Isa, KlDiv, Rows, Target, Teacher, Upstream, softmax_on};
use support::Data;
use support::race::Race;

/// Elements that fit the first-level cache as f32.
const CACHED: usize = 2_048;
/// Rows of logits that stay in cache, and others that do not.
const CLASSES: usize = 4_096;
const VOCABULARY: usize = 128_256;
const ROWS: usize = 16;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let test = arguments.iter().any(|argument| argument == "--test");
    let power = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(25_u32);
    let (rounds, memory) = if test { (1, 1 << 16) } else { (41, 1 << power) };
    println!("cargo bench --features half --bench half -- {power}");
    println!("best instruction set {}, medians of {rounds} rounds", Isa::best());
    for isa in Isa::available() {
        sums(rounds, CACHED, isa, Some(0.8));
    }
    sums(rounds, memory, Isa::best(), Some(1.6));
    elementwise(rounds, CACHED);
    elementwise(rounds, memory);
    losses(rounds, 1, CLASSES, Some(0.9));
    losses(rounds, ROWS, VOCABULARY, None);
}

/// Numbers of 16 bits, and the same as f32.
struct Stored<T> {
    narrow: [Vec<T>; 2],
    wide: [Vec<f32>; 2],
}

impl<T: Element<Real = f32>> Stored<T> {
    fn new(numbers: [&[f32]; 2]) -> Self {
        let narrow =
            numbers.map(|numbers| numbers.iter().map(|&x| T::from_f64(x.into())).collect());
        let widened =
            |numbers: &Vec<T>| numbers.iter().map(|x| x.to_f64() as f32).collect::<Vec<f32>>();
        let wide = narrow.each_ref().map(widened);
        Stored { narrow, wide }
    }
}

fn pair<T: Element>(numbers: &[Vec<T>; 2], isa: Isa) -> KlDiv<'_, T> {
    let [x, t] = numbers.each_ref().map(|numbers| black_box(&numbers[..]));
    let pair = KlDiv::new(Input::LogProbs(x), Target::Probs(t)).expect("equal lengths");
    pair.on(isa).expect("an available one")
}

fn sums(rounds: usize, n: usize, isa: Isa, goal: Option<f64>) {
    let data = Data::<f32>::new(n);
    let numbers = [data.ln_q(), data.p()];
    let (short, brain) = (&Stored::<f16>::new(numbers), &Stored::<bf16>::new(numbers));
    for (found, expected) in [
        (pair(&short.narrow, isa).sum(), pair(&short.wide, isa).sum()),
        (pair(&brain.narrow, isa).sum(), pair(&brain.wide, isa).sum()),
    ] {
        assert_eq!(found.to_bits(), expected.to_bits());
    }
    let mut race = Race::new(rounds, n);
    race.enter("f32", || pair(&brain.wide, isa).sum());
    race.enter("bf16", || pair(&brain.narrow, isa).sum());
    race.enter("f16", || pair(&short.narrow, isa).sum());
    race.run(&format!("sum of {n}, {isa}"));
    race.ratio("bf16", "f32", goal);
    race.ratio("f16", "f32", None);
}

fn elementwise(rounds: usize, n: usize) {
    let data = Data::<f32>::new(n);
    let stored = &Stored::<bf16>::new([data.ln_q(), data.p()]);
    let isa = Isa::best();
    let (narrow, wide) = (&RefCell::new(vec![bf16::ZERO; n]), &RefCell::new(vec![0.0_f32; n]));
    let mut race = Race::new(rounds, n);
    race.enter("f32, terms", || pair(&stored.wide, isa).pointwise(&mut wide.borrow_mut()));
    race.enter("bf16, terms", || pair(&stored.narrow, isa).pointwise(&mut narrow.borrow_mut()));
    let rows = |of| Rows::new(of, n.min(1_024)).expect("whole rows");
    race.enter("f32, softmax", move || {
        softmax_on(isa, rows(black_box(&stored.wide[0])), &mut wide.borrow_mut())
    });
    let rows = |of| Rows::new(of, n.min(1_024)).expect("whole rows");
    race.enter("bf16, softmax", move || {
        softmax_on(isa, rows(black_box(&stored.narrow[0])), &mut narrow.borrow_mut())
    });
    race.run(&format!("{n} elements, {isa}"));
    race.ratio("bf16, terms", "f32, terms", None);
    race.ratio("bf16, softmax", "f32, softmax", None);
}

fn losses(rounds: usize, rows: usize, classes: usize, goal: Option<f64>) {
    let n = rows * classes;
    let data = Data::<f32>::new(n);
    let stored = &Stored::<bf16>::new([data.ln_q(), data.ln_p()]);
    let (narrow, wide) = (&RefCell::new(vec![bf16::ZERO; n]), &RefCell::new(vec![0.0_f32; n]));
    let found = loss(&stored.narrow, classes).weighted_mean();
    assert_eq!(found.to_bits(), loss(&stored.wide, classes).weighted_mean().to_bits());
    let upstream = Upstream::Uniform(1.0);
    let mut race = Race::new(rounds, n);
    race.enter("f32, loss", || loss(&stored.wide, classes).weighted_mean());
    race.enter("bf16, loss", || loss(&stored.narrow, classes).weighted_mean());
    race.enter("f32, gradient", || {
        loss(&stored.wide, classes).grad_student(upstream, &mut wide.borrow_mut())
    });
    race.enter("bf16, gradient", || {
        loss(&stored.narrow, classes).grad_student(upstream, &mut narrow.borrow_mut())
    });
    race.run(&format!("{rows} rows of {classes} logits, {}", Isa::best()));
    race.ratio("bf16, loss", "f32, loss", goal);
    race.ratio("bf16, gradient", "f32, gradient", goal);
}

fn loss<T: Element>(numbers: &[Vec<T>; 2], classes: usize) -> DistillLoss<'_, T> {
    let [student, teacher] =
        numbers.each_ref().map(|all| Rows::new(black_box(&all[..]), classes).expect("whole rows"));
    DistillLoss::new(student, Teacher::Logits(teacher)).expect("equal shapes")
}
