//! What is known of a row of which not all classes have been seen: plain data.

/// A row in pieces: what some of its classes say, from which the whole row's loss and gradient follow once the
/// other classes are merged in.
///
/// For rows that never stand in memory whole: a vocabulary spread over threads or machines, logits that a
/// matrix product yields block by block. [`DistillLoss::row_states`] makes states, [`merge`](RowState::merge)
/// unites those of disjoint classes, [`DistillLoss::grad_student_within`] gives each piece its part of the
/// gradient.
///
/// [`DistillLoss::row_states`]: crate::DistillLoss::row_states
/// [`DistillLoss::grad_student_within`]: crate::DistillLoss::grad_student_within
/// # Examples
/// ```
/// use kldiv::{DistillLoss, RowState, Rows, Teacher};
///
/// let (student, teacher) = ([2.0_f64, 0.0, -1.0, 0.5, 0.5], [3.0, -1.0, -2.0, 0.0, 2.0]);
/// let loss = |classes: core::ops::Range<usize>| {
///     let student = Rows::new(&student[classes.clone()], classes.len())?;
///     let teacher = Rows::new(&teacher[classes.clone()], classes.len())?;
///     DistillLoss::new(student, Teacher::Logits(teacher))
/// };
/// let mut states = [RowState::new()];
/// loss(0..2)?.row_states(&mut states)?;
/// loss(2..5)?.row_states(&mut states)?;
/// assert!((states[0].loss() - loss(0..5)?.weighted_mean()).abs() < 1e-15);
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct RowState<T> {
    /// Of the student's logits and of the teacher's: what they are taken relative to, and the sum of their
    /// exponentials.
    pub(crate) student: [T; 2],
    pub(crate) teacher: [T; 2],
    /// With exponents `s` and `t` relative to these: `Σ e^t·(t − s)`.
    pub(crate) forward: T,
    /// `Σ e^s·(s − t)`.
    pub(crate) reverse: T,
    /// 0 is that of no classes yet.
    pub(crate) temperature: T,
    /// So that they are eight numbers.
    pub(crate) unused: T,
}
