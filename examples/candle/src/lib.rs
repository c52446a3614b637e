//! The distillation loss of `kldiv` as an operation of candle: forward and backward, on the tensors' own memory.
//!
//! ```
//! use candle_core::{Device, Tensor, Var};
//! use kldiv_candle::distill_loss;
//!
//! let student = Var::new(&[[2.0_f32, 0.0, -1.0]], &Device::Cpu)?;
//! let teacher = Tensor::new(&[[3.0_f32, -1.0, -2.0]], &Device::Cpu)?;
//! let loss = distill_loss(&student, &teacher, 2.0)?;
//! assert!((loss.to_scalar::<f32>()? - 4.0 * 0.089044).abs() < 1e-5); // τ² times the divergence
//! let gradients = loss.backward()?;
//! assert_eq!(gradients.get(&student).map(|gradient| gradient.dims()), Some(&[1, 3][..]));
//! # Ok::<(), candle_core::Error>(())
//! ```
//!
//! What candle composes from `log_softmax`, `exp`, `mul` and `sum` keeps a dozen tensors as large as the logits until the
//! backward pass is over. This keeps none: the losses come from one read of the logits, the gradient from another.
#![forbid(unsafe_code)]

mod numbers;
mod operation;

use candle_core::{DType, Result, Tensor, bail};
use operation::RowLosses;

pub use kldiv::Divergence;

/// The mean over rows of `D(softmax(teacher/τ) ‖ softmax(student/τ))`, times τ², in nats.
///
/// A drop-in for the usual composition of `log_softmax`, `exp`, `mul` and `sum`. Rows are along the last dimension. The
/// square of the temperature keeps gradients of one size whatever it is. See [`DistillLoss`] for other divergences and
/// for the loss of each row.
///
/// # Errors
/// As [`DistillLoss::row_losses`].
pub fn distill_loss(student: &Tensor, teacher: &Tensor, temperature: f64) -> Result<Tensor> {
    DistillLoss::new().temperature(temperature).mean(student, teacher)
}

/// How a student's logits are compared with a teacher's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DistillLoss {
    temperature: f64,
    divergence: Divergence<f64>,
}

impl DistillLoss {
    /// The forward divergence, at temperature 1.
    #[must_use]
    pub const fn new() -> Self {
        DistillLoss { temperature: 1.0, divergence: Divergence::Forward }
    }

    /// The same with another temperature, which divides the logits of both.
    #[must_use]
    pub const fn temperature(self, temperature: f64) -> Self {
        DistillLoss { temperature, ..self }
    }

    /// The same with another divergence.
    #[must_use]
    pub const fn divergence(self, divergence: Divergence<f64>) -> Self {
        DistillLoss { divergence, ..self }
    }

    /// The mean of [`row_losses`](Self::row_losses), times the square of the temperature: a scalar.
    ///
    /// # Errors
    /// As [`row_losses`](Self::row_losses), and without rows.
    pub fn mean(&self, student: &Tensor, teacher: &Tensor) -> Result<Tensor> {
        let losses = self.row_losses(student, teacher)?;
        if losses.elem_count() == 0 {
            bail!("the mean loss of no rows: the student's shape is {:?}", student.dims());
        }
        losses.mean_all()? * (self.temperature * self.temperature)
    }

    /// The divergence of each row: the student's shape without its last dimension.
    ///
    /// Losses of f64 logits are f64, those of all others f32: a bf16 mean of many rows would lose digits. Tensors are read
    /// where they are, if their rows are each in one piece and begin at equal distances. Gradients have the type of the
    /// logits and go to the student and, where it is a part of what is differentiated, to the teacher.
    ///
    /// # Errors
    /// If both are not of one shape with at least one class, of one of these types, and on the CPU; if a row is not in
    /// one piece; if the temperature is not a positive, normal number or a share not between 0 and 1.
    pub fn row_losses(&self, student: &Tensor, teacher: &Tensor) -> Result<Tensor> {
        for (name, tensor) in [("student", student), ("teacher", teacher)] {
            if !tensor.device().is_cpu() {
                bail!(
                    "the {name} is on {:?}, this loss is for the CPU: call .to_device(&Device::Cpu) first",
                    tensor.device()
                );
            }
            if !matches!(tensor.dtype(), DType::BF16 | DType::F16 | DType::F32 | DType::F64) {
                bail!(
                    "the {name} is {:?}, none of BF16, F16, F32, F64: call .to_dtype(DType::F32) first",
                    tensor.dtype()
                );
            }
        }
        if student.dtype() != teacher.dtype() {
            let (of, other) = (student.dtype(), teacher.dtype());
            bail!(
                "the student is {of:?}, the teacher {other:?}: call teacher.to_dtype(DType::{of:?}) first"
            );
        }
        if student.dims() != teacher.dims() {
            bail!(
                "the student's shape is {:?}, the teacher's {:?}: they must be the same",
                student.dims(),
                teacher.dims()
            );
        }
        student.apply_op2(teacher, RowLosses(*self))
    }
}

impl Default for DistillLoss {
    fn default() -> Self {
        Self::new()
    }
}
