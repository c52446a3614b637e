//! The bounds that the documentation states and the tests hold: one number each.
//!
//! Errors are in units in the last place (ulp) of the exact result, and `u` is half of one at
//! 1: 2⁻²⁴ for `f32`, 2⁻⁵³ for `f64`.
//!
//! Every `f32` there is, one by one (`cargo test --release --test accuracy -- --ignored`): at most 0.8243 ulp for ln, at
//! 0x402de1fb; 0.7268 for exp, at 0x40902f74; 0.7898 where exp is subnormal. In `f64`, over 24,004 and 21,365 points
//! against multi-precision (`cargo test --test accuracy -- --nocapture`): 0.7436 ulp for ln, 0.6566 for exp.

/// Natural logarithm of an `f32`, over all positive inputs, subnormal ones too.
pub const LN_F32_MAX_ULP: f64 = 0.85;
/// Natural logarithm of an `f64`.
pub const LN_F64_MAX_ULP: f64 = 0.9;
/// Exponential of an `f32` where the result is a normal number.
pub const EXP_F32_MAX_ULP: f64 = 0.75;
/// Exponential of an `f64` where the result is a normal number.
pub const EXP_F64_MAX_ULP: f64 = 0.9;
/// Exponential of either where the result is subnormal.
pub const EXP_SUBNORMAL_MAX_ULP: f64 = 1.0;
/// Exponential of either as a factor in a term, a share or a loss: this many `u` of itself, where
/// that is a normal number.
pub const EXP_FACTOR_MAX_U: f64 = 1.3;
/// One term: at most this many `u·p·(|ln p| + |ln q|)`; where both sides are logarithms, `u·|term|`.
pub const TERM_MAX_U: f64 = 4.0;
/// A sum: at most this many `u` of its own absolute value …
pub const SUM_MAX_U: f64 = 2.0;
/// … and this many `u` of `Σ p·(|ln p| + |ln q|)`, for any number of terms.
pub const SUM_MAX_U_OF_SCALE: f64 = 8.0;
