//! The C interface: `ffi/kldiv.h`, which cbindgen writes from this file.
//!
//! The only unsafe code of the crate, and all of it here: slices are made of what a C caller
//! passes, and one number is written. Whatever can be checked is checked first; what cannot is
//! the caller's promise, the same for all functions: behind each pointer lie as many numbers as
//! the length beside it says, they may be read (written, for an output), and no other thread
//! writes them meanwhile.

use core::ffi::{CStr, c_char};
use core::ops::Range;

use crate::distill::{DistillLoss, Divergence, Teacher};
use crate::error::Error;
use crate::isa::Isa;
use crate::kl::{Input, KlDiv, Reduction, Target, Upstream};
use crate::lanes::Element;
use crate::softmax::{Rows, log_softmax, softmax};

/// What a function says of its call. Unless it is `KLDIV_STATUS_OK`, nothing has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum KldivStatus {
    /// Done.
    Ok = 0,
    /// A pointer is NULL and its length is not 0.
    Null = 1,
    /// A pointer is not a multiple of its numbers' size.
    Misaligned = 2,
    /// A length is more than memory can hold.
    TooLong = 3,
    /// An output overlaps an input.
    Overlap = 4,
    /// A field of the options holds none of its values.
    Option = 5,
    /// This machine or this build does not have the instruction set.
    IsaUnavailable = 6,
    /// An output does not have the length of what is written to it.
    Length = 7,
    /// The numbers cannot be cut into that many equal rows.
    Rows = 8,
    /// The numbers cannot be cut into rows of that many classes, or the classes are 0.
    Classes = 9,
    /// A NaN, which is neither a probability nor its logarithm.
    Nan = 10,
    /// A probability below zero.
    NegativeProbability = 11,
    /// A log-probability above the tolerance; most often a probability passed as its logarithm.
    PositiveLogProbability = 12,
    /// Probabilities of a row that do not sum to 1.
    RowSum = 13,
    /// A label that is not below the number of classes.
    ClassIndex = 14,
}

impl KldivStatus {
    const ALL: [(KldivStatus, &CStr); 15] = [
        (KldivStatus::Ok, c"done"),
        (KldivStatus::Null, c"a pointer is NULL and its length is not 0"),
        (KldivStatus::Misaligned, c"a pointer is not a multiple of its numbers' size"),
        (KldivStatus::TooLong, c"a length is more than memory can hold"),
        (KldivStatus::Overlap, c"an output overlaps an input"),
        (KldivStatus::Option, c"a field of the options holds none of its values"),
        (KldivStatus::IsaUnavailable, c"the instruction set is not available here"),
        (KldivStatus::Length, c"an output does not have the length of what is written to it"),
        (KldivStatus::Rows, c"the numbers cannot be cut into that many equal rows"),
        (KldivStatus::Classes, c"the numbers cannot be cut into rows of that many classes"),
        (KldivStatus::Nan, c"a NaN is neither a probability nor its logarithm"),
        (KldivStatus::NegativeProbability, c"a probability is below zero"),
        (
            KldivStatus::PositiveLogProbability,
            c"a log-probability is above zero; was a probability passed as its logarithm?",
        ),
        (KldivStatus::RowSum, c"the probabilities of a row do not sum to 1"),
        (KldivStatus::ClassIndex, c"a label is not below the number of classes"),
    ];
}

