//! Rows in pieces.

use crate::compiled::distill::Distill;
use crate::distill::DistillLoss;
use crate::element::Element;
use crate::error::Error;
use crate::kernel::distill::problem::{Gradient, Party};
use crate::row_state::RowState;
use crate::shape;
use crate::teacher::{Divergence, TeacherNumbers};
use crate::upstream::Upstream;

impl<T: Element<Real = T>> RowState<T> {
    /// That of a row of which no classes have been seen.
    ///
    /// # Examples
    /// ```
    /// use kldiv::RowState;
    ///
    /// let none = RowState::<f32>::new();
    /// assert!(none.loss().is_nan()); // no classes, no softmax
    /// assert_eq!(none.student_log_mass(), f32::NEG_INFINITY);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        RowState {
            student: [T::ZERO; 2],
            teacher: [T::ZERO; 2],
            forward: T::ZERO,
            reverse: T::ZERO,
            temperature: T::ZERO,
            unused: T::ZERO,
        }
    }

    /// The state of disjoint classes of one row together, at one temperature. The order of the two changes no bit;
    /// with [`new`](RowState::new) no bit changes at all.
    ///
    /// Each side is taken relative to the higher reference of the two, the other one's sums are rescaled by one
    /// exponential.
    ///
    /// # Special values
    /// What a NaN or a +∞ made NaN stays so. Classes of logits that are all −∞ add nothing.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, RowState, Rows, Teacher};
    ///
    /// let rows = Rows::new(&[1.0_f64, 2.0], 2)?;
    /// let mut one = [RowState::new()];
    /// DistillLoss::new(rows, Teacher::Logits(rows))?.row_states(&mut one)?;
    /// let twice = one[0].merge(one[0]); // as if there were four classes
    /// assert_eq!(twice.loss(), 0.0);
    /// assert!((twice.student_log_mass() - one[0].student_log_mass() - 2.0_f64.ln()).abs() < 1e-15);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        T::Kernels::joined(self, other)
    }

    /// The forward divergence `Σ p·(ln p − ln q)` over all classes seen, as if they were the row.
    ///
    /// # Units
    /// Nats.
    /// # Accuracy
    /// It is a mean plus a logarithm, `Σ p·(t − s) + ln (Σe^s / Σe^t)`, with the logits `t` and `s` of teacher and
    /// student over the temperature, each relative to about its largest. The error is within
    /// `(8 + m)·u·(1 + Σ p·(|ln p| + |ln q| + 1)(1 + |ln p − ln q|))` after `m` mergers on the longest way. A loss
    /// that is smaller than that has no digit of its own; the parts of it that
    /// [`loss_and_grad_student_within`](DistillLoss::loss_and_grad_student_within) gives have.
    /// # Special values
    /// NaN where the row has no softmax. Never negative; 0 for rows with equal bits. +∞ where `Σ p·(t − s)`, taken
    /// before it is divided by `Σ p`, is out of range.
    /// # Examples
    /// See [`RowState`].
    #[must_use]
    pub fn loss(&self) -> T {
        T::Kernels::divergence_of(self, Party::Teacher)
    }

    /// The reverse divergence `Σ q·(ln q − ln p)`, likewise.
    ///
    /// # Accuracy
    /// As [`loss`](RowState::loss), with the roles exchanged.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, RowState, Rows, Teacher};
    ///
    /// let (student, teacher) = (Rows::new(&[0.0, 1.0], 2)?, Rows::new(&[2.0, 0.0], 2)?);
    /// let (mut one, mut other) = ([RowState::<f64>::new()], [RowState::new()]);
    /// DistillLoss::new(student, Teacher::Logits(teacher))?.row_states(&mut one)?;
    /// DistillLoss::new(teacher, Teacher::Logits(student))?.row_states(&mut other)?;
    /// assert_eq!(one[0].reverse(), other[0].loss());
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn reverse(&self) -> T {
        T::Kernels::divergence_of(self, Party::Student)
    }

    /// `ln Σ e^(s/τ)` over the student's logits `s` seen so far; −∞ for none.
    ///
    /// # Accuracy
    /// The temperature divides a logit here, so a few `u` of the largest of them over it, and of the result; after
    /// `m` mergers on the longest way `m·u` more.
    /// # Examples
    /// See [`merge`](RowState::merge).
    #[must_use]
    pub fn student_log_mass(&self) -> T {
        T::Kernels::log_mass(self, Party::Student)
    }

    /// The same of the teacher's logits.
    #[must_use]
    pub fn teacher_log_mass(&self) -> T {
        T::Kernels::log_mass(self, Party::Teacher)
    }

    /// The state as numbers, to send it elsewhere. What each means is not part of the contract; unused places are
    /// 0.
    ///
    /// # Examples
    /// ```
    /// use kldiv::RowState;
    ///
    /// let state = RowState::<f64>::new();
    /// assert_eq!(RowState::from_array(state.to_array()), state);
    /// ```
    #[must_use]
    pub fn to_array(self) -> [T; 8] {
        let RowState { student, teacher, forward, reverse, temperature, unused } = self;
        let ([a, b], [c, d]) = (student, teacher);
        [a, b, c, d, forward, reverse, temperature, unused]
    }

    /// The state that [`to_array`](RowState::to_array) made these numbers of. From others comes a state that means
    /// nothing.
    #[must_use]
    pub fn from_array(numbers: [T; 8]) -> Self {
        let [a, b, c, d, forward, reverse, temperature, unused] = numbers;
        RowState { student: [a, b], teacher: [c, d], forward, reverse, temperature, unused }
    }
}

