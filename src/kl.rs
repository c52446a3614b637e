//! The elementwise core: check, dispatch, done.

use core::fmt;

use crate::error::{Error, Side};
use crate::isa::{Backend, Isa};
use crate::kernel::{Compiled, Factors, Pair, Single};
use crate::lanes::Element;
use crate::shape;

/// What the input numbers are: what the model says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input<'a, T> {
    /// Natural logarithms of probabilities, `ln q`.
    LogProbs(&'a [T]),
    /// Probabilities, `q`.
    Probs(&'a [T]),
}

/// What the target numbers are: the reference distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<'a, T> {
    /// Probabilities, `p`.
    Probs(&'a [T]),
    /// Natural logarithms of probabilities, `ln p`.
    LogProbs(&'a [T]),
}

impl<'a, T: Copy> Input<'a, T> {
    pub(crate) fn values(self) -> &'a [T] {
        let (Input::LogProbs(values) | Input::Probs(values)) = self;
        values
    }
}

impl<'a, T: Copy> Target<'a, T> {
    pub(crate) fn values(self) -> &'a [T] {
        let (Target::Probs(values) | Target::LogProbs(values)) = self;
        values
    }

    fn rows(self, row_length: usize) -> impl Iterator<Item = Target<'a, T>> {
        self.values().chunks(row_length).map(move |row| match self {
            Target::Probs(_) => Target::Probs(row),
            Target::LogProbs(_) => Target::LogProbs(row),
        })
    }
}

/// `d(loss) / d(term)`, with the reduction's divisor already in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Upstream<'a, T> {
    /// One factor for all: `g` for a sum, `g/n` for a mean, `g/batch` for a batch mean.
    Uniform(T),
    /// One factor for each row; as many rows as factors.
    PerRow(&'a [T]),
    /// One factor for each element: no reduction.
    PerElement(&'a [T]),
}

impl<'a, T> Upstream<'a, T> {
    /// Checks lengths; the length of a row and what it is multiplied by.
    fn factors(self, len: usize, grad: usize) -> Result<(usize, Factors<'a, T>), Error> {
        shape::output(len, grad)?;
        match self {
            Upstream::Uniform(factor) => Ok((len, Factors::Uniform(factor))),
            Upstream::PerRow(rows) => {
                Ok((shape::row_length(len, rows.len())?, Factors::PerRow(rows)))
            }
            Upstream::PerElement(each) => {
                shape::upstream(len, each.len())?;
                Ok((len, Factors::PerElement(each)))
            }
        }
    }
}

/// What to do with the terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Their sum over their number. Not the divergence of a batch: that is `BatchMean`.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum over the number of rows given.
    BatchMean(usize),
}

impl Reduction {
    /// A sum over `len` terms, reduced.
    pub(crate) fn of<T: Element>(self, sum: T, len: usize) -> T {
        match self {
            Reduction::Mean => T::Kernels::per(sum, len),
            Reduction::Sum => sum,
            Reduction::BatchMean(batch) => T::Kernels::per(sum, batch),
        }
    }
}

impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Reduction::Mean => "mean",
            Reduction::Sum => "sum",
            Reduction::BatchMean(_) => "batchmean",
        })
    }
}

/// KL divergence from target to input, element by element.
#[derive(Clone, Copy, Debug)]
pub struct KlDiv<'a, T> {
    pair: Pair<'a, T>,
}

impl<'a, T: Element> KlDiv<'a, T> {
    /// Pairs an input with a target of the same length.
    pub fn new(input: Input<'a, T>, target: Target<'a, T>) -> Result<Self, Error> {
        shape::same(input.values().len(), target.values().len())?;
        Ok(KlDiv { pair: Pair { backend: Backend::best(), input, target } })
    }

