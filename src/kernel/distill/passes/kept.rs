//! The second read of two rows of logits, all of them usual, when the first one has left the masses
//! of those that weigh in the gradient's place: half of the exponentials, and no other case to care
//! for. The results are those of [`second`](super::second), to the last bit.

use super::second::{Pass, TeacherSide, Terms};
use crate::float::Float;
use crate::kernel::distill::divergences::{Prepared, terms};
use crate::kernel::distill::parts::logits::{Aligned, Logits, Normalised};
use crate::kernel::distill::parts::slope::{Slope, weighted_slope};
use crate::kernel::distill::parts::totals::totals;
use crate::kernel::distill::problem::Party;
use crate::lanes::{Arithmetic, Kernel, Lanes, Two, usual};
use crate::numbers::{Numbers, room};
use crate::stream::ahead::{Ahead, distance};
use crate::stream::compensated::Compensated;
use crate::stream::group::{part, registers, store, whole};
use crate::stream::order::{GROUP, tile_length};

/// Room for any tile.
const TILE: usize = tile_length::<f32>();

/// A pass over such rows.
pub(crate) struct KeptRead<'a, T: Float> {
    pub(crate) pass: KeptPass<T>,
    pub(crate) student: Numbers<'a, T>,
    pub(crate) teacher: Numbers<'a, T>,
    /// What is read before long: slices that begin as these do and may go on where they end, or empty ones.
    pub(crate) reach: [&'a [T]; 2],
    /// The masses, and then the gradient if it is asked for.
    pub(crate) grad: &'a mut [T],
}

/// What it does.
#[derive(Clone, Copy)]
pub(crate) struct KeptPass<T> {
    weights: Normalised<T>,
    others: Normalised<T>,
    aligned: Aligned<T>,
    /// The side that weighs.
    heavy: Party,
    terms: bool,
    gradient: Option<(Slope<T>, T)>,
}

impl<T: Float> Kernel<T> for KeptRead<'_, T> {
    type Output = Terms<T>;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) -> Terms<T> {
        let KeptRead { pass, mut student, mut teacher, reach, mut grad } = self;
        let [mut reach_x, mut reach_t] = reach;
        let elements = student.len();
        let (mut room_x, mut room_t) = (room::<_, TILE>(), room::<_, TILE>());
        let mut sums = [l.bank(Compensated::zero(l))];
        let length = tile_length::<T>();
        while student.len() > 0
            && let (Some(x), Some(t)) =
                (student.take(length.min(student.len())), teacher.take(length.min(teacher.len())))
        {
            let (x, t) = (x.in_room(T::ZERO, &mut room_x), t.in_room(T::ZERO, &mut room_t));
            let out = grad.split_off_mut(..x.len().min(grad.len())).unwrap_or_default();
            let ahead = [
                Ahead::new(l, Some(reach_x), reach_t),
                Ahead::at(l, distance::<T>() - length, None, &*grad),
            ];
            pass.tile(l, x, t, ahead, out, &mut sums[0]);
            reach_x = reach_x.get(length..).unwrap_or_default();
            reach_t = reach_t.get(length..).unwrap_or_default();
        }
        let [convex] = totals(l, sums, elements);
        Terms { convex, plain: Compensated { sum: T::ZERO, lost: T::ZERO } }
    }
}

impl<T: Float> KeptPass<T> {
    /// What is to be done, if it is about two rows of logits with close references.
    pub(crate) fn new(pass: &Pass<T>) -> Option<Self> {
        let (TeacherSide::Logits(teacher), Some(aligned), None) =
            (pass.teacher, pass.aligned, pass.apart)
        else {
            return None;
        };
        let (weights, others, heavy) = match pass.divergence {
            Prepared::Forward => (teacher, pass.student, Party::Teacher),
            Prepared::Reverse => (pass.student, teacher, Party::Student),
            Prepared::Mixture(_) => return None,
        };
        let (terms, gradient) = (pass.asked.terms, pass.asked.gradient);
        Some(KeptPass { weights, others, aligned, heavy, terms, gradient })
    }

    #[inline(always)]
    fn tile<L: Lanes<Elem = T>>(
        self,
        l: L,
        x: &[T],
        t: &[T],
        [ahead, ahead_grad]: [Ahead<'_, L, GROUP>; 2],
        grad: &mut [T],
        sums: &mut L::Bank<Compensated<L::Vec>>,
    ) {
        let (x, x_tail) = l.split_slice(x);
        let (t, t_tail) = l.split_slice(t);
        let (grad, grad_tail) = l.split_slice_mut(grad);
        let step = registers::<L>();
        for (start, sum) in sums.as_mut().iter_mut().enumerate() {
            ahead.ask(l, start);
            ahead_grad.ask(l, start);
            let groups = [whole(l, x, start, step), whole(l, t, start, step)];
            let (terms, slopes) =
                if let ([Some(x), Some(t)], Some(masses)) = (groups, whole(l, grad, start, step)) {
                    let [x0, x1, x2, x3] = x;
                    let [t0, t1, t2, t3] = t;
                    let [m0, m1, m2, m3] = masses;
                    let [[a, b], [e, f]] = self.classes(Two(l), [x0, x1], [t0, t1], [m0, m1]);
                    let [[c, d], [g, h]] = self.classes(Two(l), [x2, x3], [t2, t3], [m2, m3]);
                    ([a, b, c, d], [e, f, g, h])
                } else {
                    let rest = part(l, x, x_tail, [start, step], self.student().reference);
                    let t = part(l, t, t_tail, [start, step], self.teacher().reference);
                    let masses = part(l, grad, grad_tail, [start, step], T::ZERO);
                    if rest.present == 0 {
                        break;
                    }
                    let [mut terms, mut slopes] = [[l.splat(T::ZERO); GROUP]; 2];
                    let places = terms.iter_mut().zip(&mut slopes);
                    let numbers = rest.registers.into_iter().zip(t.registers).zip(masses.registers);
                    for (k, (((x, t), mass), place)) in
                        numbers.zip(places).enumerate().take(rest.present)
                    {
                        let [term, slope] = self.classes(l, x, t, mass);
                        *place.0 = if k < rest.whole {
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
                store(l, grad, grad_tail, [start, step], slopes);
            }
        }
    }

    fn student(&self) -> Logits<T> {
        match self.heavy {
            Party::Student => self.weights.logits,
            Party::Teacher => self.others.logits,
        }
    }

    fn teacher(&self) -> Logits<T> {
        match self.heavy {
            Party::Student => self.others.logits,
            Party::Teacher => self.weights.logits,
        }
    }

    /// The term and the gradient; what was not asked for may be anything. The mass is that in the
    /// gradient's place.
    #[inline(always)]
    fn classes<A: Arithmetic<Elem = T>>(
        self,
        a: A,
        x: A::Vec,
        t: A::Vec,
        mass: A::Vec,
    ) -> [A::Vec; 2] {
        let none = a.splat(T::ZERO);
        let [mut term, mut slope] = [none; 2];
        let ln_ratio = self.aligned.ln_ratio(usual(a), x, t);
        let [d, others] = match self.heavy {
            Party::Student => [a.sub(none, ln_ratio), t],
            Party::Teacher => [ln_ratio, x],
        };
        let weight = a.mul(mass, a.splat(self.weights.share));
        let by_weights = matches!(self.gradient, Some((Slope::Weight { .. }, _)));
        if self.terms || !by_weights {
            let other = self.others.side(usual(a), others).p;
            if self.terms {
                [term, _] = terms(a, weight, other, d, false);
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
