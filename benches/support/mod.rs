//! What the benchmarks share: made-up distributions and how to measure. True results, races and
//! yardsticks have files of their own.
#![allow(dead_code, unused_imports, reason = "each benchmark uses its own part")]

pub(crate) mod exact;
pub(crate) mod race;
pub(crate) mod yardstick;

#[path = "../../tests/support/number.rs"]
mod number;
#[path = "../../tests/support/random.rs"]
mod random;

use core::cell::{LazyCell, OnceCell};
use core::hint::black_box;
use core::iter::repeat_with;
use core::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use kldiv::{Element, Input, Isa, KlDiv, Target};

use exact::{Exact, assert_close};
pub(crate) use number::{Number, for_each_number};
use random::Random;

/// Two vectors of this length are in no first- or second-level cache.
pub(crate) const MEMORY: usize = 1 << 24;
/// The lengths of the kernels that memory bounds; the others stop one earlier.
pub(crate) const LENGTHS: [usize; 6] = [1, 10, 1_000, 4_096, 65_536, MEMORY];
/// The lengths in cache.
pub(crate) const CACHED: &[usize] = LENGTHS.split_at(5).0;

// --- Data ---------------------------------------------------------------------------------------

/// A model's distribution q and a target p of `n` classes, softmax of logits that spread over
/// ±10. Each is made when first asked for, so that one benchmark does not wait for all.
pub(crate) struct Data<T> {
    n: usize,
    q: OnceCell<Vec<T>>,
    ln_q: OnceCell<Vec<T>>,
    p: OnceCell<Vec<T>>,
    ln_p: OnceCell<Vec<T>>,
}

impl<T: Number> Data<T> {
    pub(crate) fn new(n: usize) -> Self {
        let [q, ln_q, p, ln_p] = [const { OnceCell::new() }; 4];
        Data { n, q, ln_q, p, ln_p }
    }

    pub(crate) fn q(&self) -> &[T] {
        self.q.get_or_init(|| ln_softmax(1, self.n).map(|x| T::of(x.exp())).collect())
    }

    pub(crate) fn ln_q(&self) -> &[T] {
        self.ln_q.get_or_init(|| ln_softmax(1, self.n).map(T::of).collect())
    }

    pub(crate) fn p(&self) -> &[T] {
        self.p.get_or_init(|| ln_softmax(2, self.n).map(|x| T::of(x.exp())).collect())
    }

    pub(crate) fn ln_p(&self) -> &[T] {
        self.ln_p.get_or_init(|| ln_softmax(2, self.n).map(T::of).collect())
    }

    pub(crate) fn pair(&self, form: Form) -> Pair<'_, T> {
        match form {
            Form::Plain => (Input::LogProbs(self.ln_q()), Target::Probs(self.p())),
            Form::LogTarget => (Input::LogProbs(self.ln_q()), Target::LogProbs(self.ln_p())),
            Form::Probs => (Input::Probs(self.q()), Target::Probs(self.p())),
        }
    }
}

/// The logarithm of the softmax of `n` logits; each the sum of four dice, so roughly normal.
fn ln_softmax(seed: u64, n: usize) -> impl Iterator<Item = f64> {
    let logits = move || {
        let mut random = Random::new(seed);
        let mut die = move || random.unit();
        repeat_with(move || (die() + die() + die() + die() - 2.0) * 5.0).take(n)
    };
    let ln_mass = logits().map(f64::exp).sum::<f64>().ln();
    logits().map(move |logit| logit - ln_mass)
}

pub(crate) type Pair<'a, T> = (Input<'a, T>, Target<'a, T>);

/// What the numbers are.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// Log-probabilities against probabilities: PyTorch's default.
    Plain,
    /// Log-probabilities against log-probabilities.
    LogTarget,
    /// Probabilities against probabilities.
    Probs,
}

/// The divergence, ready to run: what a caller pays for each time.
#[inline(always)]
pub(crate) fn kl_div<'a, T: Element>((input, target): Pair<'a, T>, isa: Isa) -> KlDiv<'a, T> {
    let divergence = KlDiv::new(input, target).expect("equal lengths");
    divergence.on(isa).expect("an available instruction set")
}

// --- Measuring ----------------------------------------------------------------------------------

/// Short: a suite that takes minutes is run, one that takes hours is not.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .configure_from_args()
}

/// Keeps the compiler from knowing where slices lie and what they hold.
pub(crate) trait Hide: Copy {
    fn hide(self) -> Self;
}

