//! Long slices on the threads of a [rayon](https://docs.rs/rayon) pool: the same results, bit for bit.
//!
//! [`KlDiv::parallel`] and the functions here take as many threads as the current pool has: the
//! global one, or that of a `rayon::ThreadPool` from within its `install`. How many there are, and
//! which of them does what, changes no bit: elements and rows do not depend on each other, and the
//! chunks of a sum are merged in the order of the slice, whichever is ready first.
//!
//! It is asked for by name. Cargo unites the features of all who use a crate, so one dependency that
//! switches `rayon` on must not put threads into another's calls.
//!
//! Short work stays on the calling thread: less than 32,768 elements, and a sum, which is cut nowhere
//! but at [its chunks](crate#equal-bits), up to 65,536. A single row of [`softmax`] or [`log_softmax`]
//! does too, whatever its length.
//!
//! Nothing is allocated here; rayon may, to pass work to its threads. If the global pool cannot be
//! started, rayon panics.
//!
//! # Examples
//! ```
//! use kldiv::{Input, KlDiv, Target};
//!
//! let (x, p) = (vec![-12.0_f32; 200_000], vec![5e-6; 200_000]);
//! let kl = KlDiv::new(Input::LogProbs(&x), Target::Probs(&p))?;
//! assert_eq!(kl.parallel().sum().to_bits(), kl.sum().to_bits());
//! # Ok::<(), kldiv::Error>(())
//! ```

use crate::error::Error;
use crate::isa::Backend;
use crate::kernel::{Compiled, Factors, Pair, Total};
use crate::kl::{Input, KlDiv, Reduction, Target, Upstream};
use crate::lanes::Element;
use crate::shape;
use crate::softmax::Rows;
use crate::sum::{CHUNK, Compensated};

/// Elements that are not worth the passing on of half of them: about 10 µs of work.
const GRAIN: usize = 32_768;

/// Chunks of a sum that are under way at a time; their results lie on the stack.
const BATCH: usize = 256;

/// Parts begin at multiples of this, a few cache lines, so that a part is aligned as the whole is.
const ALIGNED: usize = 64;

// --- The public face ----------------------------------------------------------------------------

/// Something whose methods use the threads of the current pool. See [`KlDiv::parallel`].
#[derive(Clone, Copy, Debug)]
pub struct Parallel<W>(W);

impl<'a, T: Element> KlDiv<'a, T> {
    /// The same divergence, computed by the threads of the current [rayon](crate::parallel) pool.
    ///
    /// # Examples
    /// ```
    /// use kldiv::{Input, KlDiv, Target};
    ///
    /// let (q, p) = (vec![1e-6; 1_000_000], vec![1e-6; 1_000_000]);
    /// let kl = KlDiv::new(Input::Probs(&q), Target::Probs(&p))?.parallel();
    /// let mut rows = [1.0; 1_000];
    /// kl.row_sums(&mut rows)?;
    /// assert_eq!((kl.sum(), rows), (0.0, [0.0; 1_000]));
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn parallel(self) -> Parallel<Self> {
        Parallel(self)
    }
}

impl<T: Element> Parallel<KlDiv<'_, T>> {
    /// As [`KlDiv::sum`].
    #[must_use]
    pub fn sum(&self) -> T {
        if self.0.len() <= CHUNK { self.0.sum() } else { total(self.0.pair, Total::Divergence) }
    }

    /// As [`KlDiv::mean`].
    #[must_use]
    pub fn mean(&self) -> T {
        self.reduce(Reduction::Mean)
    }

    /// As [`KlDiv::batch_mean`].
    #[must_use]
    pub fn batch_mean(&self, batch: usize) -> T {
        self.reduce(Reduction::BatchMean(batch))
    }

    /// As [`KlDiv::reduce`].
    #[must_use]
    pub fn reduce(&self, reduction: Reduction) -> T {
        reduction.of(self.sum(), self.0.len())
    }

    /// As [`KlDiv::entropy`].
    #[must_use]
    pub fn entropy(&self) -> T {
        if self.0.len() <= CHUNK { self.0.entropy() } else { total(self.0.pair, Total::Entropy) }
    }

    /// As [`KlDiv::cross_entropy`].
    #[must_use]
    pub fn cross_entropy(&self) -> T {
        if self.0.len() <= CHUNK {
            self.0.cross_entropy()
        } else {
            total(self.0.pair, Total::CrossEntropy)
        }
    }

    /// As [`KlDiv::pointwise`].
    ///
    /// # Errors
    /// Those of [`KlDiv::pointwise`].
    pub fn pointwise(&self, out: &mut [T]) -> Result<(), Error> {
        shape::output(self.0.len(), out.len())?;
        spread(Each {
            run: |pair, _, _, out| T::Kernels::pointwise(pair, out),
            pair: self.0.pair,
            row_length: out.len(),
            factors: Factors::Uniform(T::Kernels::zero()),
            out,
        });
        Ok(())
    }

    /// As [`KlDiv::row_sums`].
    ///
    /// # Errors
    /// Those of [`KlDiv::row_sums`].
    pub fn row_sums(&self, out: &mut [T]) -> Result<(), Error> {
        match shape::row_length(self.0.len(), out.len())? {
            0 => self.0.row_sums(out)?,
            row_length => spread(RowSums { pair: self.0.pair, row_length, out }),
        }
        Ok(())
    }

    /// As [`KlDiv::grad_input`].
    ///
    /// # Errors
    /// Those of [`KlDiv::grad_input`].
    pub fn grad_input(&self, upstream: Upstream<'_, T>, grad: &mut [T]) -> Result<(), Error> {
        self.grad(T::Kernels::grad_input, upstream, grad)
    }

    /// As [`KlDiv::grad_target`].
    ///
    /// # Errors
    /// Those of [`KlDiv::grad_target`].
    pub fn grad_target(&self, upstream: Upstream<'_, T>, grad: &mut [T]) -> Result<(), Error> {
        self.grad(T::Kernels::grad_target, upstream, grad)
    }

    fn grad(
        &self,
        run: fn(Pair<'_, T>, usize, Factors<'_, T>, &mut [T]),
        upstream: Upstream<'_, T>,
        out: &mut [T],
    ) -> Result<(), Error> {
        let (row_length, factors) = upstream.factors(self.0.len(), out.len())?;
        if row_length > 0 {
            spread(Each { run, pair: self.0.pair, row_length, factors, out });
        }
        Ok(())
    }
}