impl From<Error> for KldivStatus {
    fn from(error: Error) -> Self {
        match error {
            Error::Length { .. }
            | Error::OutputLength { .. }
            | Error::UpstreamLength { .. }
            | Error::WeightsLength { .. }
            | Error::TeacherRows { .. }
            | Error::TeacherClasses { .. } => KldivStatus::Length,
            Error::Rows { .. } => KldivStatus::Rows,
            Error::Classes { .. } | Error::ZeroClasses { .. } => KldivStatus::Classes,
            Error::IsaUnavailable { .. } => KldivStatus::IsaUnavailable,
            Error::UnknownIsa { .. }
            | Error::UpstreamPerElement { .. }
            | Error::ClassesGradient { .. }
            | Error::Temperature { .. }
            | Error::Beta { .. } => KldivStatus::Option,
            Error::ClassIndex { .. } => KldivStatus::ClassIndex,
            Error::Nan { .. } => KldivStatus::Nan,
            Error::NegativeProbability { .. } => KldivStatus::NegativeProbability,
            Error::PositiveLogProbability { .. } => KldivStatus::PositiveLogProbability,
            Error::RowSum { .. } => KldivStatus::RowSum,
        }
    }
}

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
    fn pair<'a, T: Element>(
        &self,
        input: &'a [T],
        target: &'a [T],
    ) -> Result<KlDiv<'a, T>, KldivStatus> {
        let input = match self.input {
            KLDIV_INPUT_LOG_PROBS => Input::LogProbs(input),
            KLDIV_INPUT_PROBS => Input::Probs(input),
            _ => return Err(KldivStatus::Option),
        };
        let target = match self.target {
            KLDIV_TARGET_PROBS => Target::Probs(target),
            KLDIV_TARGET_LOG_PROBS => Target::LogProbs(target),
            _ => return Err(KldivStatus::Option),
        };
        let kl = KlDiv::new(input, target)?;
        match isa(self.isa)? {
            Some(isa) => Ok(kl.on(isa)?),
            None => Ok(kl),
        }
    }

    fn reduction(&self) -> Result<Reduction, KldivStatus> {
        match self.reduction {
            KLDIV_REDUCTION_MEAN => Ok(Reduction::Mean),
            KLDIV_REDUCTION_SUM => Ok(Reduction::Sum),
            KLDIV_REDUCTION_BATCH_MEAN => Ok(Reduction::BatchMean(self.batch)),
            _ => Err(KldivStatus::Option),
        }
    }
}

/// The teacher is given as logits.
pub const KLDIV_TEACHER_LOGITS: u32 = 0;
/// The teacher is given as natural logarithms of probabilities.
pub const KLDIV_TEACHER_LOG_PROBS: u32 = 1;
/// The teacher is given as probabilities.
pub const KLDIV_TEACHER_PROBS: u32 = 2;

/// D(teacher ‖ student).
pub const KLDIV_DIVERGENCE_FORWARD: u32 = 0;
/// D(student ‖ teacher).
pub const KLDIV_DIVERGENCE_REVERSE: u32 = 1;
/// Of both from their mixture; `beta` is the teacher's share.
pub const KLDIV_DIVERGENCE_JENSEN_SHANNON: u32 = 2;

/// How `kldiv_distill_…` compares. All zero, which NULL means too, is the divergence of logits at
/// temperature 1.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct KldivDistillOptions {
    /// A `KLDIV_TEACHER_…`; ignored where there are labels.
    pub teacher: u32,
    /// A `KLDIV_DIVERGENCE_…`.
    pub divergence: u32,
    /// A `KLDIV_ISA_…`; the results are the same with each.
    pub isa: u32,
    /// Divides the logits of both; 0 stands for 1.
    pub temperature: f64,
    /// Above 0 and below 1, for `KLDIV_DIVERGENCE_JENSEN_SHANNON`.
    pub beta: f64,
}

/// A `KLDIV_ISA_…`; nothing for the best.
fn isa(field: u32) -> Result<Option<Isa>, KldivStatus> {
    Ok(Some(match field {
        KLDIV_ISA_BEST => return Ok(None),
        KLDIV_ISA_SCALAR => Isa::Scalar,
        KLDIV_ISA_SSE2 => Isa::Sse2,
        KLDIV_ISA_AVX2 => Isa::Avx2,
        KLDIV_ISA_AVX512 => Isa::Avx512,
        KLDIV_ISA_NEON => Isa::Neon,
        KLDIV_ISA_SIMD128 => Isa::Simd128,
        _ => return Err(KldivStatus::Option),
    }))
}

