//! Teachers that name few classes of each row.

use core::ops::Range;

use super::distill::{KldivDistillOptions, KldivOffender, Refused};
use super::memory::{give, output, read, slice, span};
use super::status::{KldivStatus, status};
use crate::distill::DistillLoss;
use crate::element::Element;
use crate::teacher::Teacher;
use crate::top_k::{Rest, TopK};
use crate::upstream::Upstream;

/// The classes that are not named have no probability: what is there is divided by its sum.
pub const KLDIV_REST_RENORMALISE: u32 = 0;
/// They are one class, of what is left of one.
pub const KLDIV_REST_BUCKET: u32 = 1;
/// What is left of one is spread evenly over them.
pub const KLDIV_REST_UNIFORM: u32 = 2;
/// They are left out: no divergence, and it may be negative.
pub const KLDIV_REST_IGNORE: u32 = 3;

/// What is read: a student's logits, `k` classes and log-probabilities for each row, weights of rows or none.
struct Inputs<'a, T> {
    student: &'a [T],
    named: &'a [u32],
    log_probs: &'a [T],
    weights: &'a [T],
    classes: usize,
    k: usize,
    rest: u32,
}

/// Lengths and a choice.
struct Shape {
    rows: usize,
    classes: usize,
    k: usize,
    rest: u32,
}

impl<'a, T: Element<Real = T>> Inputs<'a, T> {
    /// # Safety
    /// At `student` the numbers of as many rows as the shape and the options say, at `named` and `log_probs` `k`
    /// for each of them, at `weights`, unless that is NULL, one for each can be read, and nobody writes them, for
    /// `'a`.
    unsafe fn new(
        options: &KldivDistillOptions,
        shape: Shape,
        student: *const T,
        (named, log_probs): (*const u32, *const T),
        weights: *const T,
    ) -> Result<Self, KldivStatus> {
        let Shape { rows, classes, k, rest } = shape;
        let student_len = options.student_len(rows, classes)?;
        let places = rows.checked_mul(k).ok_or(KldivStatus::TooLong)?;
        let weights_len = if weights.is_null() { 0 } else { rows };
        // SAFETY: the caller's promise.
        unsafe {
            Ok(Inputs {
                student: slice(student, student_len)?,
                named: slice(named, places)?,
                log_probs: slice(log_probs, places)?,
                weights: slice(weights, weights_len)?,
                classes,
                k,
                rest,
            })
        }
    }

    fn spans(&self) -> [Range<usize>; 4] {
        [span(self.student), span(self.named), span(self.log_probs), span(self.weights)]
    }

    fn loss(&self, options: &KldivDistillOptions) -> Result<DistillLoss<'a, T>, Refused> {
        let rest = match self.rest {
            KLDIV_REST_RENORMALISE => Rest::Renormalise,
            KLDIV_REST_BUCKET => Rest::Bucket,
            KLDIV_REST_UNIFORM => Rest::Uniform,
            KLDIV_REST_IGNORE => Rest::Ignore,
            _ => return Err(KldivStatus::OptionRest.into()),
        };
        let teacher = TopK::new(self.named, self.log_probs, self.k, rest)?;
        let student = options.student(self.student, self.classes)?;
        options.compare(student, Teacher::TopK(teacher), self.weights)
    }
}

