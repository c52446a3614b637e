//! `kl` and `kl_log_target` through the crate, and as plain loops over libm.
#![no_std]

use core::slice::from_raw_parts;

#[cfg(any(feature = "kl", feature = "kl_log_target"))]
use kldiv::{Input, KlDiv, Target};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// # Safety
/// `n` numbers lie at each address.
#[cfg(feature = "kl")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kl(input: *const f32, target: *const f32, n: usize) -> f32 {
    let (input, target) = unsafe { (from_raw_parts(input, n), from_raw_parts(target, n)) };
    KlDiv::new(Input::LogProbs(input), Target::Probs(target)).map_or(f32::NAN, |kl| kl.sum())
}

/// # Safety
/// `n` numbers lie at each address.
#[cfg(feature = "kl_log_target")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kl_log_target(input: *const f32, target: *const f32, n: usize) -> f32 {
    let (input, target) = unsafe { (from_raw_parts(input, n), from_raw_parts(target, n)) };
    KlDiv::new(Input::LogProbs(input), Target::LogProbs(target)).map_or(f32::NAN, |kl| kl.sum())
}

/// # Safety
/// `n` numbers lie at each address.
#[cfg(feature = "plain_kl")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plain_kl(input: *const f32, target: *const f32, n: usize) -> f32 {
    let (input, target) = unsafe { (from_raw_parts(input, n), from_raw_parts(target, n)) };
    let mut sum = 0.0;
    for (&x, &t) in input.iter().zip(target) {
        if t > 0.0 {
            sum += t * (libm::logf(t) - x);
        }
    }
    sum
}

/// # Safety
/// `n` numbers lie at each address.
#[cfg(feature = "plain_kl_log_target")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plain_kl_log_target(
    input: *const f32,
    target: *const f32,
    n: usize,
) -> f32 {
    let (input, target) = unsafe { (from_raw_parts(input, n), from_raw_parts(target, n)) };
    let mut sum = 0.0;
    for (&x, &t) in input.iter().zip(target) {
        sum += libm::expf(t) * (t - x);
    }
    sum
}
