//! Contestants that take turns, round after round, in one process: their ratios mean something on a
//! shared machine, where a timing alone does not.

use core::hint::black_box;
use std::time::Instant;

/// About how long a contestant's turn takes, in nanoseconds: a fraction of the scheduler's slice, or
/// on a busy machine most turns would hold another process's slice as well.
const TURN: f64 = 200_000.0;

/// Contestants, most of which do the same number of elements, and the times of their turns.
pub(crate) struct Race<'a> {
    rounds: usize,
    elements: usize,
    contestants: Vec<Contestant<'a>>,
}

struct Contestant<'a> {
    name: String,
    elements: usize,
    /// Does its work so many times.
    work: Box<dyn FnMut(u32) + 'a>,
    /// Of each round, nanoseconds for an element.
    times: Vec<f64>,
}

impl<'a> Race<'a> {
    pub(crate) fn new(rounds: usize, elements: usize) -> Self {
        Race { rounds, elements, contestants: Vec::new() }
    }

    pub(crate) fn enter<R>(&mut self, name: &str, work: impl FnMut() -> R + 'a) {
        self.enter_of(self.elements, name, work);
    }

    /// One that does so many elements.
    pub(crate) fn enter_of<R>(
        &mut self,
        elements: usize,
        name: &str,
        mut work: impl FnMut() -> R + 'a,
    ) {
        let work = move |repeats| {
            for _ in 0..repeats {
                black_box(work());
            }
        };
        self.contestants.push(Contestant {
            name: name.into(),
            elements,
            work: Box::new(work),
            times: Vec::new(),
        });
    }

    /// Everybody's turns; begins a section of the table.
    pub(crate) fn run(&mut self, title: &str) {
        let repeats: Vec<u32> = self.contestants.iter_mut().map(Contestant::repeats).collect();
        for _ in 0..self.rounds {
            for (contestant, &repeats) in self.contestants.iter_mut().zip(&repeats) {
                let elements = (repeats as usize * contestant.elements) as f64;
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
    pub(crate) fn ratio(&self, name: &str, than: &str, goal: Option<f64>) {
        let (Some(one), Some(other)) = (self.find(name), self.find(than)) else { return };
        let ratio = median(other.times.iter().zip(&one.times).map(|(other, one)| other / one));
        let verdict = goal.map(|goal| (">=", goal, ratio >= goal));
        show(&format!("{name} / {than}"), &format!("{ratio:.2}"), verdict);
        println!("   {:.3} / {:.3} ns", one.median(), other.median());
    }

    /// A row of the table: how many times as long as `than` `name` takes, without so many nanoseconds for an element
    /// that it may take beside.
    pub(crate) fn time_beside(&self, name: &str, than: &str, beside: f64, goal: Option<f64>) {
        let (Some(one), Some(other)) = (self.find(name), self.find(than)) else { return };
        let times = one.times.iter().zip(&other.times);
        let ratio = median(times.map(|(one, other)| (one - beside) / other));
        let verdict = goal.map(|goal| ("<=", goal, ratio <= goal));
        show(&format!("{name} / {than}"), &format!("{ratio:.3}"), verdict);
        println!("   {:.4} / {:.4} ns", one.median(), other.median());
    }

    /// A row of the table: the time itself.
    pub(crate) fn time(&self, name: &str, goal: Option<f64>) {
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