    /// Forces an instruction set.
    pub fn on(self, isa: Isa) -> Result<Self, Error> {
        match Backend::new(isa) {
            Some(backend) => Ok(KlDiv { pair: Pair { backend, ..self.pair } }),
            None => Err(Error::IsaUnavailable { isa }),
        }
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pair.target.values().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `Σ p·(ln p − ln q)`.
    #[must_use]
    pub fn sum(&self) -> T {
        T::Kernels::sum(self.pair)
    }

    /// `sum / len`.
    #[must_use]
    pub fn mean(&self) -> T {
        self.reduce(Reduction::Mean)
    }

    /// `sum / batch`.
    #[must_use]
    pub fn batch_mean(&self, batch: usize) -> T {
        self.reduce(Reduction::BatchMean(batch))
    }

    /// The sum over what the reduction divides by.
    #[must_use]
    pub fn reduce(&self, reduction: Reduction) -> T {
        reduction.of(self.sum(), self.len())
    }

    /// `H(target) = −Σ p·ln p`.
    #[must_use]
    pub fn entropy(&self) -> T {
        let Pair { backend, target, .. } = self.pair;
        T::Kernels::entropy(Single { backend, values: target })
    }

    /// `H(target, input) = −Σ p·ln q`.
    #[must_use]
    pub fn cross_entropy(&self) -> T {
        T::Kernels::cross_entropy(self.pair)
    }

    /// Each term, `p·(ln p − ln q)`.
    pub fn pointwise(&self, out: &mut [T]) -> Result<(), Error> {
        shape::output(self.len(), out.len())?;
        T::Kernels::pointwise(self.pair, out);
        Ok(())
    }

    /// The sum of each row; as many rows as `out` has elements.
    pub fn row_sums(&self, out: &mut [T]) -> Result<(), Error> {
        match shape::row_length(self.len(), out.len())? {
            0 => out.fill(T::Kernels::zero()),
            row_length => T::Kernels::row_sums(self.pair, row_length, out),
        }
        Ok(())
    }

    /// The gradient by the input.
    pub fn grad_input(&self, upstream: Upstream<'_, T>, grad: &mut [T]) -> Result<(), Error> {
        let (row_length, factors) = upstream.factors(self.len(), grad.len())?;
        if row_length > 0 {
            T::Kernels::grad_input(self.pair, row_length, factors, grad);
        }
        Ok(())
    }

    /// The gradient by the target.
    pub fn grad_target(&self, upstream: Upstream<'_, T>, grad: &mut [T]) -> Result<(), Error> {
        let (row_length, factors) = upstream.factors(self.len(), grad.len())?;
        if row_length > 0 {
            T::Kernels::grad_target(self.pair, row_length, factors, grad);
        }
        Ok(())
    }

    /// Whether the numbers are what they are said to be.
    pub fn validate(&self, rows: usize, tolerance: T) -> Result<(), Error> {
        let row_length = shape::row_length(self.len(), rows)?;
        let Pair { backend, input, target } = self.pair;
        let input = match input {
            Input::LogProbs(x) => Target::LogProbs(x),
            Input::Probs(x) => Target::Probs(x),
        };
        let sides = [(Side::Input, input), (Side::Target, target)];
        for (side, values) in sides {
            validate_elements(side, values, tolerance)?;
        }
        if row_length > 0 {
            for (side, values) in sides {
                validate_rows(side, Single { backend, values }, row_length, tolerance)?;
            }
        }
        Ok(())
    }
}

fn validate_elements<T: Element>(
    side: Side,
    values: Target<'_, T>,
    tolerance: T,
) -> Result<(), Error> {
    let (Target::Probs(all) | Target::LogProbs(all)) = values;
    for (index, &x) in all.iter().enumerate() {
        let value: f64 = x.into();
        if value.is_nan() {
            return Err(Error::Nan { side, index });
        }
        match values {
            Target::Probs(_) if value < 0.0 => {
                return Err(Error::NegativeProbability { side, index, value });
            }
            Target::LogProbs(_) if x > tolerance => {
                return Err(Error::PositiveLogProbability { side, index, value });
            }
            _ => {}
        }
    }
    Ok(())
}

fn validate_rows<T: Element>(
    side: Side,
    all: Single<'_, T>,
    row_length: usize,
    tolerance: T,
) -> Result<(), Error> {
    for (row, values) in all.values.rows(row_length).enumerate() {
        let sum: f64 = T::Kernels::mass(Single { values, ..all }).into();
        let is_near_one = (sum - 1.0).abs() <= tolerance.into();
        if !is_near_one {
            return Err(Error::RowSum { side, row, sum });
        }
    }
    Ok(())
}
