//! What the benchmarks share: made-up distributions, the check against the reference, memory
//! yardsticks, and how long to measure.
#![allow(dead_code, reason = "each benchmark uses its own part")]

use core::cell::{LazyCell, OnceCell};
use core::hint::black_box;
use core::iter::repeat_with;
use core::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use kldiv::{Element, Input, Isa, KlDiv, Target, accuracy, reference};

/// Two vectors of this length are in no first- or second-level cache.
pub(crate) const MEMORY: usize = 1 << 24;
/// The lengths of the kernels that memory bounds; the others stop one earlier.
pub(crate) const LENGTHS: [usize; 6] = [1, 10, 1_000, 4_096, 65_536, MEMORY];
/// The lengths in cache.
pub(crate) const CACHED: &[usize] = LENGTHS.split_at(5).0;

/// `f32` and `f64`.
pub(crate) trait Number: Element {
    const NAME: &'static str;
    /// Half the distance from 1 to the next number.
    const UNIT: f64;
    /// Error of the reference itself, in units of 2⁻⁵³; nothing beside an `f32`.
    const REFERENCE_MAX_U: f64;
    const EXP_MAX_ULP: f64;
    fn of(value: f64) -> Self;
}

impl Number for f32 {
    const NAME: &'static str = "f32";
    const UNIT: f64 = f32::EPSILON as f64 / 2.0;
    const REFERENCE_MAX_U: f64 = 0.0;
    const EXP_MAX_ULP: f64 = accuracy::EXP_F32_MAX_ULP;
    fn of(value: f64) -> Self {
        value as f32
    }
}

impl Number for f64 {
    const NAME: &'static str = "f64";
    const UNIT: f64 = f64::EPSILON / 2.0;
    const REFERENCE_MAX_U: f64 = 2.0;
    const EXP_MAX_ULP: f64 = accuracy::EXP_F64_MAX_ULP;
    fn of(value: f64) -> Self {
        value
    }
}

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
        let mut state = seed;
        let mut die = move || (splitmix64(&mut state) >> 11) as f64 / (1_u64 << 53) as f64;
        repeat_with(move || (die() + die() + die() + die() - 2.0) * 5.0).take(n)
    };
    let ln_mass = logits().map(f64::exp).sum::<f64>().ln();
    logits().map(move |logit| logit - ln_mass)
}

/// Sebastiano Vigna's generator: integers only, so the same stream everywhere.
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
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

/// `(p, ln p, ln q)` of each element.
fn elements<T: Number>((input, target): Pair<'_, T>) -> Vec<(f64, f64, f64)> {
    let (Input::LogProbs(inputs) | Input::Probs(inputs)) = input;
    let (Target::LogProbs(targets) | Target::Probs(targets)) = target;
    let each = inputs.iter().zip(targets).map(|(&x, &t)| {
        let (x, t): (f64, f64) = (x.into(), t.into());
        let ln_q = if let Input::LogProbs(_) = input { x } else { x.ln() };
        let (p, ln_p) = if let Target::LogProbs(_) = target { (t.exp(), t) } else { (t, t.ln()) };
        (p, ln_p, ln_q)
    });
    each.collect()
}

/// The divergence, ready to run: what a caller pays for each time.
#[inline(always)]
pub(crate) fn kl_div<'a, T: Element>((input, target): Pair<'a, T>, isa: Isa) -> KlDiv<'a, T> {
    let divergence = KlDiv::new(input, target).expect("equal lengths");
    divergence.on(isa).expect("an available instruction set")
}

// --- Checks -------------------------------------------------------------------------------------

/// The true result, and how far from it the measured one may be.
pub(crate) struct Exact {
    pub(crate) value: f64,
    pub(crate) tolerance: f64,
}

impl Exact {
    /// `value`, give or take `max_u` units of `scale`.
    pub(crate) fn within<T: Number>(value: f64, max_u: f64, scale: f64) -> Self {
        let tolerance = T::UNIT * (max_u + T::REFERENCE_MAX_U) * scale;
        Exact { value, tolerance }
    }

    /// A sum, whose bound is one of itself and one of its `scale`.
    pub(crate) fn sum<T: Number>(value: f64, scale: f64) -> Self {
        let bound = accuracy::SUM_MAX_U * value.abs() + accuracy::SUM_MAX_U_OF_SCALE * scale;
        Self::within::<T>(value, 1.0, bound)
    }

