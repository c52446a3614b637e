//! Long slices on the threads of a [rayon](https://docs.rs/rayon) pool: the same results, bit for bit.
//!
//! [`KlDiv::parallel`], [`DistillLoss::parallel`] and the functions here take as many threads as the current pool has: the
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

mod share;

use crate::backend::Backend;
use crate::compiled::pairs::{Pairs, Total};
use crate::compiled::rows::Shares;
use crate::compiled::stored::Stored;
use crate::distill::DistillLoss;
use crate::element::Element;
use crate::error::Error;
use crate::kernel::distill::problem::{Gradient, Outcome};
use crate::kl::KlDiv;
use crate::reduction::Reduction;
use crate::row_state::RowState;
use crate::rows::Rows;
use crate::shape;
use crate::stream::order::CHUNK;
use crate::upstream::Upstream;
use share::{
    DistillRows, Each, EachKernel, OfRows, PieceGrads, PieceStates, RowSums, RowsKernel,
    row_totals, spread, total,
};

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
    pub fn sum(&self) -> T::Real {
        if self.0.len() <= CHUNK {
            self.0.sum()
        } else {
            total(self.0.computed(), Total::Divergence)
        }
    }

    /// As [`KlDiv::mean`].
    #[must_use]
    pub fn mean(&self) -> T::Real {
        self.reduce(Reduction::Mean)
    }

    /// As [`KlDiv::batch_mean`].
    #[must_use]
    pub fn batch_mean(&self, batch: usize) -> T::Real {
        self.reduce(Reduction::BatchMean(batch))
    }

    /// As [`KlDiv::reduce`].
    #[must_use]
    pub fn reduce(&self, reduction: Reduction) -> T::Real {
        reduction.of(self.sum(), self.0.len())
    }

    /// As [`KlDiv::entropy`].
    #[must_use]
    pub fn entropy(&self) -> T::Real {
        if self.0.len() <= CHUNK {
            self.0.entropy()
        } else {
            total(self.0.computed(), Total::Entropy)
        }
    }

    /// As [`KlDiv::cross_entropy`].
    #[must_use]
    pub fn cross_entropy(&self) -> T::Real {
        if self.0.len() <= CHUNK {
            self.0.cross_entropy()
        } else {
            total(self.0.computed(), Total::CrossEntropy)
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
            pair: self.0.computed(),
            row_length: out.len(),
            upstream: Upstream::Uniform(T::Real::ZERO),
            out: T::Kernels::places(out),
        });
        Ok(())
    }

    /// As [`KlDiv::row_sums`].
    ///
    /// # Errors
    /// Those of [`KlDiv::row_sums`].
    pub fn row_sums(&self, out: &mut [T::Real]) -> Result<(), Error> {
        match shape::row_length(self.0.len(), out.len())? {
            0 => self.0.row_sums(out)?,
            row_length => spread(RowSums { pair: self.0.computed(), row_length, out }),
        }
        Ok(())
    }

    /// As [`KlDiv::grad_input`].
    ///
    /// # Errors
    /// Those of [`KlDiv::grad_input`].
    pub fn grad_input(&self, upstream: Upstream<'_, T::Real>, grad: &mut [T]) -> Result<(), Error> {
        self.grad(T::Kernels::grad_input, upstream, grad)
    }

    /// As [`KlDiv::grad_target`].
    ///
    /// # Errors
    /// Those of [`KlDiv::grad_target`].
    pub fn grad_target(
        &self,
        upstream: Upstream<'_, T::Real>,
        grad: &mut [T],
    ) -> Result<(), Error> {
        self.grad(T::Kernels::grad_target, upstream, grad)
    }

    fn grad(
        &self,
        run: EachKernel<T::Real>,
        upstream: Upstream<'_, T::Real>,
        out: &mut [T],
    ) -> Result<(), Error> {
        let row_length = upstream.row_length(self.0.len(), out.len())?;
        if row_length > 0 {
            spread(Each {
                run,
                pair: self.0.computed(),
                row_length,
                upstream,
                out: T::Kernels::places(out),
            });
        }
        Ok(())
    }
}

impl<S: Element, T: Element<Real = S::Real>> DistillLoss<'_, S, T> {
    /// The same loss, its rows shared out among the threads of the current
    /// [rayon](crate::parallel) pool.
    ///
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, Rows, Teacher, Upstream};
    ///
    /// let student: Vec<f32> = (0..100_000).map(|i| (i % 97) as f32 / 9.0).collect();
    /// let teacher: Vec<f32> = (0..100_000).map(|i| (i % 89) as f32 / 8.0).collect();
    /// let (student, teacher) = (Rows::new(&student, 1_000)?, Rows::new(&teacher, 1_000)?);
    /// let loss = DistillLoss::new(student, Teacher::Logits(teacher))?;
    /// let mean = loss.parallel().weighted_mean();
    /// assert_eq!(mean.to_bits(), loss.weighted_mean().to_bits());
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn parallel(self) -> Parallel<Self> {
        Parallel(self)
    }
}