impl<T: Element<Real = T>> Default for RowState<T> {
    /// [`RowState::new`].
    fn default() -> Self {
        RowState::new()
    }
}

impl<S: Element, T: Element<Real = S::Real>> DistillLoss<'_, S, T> {
    /// Merges these classes into what is known of each row: the slices are further classes of the same rows, the
    /// same ones on both sides. The temperature is that of all pieces.
    ///
    /// Rows of weight 0 are not read, their states stay as they are; other weights have no influence.
    ///
    /// # Shape
    /// One state a row.
    /// # Errors
    /// [`Error::PiecesTeacher`] unless the teacher is logits, [`Error::StatesLength`] if there are more or fewer
    /// states. They have not been touched then.
    /// # Accuracy
    /// The same pieces in the same order give the same bits everywhere.
    /// # Examples
    /// See [`RowState`].
    pub fn row_states(&self, states: &mut [RowState<S::Real>]) -> Result<(), Error> {
        self.pieces(states.len())?;
        S::Kernels::row_states(self.problem, states);
        Ok(())
    }

    /// These classes' part of the gradient by the student's logits, once the states of the whole rows are known:
    /// `(g/τ)·(q − p)`, or `(g/τ)·q·((ln q − ln p) − loss)` for the reverse divergence.
    ///
    /// # Shape
    /// One state a row; `grad` has the length of these logits.
    /// # Errors
    /// [`Error::PiecesTeacher`] unless the teacher is logits, [`Error::PiecesDivergence`] for Jensen–Shannon,
    /// [`Error::StatesLength`], and those of [`grad_student`](DistillLoss::grad_student). `grad` has not been
    /// touched then.
    /// # Special values
    /// NaN in rows without a softmax, and where the state is one of no classes.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, RowState, Rows, Teacher, Upstream};
    ///
    /// // Four classes in two pieces.
    /// let teacher = [[0.0, 0.0], [0.0, f64::NEG_INFINITY]];
    /// let pieces = teacher.each_ref().map(|teacher| {
    ///     let student = Rows::new(&[0.0, 0.0], 2)?;
    ///     DistillLoss::new(student, Teacher::Logits(Rows::new(teacher, 2)?))
    /// });
    /// let mut states = [RowState::new()];
    /// for piece in &pieces {
    ///     piece.as_ref().expect("shapes agree").row_states(&mut states)?;
    /// }
    /// let mut grad = [0.0; 2];
    /// let last = pieces[1].as_ref().expect("shapes agree");
    /// last.grad_student_within(&states, Upstream::Uniform(12.0), &mut grad)?;
    /// assert!((grad[0] + 1.0).abs() < 1e-14 && (grad[1] - 3.0).abs() < 1e-14); // 12·(¼ − ⅓), 12·¼
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn grad_student_within(
        &self,
        whole: &[RowState<S::Real>],
        upstream: Upstream<'_, S::Real>,
        grad: &mut [S],
    ) -> Result<(), Error> {
        let gradient = self.grad_within(whole.len(), upstream, grad)?;
        S::Kernels::within(self.problem, whole, &mut [], gradient);
        Ok(())
    }

    /// [`grad_student_within`](DistillLoss::grad_student_within), and these classes' part of each row's loss, times
    /// its weight: `Σ p·φ(ln q − ln p)` with `φ(d) = e^d − 1 − d`, or the same with the roles exchanged for the
    /// reverse divergence. No part is negative, and over all pieces of a row they sum to its loss, with digits
    /// where teacher and student nearly agree.
    ///
    /// # Shape
    /// `losses` has one number a row; none of it is read.
    /// # Errors
    /// Those of `grad_student_within`, [`Error::OutputLength`] if `losses` has not; nothing has been touched then.
    /// # Accuracy
    /// As [`loss_and_grad_student`](DistillLoss::loss_and_grad_student) of a row of logits, where the states are as
    /// exact as those of one piece; each merger adds `u` to the masses.
    /// # Examples
    /// ```
    /// use kldiv::{DistillLoss, RowState, Rows, Teacher, Upstream};
    ///
    /// let (student, teacher) = ([1.0_f64, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0 + 1e-10]);
    /// let rows = Rows::new(&student, 4)?;
    /// let loss = DistillLoss::new(rows, Teacher::Logits(Rows::new(&teacher, 4)?))?;
    /// let (mut states, mut losses, mut grad) = ([RowState::new()], [0.0], [0.0; 4]);
    /// loss.row_states(&mut states)?;
    /// let upstream = Upstream::Uniform(1.0);
    /// loss.loss_and_grad_student_within(&states, upstream, &mut losses, &mut grad)?;
    /// assert!((losses[0] / 1.147e-21 - 1.0).abs() < 1e-2); // ½·q·(1 − q)·10⁻²⁰
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn loss_and_grad_student_within(
        &self,
        whole: &[RowState<S::Real>],
        upstream: Upstream<'_, S::Real>,
        losses: &mut [S::Real],
        grad: &mut [S],
    ) -> Result<(), Error> {
        shape::output(self.rows(), losses.len())?;
        let gradient = self.grad_within(whole.len(), upstream, grad)?;
        S::Kernels::within(self.problem, whole, losses, gradient);
        Ok(())
    }

    /// The gradient of pieces, once it is sure that it can be had.
    pub(crate) fn grad_within<'b>(
        &self,
        states: usize,
        upstream: Upstream<'b, S::Real>,
        grad: &'b mut [S],
    ) -> Result<Gradient<'b, S::Real>, Error> {
        self.pieces(states)?;
        match self.problem.divergence {
            Divergence::Forward | Divergence::Reverse => self.grad_of_student(upstream, grad),
            Divergence::JensenShannon { .. } => Err(Error::PiecesDivergence { rows: self.rows() }),
        }
    }

    /// Whether there are pieces of so many rows.
    pub(crate) fn pieces(&self, states: usize) -> Result<(), Error> {
        let rows = self.rows();
        match self.problem.teacher {
            TeacherNumbers::Logits(_) => shape::states(rows, states),
            TeacherNumbers::LogProbs(_)
            | TeacherNumbers::Probs(_)
            | TeacherNumbers::Classes(_)
            | TeacherNumbers::TopK(_) => Err(Error::PiecesTeacher { rows }),
        }
    }
}
