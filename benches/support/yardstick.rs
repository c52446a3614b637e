//! Memory yardsticks: the least that can be done with the same streams, on the widest vectors.

use super::Number;

/// Accumulators of the dot product: four of the widest registers.
const ACCUMULATORS: usize = 64;

/// `Σ x·t`, plainly: the least that can be done with two streams in.
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