impl<S: Element, T: Element<Real = S::Real>> Parallel<DistillLoss<'_, S, T>> {
    /// As [`DistillLoss::row_losses`].
    ///
    /// # Errors
    /// Those of [`DistillLoss::row_losses`].
    pub fn row_losses(&self, out: &mut [S::Real]) -> Result<(), Error> {
        shape::output(self.0.rows(), out.len())?;
        spread(DistillRows { problem: self.0.problem, losses: Some(out), gradient: None });
        Ok(())
    }

    /// As [`DistillLoss::reduce`].
    #[must_use]
    pub fn reduce(&self, reduction: Reduction) -> S::Real {
        reduction.of(self.totals().loss, self.0.problem.student.len())
    }

    /// As [`DistillLoss::weighted_mean`].
    #[must_use]
    pub fn weighted_mean(&self) -> S::Real {
        let totals = self.totals();
        // Nothing left, a sum out of range, or a NaN: cases that one thread knows.
        if totals.is_empty || ![totals.loss, totals.weight].iter().all(|x| x.to_f64().is_finite()) {
            self.0.weighted_mean()
        } else {
            totals.loss / totals.weight
        }
    }

    /// As [`DistillLoss::grad_student`].
    ///
    /// # Errors
    /// Those of [`DistillLoss::grad_student`].
    pub fn grad_student(
        &self,
        upstream: Upstream<'_, S::Real>,
        grad: &mut [S],
    ) -> Result<(), Error> {
        self.grad(self.0.grad_of_student(upstream, grad)?)
    }

    /// As [`DistillLoss::grad_teacher`].
    ///
    /// # Errors
    /// Those of [`DistillLoss::grad_teacher`].
    pub fn grad_teacher(
        &self,
        upstream: Upstream<'_, S::Real>,
        grad: &mut [T],
    ) -> Result<(), Error> {
        self.grad(self.0.grad_of_teacher(upstream, grad)?)
    }

    fn grad(&self, gradient: Gradient<'_, S::Real>) -> Result<(), Error> {
        spread(DistillRows { problem: self.0.problem, losses: None, gradient: Some(gradient) });
        Ok(())
    }

    /// As [`DistillLoss::loss_and_grad_student`].
    ///
    /// # Errors
    /// Those of [`DistillLoss::loss_and_grad_student`].
    pub fn loss_and_grad_student(
        &self,
        upstream: Upstream<'_, S::Real>,
        losses: &mut [S::Real],
        grad: &mut [S],
    ) -> Result<(), Error> {
        shape::output(self.0.rows(), losses.len())?;
        let gradient = Some(self.0.grad_of_student(upstream, grad)?);
        spread(DistillRows { problem: self.0.problem, losses: Some(losses), gradient });
        Ok(())
    }

    /// As [`DistillLoss::row_states`].
    ///
    /// # Errors
    /// Those of [`DistillLoss::row_states`].
    pub fn row_states(&self, states: &mut [RowState<S::Real>]) -> Result<(), Error> {
        self.0.pieces(states.len())?;
        spread(PieceStates { problem: self.0.problem, states });
        Ok(())
    }

    /// As [`DistillLoss::grad_student_within`].
    ///
    /// # Errors
    /// Those of [`DistillLoss::grad_student_within`].
    pub fn grad_student_within(
        &self,
        whole: &[RowState<S::Real>],
        upstream: Upstream<'_, S::Real>,
        grad: &mut [S],
    ) -> Result<(), Error> {
        let gradient = self.0.grad_within(whole.len(), upstream, grad)?;
        spread(PieceGrads { problem: self.0.problem, whole, losses: None, gradient });
        Ok(())
    }

    /// As [`DistillLoss::loss_and_grad_student_within`].
    ///
    /// # Errors
    /// Those of [`DistillLoss::loss_and_grad_student_within`].
    pub fn loss_and_grad_student_within(
        &self,
        whole: &[RowState<S::Real>],
        upstream: Upstream<'_, S::Real>,
        losses: &mut [S::Real],
        grad: &mut [S],
    ) -> Result<(), Error> {
        shape::output(self.0.rows(), losses.len())?;
        let gradient = self.0.grad_within(whole.len(), upstream, grad)?;
        spread(PieceGrads { problem: self.0.problem, whole, losses: Some(losses), gradient });
        Ok(())
    }

    fn totals(&self) -> Outcome<S::Real> {
        row_totals(self.0.problem)
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
    run: RowsKernel<T::Real>,
    logits: Rows<'_, T>,
    out: &mut [T],
) -> Result<(), Error> {
    shape::output(logits.values.len(), out.len())?;
    let (logits, out) = (T::Kernels::rows(logits), T::Kernels::places(out));
    spread(OfRows { run, backend: Backend::best(), logits, out });
    Ok(())
}