macro_rules! functions {
    ($elem:ty: $losses:ident $grad:ident $validate:ident) => {
        /// The divergence of each row between the softmax of a student's logits and a teacher that names `k`
        /// classes of it, with its log-probabilities for them: `rows * k` of both. A log-probability of
        /// -infinity is an empty place, whatever its class. `rest` is a `KLDIV_REST_...`, and says what becomes of
        /// all other classes. `weights` is NULL or one number for each row; a row of weight 0 is not read.
        /// The options' `teacher` and `teacher_stride` have no meaning here, their divergence is the forward one.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $losses(
            options: *const KldivDistillOptions,
            student: *const $elem,
            rows: usize,
            classes: usize,
            named: *const u32,
            log_probs: *const $elem,
            k: usize,
            rest: u32,
            weights: *const $elem,
            losses: *mut $elem,
            losses_len: usize,
        ) -> KldivStatus {
            let top_k = || {
                // SAFETY: the promise at the top of `ffi.rs`.
                let options = unsafe { read(options) }?;
                let shape = Shape { rows, classes, k, rest };
                let places = (named, log_probs);
                // SAFETY: the promise at the top of `ffi.rs`.
                let inputs = unsafe { Inputs::new(&options, shape, student, places, weights) }?;
                // SAFETY: the promise at the top of `ffi.rs`.
                let losses = unsafe { output(losses, losses_len, &inputs.spans()) }?;
                Ok(inputs.loss(&options)?.row_losses(losses)?)
            };
            status(top_k())
        }

        /// The same, and the derivative of each row's divergence by the student's logits, times one factor for
        /// all or one for each row. `grad` has the length and the stride of `student`; what lies between rows
        /// becomes 0, unless `accumulate` is set.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $grad(
            options: *const KldivDistillOptions,
            student: *const $elem,
            rows: usize,
            classes: usize,
            named: *const u32,
            log_probs: *const $elem,
            k: usize,
            rest: u32,
            weights: *const $elem,
            factors: *const $elem,
            factors_len: usize,
            losses: *mut $elem,
            losses_len: usize,
            grad: *mut $elem,
            grad_len: usize,
        ) -> KldivStatus {
            let top_k = || {
                // SAFETY: the promise at the top of `ffi.rs`.
                let options = unsafe { read(options) }?;
                let shape = Shape { rows, classes, k, rest };
                let places = (named, log_probs);
                // SAFETY: the promise at the top of `ffi.rs`.
                let inputs = unsafe { Inputs::new(&options, shape, student, places, weights) }?;
                // SAFETY: the promise at the top of `ffi.rs`.
                let factors = unsafe { slice(factors, factors_len) }?;
                let [a, b, c, d] = inputs.spans();
                let mut taken = [a, b, c, d, span(factors), 0..0];
                // SAFETY: the promise at the top of `ffi.rs`.
                let losses = unsafe { output(losses, losses_len, &taken) }?;
                taken[5] = span(losses);
                // SAFETY: the promise at the top of `ffi.rs`.
                let grad = unsafe { output(grad, grad_len, &taken) }?;
                let factors = match factors {
                    &[factor] => Upstream::Uniform(factor),
                    _ => Upstream::PerRow(factors),
                };
                Ok(inputs.loss(&options)?.loss_and_grad_student(factors, losses, grad)?)
            };
            status(top_k())
        }

        /// Checks that each row that counts is what it is said to be: logits without NaN and infinity, not all
        /// -infinity; log-probabilities of at most `tolerance`, of different classes below `classes`, whose
        /// probabilities sum to at most 1 within `tolerance`. What is found first goes to `offender`, unless
        /// that is NULL.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $validate(
            options: *const KldivDistillOptions,
            student: *const $elem,
            rows: usize,
            classes: usize,
            named: *const u32,
            log_probs: *const $elem,
            k: usize,
            weights: *const $elem,
            tolerance: $elem,
            offender: *mut KldivOffender,
        ) -> KldivStatus {
            let validate = || {
                // SAFETY: the promise at the top of `ffi.rs`.
                let options = unsafe { read(options) }?;
                let shape = Shape { rows, classes, k, rest: KLDIV_REST_IGNORE };
                let places = (named, log_probs);
                // SAFETY: the promise at the top of `ffi.rs`.
                let inputs = unsafe { Inputs::new(&options, shape, student, places, weights) }?;
                let checked = inputs.loss(&options).and_then(|loss| Ok(loss.validate(tolerance)?));
                let Err(refused) = checked else { return Ok(()) };
                if let Refused::Error(error) = refused
                    && let Some(found) = KldivOffender::of(error)
                    && !offender.is_null()
                {
                    // SAFETY: the promise at the top of `ffi.rs`.
                    unsafe { give(offender, found) }?;
                }
                Err(refused.into())
            };
            status(validate())
        }
    };
}

functions!(f32: kldiv_top_k_losses_f32 kldiv_top_k_grad_f32 kldiv_top_k_validate_f32);
functions!(f64: kldiv_top_k_losses_f64 kldiv_top_k_grad_f64 kldiv_top_k_validate_f64);