/// As [`log_softmax`](crate::log_softmax()), the rows shared out among the threads of the current
/// pool.
///
/// # Errors
/// Those of [`log_softmax`](crate::log_softmax()).
pub fn log_softmax<T: Element>(logits: Rows<'_, T>, out: &mut [T]) -> Result<(), Error> {
    of_rows(T::Kernels::log_softmax, logits, out)
}

/// As [`softmax`](crate::softmax()), the rows shared out among the threads of the current pool.
///
/// # Errors
/// Those of [`softmax`](crate::softmax()).
pub fn softmax<T: Element>(logits: Rows<'_, T>, out: &mut [T]) -> Result<(), Error> {
    of_rows(T::Kernels::softmax, logits, out)
}

fn of_rows<T: Element>(
    run: fn(Backend, &[T], usize, &mut [T]),
    logits: Rows<'_, T>,
    out: &mut [T],
) -> Result<(), Error> {
    let Rows { values, classes } = logits;
    shape::output(values.len(), out.len())?;
    spread(OfRows { run, backend: Backend::best(), logits: values, classes, out });
    Ok(())
}

// --- How work is shared out ---------------------------------------------------------------------

/// Work whose parts do not depend on each other.
pub(crate) trait Work: Send + Sized {
    /// Elements read.
    fn len(&self) -> usize;
    /// Two parts that are about equal, or all of it if it cannot be cut.
    fn halves(self) -> Result<(Self, Self), Self>;
    /// Does it, on this thread.
    fn run(self);
}

/// Does the work on the threads of the current pool, if it is long enough.
pub(crate) fn spread<W: Work>(work: W) {
    if work.len() < GRAIN || rayon_core::current_num_threads() == 1 {
        return work.run();
    }
    match work.halves() {
        Ok((one, other)) => {
            rayon_core::join(|| spread(one), || spread(other));
        }
        Err(whole) => whole.run(),
    }
}

/// The sum of a stream: chunks in any order, merged in theirs.
fn total<T: Element>(mut pair: Pair<'_, T>, of: Total) -> T {
    let mut merged = T::Kernels::no_chunks();
    let mut batch = [merged; BATCH];
    while pair.len() > 0 {
        let (part, rest) = pair.split_at(pair.len().min(BATCH * CHUNK));
        let out = &mut batch[..part.len().div_ceil(CHUNK)];
        spread(Chunks { of, pair: part, out });
        merged = out.iter().fold(merged, |merged, &chunk| T::Kernels::merge(merged, chunk));
        pair = rest;
    }
    T::Kernels::value(merged)
}

/// The chunks of a part of a stream.
struct Chunks<'a, T> {
    of: Total,
    pair: Pair<'a, T>,
    out: &'a mut [Compensated<T>],
}

impl<T: Element> Work for Chunks<'_, T> {
    fn len(&self) -> usize {
        self.pair.len()
    }
    fn halves(self) -> Result<(Self, Self), Self> {
        let Chunks { of, pair, out } = self;
        if out.len() < 2 {
            return Err(Chunks { of, pair, out });
        }
        let middle = out.len() / 2;
        let (out, other_out) = out.split_at_mut(middle);
        let (pair, other_pair) = pair.split_at(middle * CHUNK);
        Ok((Chunks { of, pair, out }, Chunks { of, pair: other_pair, out: other_out }))
    }
    fn run(self) {
        let mut left = self.pair;
        for out in self.out {
            let (chunk, rest) = left.split_at(left.len().min(CHUNK));
            *out = T::Kernels::chunk(self.of, chunk);
            left = rest;
        }
    }
}

