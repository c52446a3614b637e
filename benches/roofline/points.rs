//! What is measured, and how.

use core::hint::black_box;
use std::time::Instant;

use indicatif::ProgressBar;
use kldiv::{Isa, KlDiv, Rows, Upstream, log_softmax, reference, softmax};
use serde::{Deserialize, Serialize};

use crate::limits::Limit;
use crate::support::{Data, Form, Hide, kl_div};

/// Bytes of two streams of numbers: in the first-level cache, in the second, in the third, in memory.
const WORKING_SETS: [usize; 4] = [16 << 10, 256 << 10, 4 << 20, 256 << 20];
/// Distinct numbers of a slice; longer ones repeat them.
const DISTINCT: usize = 65_536;
/// Rows of so many elements are measured too, in the smallest working set.
const ROW: usize = 10;
/// About how long a turn takes, in nanoseconds.
const TURN: f64 = 500_000.0;

/// Something to measure.
pub(crate) struct Kernel {
    pub(crate) name: &'static str,
    form: Form,
    streams: usize,
    /// Operations on floats for an element of f32 and of f64, counted in the AVX-512 code of the usual
    /// path; a sum's compensated addition of four is 1.75 for each. Rows of ten take another path.
    operations: Option<[f64; 2]>,
    work: Work,
}

#[derive(Clone, Copy)]
enum Work {
    Sum,
    RowSums,
    Pointwise,
    GradInput,
    GradTarget,
    LogSoftmax,
    Softmax,
}

pub(crate) const KERNELS: [Kernel; 8] = [
    kernel("sum", Form::Plain, 2, Some([17.75, 25.75]), Work::Sum),
    kernel("sum_log_target", Form::LogTarget, 2, Some([27.75, 37.75]), Work::Sum),
    kernel("pointwise", Form::Plain, 3, Some([16.0, 24.0]), Work::Pointwise),
    kernel("grad_input_log_target", Form::LogTarget, 3, Some([26.0, 36.0]), Work::GradInput),
    kernel("grad_target", Form::Plain, 3, Some([17.0, 25.0]), Work::GradTarget),
    kernel("row_sums_of_10", Form::Plain, 2, None, Work::RowSums),
    kernel("log_softmax_of_10", Form::Plain, 2, None, Work::LogSoftmax),
    kernel("softmax_of_10", Form::Plain, 2, None, Work::Softmax),
];

const fn kernel(
    name: &'static str,
    form: Form,
    streams: usize,
    operations: Option<[f64; 2]>,
    work: Work,
) -> Kernel {
    Kernel { name, form, streams, operations, work }
}

impl Work {
    /// Whether it works on rows of ten.
    fn is_of_rows(self) -> bool {
        matches!(self, Work::RowSums | Work::LogSoftmax | Work::Softmax)
    }

    /// Whether the instruction set can be named.
    fn takes_isa(self) -> bool {
        !matches!(self, Work::LogSoftmax | Work::Softmax)
    }

    fn run<T: Limit>(self, kl: KlDiv<'_, T>, logits: &[T], out: &mut [T]) {
        let third = Upstream::Uniform(T::of(1.0 / 3.0));
        let rows = || Rows::new(logits, ROW).expect("whole rows");
        match self {
            Work::Sum => {
                out[0] = kl.sum();
                Ok(())
            }
            Work::RowSums => kl.row_sums(&mut out[..logits.len() / ROW]),
            Work::Pointwise => kl.pointwise(out),
            Work::GradInput => kl.grad_input(third, out),
            Work::GradTarget => kl.grad_target(third, out),
            Work::LogSoftmax => log_softmax(rows(), out),
            Work::Softmax => softmax(rows(), out),
        }
        .expect("lengths that agree");
    }
}

