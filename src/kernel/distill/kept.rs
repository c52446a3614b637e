//! The second read of two rows of logits, all of them usual, when the first one has left the masses
//! of those that weigh in the gradient's place: half of the exponentials, and no other case to care
//! for. The results are those of [`elements`](super::elements), to the last bit.

use super::elements::{
    Aligned, Normalised, Pass, Slope, TeacherSide, Terms, Weighing, divergence, weighted_slope,
};
use super::statistics::Logits;
use super::tile::{any_group, store_group, tile_length, whole_group};
use super::totals;
use crate::kernel::Kernel;
use crate::lanes::{Arithmetic, Float, Lanes, Two};
use crate::sum::{Compensated, GROUP};

/// A pass over such rows.
pub(super) struct KeptRead<'a, T> {
    pub(super) pass: KeptPass<T>,
    pub(super) student: &'a [T],
    pub(super) teacher: &'a [T],
    /// The masses, and then the gradient if it is asked for.
    pub(super) grad: &'a mut [T],
}

/// What it does.
#[derive(Clone, Copy)]
pub(super) struct KeptPass<T> {
    weights: Normalised<T>,
    others: Normalised<T>,
    aligned: Aligned<T>,
    student_weighs: bool,
    terms: bool,
    gradient: Option<(Slope<T>, T)>,
}

impl<T: Float> Kernel<T> for KeptRead<'_, T> {
    type Output = Terms<T>;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) -> Terms<T> {
        let KeptRead { pass, student, teacher, mut grad } = self;
        let mut sums = [l.bank(Compensated::zero(l))];
        let length = tile_length::<T>();
        for (x, t) in student.chunks(length).zip(teacher.chunks(length)) {
            let grad = grad.split_off_mut(..x.len().min(grad.len())).unwrap_or_default();
            pass.tile(l, x, t, grad, &mut sums[0]);
        }
        let [convex] = totals(l, sums, student.len());
        Terms { convex, plain: Compensated { sum: T::ZERO, lost: T::ZERO } }
    }
}

impl<T: Float> KeptPass<T> {
    /// What is to be done, if it is about two rows of logits with close references.
    pub(super) fn new(pass: &Pass<T>) -> Option<Self> {
        let (TeacherSide::Logits(teacher), Some(aligned)) = (pass.teacher, pass.aligned) else {
            return None;
        };
        let (weights, others, student_weighs) = match pass.weighing {
            Weighing::Teacher => (teacher, pass.student, false),
            Weighing::Student => (pass.student, teacher, true),
            Weighing::Both(_) => return None,
        };
        let Pass { terms, gradient, .. } = *pass;
        Some(KeptPass { weights, others, aligned, student_weighs, terms, gradient })
    }

    #[inline(always)]
    fn tile<L: Lanes<Elem = T>>(
        self,
        l: L,
        x: &[T],
        t: &[T],
        grad: &mut [T],
        sums: &mut L::Bank<Compensated<L::Vec>>,
    ) {
        let (x, x_tail) = l.split_slice(x);
        let (t, t_tail) = l.split_slice(t);
        let (grad, grad_tail) = l.split_slice_mut(grad);
        for (index, sum) in sums.as_mut().iter_mut().enumerate() {
            let groups = [whole_group(l, x, index), whole_group(l, t, index)];
            let (terms, slopes) = if let ([Some(x), Some(t)], Some(masses)) =
                (groups, whole_group(l, grad, index))
            {
                let [x0, x1, x2, x3] = x;
                let [t0, t1, t2, t3] = t;
                let [m0, m1, m2, m3] = masses;
                let [[a, b], [e, f]] = self.elements(Two(l), [x0, x1], [t0, t1], [m0, m1]);
                let [[c, d], [g, h]] = self.elements(Two(l), [x2, x3], [t2, t3], [m2, m3]);
                ([a, b, c, d], [e, f, g, h])
            } else {
                let (x, [whole, present]) =
                    any_group(l, x, x_tail, index, self.student().reference);
                let (t, _) = any_group(l, t, t_tail, index, self.teacher().reference);
                let (masses, _) = any_group(l, grad, grad_tail, index, T::ZERO);
                if present == 0 {
                    break;
                }
                let [mut terms, mut slopes] = [[l.splat(T::ZERO); GROUP]; 2];
                let places = terms.iter_mut().zip(&mut slopes);
                let numbers = x.into_iter().zip(t).zip(masses);
                for (k, (((x, t), mass), place)) in numbers.zip(places).enumerate().take(present) {
                    let [term, slope] = self.elements(l, x, t, mass);
                    *place.0 = if k < whole {
                        term
                    } else {
                        l.select(l.first_lanes(x_tail.len()), term, l.splat(T::ZERO))
                    };
                    *place.1 = slope;
                }
                (terms, slopes)
            };
            if self.terms {
                *sum = sum.add(l, terms);
            }
            if self.gradient.is_some() {
                store_group(l, grad, grad_tail, index, slopes);
            }
        }
    }

    fn student(&self) -> Logits<T> {
        if self.student_weighs { self.weights.logits } else { self.others.logits }
    }

    fn teacher(&self) -> Logits<T> {
        if self.student_weighs { self.others.logits } else { self.weights.logits }
    }

    /// The term and the gradient; what was not asked for may be anything. The mass is that in the
    /// gradient's place.
    #[inline(always)]
    fn elements<A: Arithmetic<Elem = T>>(
        self,
        a: A,
        x: A::Vec,
        t: A::Vec,
        mass: A::Vec,
    ) -> [A::Vec; 2] {
        let none = a.splat(T::ZERO);
        let [mut term, mut slope] = [none; 2];
        let ln_ratio = self.aligned.ln_ratio::<A, false>(a, x, t);
        let [d, others] =
            if self.student_weighs { [a.sub(none, ln_ratio), t] } else { [ln_ratio, x] };
        let weight = a.mul(mass, a.splat(self.weights.share));
        let by_weights = matches!(self.gradient, Some((Slope::Weight { .. }, _)));
        if self.terms || !by_weights {
            let other = self.others.side::<A, false>(a, others).p;
            if self.terms {
                [term, _] = divergence(a, weight, other, d, false);
            }
            slope = a.sub(other, weight);
        }
        if let Some((formula, factor)) = self.gradient {
            if let Slope::Weight { .. } = formula {
                slope = weighted_slope(a, formula, weight, a.sub(none, d));
            }
            slope = a.mul(slope, a.splat(factor));
        }
        [term, slope]
    }
}
