//! The speed goals, as ratios within one process.
//!
//! # What is measured
//! A timing alone says nothing on a shared machine. Here contestants take turns, round after
//! round, on the same data, and a goal is judged by the median over the rounds of the ratio of
//! two of them. Each call is timed with everything: pairing the slices, choosing the instruction
//! set, the work.
//! # Units
//! Ratios of rates; 0.95 is 95 %. Beside them the median times, in nanoseconds.
//! # To run it
//! ```text
//! cargo bench --bench goals            # memory is 2^24 elements
//! cargo bench --bench goals -- 26      # memory is 2^26 elements
//! cargo bench --bench goals --features rayon  # two threads too
//! cargo bench --bench goals -- --test  # one round: checks the results, times mean nothing
//! ```

mod support;

use core::cell::RefCell;
use core::hint::black_box;

use kldiv::{
    DistillLoss, Divergence, Error, Isa, KlDiv, Reduction, Rows, Teacher, Upstream, log_softmax,
    reference, softmax,
};
use support::exact::{self, Exact, assert_close};
use support::race::Race;
use support::{Data, Form, Hide, Pair, kl_div, yardstick};

/// Elements that fit the first-level cache.
const CACHED: usize = 4_096;
/// Classes of a small problem, and of a row.
const FEW: usize = 10;
/// Rows of so many.
const ROWS: usize = 400;
/// Logits that are in no cache, and a row of them that is.
const VOCABULARY: usize = 128_256;
const VOCABULARY_ROWS: usize = 64;
const CACHED_VOCABULARY: usize = 32_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = if arguments.iter().any(|argument| argument == "--test") { 1 } else { 31 };
    let power = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(24_u32);

    println!("cargo bench --bench goals -- {power}");
    println!("f32, best instruction set {}, medians of {rounds} rounds", Isa::best());
    sums_in_cache(rounds);
    sums_in_memory(rounds, 1 << power);
    elementwise_in_memory(rounds, 1 << power);
    losses(rounds);
    #[cfg(feature = "rayon")]
    threads(rounds, 1 << power);
    few(rounds);
}

fn sums_in_cache(rounds: usize) {
    let data = Data::<f32>::new(CACHED);
    let mut race = Race::new(rounds, CACHED);
    for isa in Isa::available() {
        enter_sum(&mut race, &isa.to_string(), data.pair(Form::Plain), isa);
    }
    enter_sum(&mut race, "log-target", data.pair(Form::LogTarget), Isa::best());
    race.run(&format!("sum of {CACHED}"));
    race.ratio("sse2", "scalar", Some(2.5));
    race.ratio("avx2", "scalar", Some(6.0));
    race.ratio("avx512", "avx2", Some(1.6));
    race.ratio("neon", "scalar", None);
    race.ratio("log-target", &Isa::best().to_string(), Some(1.0));
}

fn sums_in_memory(rounds: usize, n: usize) {
    let data = Data::<f32>::new(n);
    let mut race = Race::new(rounds, n);
    for isa in Isa::available() {
        enter_sum(&mut race, &isa.to_string(), data.pair(Form::Plain), isa);
    }
    for isa in Isa::available() {
        enter_sum(&mut race, &format!("log-target, {isa}"), data.pair(Form::LogTarget), isa);
    }
    let (x, t) = (data.ln_q(), data.p());
    race.enter("dot product", move || yardstick::dot(black_box(x), black_box(t)));
    race.run(&format!("sum of {n}"));
    race.ratio("avx512", "dot product", Some(0.95));
    race.ratio("avx2", "dot product", Some(0.85));
    race.ratio("sse2", "dot product", None);
    race.ratio("neon", "dot product", None);
    race.ratio("log-target, avx512", "dot product", Some(0.95));
    race.ratio("log-target, avx2", "dot product", Some(0.85));
    race.ratio("log-target, neon", "dot product", None);
}

