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
//! cargo bench --bench goals -- --test  # one round: checks the results, times mean nothing
//! ```

mod support;

use core::cell::RefCell;
use core::hint::black_box;
use std::time::Instant;

use kldiv::{Error, Isa, KlDiv, Rows, Upstream, log_softmax, softmax};
use support::exact::{self, Exact, assert_close};
use support::{Data, Form, Pair, kl_div, yardstick};

/// Elements that fit the first-level cache.
const CACHED: usize = 4_096;
/// Classes of a small problem, and of a row.
const FEW: usize = 10;
/// Rows of so many.
const ROWS: usize = 400;
/// About how long a contestant's turn takes, in nanoseconds.
const TURN: f64 = 200_000.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = if arguments.iter().any(|argument| argument == "--test") { 1 } else { 31 };
    let power = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(24_u32);

    println!("cargo bench --bench goals -- {power}");
    println!("f32, best instruction set {}, medians of {rounds} rounds", Isa::best());
    sums_in_cache(rounds);
    sums_in_memory(rounds, 1 << power);
    elementwise_in_memory(rounds, 1 << power);
    few(rounds);
}

fn sums_in_cache(rounds: usize) {
    let data = Data::<f32>::new(CACHED);
    let mut race = Race::new(rounds, CACHED);
    for isa in Isa::available() {
        race.enter_sum(isa.to_string(), data.pair(Form::Plain), isa);
    }
    race.enter_sum("log-target".into(), data.pair(Form::LogTarget), Isa::best());
    race.run(&format!("sum of {CACHED}"));
    race.ratio("sse2", "scalar", Some(2.5));
    race.ratio("avx2", "scalar", Some(6.0));
    race.ratio("avx512", "avx2", None);
    race.ratio("neon", "scalar", None);
    race.ratio("log-target", &Isa::best().to_string(), Some(1.0));
}

fn sums_in_memory(rounds: usize, n: usize) {
    let data = Data::<f32>::new(n);
    let mut race = Race::new(rounds, n);
    for isa in Isa::available() {
        race.enter_sum(isa.to_string(), data.pair(Form::Plain), isa);
    }
    race.enter_sum("log-target".into(), data.pair(Form::LogTarget), Isa::best());
    let (x, t) = (data.ln_q(), data.p());
    race.enter("dot product", move || yardstick::dot(black_box(x), black_box(t)));
    race.run(&format!("sum of {n}"));
    race.ratio("avx512", "dot product", Some(0.95));
    race.ratio("avx2", "dot product", Some(0.60));
    race.ratio("sse2", "dot product", None);
    race.ratio("neon", "dot product", None);
    race.ratio("log-target", &Isa::best().to_string(), Some(1.0));
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
                let divergence = kl_div(black_box(pair), Isa::best());
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
        race.ratio(&name, "read-read-write", Some(0.85));
    }
}

fn few(rounds: usize) {
    let data = Data::<f32>::new(FEW);
    let mut one = Race::new(rounds, 1);
    for (name, form) in [("sum", Form::Plain), ("sum, log-target", Form::LogTarget)] {
        let (input, target) = data.pair(form);
        let sum = [kl_div((input, target), Isa::best()).sum()];
        assert_close(name, &sum, &[exact::divergence((input, target))]);
        one.enter(name, move || KlDiv::new(black_box(input), black_box(target)).map(|d| d.sum()));
    }
    one.enter_sum("sum, instruction set named".into(), data.pair(Form::Plain), Isa::best());
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
    rows.enter("row_sums", || kl_div(black_box(pair), Isa::best()).row_sums(black_box(&mut sums)));
    rows.enter("log_softmax", || log_softmax(black_box(logits), black_box(&mut ln_p)));
    rows.enter("softmax", || softmax(black_box(logits), black_box(&mut p)));
    rows.run(&format!("{ROWS} rows of {FEW}, an element"));
    for name in ["row_sums", "log_softmax", "softmax"] {
        rows.time(name, None);
    }
}

