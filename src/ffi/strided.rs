//! Softmax of rows with padding between them.

use super::memory::{output, slice, span};
use super::status::{KldivStatus, status};
use crate::rows::Rows;
use crate::softmax::{log_softmax, softmax};

macro_rules! functions {
    ($elem:ty: $log_softmax:ident $softmax:ident) => {
        /// Rows of `classes` logits to natural logarithms of probabilities. Row `i` begins at
        /// `i · stride`, which is at least `classes`; the last row may end with its classes. What
        /// lies between rows is not read, and becomes 0 in `out`, which is laid out likewise.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $log_softmax(
            logits: *const $elem,
            len: usize,
            classes: usize,
            stride: usize,
            out: *mut $elem,
            out_len: usize,
        ) -> KldivStatus {
            let log_softmax = || {
                // SAFETY: the promise at the top of `ffi.rs`.
                let logits = unsafe { slice(logits, len) }?;
                // SAFETY: the promise at the top of `ffi.rs`.
                let out = unsafe { output(out, out_len, &[span(logits)]) }?;
                Ok(log_softmax(Rows::strided(logits, classes, stride)?, out)?)
            };
            status(log_softmax())
        }

        /// Rows of `classes` logits to probabilities, with a stride likewise.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $softmax(
            logits: *const $elem,
            len: usize,
            classes: usize,
            stride: usize,
            out: *mut $elem,
            out_len: usize,
        ) -> KldivStatus {
            let softmax = || {
                // SAFETY: the promise at the top of `ffi.rs`.
                let logits = unsafe { slice(logits, len) }?;
                // SAFETY: the promise at the top of `ffi.rs`.
                let out = unsafe { output(out, out_len, &[span(logits)]) }?;
                Ok(softmax(Rows::strided(logits, classes, stride)?, out)?)
            };
            status(softmax())
        }
    };
}

functions!(f32: kldiv_log_softmax_strided_f32 kldiv_softmax_strided_f32);
functions!(f64: kldiv_log_softmax_strided_f64 kldiv_softmax_strided_f64);
#[cfg(feature = "half")]
functions!(half::f16: kldiv_log_softmax_strided_f16 kldiv_softmax_strided_f16);
#[cfg(feature = "half")]
functions!(half::bf16: kldiv_log_softmax_strided_bf16 kldiv_softmax_strided_bf16);
