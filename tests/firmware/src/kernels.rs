//! What is measured: calls as a user would write them, each a function of its own.

use kldiv::{Input, KlDiv, Target};

/// `Σ t·(ln t − x)`.
#[inline(never)]
pub fn kl(input: &[f32], target: &[f32]) -> f32 {
    KlDiv::new(Input::LogProbs(input), Target::Probs(target)).map_or(f32::NAN, |kl| kl.sum())
}

/// `Σ eᵗ·(t − x)`.
#[inline(never)]
pub fn kl_log_target(input: &[f32], target: &[f32]) -> f32 {
    KlDiv::new(Input::LogProbs(input), Target::LogProbs(target)).map_or(f32::NAN, |kl| kl.sum())
}

/// Next to nothing.
#[inline(never)]
pub fn lengths(input: &[f32], target: &[f32]) -> f32 {
    f32::from_bits((input.len() ^ target.len()) as u32)
}