type Work = fn(KlDiv<'_, f32>, &mut [f32]) -> Result<(), Error>;
type Truth = fn(Pair<'_, f32>) -> Vec<Exact>;

fn elementwise_in_memory(rounds: usize, n: usize) {
    let data = Data::<f32>::new(n);
    // One for all: where a vector lies in memory makes a difference.
    let out = RefCell::new(vec![0.0; n]);
    let out = &out;
    let works: [(&str, Work, Truth); 3] = [
        ("pointwise", |divergence, out| divergence.pointwise(out), exact::terms),
        (
            "grad_input",
            |divergence, grad| divergence.grad_input(Upstream::Uniform(1.0), grad),
            |pair| exact::grad_input(pair, 1.0),
        ),
        (
            "grad_target",
            |divergence, grad| divergence.grad_target(Upstream::Uniform(1.0), grad),
            |pair| exact::grad_target(pair, 1.0),
        ),
    ];
    let mut race = Race::new(rounds, n);
    let mut names = Vec::new();
    for (ending, form) in [("", Form::Plain), (", log-target", Form::LogTarget)] {
        let pair = data.pair(form);
        for (name, work, exact) in works {
            let name = format!("{name}{ending}");
            let run = move || {
                let divergence = kl_div(pair.hide(), Isa::best());
                work(divergence, black_box(&mut out.borrow_mut())).expect("equal lengths");
            };
            run();
            assert_close(&name, &out.borrow(), &exact(pair));
            race.enter(&name, run);
            names.push(name);
        }
    }
    let (x, t) = (data.ln_q(), data.p());
    race.enter("read-read-write", move || {
        yardstick::read_read_write(black_box(x), black_box(t), black_box(&mut out.borrow_mut()));
    });
    race.run(&format!("{n} elements"));
    for name in names {
        race.ratio(&name, "read-read-write", Some(0.95));
    }
}

/// Losses of logits: out of cache against one row that stays in it.
fn losses(rounds: usize) {
    let (n, cached) = (VOCABULARY * VOCABULARY_ROWS, CACHED_VOCABULARY);
    let data = &Data::<f32>::new(n);
    let grad = &RefCell::new(vec![0.0; n]);
    for isa in Isa::available().filter(|&isa| isa != Isa::Scalar) {
        let mut race = Race::new(rounds, n);
        for (name, length, classes) in [("in memory", n, VOCABULARY), ("in cache", cached, cached)]
        {
            let mut exact = [0.0; VOCABULARY_ROWS];
            let exact = &mut exact[..length / classes];
            let [student, teacher] = logits(data, length, classes);
            reference::distill(student, Teacher::Logits(teacher), 1.0, Divergence::Forward, exact);
            let exact: f32 = exact.iter().sum();
            let sum = loss(data, length, classes, isa).reduce(Reduction::Sum);
            assert!((sum - exact).abs() <= 1e-5 * exact, "loss {name}: {sum}, not {exact}");

            race.enter_of(length, &format!("loss {name}"), move || {
                loss(data, length, classes, isa).reduce(Reduction::Sum)
            });
            race.enter_of(length, &format!("loss and gradient {name}"), move || {
                let mut losses = [0.0; VOCABULARY_ROWS];
                let (losses, mut grad) = (&mut losses[..length / classes], grad.borrow_mut());
                let grad = black_box(&mut grad[..length]);
                let loss = loss(data, length, classes, isa);
                loss.loss_and_grad_student(Upstream::Uniform(1.0), losses, grad)
            });
        }
        race.run(&format!("{VOCABULARY_ROWS} rows of {VOCABULARY} logits, {isa}"));
        race.ratio("loss in memory", "loss in cache", Some(0.8));
        race.ratio("loss and gradient in memory", "loss and gradient in cache", Some(0.7));
    }
}

fn logits(data: &Data<f32>, length: usize, classes: usize) -> [Rows<'_, f32>; 2] {
    let rows = |all| Rows::new(black_box(all), classes).expect("whole rows");
    [rows(&data.ln_q()[..length]), rows(&data.ln_p()[..length])]
}

fn loss(data: &Data<f32>, length: usize, classes: usize, isa: Isa) -> DistillLoss<'_, f32> {
    let [student, teacher] = logits(data, length, classes);
    let loss = DistillLoss::new(student, Teacher::Logits(teacher));
    loss.and_then(|loss| loss.on(isa)).expect("equal shapes, an available instruction set")
}

/// Two threads against one, where the machine has two that nobody else needs.
#[cfg(feature = "rayon")]
fn threads(rounds: usize, n: usize) {
    let data = Data::<f32>::new(n);
    let pair = data.pair(Form::Plain);
    let pool = rayon_core::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
    pool.install(|| {
        let mut race = Race::new(rounds, n);
        race.enter("one thread", || kl_div(pair.hide(), Isa::best()).sum());
        race.enter("two threads", || kl_div(pair.hide(), Isa::best()).parallel().sum());
        race.run(&format!("sum of {n}"));
        race.ratio("two threads", "one thread", Some(1.5));
    });
}

fn few(rounds: usize) {
    let data = Data::<f32>::new(FEW);
    let mut one = Race::new(rounds, 1);
    for (name, form) in [("sum", Form::Plain), ("sum, log-target", Form::LogTarget)] {
        let (input, target) = data.pair(form);
        let sum = [kl_div((input, target), Isa::best()).sum()];
        assert_close(name, &sum, &[exact::divergence((input, target))]);
        one.enter(name, move || {
            KlDiv::new(input.hide(), target.hide()).expect("equal lengths").sum()
        });
    }
    enter_sum(&mut one, "sum, instruction set named", data.pair(Form::Plain), Isa::best());
    one.run(&format!("one call, {FEW} elements"));
    one.time("sum", Some(25.0));
    one.time("sum, log-target", Some(25.0));
    one.time("sum, instruction set named", None);

    let data = Data::<f32>::new(ROWS * FEW);
    let (x, t) = (data.ln_q(), data.p());
    let logits = Rows::new(x, FEW).expect("whole rows");
    let mut sums = [0.0; ROWS];
    let (mut ln_p, mut p) = ([0.0; ROWS * FEW], [0.0; ROWS * FEW]);
    let pair = data.pair(Form::Plain);
    kl_div(pair, Isa::best()).row_sums(&mut sums).expect("whole rows");
    log_softmax(logits, &mut ln_p).expect("equal lengths");
    softmax(logits, &mut p).expect("equal lengths");
    assert_close("row_sums", &sums, &exact::row_sums(x, t, FEW));
    assert_close("log_softmax", &ln_p, &exact::log_softmax(x, FEW));
    assert_close("softmax", &p, &exact::softmax(x, FEW));

    let mut rows = Race::new(rounds, ROWS * FEW);
    rows.enter("row_sums", || kl_div(pair.hide(), Isa::best()).row_sums(black_box(&mut sums)));
    rows.enter("log_softmax", || log_softmax(black_box(logits), black_box(&mut ln_p)));
    rows.enter("softmax", || softmax(black_box(logits), black_box(&mut p)));
    rows.run(&format!("{ROWS} rows of {FEW}, an element"));
    for name in ["row_sums", "log_softmax", "softmax"] {
        rows.time(name, Some(3.0));
    }
}

fn enter_sum<'a>(race: &mut Race<'a>, name: &str, pair: Pair<'a, f32>, isa: Isa) {
    let sum = [kl_div(pair, isa).sum()];
    assert_close(name, &sum, &[exact::divergence(pair)]);
    race.enter(name, move || kl_div(pair.hide(), isa).sum());
}
