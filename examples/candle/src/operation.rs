//! The operations that candle runs and differentiates.

use candle_core::{
    CpuStorage, CustomOp2, CustomOp3, Error, Layout, Result, Shape, Tensor, WithDType,
};
use half::{bf16, f16};
use kldiv::{Divergence, Element, Rows, Teacher, Upstream};

use crate::DistillLoss;
use crate::numbers::{Number, numbers, rows};

/// Losses of rows, from a student's and a teacher's logits.
pub(crate) struct RowLosses(pub(crate) DistillLoss);

/// Their derivative by the logits of one side, from both sides' logits and the upstream gradients of the losses.
struct Gradient {
    loss: DistillLoss,
    by: Side,
}

#[derive(Clone, Copy)]
enum Side {
    Student,
    Teacher,
}

impl DistillLoss {
    /// The loss of kldiv that this stands for.
    fn of<'a, T: Number>(
        &self,
        student: Rows<'a, T>,
        teacher: Rows<'a, T>,
    ) -> Result<kldiv::DistillLoss<'a, T>> {
        let divergence = match self.divergence {
            Divergence::Forward => Divergence::Forward,
            Divergence::Reverse => Divergence::Reverse,
            Divergence::JensenShannon { beta } => {
                Divergence::JensenShannon { beta: Element::from_f64(beta) }
            }
        };
        kldiv::DistillLoss::new(student, Teacher::Logits(teacher))
            .and_then(|loss| loss.temperature(Element::from_f64(self.temperature)))
            .and_then(|loss| loss.divergence(divergence))
            .map_err(Error::wrap)
    }

    fn losses<T: Number>(&self, student: Rows<'_, T>, teacher: Rows<'_, T>) -> Result<CpuStorage> {
        let mut losses = vec![T::Real::ZERO; student.rows()];
        self.of(student, teacher)?.parallel().row_losses(&mut losses).map_err(Error::wrap)?;
        Ok(T::Real::to_cpu_storage_owned(losses))
    }
}

/// The same work on whatever type the logits have.
macro_rules! by_type {
    ($storage:expr, $T:ident => $work:expr) => {
        match $storage {
            CpuStorage::BF16(_) => {
                type $T = bf16;
                $work
            }
            CpuStorage::F16(_) => {
                type $T = f16;
                $work
            }
            CpuStorage::F32(_) => {
                type $T = f32;
                $work
            }
            CpuStorage::F64(_) => {
                type $T = f64;
                $work
            }
            other => Err(Error::Msg(format!(
                "no loss for logits of type {:?}",
                candle_core::backend::BackendStorage::dtype(other)
            ))),
        }
    };
}

impl CustomOp2 for RowLosses {
    fn name(&self) -> &'static str {
        "kldiv-row-losses"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let losses = by_type!(s1, T => self.0.losses::<T>(rows("student", s1, l1)?, rows("teacher", s2, l2)?))?;
        let outer = l1.dims().split_last().map_or(&[][..], |(_, outer)| outer);
        Ok((losses, Shape::from(outer)))
    }

    fn bwd(
        &self,
        student: &Tensor,
        teacher: &Tensor,
        _losses: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        // A mean's gradient is one number, seen as many.
        let upstream = upstream.contiguous()?;
        let gradient = |by: Side, side: &Tensor| {
            let operation = Gradient { loss: self.0, by };
            side.track_op()
                .then(|| student.apply_op3_no_bwd(teacher, &upstream, &operation))
                .transpose()
        };
        Ok((gradient(Side::Student, student)?, gradient(Side::Teacher, teacher)?))
    }
}

impl Gradient {
    fn compute<T: Number>(
        &self,
        student: Rows<'_, T>,
        teacher: Rows<'_, T>,
        upstream: &[T::Real],
    ) -> Result<CpuStorage> {
        let (count, classes) = (student.rows(), student.classes());
        let mut gradient = vec![T::ZERO; count * classes];
        let (of, write): (_, fn(&_, _, &mut [T]) -> _) = match self.by {
            Side::Student => (student, |loss: &kldiv::DistillLoss<'_, T>, upstream, gradient| {
                loss.parallel().grad_student(upstream, gradient)
            }),
            Side::Teacher => (teacher, |loss: &kldiv::DistillLoss<'_, T>, upstream, gradient| {
                loss.parallel().grad_teacher(upstream, gradient)
            }),
        };
        if of.stride() == classes {
            write(&self.loss.of(student, teacher)?, Upstream::PerRow(upstream), &mut gradient)
                .map_err(Error::wrap)?;
        } else {
            // kldiv writes a gradient as its logits lie, with their padding; candle's tensors have none.
            let each = gradient.chunks_exact_mut(classes).zip(upstream).enumerate();
            for (index, (gradient, &factor)) in each {
                let (student, teacher) = (one(student, index), one(teacher, index));
                let loss = self.loss.of(student?, teacher?)?;
                write(&loss, Upstream::Uniform(factor), gradient).map_err(Error::wrap)?;
            }
        }
        Ok(T::to_cpu_storage_owned(gradient))
    }
}

/// One row of many.
fn one<'a, T>(rows: Rows<'a, T>, index: usize) -> Result<Rows<'a, T>> {
    Rows::new(rows.row(index).unwrap_or_default(), rows.classes()).map_err(Error::wrap)
}

impl CustomOp3 for Gradient {
    fn name(&self) -> &'static str {
        "kldiv-gradient"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let count = l3.shape().elem_count();
        let gradient = by_type!(s1, T => {
            let upstream = numbers::<<T as Element>::Real>(s3, l3)?.get(..count).unwrap_or_default();
            self.compute::<T>(rows("student", s1, l1)?, rows("teacher", s2, l2)?, upstream)
        })?;
        Ok((gradient, l1.shape().clone()))
    }
}