/// One kernel on one instruction set at one length.
#[derive(Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) kernel: String,
    pub(crate) number: String,
    pub(crate) isa: String,
    /// Elements.
    pub(crate) length: usize,
    /// Nanoseconds for an element.
    pub(crate) time: f64,
    /// Bytes read and written in a nanosecond, which is 10⁹ a second.
    pub(crate) bandwidth: f64,
    /// Of the rate at which the machine reads a working set of this size.
    pub(crate) bandwidth_percent: f64,
    /// Of the rate at which the machine multiplies and adds in registers, two operations each.
    pub(crate) arithmetic_percent: Option<f64>,
}

/// What a machine can do at most with numbers of a type.
#[derive(Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) number: String,
    /// Multiplications and additions in a nanosecond.
    pub(crate) arithmetic: f64,
    /// Bytes of a working set, and how many of them are read in a nanosecond.
    pub(crate) read: Vec<(usize, f64)>,
}

/// The least time of `rounds` turns in which all take part one after the other, in nanoseconds for a
/// call.
fn race(rounds: usize, contestants: &mut [&mut dyn FnMut()]) -> Vec<f64> {
    let turn = |contestant: &mut dyn FnMut(), repeats: usize| {
        let start = Instant::now();
        for _ in 0..repeats {
            contestant();
        }
        start.elapsed().as_nanos() as f64 / repeats as f64
    };
    let mut repeats = Vec::new();
    for contestant in &mut *contestants {
        contestant();
        repeats.push((TURN / turn(contestant, 1).max(1.0)).max(1.0) as usize);
    }
    let mut least = vec![f64::INFINITY; contestants.len()];
    for _ in 0..rounds {
        for ((contestant, &repeats), least) in contestants.iter_mut().zip(&repeats).zip(&mut least)
        {
            *least = least.min(turn(contestant, repeats));
        }
    }
    least
}

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    quick: bool,
}

impl Effort {
    pub(crate) fn new(quick: bool) -> Self {
        Effort { quick }
    }

    fn working_sets(self) -> &'static [usize] {
        if self.quick { &WORKING_SETS[..2] } else { &WORKING_SETS }
    }

    /// Turns at a length: few where one takes long anyway.
    fn rounds(self, bytes: usize) -> usize {
        match (self.quick, bytes > 32 << 20) {
            (true, _) => 1,
            (false, true) => 5,
            (false, false) => 41,
        }
    }

    /// Steps of the progress bar for a type.
    pub(crate) fn steps(self) -> usize {
        let rows = KERNELS.iter().filter(|kernel| kernel.work.is_of_rows()).count();
        let sets = self.working_sets().len();
        1 + sets + rows + (KERNELS.len() - rows) * sets
    }
}

/// All points of a type.
pub(crate) fn measure<T: Limit>(effort: Effort, bar: &ProgressBar) -> (Limits, Vec<Point>) {
    let mut limits =
        Limits { number: T::NAME.into(), arithmetic: arithmetic::<T>(effort), read: Vec::new() };
    bar.inc(1);
    let longest = effort.working_sets().last().map_or(0, |bytes| bytes / 2 / size_of::<T>());
    let data = Data::<T>::new(DISTINCT.min(longest));
    let long = |values: &[T]| -> Vec<T> { values.iter().copied().cycle().take(longest).collect() };
    let (ln_q, p, ln_p) = (long(data.ln_q()), long(data.p()), long(data.ln_p()));
    let mut out = vec![T::of(0.0); longest];
    let mut points = Vec::new();
    for &bytes in effort.working_sets() {
        let n = bytes / 2 / size_of::<T>();
        let read = read_rate(effort, &ln_q[..n], &p[..n]);
        limits.read.push((bytes, read));
        bar.inc(1);
        for (k, kernel) in KERNELS.iter().enumerate() {
            if kernel.work.is_of_rows() && bytes != WORKING_SETS[0] {
                continue;
            }
            bar.set_message(format!("{} {} {n}", kernel.name, T::NAME));
            let n = if kernel.work.is_of_rows() { n / ROW * ROW } else { n };
            let target = if let Form::LogTarget = kernel.form { &ln_p } else { &p };
            let times = times(effort, kernel, &ln_q[..n], &target[..n], &mut out[..n]);
            for (isa, time) in times {
                let bytes_each = (kernel.streams * size_of::<T>()) as f64;
                let operations = kernel.operations.map(|of| of[usize::from(T::NAME == "f64")]);
                points.push(Point {
                    kernel: KERNELS[k].name.into(),
                    number: T::NAME.into(),
                    isa: isa.to_string(),
                    length: n,
                    time,
                    bandwidth: bytes_each / time,
                    bandwidth_percent: 100.0 * bytes_each / time / read,
                    arithmetic_percent: operations
                        .map(|each| 100.0 * each / time / limits.arithmetic),
                });
            }
            bar.inc(1);
        }
    }
    (limits, points)
}

