//! Memory yardsticks: the least that can be done with the same streams, on the widest vectors.

use super::Number;

/// Accumulators of the dot product. Twice as many are not kept in registers.
const ACCUMULATORS: usize = 32;

/// `Σ x·t`, plainly: the least that can be done with two streams in.
pub(crate) fn dot<T: Number>(x: &[T], t: &[T]) -> T {
    widest(Dot { x, t })
}

/// Its error: one rounding for each addition on the way of a product.
pub(crate) fn dot_max_u(n: usize) -> f64 {
    (n / ACCUMULATORS + 2 * ACCUMULATORS) as f64
}

/// `out = x·t`, plainly: the least that can be done with two streams in and one out.
pub(crate) fn read_read_write<T: Number>(x: &[T], t: &[T], out: &mut [T]) {
    widest(Product { x, t, out });
}

/// Not a closure: compiled as a function of its own, it would not have the instruction set of its
/// caller.
trait Work {
    type Output;
    fn run(self) -> Self::Output;
}

struct Dot<'a, T> {
    x: &'a [T],
    t: &'a [T],
}

impl<T: Number> Work for Dot<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run(self) -> T {
        let mut sums = [T::of(0.0); ACCUMULATORS];
        let (x, x_tail) = self.x.as_chunks::<ACCUMULATORS>();
        let (t, t_tail) = self.t.as_chunks::<ACCUMULATORS>();
        for (x, t) in x.iter().zip(t) {
            for i in 0..ACCUMULATORS {
                sums[i] = sums[i] + x[i] * t[i];
            }
        }
        let mut all = T::of(0.0);
        for (&x, &t) in x_tail.iter().zip(t_tail) {
            all = all + x * t;
        }
        for part in sums {
            all = all + part;
        }
        all
    }
}

struct Product<'a, T> {
    x: &'a [T],
    t: &'a [T],
    out: &'a mut [T],
}

impl<T: Number> Work for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (out, (&x, &t)) in self.out.iter_mut().zip(self.x.iter().zip(self.t)) {
            *out = x * t;
        }
    }
}

/// Compiles the work for each instruction set and runs it on the widest, `Isa::best()`.
#[cfg(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "aarch64", target_feature = "neon")
))]
fn widest<W: Work>(work: W) -> W::Output {
    struct Vectorized<W>(W);

    impl<W: Work> pulp::WithSimd for Vectorized<W> {
        type Output = W::Output;

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> W::Output {
            self.0.run()
        }
    }

    pulp::Arch::new().dispatch(Vectorized(work))
}

/// Elsewhere there is one.
#[cfg(not(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "aarch64", target_feature = "neon")
)))]
fn widest<W: Work>(work: W) -> W::Output {
    work.run()
}
