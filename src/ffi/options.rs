//! What a caller chooses, and the values of the crate that it stands for.

use super::status::KldivStatus;
use crate::element::Element;
use crate::forms::{Input, Target};
use crate::isa::Isa;
use crate::kl::KlDiv;
use crate::reduction::Reduction;
use crate::upstream::Upstream;

/// The input holds natural logarithms of probabilities.
pub const KLDIV_INPUT_LOG_PROBS: u32 = 0;
/// The input holds probabilities.
pub const KLDIV_INPUT_PROBS: u32 = 1;

/// The target holds probabilities.
pub const KLDIV_TARGET_PROBS: u32 = 0;
/// The target holds natural logarithms of probabilities.
pub const KLDIV_TARGET_LOG_PROBS: u32 = 1;

/// The sum over all elements divided by their number.
pub const KLDIV_REDUCTION_MEAN: u32 = 0;
/// The sum over all elements.
pub const KLDIV_REDUCTION_SUM: u32 = 1;
/// The sum over all elements divided by `batch`.
pub const KLDIV_REDUCTION_BATCH_MEAN: u32 = 2;

/// The widest instruction set of this machine.
pub const KLDIV_ISA_BEST: u32 = 0;
/// One element at a time.
pub const KLDIV_ISA_SCALAR: u32 = 1;
/// x86 with SSE2.
pub const KLDIV_ISA_SSE2: u32 = 2;
/// x86-64 with AVX2.
pub const KLDIV_ISA_AVX2: u32 = 3;
/// x86-64 with AVX-512.
pub const KLDIV_ISA_AVX512: u32 = 4;
/// AArch64 with NEON.
pub const KLDIV_ISA_NEON: u32 = 5;
/// WebAssembly with simd128.
pub const KLDIV_ISA_SIMD128: u32 = 6;

/// How the numbers are meant and what to do with them. All zero, which NULL means too, is what
/// PyTorch's `nn.KLDivLoss()` does: log-probabilities against probabilities, the mean.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct KldivOptions {
    /// A `KLDIV_INPUT_…`.
    pub input: u32,
    /// A `KLDIV_TARGET_…`.
    pub target: u32,
    /// A `KLDIV_ISA_…`; the results are the same with each.
    pub isa: u32,
    /// A `KLDIV_REDUCTION_…`, for `kldiv_reduce_…`.
    pub reduction: u32,
    /// The divisor of `KLDIV_REDUCTION_BATCH_MEAN`.
    pub batch: usize,
}

impl KldivOptions {
    pub fn pair<'a, T: Element>(
        &self,
        input: &'a [T],
        target: &'a [T],
    ) -> Result<KlDiv<'a, T>, KldivStatus> {
        let input = match self.input {
            KLDIV_INPUT_LOG_PROBS => Input::LogProbs(input),
            KLDIV_INPUT_PROBS => Input::Probs(input),
            _ => return Err(KldivStatus::OptionInput),
        };
        let target = match self.target {
            KLDIV_TARGET_PROBS => Target::Probs(target),
            KLDIV_TARGET_LOG_PROBS => Target::LogProbs(target),
            _ => return Err(KldivStatus::OptionTarget),
        };
        let kl = KlDiv::new(input, target)?;
        match isa(self.isa)? {
            Some(isa) => Ok(kl.on(isa)?),
            None => Ok(kl),
        }
    }

    pub fn reduction(&self) -> Result<Reduction, KldivStatus> {
        match self.reduction {
            KLDIV_REDUCTION_MEAN => Ok(Reduction::Mean),
            KLDIV_REDUCTION_SUM => Ok(Reduction::Sum),
            KLDIV_REDUCTION_BATCH_MEAN => Ok(Reduction::BatchMean(self.batch)),
            _ => Err(KldivStatus::OptionReduction),
        }
    }
}

/// A `KLDIV_ISA_…`; nothing for the best.
pub fn isa(field: u32) -> Result<Option<Isa>, KldivStatus> {
    Ok(Some(match field {
        KLDIV_ISA_BEST => return Ok(None),
        KLDIV_ISA_SCALAR => Isa::Scalar,
        KLDIV_ISA_SSE2 => Isa::Sse2,
        KLDIV_ISA_AVX2 => Isa::Avx2,
        KLDIV_ISA_AVX512 => Isa::Avx512,
        KLDIV_ISA_NEON => Isa::Neon,
        KLDIV_ISA_SIMD128 => Isa::Simd128,
        _ => return Err(KldivStatus::OptionIsa),
    }))
}

/// One factor for all elements, one for each, or one for each row, by their number.
pub fn upstream<T: Element>(factors: &[T], len: usize) -> Upstream<'_, T> {
    match factors {
        &[factor] => Upstream::Uniform(factor),
        _ if factors.len() == len => Upstream::PerElement(factors),
        _ => Upstream::PerRow(factors),
    }
}