/// Whether a slice can lie there, as far as its address and length tell.
fn check<T>(data: *const T, len: usize) -> Result<(), KldivStatus> {
    if len > isize::MAX.unsigned_abs() / size_of::<T>() {
        Err(KldivStatus::TooLong)
    } else if data.is_null() {
        Err(KldivStatus::Null)
    } else if !data.is_aligned() {
        Err(KldivStatus::Misaligned)
    } else {
        Ok(())
    }
}

/// Options; where there are none, the default.
///
/// # Safety
/// `options` is NULL or points to options, of which any bits are a value.
unsafe fn read<O: Copy + Default>(options: *const O) -> Result<O, KldivStatus> {
    if options.is_null() {
        return Ok(O::default());
    }
    check(options, 1)?;
    // SAFETY: not NULL and aligned; the rest is the caller's promise.
    Ok(unsafe { options.read() })
}

/// # Safety
/// `len` numbers at `data` can be read, and nobody writes them, for `'a`.
unsafe fn slice<'a, T>(data: *const T, len: usize) -> Result<&'a [T], KldivStatus> {
    if len == 0 {
        return Ok(&[]);
    }
    check(data, len)?;
    // SAFETY: not NULL, aligned and no longer than a slice can be; the rest is the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts(data, len) })
}

/// The addresses of a slice.
fn span<T>(slice: &[T]) -> Range<usize> {
    let Range { start, end } = slice.as_ptr_range();
    start.addr()..end.addr()
}

/// A slice to write, which must overlap none of `inputs`.
///
/// # Safety
/// `len` numbers at `data` can be written, and nobody else uses them, for `'a`.
unsafe fn output<'a, T>(
    data: *mut T,
    len: usize,
    inputs: &[Range<usize>],
) -> Result<&'a mut [T], KldivStatus> {
    if len == 0 {
        return Ok(&mut []);
    }
    check(data, len)?;
    let (start, end) = (data.addr(), data.wrapping_add(len).addr());
    if inputs.iter().any(|input| start < input.end && input.start < end) {
        return Err(KldivStatus::Overlap);
    }
    // SAFETY: not NULL, aligned, no longer than a slice can be, and apart from what this call
    // reads; the rest is the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts_mut(data, len) })
}

/// Writes the only result of a function.
///
/// # Safety
/// `result` is NULL or can be written.
unsafe fn give<T>(result: *mut T, value: T) -> Result<(), KldivStatus> {
    check(result, 1)?;
    // SAFETY: not NULL and aligned; that it can be written is the caller's promise. Nothing that
    // is read overlaps it any more: all borrows have ended.
    unsafe { result.write(value) };
    Ok(())
}

/// One factor for all elements, one for each, or one for each row, by their number.
fn upstream<T: Element>(factors: &[T], len: usize) -> Upstream<'_, T> {
    match factors {
        &[factor] => Upstream::Uniform(factor),
        _ if factors.len() == len => Upstream::PerElement(factors),
        _ => Upstream::PerRow(factors),
    }
}

fn status(result: Result<(), KldivStatus>) -> KldivStatus {
    result.err().unwrap_or(KldivStatus::Ok)
}

/// One sentence about a status, in English; it lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn kldiv_message(status: i32) -> *const c_char {
    let known = KldivStatus::ALL.iter().find(|&&(known, _)| known as i32 == status);
    known.map_or(c"no status of kldiv", |&(_, message)| message).as_ptr()
}

