//! The C interface: `ffi/kldiv.h`, which cbindgen writes from here.
//!
//! The only unsafe code of the crate: slices are made of what a C caller passes, and one number is
//! written. Whatever can be checked is checked first; what cannot is the caller's promise, the same
//! for all functions: behind each pointer lie as many numbers as the length beside it says, they may
//! be read (written, for an output), and no other thread writes them meanwhile.

mod distill;
mod exact_sum;
mod memory;
mod options;
mod pieces;
mod status;
mod strided;
mod top_k;

use core::ffi::c_char;

#[cfg(feature = "half")]
use half::{bf16, f16};

use crate::rows::Rows;
use crate::softmax::{log_softmax, softmax};
use crate::upstream::Upstream;
use distill::{Inputs, KldivDistillOptions, KldivOffender, Refused};
use memory::{give, output, read, slice, span};
use options::{KldivOptions, upstream};
use status::{KldivStatus, status};

/// One sentence about a status, in English; it lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn kldiv_message(status: i32) -> *const c_char {
    let known = KldivStatus::ALL.iter().find(|&&(known, _)| known as i32 == status);
    known.map_or(c"no status of kldiv", |&(_, message)| message).as_ptr()
}

macro_rules! functions {
    ($elem:ty, $real:ty: $reduce:ident $entropy:ident $cross_entropy:ident $pointwise:ident $row_sums:ident
     $grad_input:ident $grad_target:ident $validate:ident $log_softmax:ident $softmax:ident
     $distill_losses:ident $distill_grad:ident $distill_validate:ident) => {
        /// The divergence of the target from the input, reduced to one number, in nats.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $reduce(
            options: *const KldivOptions,
            input: *const $elem,
            target: *const $elem,
            len: usize,
            result: *mut $real,
        ) -> KldivStatus {
            let reduce = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: the promise at the top of this file.
                let (input, target) = unsafe { (slice(input, len)?, slice(target, len)?) };
                let value = options.pair(input, target)?.reduce(options.reduction()?);
                // SAFETY: the promise at the top of this file.
                unsafe { give(result, value) }
            };
            status(reduce())
        }

        /// The entropy of the target, in nats.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $entropy(
            options: *const KldivOptions,
            target: *const $elem,
            len: usize,
            result: *mut $real,
        ) -> KldivStatus {
            let entropy = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: the promise at the top of this file.
                let target = unsafe { slice(target, len) }?;
                // SAFETY: the promise at the top of this file.
                unsafe { give(result, options.pair(target, target)?.entropy()) }
            };
            status(entropy())
        }

        /// The cross-entropy of the target and the input, in nats.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $cross_entropy(
            options: *const KldivOptions,
            input: *const $elem,
            target: *const $elem,
            len: usize,
            result: *mut $real,
        ) -> KldivStatus {
            let cross_entropy = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: the promise at the top of this file.
                let (input, target) = unsafe { (slice(input, len)?, slice(target, len)?) };
                // SAFETY: the promise at the top of this file.
                unsafe { give(result, options.pair(input, target)?.cross_entropy()) }
            };
            status(cross_entropy())
        }

        /// The divergence's terms, `len` of them.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $pointwise(
            options: *const KldivOptions,
            input: *const $elem,
            target: *const $elem,
            len: usize,
            out: *mut $elem,
            out_len: usize,
        ) -> KldivStatus {
            let pointwise = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: the promise at the top of this file.
                let (input, target) = unsafe { (slice(input, len)?, slice(target, len)?) };
                // SAFETY: the promise at the top of this file.
                let out = unsafe { output(out, out_len, &[span(input), span(target)]) }?;
                Ok(options.pair(input, target)?.pointwise(out)?)
            };
            status(pointwise())
        }

        /// The divergence of each of `rows` rows of one length.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $row_sums(
            options: *const KldivOptions,
            input: *const $elem,
            target: *const $elem,
            len: usize,
            out: *mut $real,
            rows: usize,
        ) -> KldivStatus {
            let row_sums = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: the promise at the top of this file.
                let (input, target) = unsafe { (slice(input, len)?, slice(target, len)?) };
                // SAFETY: the promise at the top of this file.
                let out = unsafe { output(out, rows, &[span(input), span(target)]) }?;
                Ok(options.pair(input, target)?.row_sums(out)?)
            };
            status(row_sums())
        }

        /// The derivative by the input, times the upstream gradient: one factor for all, one for
        /// each of `len` elements, or one for each row.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $grad_input(
            options: *const KldivOptions,
            input: *const $elem,
            target: *const $elem,
            len: usize,
            factors: *const $real,
            factors_len: usize,
            grad: *mut $elem,
            grad_len: usize,
        ) -> KldivStatus {
            let grad_input = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: the promise at the top of this file.
                let (input, target) = unsafe { (slice(input, len)?, slice(target, len)?) };
                // SAFETY: the promise at the top of this file.
                let factors = unsafe { slice(factors, factors_len) }?;
                let taken = [span(input), span(target), span(factors)];
                // SAFETY: the promise at the top of this file.
                let grad = unsafe { output(grad, grad_len, &taken) }?;
                Ok(options.pair(input, target)?.grad_input(upstream(factors, len), grad)?)
            };
            status(grad_input())
        }

        /// The derivative by the target, likewise.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $grad_target(
            options: *const KldivOptions,
            input: *const $elem,
            target: *const $elem,
            len: usize,
            factors: *const $real,
            factors_len: usize,
            grad: *mut $elem,
            grad_len: usize,
        ) -> KldivStatus {
            let grad_target = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: the promise at the top of this file.
                let (input, target) = unsafe { (slice(input, len)?, slice(target, len)?) };
                // SAFETY: the promise at the top of this file.
                let factors = unsafe { slice(factors, factors_len) }?;
                let taken = [span(input), span(target), span(factors)];
                // SAFETY: the promise at the top of this file.
                let grad = unsafe { output(grad, grad_len, &taken) }?;
                Ok(options.pair(input, target)?.grad_target(upstream(factors, len), grad)?)
            };
            status(grad_target())
        }

        /// Checks that both are distributions in `rows` rows, within a tolerance.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $validate(
            options: *const KldivOptions,
            input: *const $elem,
            target: *const $elem,
            len: usize,
            rows: usize,
            tolerance: $real,
        ) -> KldivStatus {
            let validate = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: the promise at the top of this file.
                let (input, target) = unsafe { (slice(input, len)?, slice(target, len)?) };
                Ok(options.pair(input, target)?.validate(rows, tolerance)?)
            };
            status(validate())
        }

        /// Rows of `classes` logits to natural logarithms of probabilities.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $log_softmax(
            logits: *const $elem,
            len: usize,
            classes: usize,
            out: *mut $elem,
            out_len: usize,
        ) -> KldivStatus {
            let log_softmax = || {
                // SAFETY: the promise at the top of this file.
                let logits = unsafe { slice(logits, len) }?;
                // SAFETY: the promise at the top of this file.
                let out = unsafe { output(out, out_len, &[span(logits)]) }?;
                Ok(log_softmax(Rows::new(logits, classes)?, out)?)
            };
            status(log_softmax())
        }

        /// Rows of `classes` logits to probabilities.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $softmax(
            logits: *const $elem,
            len: usize,
            classes: usize,
            out: *mut $elem,
            out_len: usize,
        ) -> KldivStatus {
            let softmax = || {
                // SAFETY: the promise at the top of this file.
                let logits = unsafe { slice(logits, len) }?;
                // SAFETY: the promise at the top of this file.
                let out = unsafe { output(out, out_len, &[span(logits)]) }?;
                Ok(softmax(Rows::new(logits, classes)?, out)?)
            };
            status(softmax())
        }

        /// The divergence of each row between the softmax of a student's logits and a teacher,
        /// `rows · classes` numbers, or `rows` labels: one of the two is NULL. Rows with a stride
        /// are `(rows - 1) · stride + classes` numbers. `weights` is NULL or one number for each
        /// row; a row of weight 0 and one of label `KLDIV_IGNORED` are not read.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $distill_losses(
            options: *const KldivDistillOptions,
            student: *const $elem,
            teacher: *const $elem,
            labels: *const u32,
            rows: usize,
            classes: usize,
            weights: *const $real,
            losses: *mut $real,
            losses_len: usize,
        ) -> KldivStatus {
            let distill = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: the promise at the top of this file.
                let inputs = unsafe {
                    Inputs::new(&options, student, teacher, labels, rows, classes, weights)
                }?;
                // SAFETY: the promise at the top of this file.
                let losses = unsafe { output(losses, losses_len, &inputs.spans()) }?;
                Ok(options.loss(&inputs)?.row_losses(losses)?)
            };
            status(distill())
        }

        /// The same, and the derivative of each row's divergence by the student's logits, times
        /// one factor for all or one for each row. `grad` has the length and the stride of
        /// `student`; what lies between rows becomes 0, unless `accumulate` is set.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $distill_grad(
            options: *const KldivDistillOptions,
            student: *const $elem,
            teacher: *const $elem,
            labels: *const u32,
            rows: usize,
            classes: usize,
            weights: *const $real,
            factors: *const $real,
            factors_len: usize,
            losses: *mut $real,
            losses_len: usize,
            grad: *mut $elem,
            grad_len: usize,
        ) -> KldivStatus {
            let distill = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: the promise at the top of this file.
                let inputs = unsafe {
                    Inputs::new(&options, student, teacher, labels, rows, classes, weights)
                }?;
                // SAFETY: the promise at the top of this file.
                let factors = unsafe { slice(factors, factors_len) }?;
                let [a, b, c, d] = inputs.spans();
                let mut taken = [a, b, c, d, span(factors), 0..0];
                // SAFETY: the promise at the top of this file.
                let losses = unsafe { output(losses, losses_len, &taken) }?;
                taken[5] = span(losses);
                // SAFETY: the promise at the top of this file.
                let grad = unsafe { output(grad, grad_len, &taken) }?;
                let factors = match factors {
                    &[factor] => Upstream::Uniform(factor),
                    _ => Upstream::PerRow(factors),
                };
                Ok(options.loss(&inputs)?.loss_and_grad_student(factors, losses, grad)?)
            };
            status(distill())
        }

        /// Checks that each row that counts is what it is said to be: logits without NaN and
        /// infinity, not all -infinity; a teacher's probabilities at least 0, its
        /// log-probabilities at most `tolerance`, each of its rows with the sum 1 within
        /// `tolerance`; labels below `classes`. What is found first goes to `offender`, unless
        /// that is NULL.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $distill_validate(
            options: *const KldivDistillOptions,
            student: *const $elem,
            teacher: *const $elem,
            labels: *const u32,
            rows: usize,
            classes: usize,
            weights: *const $real,
            tolerance: $real,
            offender: *mut KldivOffender,
        ) -> KldivStatus {
            let validate = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: the promise at the top of this file.
                let inputs = unsafe {
                    Inputs::new(&options, student, teacher, labels, rows, classes, weights)
                }?;
                let checked = options.loss(&inputs).and_then(|loss| Ok(loss.validate(tolerance)?));
                let Err(refused) = checked else { return Ok(()) };
                if let Refused::Error(error) = refused
                    && let Some(found) = KldivOffender::of(error)
                    && !offender.is_null()
                {
                    // SAFETY: the promise at the top of this file.
                    unsafe { give(offender, found) }?;
                }
                Err(refused.into())
            };
            status(validate())
        }
    };
}