impl<T> Hide for &[T] {
    fn hide(self) -> Self {
        black_box(self)
    }
}

// Not `black_box` of the whole: it would be stored word by word and read back as a vector, for which
// a processor waits longer than a sum of ten elements takes.
impl<T: Copy> Hide for Input<'_, T> {
    fn hide(self) -> Self {
        match self {
            Input::LogProbs(values) => Input::LogProbs(values.hide()),
            Input::Probs(values) => Input::Probs(values.hide()),
        }
    }
}

impl<T: Copy> Hide for Target<'_, T> {
    fn hide(self) -> Self {
        match self {
            Target::LogProbs(values) => Target::LogProbs(values.hide()),
            Target::Probs(values) => Target::Probs(values.hide()),
        }
    }
}

impl<A: Hide, B: Hide> Hide for (A, B) {
    fn hide(self) -> Self {
        (self.0.hide(), self.1.hide())
    }
}

/// One benchmark, `kernel/type/instruction set/length`.
pub(crate) struct Work<'a> {
    pub(crate) kernel: &'a str,
    pub(crate) isa: Isa,
    pub(crate) n: usize,
    /// Numbers read.
    pub(crate) inputs: usize,
    /// Numbers written.
    pub(crate) outputs: usize,
}

impl Work<'_> {
    /// Runs once, checks, then measures. If the id was not asked for, nothing runs at all.
    pub(crate) fn bench<T: Number, D: Hide>(
        self,
        criterion: &mut Criterion,
        data: impl Fn() -> D,
        run: impl Fn(D, &mut [T]),
        check: impl Fn(&str, &[T]),
    ) {
        let Work { kernel, isa, n, inputs, outputs } = self;
        let mut group = criterion.benchmark_group(format!("{kernel}/{}", T::NAME));
        let bytes = (inputs + outputs) * size_of::<T>();
        group.throughput(Throughput::ElementsAndBytes { elements: n as u64, bytes: bytes as u64 });
        let mut out = Vec::new();
        group.bench_function(BenchmarkId::new(isa.to_string(), n), |bencher| {
            let data = data();
            if out.is_empty() {
                out = vec![T::of(0.0); outputs];
                run(data, &mut out);
                check(&format!("{kernel}/{}/{isa}/{n}", T::NAME), &out);
            }
            bencher.iter(|| run(data.hide(), black_box(&mut out)));
        });
        group.finish();
    }
}

/// A kernel over two distributions, at some lengths, on every instruction set.
pub(crate) struct Kernel<'a> {
    /// Its name in the ids, for each form that it is measured with.
    pub(crate) names: &'a [(&'a str, Form)],
    pub(crate) lengths: &'a [usize],
    /// Results of a length.
    pub(crate) outputs: fn(usize) -> usize,
}

impl Kernel<'_> {
    pub(crate) fn bench<T: Number>(
        self,
        criterion: &mut Criterion,
        run: impl Fn(KlDiv<'_, T>, &mut [T]),
        exact: impl Fn(Pair<'_, T>) -> Vec<Exact>,
    ) {
        for &n in self.lengths {
            let data = Data::<T>::new(n);
            for &(kernel, form) in self.names {
                let pair = || data.pair(form);
                let exact = LazyCell::new(|| exact(pair()));
                for isa in Isa::available() {
                    let work = Work { kernel, isa, n, inputs: 2 * n, outputs: (self.outputs)(n) };
                    work.bench(
                        criterion,
                        pair,
                        |pair, out| run(kl_div(pair, isa), out),
                        |id, out| assert_close(id, out, &exact),
                    );
                }
            }
        }
    }
}

/// A yardstick at all lengths, on the widest vectors.
pub(crate) fn bench_yardstick<T: Number>(
    criterion: &mut Criterion,
    kernel: &str,
    outputs: fn(usize) -> usize,
    run: impl Fn((&[T], &[T]), &mut [T]),
    exact: impl Fn(&[T], &[T]) -> Vec<Exact>,
) {
    for n in LENGTHS {
        let data = Data::<T>::new(n);
        let work = Work { kernel, isa: Isa::best(), n, inputs: 2 * n, outputs: outputs(n) };
        work.bench(
            criterion,
            || (data.ln_q(), data.p()),
            &run,
            |id, out| assert_close(id, out, &exact(data.ln_q(), data.p())),
        );
    }
}
