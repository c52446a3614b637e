//! How work is shared out among threads.

use crate::backend::Backend;
use crate::compiled::Scalar;
use crate::compiled::distill::Distill;
use crate::compiled::pairs::{Pair, Pairs, Total};
use crate::element::Element;
use crate::float::Computed;
use crate::kernel::distill::problem::{Gradient, Losses, Outcome, Problem, Wanted};
use crate::numbers::Places;
use crate::row_state::RowState;
use crate::rows::{NumberRows, PlaceRows};
use crate::stream::compensated::Compensated;
use crate::stream::order::CHUNK;
use crate::teacher::TeacherNumbers;
use crate::upstream::Upstream;

/// Elements that are not worth the passing on of half of them: about 10 µs of work.
const GRAIN: usize = 32_768;

/// Chunks of a sum, or rows, that are under way at a time; their results lie on the stack.
const BATCH: usize = 256;

/// Parts begin at multiples of this, a few cache lines, so that a part is aligned as the whole is.
const ALIGNED: usize = 64;

/// A number type that is computed with.
pub trait Real: Element<Real = Self> {}

impl<T: Element<Real = T>> Real for T {}

/// Work whose parts do not depend on each other.
pub(super) trait Work: Send + Sized {
    /// Elements read.
    fn len(&self) -> usize;
    /// Two parts that are about equal, or all of it if it cannot be cut.
    fn halves(self) -> Result<(Self, Self), Self>;
    /// Does it, on this thread.
    fn run(self);
}

/// Does the work on the threads of the current pool, if it is long enough.
pub(super) fn spread<W: Work>(work: W) {
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
pub(super) fn total<T: Real>(mut pair: Pair<'_, T>, of: Total) -> T {
    let mut merged = Compensated { sum: T::ZERO, lost: T::ZERO };
    let mut batch = [merged; BATCH];
    while pair.len() > 0 {
        let (part, rest) = pair.split_at(pair.len().min(BATCH * CHUNK));
        let out = &mut batch[..part.len().div_ceil(CHUNK)];
        spread(Chunks { of, pair: part, out });
        merged = T::Kernels::merged(merged, out);
        pair = rest;
    }
    T::Kernels::value(merged)
}

/// The chunks of a part of a stream.
struct Chunks<'a, T: Computed> {
    of: Total,
    pair: Pair<'a, T>,
    out: &'a mut [Compensated<T>],
}

impl<T: Real> Work for Chunks<'_, T> {
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

/// A kernel that writes element by element.
pub(super) type EachKernel<T> = fn(Pair<'_, T>, usize, Upstream<'_, T>, Places<'_, T>);

/// Something written element by element.
pub(super) struct Each<'a, T: Computed> {
    pub(super) run: EachKernel<T>,
    pub(super) pair: Pair<'a, T>,
    pub(super) row_length: usize,
    pub(super) upstream: Upstream<'a, T>,
    pub(super) out: Places<'a, T>,
}

impl<T: Real> Work for Each<'_, T> {
    fn len(&self) -> usize {
        self.out.len()
    }
    fn halves(self) -> Result<(Self, Self), Self> {
        let Each { run, pair, row_length, upstream, out } = self;
        let middle = match upstream {
            Upstream::PerRow(rows) if rows.len() > 1 => rows.len() / 2 * row_length,
            _ => out.len() / 2 / ALIGNED * ALIGNED,
        };
        let (upstream, other_upstream) = match upstream {
            Upstream::PerRow(&[factor]) | Upstream::Uniform(factor) => {
                (Upstream::Uniform(factor), Upstream::Uniform(factor))
            }
            Upstream::PerRow(rows) => {
                let (rows, other_rows) = rows.split_at(rows.len() / 2);
                (Upstream::PerRow(rows), Upstream::PerRow(other_rows))
            }
            Upstream::PerElement(each) => {
                let (each, other_each) = each.split_at(middle);
                (Upstream::PerElement(each), Upstream::PerElement(other_each))
            }
        };
        let (pair, other_pair) = pair.split_at(middle);
        let (out, other_out) = out.halves(middle);
        // One factor for all and one for each go with a single row.
        let row = |out: &Places<'_, T>, upstream| match upstream {
            Upstream::PerRow(_) => row_length,
            Upstream::Uniform(_) | Upstream::PerElement(_) => out.len(),
        };
        let (row_length, other_row_length) = (row(&out, upstream), row(&other_out, other_upstream));
        Ok((
            Each { run, pair, row_length, upstream, out },
            Each {
                run,
                pair: other_pair,
                row_length: other_row_length,
                upstream: other_upstream,
                out: other_out,
            },
        ))
    }
    fn run(self) {
        let Each { run, pair, row_length, upstream, out } = self;
        run(pair, row_length.max(1), upstream, out);
    }
}