/// Contestants that do the same number of elements, and the times of their turns.
struct Race<'a> {
    rounds: usize,
    elements: usize,
    contestants: Vec<Contestant<'a>>,
}

struct Contestant<'a> {
    name: String,
    /// Does its work so many times.
    work: Box<dyn FnMut(u32) + 'a>,
    /// Of each round, nanoseconds for an element.
    times: Vec<f64>,
}

impl<'a> Race<'a> {
    fn new(rounds: usize, elements: usize) -> Self {
        Race { rounds, elements, contestants: Vec::new() }
    }

    fn enter<R>(&mut self, name: &str, mut work: impl FnMut() -> R + 'a) {
        let work = move |repeats| {
            for _ in 0..repeats {
                black_box(work());
            }
        };
        let contestant = Contestant { name: name.into(), work: Box::new(work), times: Vec::new() };
        self.contestants.push(contestant);
    }

    fn enter_sum(&mut self, name: String, pair: Pair<'a, f32>, isa: Isa) {
        let sum = [kl_div(pair, isa).sum()];
        assert_close(&name, &sum, &[exact::divergence(pair)]);
        self.enter(&name, move || kl_div(black_box(pair), isa).sum());
    }

    /// Everybody's turns; begins a section of the table.
    fn run(&mut self, title: &str) {
        let repeats: Vec<u32> = self.contestants.iter_mut().map(Contestant::repeats).collect();
        for _ in 0..self.rounds {
            for (contestant, &repeats) in self.contestants.iter_mut().zip(&repeats) {
                let elements = (repeats as usize * self.elements) as f64;
                let time = contestant.turn(repeats);
                contestant.times.push(time / elements);
            }
        }
        println!("\n{title:42} {:>9} {:>7}", "measured", "goal");
    }

    fn find(&self, name: &str) -> Option<&Contestant<'a>> {
        self.contestants.iter().find(|contestant| contestant.name == name)
    }

    /// A row of the table: how many times the rate of `than` that of `name` is. If this machine
    /// has not both, no row.
    fn ratio(&self, name: &str, than: &str, goal: Option<f64>) {
        let (Some(one), Some(other)) = (self.find(name), self.find(than)) else { return };
        let ratio = median(other.times.iter().zip(&one.times).map(|(other, one)| other / one));
        let verdict = goal.map(|goal| (">=", goal, ratio >= goal));
        show(&format!("{name} / {than}"), &format!("{ratio:.2}"), verdict);
        println!("   {:.3} / {:.3} ns", one.median(), other.median());
    }

    /// A row of the table: the time itself.
    fn time(&self, name: &str, goal: Option<f64>) {
        let Some(contestant) = self.find(name) else { return };
        let time = contestant.median();
        let verdict = goal.map(|goal| ("<=", goal, time <= goal));
        show(name, &format!("{time:.2} ns"), verdict);
        println!();
    }
}

impl Contestant<'_> {
    /// The work's time, in nanoseconds.
    fn turn(&mut self, repeats: u32) -> f64 {
        let start = Instant::now();
        (self.work)(repeats);
        start.elapsed().as_nanos() as f64
    }

    /// How often its work fits a turn; at least once.
    fn repeats(&mut self) -> u32 {
        self.turn(1);
        let once = self.turn(1).max(1.0);
        (TURN / once).max(1.0) as u32
    }

    fn median(&self) -> f64 {
        median(self.times.iter().copied())
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The first columns of a row.
fn show(what: &str, measured: &str, verdict: Option<(&str, f64, bool)>) {
    let (goal, met) = match verdict {
        Some((comparison, goal, met)) => {
            (format!("{comparison} {goal}"), if met { "met" } else { "MISSED" })
        }
        None => (String::new(), ""),
    };
    print!("{what:42} {measured:>9} {goal:>7} {met:6}");
}
