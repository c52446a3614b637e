//! Totals without an order.

use core::ffi::c_void;

use super::memory::{give, output, slice, span};
use super::status::{KldivStatus, status};
use crate::exact_sum::ExactSum;

/// Bytes of a sum written by `kldiv_exact_sum_to_bytes`.
pub const KLDIV_EXACT_SUM_BYTES: usize = 274;

const _: () = assert!(KLDIV_EXACT_SUM_BYTES == ExactSum::BYTES);

/// An exact sum of `float` and `double` numbers: whatever their order and grouping, the same bits. All
/// zero is a sum of nothing; the words are nobody else's business. It may be copied like any other value.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct KldivExactSum {
    words: [u64; 68],
}

const _: () = assert!(size_of::<KldivExactSum>() == size_of::<ExactSum>());
const _: () = assert!(align_of::<KldivExactSum>() >= align_of::<ExactSum>());

/// A sum to change.
///
/// # Safety
/// `sum` is NULL or points to a sum that nobody else uses for `'a`.
unsafe fn change<'a>(sum: *mut KldivExactSum) -> Result<&'a mut ExactSum, KldivStatus> {
    // SAFETY: a sum is as large as the other and aligned no stricter, and any bits are a value of both;
    // the rest is the caller's promise.
    let sums = unsafe { output(sum.cast::<ExactSum>(), 1, &[]) }?;
    sums.first_mut().ok_or(KldivStatus::Null)
}

/// A sum to read.
///
/// # Safety
/// `sum` is NULL or points to a sum that nobody writes for `'a`.
unsafe fn look<'a>(sum: *const KldivExactSum) -> Result<&'a ExactSum, KldivStatus> {
    // SAFETY: as above.
    let sums = unsafe { slice(sum.cast::<ExactSum>(), 1) }?;
    sums.first().ok_or(KldivStatus::Null)
}

macro_rules! functions {
    ($elem:ty: $add:ident $extend:ident $value:ident) => {
        /// Adds a number to a sum, exactly.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $add(sum: *mut KldivExactSum, x: $elem) -> KldivStatus {
            let add = || {
                // SAFETY: the promise at the top of `ffi.rs`.
                unsafe { change(sum) }?.add(x);
                Ok(())
            };
            status(add())
        }

        /// Adds `len` numbers to a sum, exactly.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $extend(
            sum: *mut KldivExactSum,
            values: *const $elem,
            len: usize,
        ) -> KldivStatus {
            let extend = || {
                // SAFETY: the promise at the top of `ffi.rs`.
                let values = unsafe { slice(values, len) }?;
                if overlaps(sum, span(values)) {
                    return Err(KldivStatus::Overlap);
                }
                // SAFETY: the promise at the top of `ffi.rs`; the sum is apart from the numbers.
                unsafe { change(sum) }?.extend_from_slice(values);
                Ok(())
            };
            status(extend())
        }

        /// The number nearest to a sum, rounded once. Nothing sums to +0.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $value(
            sum: *const KldivExactSum,
            result: *mut $elem,
        ) -> KldivStatus {
            let value = || {
                // SAFETY: the promise at the top of `ffi.rs`.
                let value = unsafe { look(sum) }?.value();
                // SAFETY: the promise at the top of `ffi.rs`.
                unsafe { give(result, value) }
            };
            status(value())
        }
    };
}

/// Whether a sum lies among these addresses.
fn overlaps(sum: *mut KldivExactSum, taken: core::ops::Range<usize>) -> bool {
    let (start, end) = (sum.addr(), sum.wrapping_add(1).addr());
    start < taken.end && taken.start < end
}

functions!(f32: kldiv_exact_sum_add_f32 kldiv_exact_sum_extend_f32 kldiv_exact_sum_value_f32);
functions!(f64: kldiv_exact_sum_add_f64 kldiv_exact_sum_extend_f64 kldiv_exact_sum_value_f64);
#[cfg(feature = "half")]
functions!(half::f16: kldiv_exact_sum_add_f16 kldiv_exact_sum_extend_f16 kldiv_exact_sum_value_f16);
#[cfg(feature = "half")]
functions!(half::bf16: kldiv_exact_sum_add_bf16 kldiv_exact_sum_extend_bf16 kldiv_exact_sum_value_bf16);

/// Adds all terms of another sum, which may be the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kldiv_exact_sum_merge(
    sum: *mut KldivExactSum,
    other: *const KldivExactSum,
) -> KldivStatus {
    let merge = || {
        // SAFETY: the promise at the top of `ffi.rs`.
        let other = unsafe { look(other) }?.clone();
        // SAFETY: the promise at the top of `ffi.rs`; the other sum is borrowed no more.
        unsafe { change(sum) }?.merge(&other);
        Ok(())
    };
    status(merge())
}

/// Writes a sum as `KLDIV_EXACT_SUM_BYTES` bytes, the same for the same sum on every machine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kldiv_exact_sum_to_bytes(
    sum: *const KldivExactSum,
    bytes: *mut c_void,
    bytes_len: usize,
) -> KldivStatus {
    let to_bytes = || {
        // SAFETY: the promise at the top of `ffi.rs`.
        let written = unsafe { look(sum) }?.to_bytes();
        if bytes_len != written.len() {
            return Err(KldivStatus::Length);
        }
        // SAFETY: the promise at the top of `ffi.rs`; the sum is borrowed no more.
        unsafe { output(bytes.cast::<u8>(), bytes_len, &[]) }?.copy_from_slice(&written);
        Ok(())
    };
    status(to_bytes())
}

/// Reads a sum that `kldiv_exact_sum_to_bytes` has written. All other bytes are refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kldiv_exact_sum_from_bytes(
    bytes: *const c_void,
    bytes_len: usize,
    sum: *mut KldivExactSum,
) -> KldivStatus {
    let from_bytes = || {
        // SAFETY: the promise at the top of `ffi.rs`.
        let read = ExactSum::from_bytes(unsafe { slice(bytes.cast::<u8>(), bytes_len) }?)?;
        // SAFETY: the promise at the top of `ffi.rs`; the bytes are borrowed no more.
        *unsafe { change(sum) }? = read;
        Ok(())
    };
    status(from_bytes())
}