/// The sum of each row.
pub(super) struct RowSums<'a, T: Computed> {
    pub(super) pair: Pair<'a, T>,
    pub(super) row_length: usize,
    pub(super) out: &'a mut [T],
}

impl<T: Real> Work for RowSums<'_, T> {
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

/// A kernel from rows to rows.
pub(super) type RowsKernel<T> = fn(Backend, NumberRows<'_, T>, Places<'_, T>);

/// Rows of logits to rows of as many results.
pub(super) struct OfRows<'a, T: Computed> {
    pub(super) run: RowsKernel<T>,
    pub(super) backend: Backend,
    pub(super) logits: NumberRows<'a, T>,
    pub(super) out: Places<'a, T>,
}

impl<T: Real> Work for OfRows<'_, T> {
    fn len(&self) -> usize {
        self.out.len()
    }
    fn halves(self) -> Result<(Self, Self), Self> {
        let rows = self.logits.rows();
        if rows < 2 {
            return Err(self);
        }
        let OfRows { run, backend, logits, out } = self;
        let middle = rows / 2;
        let (out, other_out) = out.halves(middle * logits.stride);
        let (logits, other_logits) = logits.split_at(middle);
        Ok((
            OfRows { run, backend, logits, out },
            OfRows { run, backend, logits: other_logits, out: other_out },
        ))
    }
    fn run(self) {
        (self.run)(self.backend, self.logits, self.out);
    }
}

/// Losses of rows, or gradients, or both.
pub(super) struct DistillRows<'a, T: Computed> {
    pub(super) problem: Problem<'a, T>,
    pub(super) losses: Option<&'a mut [T]>,
    pub(super) gradient: Option<Gradient<'a, T>>,
}

impl<T: Real> Work for DistillRows<'_, T> {
    fn len(&self) -> usize {
        self.problem.student.values.len()
    }
    fn halves(self) -> Result<(Self, Self), Self> {
        let middle = self.problem.student.rows() / 2;
        if middle == 0 {
            return Err(self);
        }
        let DistillRows { problem, losses, gradient } = self;
        let (problem, other_problem) = split_rows(problem, middle);
        let (losses, other_losses) = halves_of(losses.map(|losses| losses.split_at_mut(middle)));
        let halves = gradient.map(|gradient| split_gradient(gradient, middle));
        let (gradient, other_gradient) = halves_of(halves);
        Ok((
            DistillRows { problem, losses, gradient },
            DistillRows { problem: other_problem, losses: other_losses, gradient: other_gradient },
        ))
    }
    fn run(self) {
        let DistillRows { problem, losses, gradient } = self;
        let losses = match losses {
            Some(losses) => Losses::Each(losses),
            None => Losses::Unwanted,
        };
        T::Kernels::distill(problem, Wanted { losses, gradient });
    }
}

/// Pieces of rows, each merged into the state of its row.
pub(super) struct PieceStates<'a, T: Computed> {
    pub(super) problem: Problem<'a, T>,
    pub(super) states: &'a mut [RowState<T>],
}

impl<T: Real> Work for PieceStates<'_, T> {
    fn len(&self) -> usize {
        self.problem.student.values.len()
    }
    fn halves(self) -> Result<(Self, Self), Self> {
        let middle = self.states.len() / 2;
        if middle == 0 {
            return Err(self);
        }
        let PieceStates { problem, states } = self;
        let (problem, other_problem) = split_rows(problem, middle);
        let (states, other_states) = states.split_at_mut(middle);
        Ok((
            PieceStates { problem, states },
            PieceStates { problem: other_problem, states: other_states },
        ))
    }
    fn run(self) {
        T::Kernels::row_states(self.problem, self.states);
    }
}

/// Gradients of pieces of rows, and perhaps their parts of the losses.
pub(super) struct PieceGrads<'a, T: Computed> {
    pub(super) problem: Problem<'a, T>,
    pub(super) whole: &'a [RowState<T>],
    pub(super) losses: Option<&'a mut [T]>,
    pub(super) gradient: Gradient<'a, T>,
}

