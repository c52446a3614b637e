//! Hints about what will be needed from memory: instructions without a result.
//!
//! x86 has them as safe functions. AArch64 does not: `core::arch::aarch64::_prefetch` is unsafe and unstable,
//! `core::hint::prefetch_read` would be safe and is unstable.

#[cfg(all(feature = "std", target_arch = "x86_64"))]
extern crate std;

/// Whether there are such instructions.
pub(crate) const IS_THERE: bool =
    cfg!(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"));

/// Whether hints are any use on this processor. AMD's ask ahead well enough by themselves, and a hint costs them a twentieth
/// to a fifth of the rate from memory (Zen 4: with AVX-512 they read at the rate of a dot product without one). SSE4a is what
/// all of them have and no other has; without `std` it cannot be asked for.
#[inline]
pub(crate) fn helps() -> bool {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    return !std::is_x86_feature_detected!("sse4a");
    #[cfg(not(all(feature = "std", target_arch = "x86_64")))]
    IS_THERE
}

/// Bytes that come from memory together.
pub(crate) const LINE: usize = 64;

/// This will be read.
#[inline(always)]
pub(crate) fn will_read<X>(x: &X) {
    #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"))]
    safe_arch::prefetch_t0(x);
    #[cfg(not(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2")))]
    let _ = x;
}