functions!(f32, f32: kldiv_reduce_f32 kldiv_entropy_f32 kldiv_cross_entropy_f32 kldiv_pointwise_f32
    kldiv_row_sums_f32 kldiv_grad_input_f32 kldiv_grad_target_f32 kldiv_validate_f32
    kldiv_log_softmax_f32 kldiv_softmax_f32
    kldiv_distill_losses_f32 kldiv_distill_grad_f32 kldiv_distill_validate_f32);
functions!(f64, f64: kldiv_reduce_f64 kldiv_entropy_f64 kldiv_cross_entropy_f64 kldiv_pointwise_f64
    kldiv_row_sums_f64 kldiv_grad_input_f64 kldiv_grad_target_f64 kldiv_validate_f64
    kldiv_log_softmax_f64 kldiv_softmax_f64
    kldiv_distill_losses_f64 kldiv_distill_grad_f64 kldiv_distill_validate_f64);
#[cfg(feature = "half")]
functions!(f16, f32: kldiv_reduce_f16 kldiv_entropy_f16 kldiv_cross_entropy_f16 kldiv_pointwise_f16
    kldiv_row_sums_f16 kldiv_grad_input_f16 kldiv_grad_target_f16 kldiv_validate_f16
    kldiv_log_softmax_f16 kldiv_softmax_f16
    kldiv_distill_losses_f16 kldiv_distill_grad_f16 kldiv_distill_validate_f16);
#[cfg(feature = "half")]
functions!(bf16, f32: kldiv_reduce_bf16 kldiv_entropy_bf16 kldiv_cross_entropy_bf16 kldiv_pointwise_bf16
    kldiv_row_sums_bf16 kldiv_grad_input_bf16 kldiv_grad_target_bf16 kldiv_validate_bf16
    kldiv_log_softmax_bf16 kldiv_softmax_bf16
    kldiv_distill_losses_bf16 kldiv_distill_grad_bf16 kldiv_distill_validate_bf16);

/// Never reached: no function panics. A library for C without an operating system must have one,
/// and must not where the program has its own.
#[cfg(all(feature = "panic-handler", not(feature = "std")))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