/// Something written element by element.
struct Each<'a, T> {
    run: fn(Pair<'_, T>, usize, Factors<'_, T>, &mut [T]),
    pair: Pair<'a, T>,
    row_length: usize,
    factors: Factors<'a, T>,
    out: &'a mut [T],
}

impl<T: Element> Work for Each<'_, T> {
    fn len(&self) -> usize {
        self.out.len()
    }
    fn halves(self) -> Result<(Self, Self), Self> {
        let Each { run, pair, row_length, factors, out } = self;
        let middle = match factors {
            Factors::PerRow(rows) if rows.len() > 1 => rows.len() / 2 * row_length,
            _ => out.len() / 2 / ALIGNED * ALIGNED,
        };
        let (factors, other_factors) = match factors {
            Factors::PerRow(&[factor]) | Factors::Uniform(factor) => {
                (Factors::Uniform(factor), Factors::Uniform(factor))
            }
            Factors::PerRow(rows) => {
                let (rows, other_rows) = rows.split_at(rows.len() / 2);
                (Factors::PerRow(rows), Factors::PerRow(other_rows))
            }
            Factors::PerElement(each) => {
                let (each, other_each) = each.split_at(middle);
                (Factors::PerElement(each), Factors::PerElement(other_each))
            }
        };
        let (pair, other_pair) = pair.split_at(middle);
        let (out, other_out) = out.split_at_mut(middle);
        // One factor for all and one for each go with a single row.
        let row = |out: &[T], factors| match factors {
            Factors::PerRow(_) => row_length,
            Factors::Uniform(_) | Factors::PerElement(_) => out.len(),
        };
        let (row_length, other_row_length) = (row(out, factors), row(other_out, other_factors));
        Ok((
            Each { run, pair, row_length, factors, out },
            Each {
                run,
                pair: other_pair,
                row_length: other_row_length,
                factors: other_factors,
                out: other_out,
            },
        ))
    }
    fn run(self) {
        let Each { run, pair, row_length, factors, out } = self;
        run(pair, row_length.max(1), factors, out);
    }
}

/// The sum of each row.
struct RowSums<'a, T> {
    pair: Pair<'a, T>,
    row_length: usize,
    out: &'a mut [T],
}

impl<T: Element> Work for RowSums<'_, T> {
    fn len(&self) -> usize {
        self.pair.len()
    }
    fn halves(self) -> Result<(Self, Self), Self> {
        let RowSums { pair, row_length, out } = self;
        if out.len() < 2 {
            return Err(RowSums { pair, row_length, out });
        }
        let middle = out.len() / 2;
        let (out, other_out) = out.split_at_mut(middle);
        let (pair, other_pair) = pair.split_at(middle * row_length);
        Ok((
            RowSums { pair, row_length, out },
            RowSums { pair: other_pair, row_length, out: other_out },
        ))
    }
    fn run(self) {
        match self.out {
            [row] if self.row_length > CHUNK => *row = total(self.pair, Total::Divergence),
            out => T::Kernels::row_sums(self.pair, self.row_length, out),
        }
    }
}

/// Rows of logits to rows of as many results.
struct OfRows<'a, T> {
    run: fn(Backend, &[T], usize, &mut [T]),
    backend: Backend,
    logits: &'a [T],
    classes: usize,
    out: &'a mut [T],
}

impl<T: Element> Work for OfRows<'_, T> {
    fn len(&self) -> usize {
        self.out.len()
    }
    fn halves(self) -> Result<(Self, Self), Self> {
        let OfRows { run, backend, logits, classes, out } = self;
        if out.len() < 2 * classes {
            return Err(OfRows { run, backend, logits, classes, out });
        }
        let middle = out.len() / classes / 2 * classes;
        let (logits, other_logits) = logits.split_at(middle);
        let (out, other_out) = out.split_at_mut(middle);
        Ok((
            OfRows { run, backend, logits, classes, out },
            OfRows { run, backend, logits: other_logits, classes, out: other_out },
        ))
    }
    fn run(self) {
        (self.run)(self.backend, self.logits, self.classes, self.out);
    }
}

impl<T: Element> Pair<'_, T> {
    fn len(&self) -> usize {
        self.target.values().len()
    }

    /// The elements before `middle` and the others.
    fn split_at(self, middle: usize) -> (Self, Self) {
        let Pair { backend, input, target } = self;
        let (input, other_input) = match input {
            Input::LogProbs(x) => both(x.split_at(middle), Input::LogProbs),
            Input::Probs(x) => both(x.split_at(middle), Input::Probs),
        };
        let (target, other_target) = match target {
            Target::LogProbs(t) => both(t.split_at(middle), Target::LogProbs),
            Target::Probs(t) => both(t.split_at(middle), Target::Probs),
        };
        (
            Pair { backend, input, target },
            Pair { backend, input: other_input, target: other_target },
        )
    }
}

fn both<A, B>((one, other): (A, A), f: fn(A) -> B) -> (B, B) {
    (f(one), f(other))
}