impl<T: Real> Work for PieceGrads<'_, T> {
    fn len(&self) -> usize {
        self.problem.student.values.len()
    }
    fn halves(self) -> Result<(Self, Self), Self> {
        let middle = self.whole.len() / 2;
        if middle == 0 {
            return Err(self);
        }
        let PieceGrads { problem, whole, losses, gradient } = self;
        let (problem, other_problem) = split_rows(problem, middle);
        let (whole, other_whole) = whole.split_at(middle);
        let (losses, other_losses) = halves_of(losses.map(|losses| losses.split_at_mut(middle)));
        let (gradient, other_gradient) = split_gradient(gradient, middle);
        Ok((
            PieceGrads { problem, whole, losses, gradient },
            PieceGrads {
                problem: other_problem,
                whole: other_whole,
                losses: other_losses,
                gradient: other_gradient,
            },
        ))
    }
    fn run(self) {
        let PieceGrads { problem, whole, losses, gradient } = self;
        T::Kernels::within(problem, whole, losses.unwrap_or_default(), gradient);
    }
}

/// The totals of all rows: losses in any order, added in theirs.
pub(super) fn row_totals<T: Real>(problem: Problem<'_, T>) -> Outcome<T> {
    let mut sums = T::Kernels::no_rows();
    let mut batch = [T::ZERO; BATCH];
    let mut left = problem;
    loop {
        let rows = left.student.rows().min(BATCH);
        if rows == 0 {
            return T::Kernels::totals(&sums);
        }
        let (part, rest) = split_rows(left, rows);
        let out = &mut batch[..rows];
        spread(DistillRows { problem: part, losses: Some(&mut *out), gradient: None });
        sums = T::Kernels::with_rows(sums, &part, out);
        left = rest;
    }
}

/// The rows before `middle` and the others.
fn split_rows<T: Real>(problem: Problem<'_, T>, middle: usize) -> (Problem<'_, T>, Problem<'_, T>) {
    let (student, other_student) = problem.student.split_at(middle);
    let (teacher, other_teacher) = match problem.teacher {
        TeacherNumbers::Logits(rows) => both(rows.split_at(middle), TeacherNumbers::Logits),
        TeacherNumbers::LogProbs(rows) => both(rows.split_at(middle), TeacherNumbers::LogProbs),
        TeacherNumbers::Probs(rows) => both(rows.split_at(middle), TeacherNumbers::Probs),
        TeacherNumbers::Classes(indices) => both(indices.split_at(middle), TeacherNumbers::Classes),
        TeacherNumbers::TopK(top_k) => both(top_k.split_at(middle), TeacherNumbers::TopK),
    };
    let (weights, other_weights) =
        halves_of(problem.weights.map(|weights| weights.split_at(middle)));
    (
        Problem { student, teacher, weights, ..problem },
        Problem {
            student: other_student,
            teacher: other_teacher,
            weights: other_weights,
            ..problem
        },
    )
}

fn split_gradient<T: Real>(
    gradient: Gradient<'_, T>,
    middle: usize,
) -> (Gradient<'_, T>, Gradient<'_, T>) {
    let Gradient { of, upstream, accumulation, out } = gradient;
    let (upstream, other_upstream) = match upstream {
        Upstream::Uniform(factor) => (Upstream::Uniform(factor), Upstream::Uniform(factor)),
        Upstream::PerRow(factors) => both(factors.split_at(middle), Upstream::PerRow),
        Upstream::PerElement(each) => (Upstream::PerElement(each), Upstream::PerElement(each)),
    };
    let PlaceRows { values, classes, stride } = out;
    let (values, other_values) = values.halves(middle * stride);
    (
        Gradient { of, upstream, accumulation, out: PlaceRows { values, classes, stride } },
        Gradient {
            of,
            upstream: other_upstream,
            accumulation,
            out: PlaceRows { values: other_values, classes, stride },
        },
    )
}

/// Both halves of something that may be missing.
fn halves_of<A, B>(halves: Option<(A, B)>) -> (Option<A>, Option<B>) {
    match halves {
        Some((one, other)) => (Some(one), Some(other)),
        None => (None, None),
    }
}

impl<T: Real> Pair<'_, T> {
    fn len(&self) -> usize {
        self.target.1.len()
    }

    /// The elements before `middle` and the others.
    fn split_at(self, middle: usize) -> (Self, Self) {
        let Pair { backend, input: (input_form, input), target: (target_form, target) } = self;
        let (input, other_input) = input.halves(middle);
        let (target, other_target) = target.halves(middle);
        let pair = |input, target| Pair {
            backend,
            input: (input_form, input),
            target: (target_form, target),
        };
        (pair(input, target), pair(other_input, other_target))
    }
}

fn both<A, B>((one, other): (A, A), f: fn(A) -> B) -> (B, B) {
    (f(one), f(other))
}
