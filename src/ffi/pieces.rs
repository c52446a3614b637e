//! Rows in pieces.

use super::distill::{Inputs, KldivDistillOptions};
use super::memory::{give, output, read, slice, span};
use super::status::{KldivStatus, status};
use crate::row_state::RowState;
use crate::upstream::Upstream;

/// What is known of a row of which not all classes have been seen. All zero is that of none yet. It may be
/// copied like any other value and sent elsewhere; what the numbers mean is nobody else's business.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct KldivRowStateF32 {
    numbers: [f32; 8],
}

/// The same for `double`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct KldivRowStateF64 {
    numbers: [f64; 8],
}

const _: () = assert!(size_of::<KldivRowStateF32>() == size_of::<RowState<f32>>());
const _: () = assert!(size_of::<KldivRowStateF64>() == size_of::<RowState<f64>>());
const _: () = assert!(align_of::<KldivRowStateF32>() == align_of::<RowState<f32>>());
const _: () = assert!(align_of::<KldivRowStateF64>() == align_of::<RowState<f64>>());

macro_rules! functions {
    ($elem:ty, $state:ident: $row_states:ident $merge:ident $loss:ident $reverse:ident
     $student_log_mass:ident $teacher_log_mass:ident $grad_within:ident) => {
        /// Merges these classes into what is known of each of `rows` rows: `classes` more logits of a student
        /// and of a teacher, one state for each row. A row of weight 0 is not read; other weights have no
        /// influence here, nor has the divergence.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $row_states(
            options: *const KldivDistillOptions,
            student: *const $elem,
            teacher: *const $elem,
            rows: usize,
            classes: usize,
            weights: *const $elem,
            states: *mut $state,
            states_len: usize,
        ) -> KldivStatus {
            let row_states = || {
                // SAFETY: the promise at the top of `ffi.rs`.
                let options = unsafe { read(options) }?;
                let labels = core::ptr::null();
                // SAFETY: the promise at the top of `ffi.rs`.
                let inputs = unsafe {
                    Inputs::new(&options, student, teacher, labels, rows, classes, weights)
                }?;
                let states = states.cast::<RowState<$elem>>();
                // SAFETY: a state is as large and as aligned as the other, and any bits are a value of both;
                // the rest is the promise at the top of `ffi.rs`.
                let states = unsafe { output(states, states_len, &inputs.spans()) }?;
                Ok(options.loss(&inputs)?.row_states(states)?)
            };
            status(row_states())
        }

        /// Merges the state of other classes of the same row into a state.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $merge(state: *mut $state, other: *const $state) -> KldivStatus {
            let merge = || {
                // SAFETY: as above.
                let [one, other] = unsafe { [look(state.cast())?, look(other.cast())?] };
                // SAFETY: as above.
                unsafe { give(state.cast::<RowState<$elem>>(), one.merge(other)) }
            };
            status(merge())
        }

        /// The forward divergence over all classes seen, as if they were the row.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $loss(state: *const $state, result: *mut $elem) -> KldivStatus {
            // SAFETY: as above.
            let loss = || unsafe { give(result, look::<$elem>(state.cast())?.loss()) };
            status(loss())
        }

        /// The reverse divergence likewise.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $reverse(state: *const $state, result: *mut $elem) -> KldivStatus {
            // SAFETY: as above.
            let reverse = || unsafe { give(result, look::<$elem>(state.cast())?.reverse()) };
            status(reverse())
        }

        /// The logarithm of the sum of the exponentials of the student's logits, over the temperature.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $student_log_mass(
            state: *const $state,
            result: *mut $elem,
        ) -> KldivStatus {
            let mass =
                // SAFETY: as above.
                || unsafe { give(result, look::<$elem>(state.cast())?.student_log_mass()) };
            status(mass())
        }

        /// The same of the teacher's.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $teacher_log_mass(
            state: *const $state,
            result: *mut $elem,
        ) -> KldivStatus {
            let mass =
                // SAFETY: as above.
                || unsafe { give(result, look::<$elem>(state.cast())?.teacher_log_mass()) };
            status(mass())
        }

        /// These classes' part of the derivative of each row's divergence by the student's logits, times one
        /// factor for all or one for each row, once the states of whole rows are known; and their part of its
        /// loss, of which the parts of all pieces are the sum, unless `losses` is NULL and `losses_len` 0.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $grad_within(
            options: *const KldivDistillOptions,
            student: *const $elem,
            teacher: *const $elem,
            rows: usize,
            classes: usize,
            weights: *const $elem,
            states: *const $state,
            states_len: usize,
            factors: *const $elem,
            factors_len: usize,
            losses: *mut $elem,
            losses_len: usize,
            grad: *mut $elem,
            grad_len: usize,
        ) -> KldivStatus {
            let within = || {
                // SAFETY: the promise at the top of `ffi.rs`.
                let options = unsafe { read(options) }?;
                let labels = core::ptr::null();
                // SAFETY: the promise at the top of `ffi.rs`.
                let inputs = unsafe {
                    Inputs::new(&options, student, teacher, labels, rows, classes, weights)
                }?;
                // SAFETY: as above.
                let states = unsafe { slice(states.cast::<RowState<$elem>>(), states_len) }?;
                // SAFETY: the promise at the top of `ffi.rs`.
                let factors = unsafe { slice(factors, factors_len) }?;
                let [a, b, c, d] = inputs.spans();
                let mut taken = [a, b, c, d, span(factors), span(states), 0..0];
                // SAFETY: the promise at the top of `ffi.rs`.
                let losses = unsafe { output(losses, losses_len, &taken) }?;
                taken[6] = span(losses);
                // SAFETY: the promise at the top of `ffi.rs`.
                let grad = unsafe { output(grad, grad_len, &taken) }?;
                let factors = match factors {
                    &[factor] => Upstream::Uniform(factor),
                    _ => Upstream::PerRow(factors),
                };
                let loss = options.loss(&inputs)?;
                Ok(if losses.is_empty() {
                    loss.grad_student_within(states, factors, grad)?
                } else {
                    loss.loss_and_grad_student_within(states, factors, losses, grad)?
                })
            };
            status(within())
        }
    };
}

/// A state to read.
///
/// # Safety
/// `state` is NULL or points to a state that can be read.
unsafe fn look<T: Copy>(state: *const RowState<T>) -> Result<RowState<T>, KldivStatus> {
    // SAFETY: the caller's promise.
    let states = unsafe { slice(state, 1) }?;
    states.first().copied().ok_or(KldivStatus::Null)
}

functions!(f32, KldivRowStateF32: kldiv_row_states_f32 kldiv_row_state_merge_f32
    kldiv_row_state_loss_f32 kldiv_row_state_reverse_f32 kldiv_row_state_student_log_mass_f32
    kldiv_row_state_teacher_log_mass_f32 kldiv_grad_within_f32);
functions!(f64, KldivRowStateF64: kldiv_row_states_f64 kldiv_row_state_merge_f64
    kldiv_row_state_loss_f64 kldiv_row_state_reverse_f64 kldiv_row_state_student_log_mass_f64
    kldiv_row_state_teacher_log_mass_f64 kldiv_grad_within_f64);