macro_rules! functions {
    ($elem:ty: $reduce:ident $entropy:ident $cross_entropy:ident $pointwise:ident $row_sums:ident
     $grad_input:ident $grad_target:ident $validate:ident $log_softmax:ident $softmax:ident
     $distill:ident $distill_losses:ident $distill_grad:ident) => {
        /// The divergence of the target from the input, reduced to one number, in nats.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $reduce(
            options: *const KldivOptions,
            input: *const $elem,
            target: *const $elem,
            len: usize,
            result: *mut $elem,
        ) -> KldivStatus {
            let reduce = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: likewise.
                let (input, target) = unsafe { (slice(input, len)?, slice(target, len)?) };
                let value = options.pair(input, target)?.reduce(options.reduction()?);
                // SAFETY: likewise.
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
            result: *mut $elem,
        ) -> KldivStatus {
            let entropy = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: likewise.
                let target = unsafe { slice(target, len) }?;
                // SAFETY: likewise.
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
            result: *mut $elem,
        ) -> KldivStatus {
            let cross_entropy = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: likewise.
                let (input, target) = unsafe { (slice(input, len)?, slice(target, len)?) };
                // SAFETY: likewise.
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
                // SAFETY: likewise.
                let (input, target) = unsafe { (slice(input, len)?, slice(target, len)?) };
                // SAFETY: likewise.
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
            out: *mut $elem,
            rows: usize,
        ) -> KldivStatus {
            let row_sums = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: likewise.
                let (input, target) = unsafe { (slice(input, len)?, slice(target, len)?) };
                // SAFETY: likewise.
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
            factors: *const $elem,
            factors_len: usize,
            grad: *mut $elem,
            grad_len: usize,
        ) -> KldivStatus {
            let grad_input = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: likewise.
                let (input, target) = unsafe { (slice(input, len)?, slice(target, len)?) };
                // SAFETY: likewise.
                let factors = unsafe { slice(factors, factors_len) }?;
                let taken = [span(input), span(target), span(factors)];
                // SAFETY: likewise.
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
            factors: *const $elem,
            factors_len: usize,
            grad: *mut $elem,
            grad_len: usize,
        ) -> KldivStatus {
            let grad_target = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: likewise.
                let (input, target) = unsafe { (slice(input, len)?, slice(target, len)?) };
                // SAFETY: likewise.
                let factors = unsafe { slice(factors, factors_len) }?;
                let taken = [span(input), span(target), span(factors)];
                // SAFETY: likewise.
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
            tolerance: $elem,
        ) -> KldivStatus {
            let validate = || {
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: likewise.
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
                // SAFETY: likewise.
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
                // SAFETY: likewise.
                let out = unsafe { output(out, out_len, &[span(logits)]) }?;
                Ok(softmax(Rows::new(logits, classes)?, out)?)
            };
            status(softmax())
        }

        /// What both functions below share.
        fn $distill<'a>(
            options: KldivDistillOptions,
            student: Rows<'a, $elem>,
            teacher: &'a [$elem],
            labels: &'a [u32],
            weights: &'a [$elem],
        ) -> Result<DistillLoss<'a, $elem>, KldivStatus> {
            let teacher = match (options.teacher, labels) {
                (_, [_, ..]) => Teacher::Classes(labels),
                (KLDIV_TEACHER_LOGITS, _) => {
                    Teacher::Logits(Rows::new(teacher, student.classes())?)
                }
                (KLDIV_TEACHER_LOG_PROBS, _) => {
                    Teacher::LogProbs(Rows::new(teacher, student.classes())?)
                }
                (KLDIV_TEACHER_PROBS, _) => Teacher::Probs(Rows::new(teacher, student.classes())?),
                _ => return Err(KldivStatus::Option),
            };
            let mut loss = DistillLoss::new(student, teacher)?;
            loss = match options.divergence {
                KLDIV_DIVERGENCE_FORWARD => loss,
                KLDIV_DIVERGENCE_REVERSE => loss.divergence(Divergence::Reverse),
                KLDIV_DIVERGENCE_JENSEN_SHANNON => {
                    loss.divergence(Divergence::JensenShannon { beta: options.beta as $elem })
                }
                _ => return Err(KldivStatus::Option),
            };
            if options.temperature != 0.0 {
                loss = loss.temperature(options.temperature as $elem);
            }
            if !weights.is_empty() {
                loss = loss.row_weights(weights)?;
            }
            match isa(options.isa)? {
                Some(isa) => Ok(loss.on(isa)?),
                None => Ok(loss),
            }
        }

        /// The divergence of each row between the softmax of a student's logits and a teacher:
        /// `rows · classes` numbers, or `rows` labels where `teacher` is NULL. `weights` is NULL
        /// or one number for each row; a row of weight 0 is not read.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $distill_losses(
            options: *const KldivDistillOptions,
            student: *const $elem,
            teacher: *const $elem,
            labels: *const u32,
            rows: usize,
            classes: usize,
            weights: *const $elem,
            losses: *mut $elem,
            losses_len: usize,
        ) -> KldivStatus {
            let distill = || {
                let len = rows.checked_mul(classes).ok_or(KldivStatus::TooLong)?;
                let (teacher_len, labels_len) =
                    if teacher.is_null() { (0, rows) } else { (len, 0) };
                let weights_len = if weights.is_null() { 0 } else { rows };
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: likewise.
                let (student, teacher, labels, weights) = unsafe {
                    (
                        slice(student, len)?,
                        slice(teacher, teacher_len)?,
                        slice(labels, labels_len)?,
                        slice(weights, weights_len)?,
                    )
                };
                let inputs = [span(student), span(teacher), span(labels), span(weights)];
                // SAFETY: likewise.
                let losses = unsafe { output(losses, losses_len, &inputs) }?;
                let student = Rows::new(student, classes)?;
                Ok($distill(options, student, teacher, labels, weights)?.row_losses(losses)?)
            };
            status(distill())
        }

        /// The same, and the derivative of each row's divergence by the student's logits, times
        /// one factor for all or one for each row.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $distill_grad(
            options: *const KldivDistillOptions,
            student: *const $elem,
            teacher: *const $elem,
            labels: *const u32,
            rows: usize,
            classes: usize,
            weights: *const $elem,
            factors: *const $elem,
            factors_len: usize,
            losses: *mut $elem,
            losses_len: usize,
            grad: *mut $elem,
            grad_len: usize,
        ) -> KldivStatus {
            let distill = || {
                let len = rows.checked_mul(classes).ok_or(KldivStatus::TooLong)?;
                let (teacher_len, labels_len) =
                    if teacher.is_null() { (0, rows) } else { (len, 0) };
                let weights_len = if weights.is_null() { 0 } else { rows };
                // SAFETY: the promise at the top of this file.
                let options = unsafe { read(options) }?;
                // SAFETY: likewise.
                let (student, teacher, labels, weights, factors) = unsafe {
                    (
                        slice(student, len)?,
                        slice(teacher, teacher_len)?,
                        slice(labels, labels_len)?,
                        slice(weights, weights_len)?,
                        slice(factors, factors_len)?,
                    )
                };
                let mut taken = [
                    span(student),
                    span(teacher),
                    span(labels),
                    span(weights),
                    span(factors),
                    0..0,
                ];
                // SAFETY: likewise.
                let losses = unsafe { output(losses, losses_len, &taken) }?;
                taken[5] = span(losses);
                // SAFETY: likewise.
                let grad = unsafe { output(grad, grad_len, &taken) }?;
                let factors = match factors {
                    &[factor] => Upstream::Uniform(factor),
                    _ => Upstream::PerRow(factors),
                };
                let student = Rows::new(student, classes)?;
                let loss = $distill(options, student, teacher, labels, weights)?;
                Ok(loss.loss_and_grad_student(factors, losses, grad)?)
            };
            status(distill())
        }
    };
}

functions!(f32: kldiv_reduce_f32 kldiv_entropy_f32 kldiv_cross_entropy_f32 kldiv_pointwise_f32
    kldiv_row_sums_f32 kldiv_grad_input_f32 kldiv_grad_target_f32 kldiv_validate_f32
    kldiv_log_softmax_f32 kldiv_softmax_f32
    distill_f32 kldiv_distill_losses_f32 kldiv_distill_grad_f32);
functions!(f64: kldiv_reduce_f64 kldiv_entropy_f64 kldiv_cross_entropy_f64 kldiv_pointwise_f64
    kldiv_row_sums_f64 kldiv_grad_input_f64 kldiv_grad_target_f64 kldiv_validate_f64
    kldiv_log_softmax_f64 kldiv_softmax_f64
    distill_f64 kldiv_distill_losses_f64 kldiv_distill_grad_f64);

/// Never reached: no function panics. A library for C without an operating system must have one,
/// and must not where the program has its own.
#[cfg(all(feature = "panic-handler", not(feature = "std")))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