/// Nanoseconds for an element on each instruction set, after a look at the results.
fn times<T: Limit>(
    effort: Effort,
    kernel: &Kernel,
    x: &[T],
    t: &[T],
    out: &mut [T],
) -> Vec<(Isa, f64)> {
    let pair = match kernel.form {
        Form::LogTarget => (kldiv::Input::LogProbs(x), kldiv::Target::LogProbs(t)),
        _ => (kldiv::Input::LogProbs(x), kldiv::Target::Probs(t)),
    };
    let work = kernel.work;
    let isas: Vec<Isa> =
        if work.takes_isa() { Isa::available().collect() } else { vec![Isa::best()] };
    let mut expected: Option<Vec<u64>> = None;
    for &isa in &isas {
        work.run(kl_div(pair, isa), x, out);
        let results = if let Work::Sum = work { &out[..1] } else { &*out };
        let bits: Vec<u64> = results.iter().map(|&y| y.into().to_bits()).collect();
        if let Some(expected) = &expected {
            assert!(bits == *expected, "{} on {isa}: other bits than scalar code's", kernel.name);
        } else {
            expected = Some(bits);
        }
    }
    if let (Work::Sum, Some(sum)) = (work, expected.as_ref().and_then(|bits| bits.first())) {
        let exact = reference::sum(pair.0, pair.1);
        let error = (f64::from_bits(*sum) - exact).abs() / exact.abs();
        assert!(error < 1e-6, "{}: {error:e} off", kernel.name);
    }
    // One for all: they take turns.
    let out = core::cell::RefCell::new(out);
    let mut runs: Vec<_> = isas
        .iter()
        .map(|&isa| {
            let out = &out;
            move || {
                let kl = kl_div(pair.hide(), isa);
                work.run(kl, x.hide(), black_box(&mut **out.borrow_mut()));
            }
        })
        .collect();
    let mut contestants: Vec<&mut dyn FnMut()> =
        runs.iter_mut().map(|run| run as &mut dyn FnMut()).collect();
    let times = race(effort.rounds(size_of_val(x) * 2), &mut contestants);
    isas.iter().copied().zip(times.into_iter().map(|time| time / x.len() as f64)).collect()
}

/// Bytes read in a nanosecond from a working set of two slices, two or four places at a time,
/// whichever is faster: some memories like the one better, some the other.
fn read_rate<T: Limit>(effort: Effort, x: &[T], t: &[T]) -> f64 {
    let bytes = size_of_val(x) + size_of_val(t);
    let (x_parts, t_parts) = (x.split_at(x.len() / 2), t.split_at(t.len() / 2));
    let mut two = || {
        black_box(T::read(black_box([x, t])));
    };
    let mut four = || {
        black_box(T::read(black_box([x_parts.0, x_parts.1, t_parts.0, t_parts.1])));
    };
    let times = race(effort.rounds(bytes), &mut [&mut two, &mut four]);
    bytes as f64 / times[0].min(times[1])
}

/// Operations in a nanosecond, two for each multiply-add.
fn arithmetic<T: Limit>(effort: Effort) -> f64 {
    const STEPS: usize = 10_000;
    let mut count = 0;
    let mut run = || {
        let (multiply_adds, result) = T::multiply_adds(black_box(STEPS));
        count = multiply_adds;
        black_box(result);
    };
    let time = race(effort.rounds(0), &mut [&mut run])[0];
    2.0 * count as f64 / time
}