    /// The divergence.
    pub(crate) fn divergence<T: Number>((input, target): Pair<'_, T>) -> Self {
        // Both are sums of positive parts here: together Σ p·(|ln p| + |ln q|).
        let scale = reference::entropy(target) + reference::cross_entropy(input, target);
        Self::sum::<T>(reference::sum(input, target), scale)
    }
}

/// The terms of the divergence.
pub(crate) fn exact_terms<T: Number>(pair: Pair<'_, T>) -> Vec<Exact> {
    let (input, target) = pair;
    elementwise(
        pair,
        accuracy::TERM_MAX_U,
        |out| reference::pointwise(input, target, out),
        |p, ln_p, ln_q| match target {
            Target::Probs(_) => p * (ln_p.abs() + ln_q.abs()),
            Target::LogProbs(_) => p * (ln_p - ln_q).abs(),
        },
    )
}

/// What `reference` writes, each within `max_u` units of a scale that is made from the element's
/// `(p, ln p, ln q)`.
pub(crate) fn elementwise<T: Number>(
    pair: Pair<'_, T>,
    max_u: f64,
    reference: impl Fn(&mut [f64]),
    scale: impl Fn(f64, f64, f64) -> f64,
) -> Vec<Exact> {
    let elements = elements(pair);
    let mut values = vec![0.0; elements.len()];
    reference(&mut values);
    let each = values.into_iter().zip(elements);
    each.map(|(value, (p, ln_p, ln_q))| Exact::within::<T>(value, max_u, scale(p, ln_p, ln_q)))
        .collect()
}

/// Results within their tolerances, or a panic that says which is not.
pub(crate) fn assert_close<T: Number>(what: &str, results: &[T], exact: &[Exact]) {
    assert_eq!(results.len(), exact.len(), "{what}");
    for (index, (&result, exact)) in results.iter().zip(exact).enumerate() {
        let error = (result.into() - exact.value).abs();
        assert!(
            error <= exact.tolerance,
            "{what}: result {index} is {result:?}: {error:e} from {}, {:e} is allowed",
            exact.value,
            exact.tolerance,
        );
    }
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
    pub(crate) fn bench<T: Number, D: Copy>(
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
            bencher.iter(|| run(black_box(data), black_box(&mut out)));
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

// --- Yardsticks ---------------------------------------------------------------------------------

/// Accumulators of the dot product: four of the widest registers.
const ACCUMULATORS: usize = 64;

/// `Σ x·t`, plainly: the least that can be done with two streams.
pub(crate) fn dot<T: Number>(x: &[T], t: &[T]) -> T {
    widest(|| plain_dot(x, t))
}

/// Its error: one rounding for each addition on the way of a product.
pub(crate) fn dot_max_u(n: usize) -> f64 {
    (n / ACCUMULATORS + 2 * ACCUMULATORS) as f64
}

#[inline(always)]
fn plain_dot<T: Number>(x: &[T], t: &[T]) -> T {
    let mut sums = [T::of(0.0); ACCUMULATORS];
    let (x, x_tail) = x.as_chunks::<ACCUMULATORS>();
    let (t, t_tail) = t.as_chunks::<ACCUMULATORS>();
    for (x, t) in x.iter().zip(t) {
        for i in 0..ACCUMULATORS {
            sums[i] = sums[i] + x[i] * t[i];
        }
    }
    let tail = x_tail.iter().zip(t_tail).fold(T::of(0.0), |sum, (&x, &t)| sum + x * t);
    sums.into_iter().fold(tail, |sum, part| sum + part)
}

/// `out = x·t`, plainly: the least that can be done with two streams in and one out.
pub(crate) fn read_read_write<T: Number>(x: &[T], t: &[T], out: &mut [T]) {
    widest(|| plain_product(x, t, out));
}

#[inline(always)]
fn plain_product<T: Number>(x: &[T], t: &[T], out: &mut [T]) {
    for (out, (&x, &t)) in out.iter_mut().zip(x.iter().zip(t)) {
        *out = x * t;
    }
}

/// Compiles `work` for each instruction set and runs it on the widest, `Isa::best()`.
#[cfg(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "aarch64", target_feature = "neon")
))]
fn widest<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// Elsewhere there is one.
#[cfg(not(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "aarch64", target_feature = "neon")
)))]
fn widest<R>(work: impl FnOnce() -> R) -> R {
    work()
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
