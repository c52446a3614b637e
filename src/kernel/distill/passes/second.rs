//! The read of a row once its masses are known: the terms of its loss, and its gradient.

use crate::float::Float;
use crate::kernel::distill::divergences::Prepared;
use crate::kernel::distill::parts::class::{Asked, Class};
use crate::kernel::distill::parts::logits::{Aligned, Apart, Normalised, Side};
use crate::kernel::distill::parts::teacher::{Room, TeacherRow};
use crate::kernel::distill::parts::totals::totals;
use crate::kernel::distill::problem::Accumulation;
use crate::lanes::{Arithmetic, Kernel, Lanes, Two, usual};
use crate::math::ln;
use crate::numbers::{Numbers, Places, room};
use crate::stream::ahead::{Ahead, distance};
use crate::stream::compensated::Compensated;
use crate::stream::group::{part, registers, store, whole};
use crate::stream::order::{GROUP, tile_length};

/// Room for any tile.
const TILE: usize = tile_length::<f32>();

/// What the teacher's numbers are.
#[derive(Clone, Copy)]
pub(crate) enum TeacherSide<T> {
    /// Logits or log-probabilities.
    Logits(Normalised<T>),
    Probs,
    /// Probabilities of which one is 1 and all others are 0.
    OneHot,
}

/// What a pass over a row does.
#[derive(Clone, Copy)]
pub(crate) struct Pass<T> {
    pub(crate) student: Normalised<T>,
    pub(crate) teacher: TeacherSide<T>,
    pub(crate) aligned: Option<Aligned<T>>,
    /// For a mixture of two softmaxes.
    pub(crate) apart: Option<Apart<T>>,
    /// Whether all numbers of the row are known to be usual.
    pub(crate) all_usual: bool,
    pub(crate) divergence: Prepared<T>,
    pub(crate) asked: Asked<T>,
    /// Whether the second sum of [`Terms`] is needed too.
    pub(crate) plain: bool,
}

/// Sums over a row.
pub(crate) struct Terms<T> {
    /// `Σ w·φ(ln o − ln w)`, of a side `w` that weighs and the other; of a mixture the divergence.
    pub(crate) convex: Compensated<T>,
    /// `Σ w·(ln w − ln o)`; of a mixture the part of it that the gradient is centred by.
    pub(crate) plain: Compensated<T>,
}

/// A pass over a row.
pub(crate) struct SecondRead<'a, T: Float> {
    pub(crate) pass: Pass<T>,
    pub(crate) student: Numbers<'a, T>,
    pub(crate) teacher: TeacherRow<'a, T>,
    /// What is read before long: slices that begin as these do and may go on where they end, or empty ones. The
    /// teacher's is empty where its tiles do not lie in memory.
    pub(crate) reach: [&'a [T]; 2],
    pub(crate) accumulation: Accumulation,
    /// Empty or as long.
    pub(crate) grad: Places<'a, T>,
}

impl<T: Float> Kernel<T> for SecondRead<'_, T> {
    type Output = Terms<T>;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self, l: L) -> Terms<T> {
        let SecondRead { pass, mut student, teacher, reach, accumulation, mut grad } = self;
        let [mut reach_x, mut reach_t] = reach;
        let elements = student.len();
        let mut sums = [l.bank(Compensated::zero(l)); 2];
        let length = tile_length::<T>();
        let mut room_t: Room<T> = [T::ZERO; tile_length::<f32>()];
        let (mut room_x, mut room_out) = (room::<_, TILE>(), room::<_, TILE>());
        let mut start = 0;
        while student.len() > 0
            && let Some(x) = student.take(length.min(student.len()))
        {
            let t = teacher.tile(start, x.len(), &mut room_t);
            let out = grad.take(x.len().min(grad.len()));
            start += x.len();
            let ahead = [
                Ahead::new(l, None, reach_x),
                Ahead::new(l, None, reach_t),
                Ahead::at(l, distance::<T>() - length, None, grad.plain()),
            ];
            if let (Some(t), Some(mut out)) = (t, out) {
                let x = x.in_room(T::ZERO, &mut room_x);
                let wanted = accumulation == Accumulation::Add;
                let places = out.in_room(T::ZERO, &mut room_out, wanted);
                pass.tile(l, x, t, ahead, accumulation, places, &mut sums);
                out.keep(&room_out);
            }
            reach_x = reach_x.get(length..).unwrap_or_default();
            reach_t = reach_t.get(length..).unwrap_or_default();
        }
        let [convex, plain] = totals(l, sums, elements);
        Terms { convex, plain }
    }
}

impl<T: Float> Pass<T> {
    /// A teacher's number of no probability.
    fn fill(&self) -> T {
        match self.teacher {
            TeacherSide::Logits(_) => T::NEG_INFINITY,
            TeacherSide::Probs | TeacherSide::OneHot => T::ZERO,
        }
    }

    #[inline(always)]
    fn usual<L: Lanes<Elem = T>>(&self, l: L, x: [L::Vec; GROUP], t: [L::Vec; GROUP]) -> bool {
        self.student.logits.usual(l, x)
            && match self.teacher {
                TeacherSide::Logits(teacher) => teacher.logits.usual(l, t),
                TeacherSide::Probs => l.all_positive_normal(t),
                TeacherSide::OneHot => true,
            }
    }

    #[expect(clippy::too_many_arguments, reason = "a step of one loop")]
    #[inline(always)]
    fn tile<L: Lanes<Elem = T>>(
        &self,
        l: L,
        x: &[T],
        t: &[T],
        ahead: [Ahead<'_, L, GROUP>; 3],
        accumulation: Accumulation,
        out: &mut [T],
        [convex, plain]: &mut [L::Bank<Compensated<L::Vec>>; 2],
    ) {
        let (x, x_tail) = l.split_slice(x);
        let (t, t_tail) = l.split_slice(t);
        let (out, out_tail) = l.split_slice_mut(out);
        let step = registers::<L>();
        let sums = convex.as_mut().iter_mut().zip(plain.as_mut());
        for (start, (convex, plain)) in sums.enumerate() {
            for ahead in &ahead {
                ahead.ask(l, start);
            }
            let [convex_terms, plain_terms, slopes] =
                match (whole(l, x, start, step), whole(l, t, start, step)) {
                    (Some(x), Some(t)) if self.all_usual || self.usual(l, x, t) => {
                        self.usual_classes(l, x, t)
                    }
                    _ => {
                        let x = part(l, x, x_tail, [start, step], T::NEG_INFINITY);
                        let t = part(l, t, t_tail, [start, step], self.fill());
                        if x.present == 0 {
                            break;
                        }
                        self.any_classes(l, x.present, x.registers, t.registers)
                    }
                };
            if self.asked.terms {
                *convex = convex.add(l, convex_terms);
            }
            if self.plain {
                *plain = plain.add(l, plain_terms);
            }
            if self.asked.gradient.is_some() {
                let slopes = match accumulation {
                    Accumulation::Replace => slopes,
                    Accumulation::Add => {
                        let before = part(l, out, out_tail, [start, step], T::ZERO).registers;
                        sums_of(l, before, slopes)
                    }
                };
                store(l, out, out_tail, [start, step], slopes);
            }
        }
    }

    #[inline(always)]
    fn usual_classes<L: Lanes<Elem = T>>(
        &self,
        l: L,
        [x0, x1, x2, x3]: [L::Vec; GROUP],
        [t0, t1, t2, t3]: [L::Vec; GROUP],
    ) -> [[L::Vec; GROUP]; 3] {
        let [[a, b], [e, f], [i, j]] = self.classes(usual(Two(l)), [x0, x1], [t0, t1]);
        let [[c, d], [g, h], [k, m]] = self.classes(usual(Two(l)), [x2, x3], [t2, t3]);
        [[a, b, c, d], [e, f, g, h], [i, j, k, m]]
    }

    #[inline(always)]
    fn any_classes<L: Lanes<Elem = T>>(
        &self,
        l: L,
        present: usize,
        x: [L::Vec; GROUP],
        t: [L::Vec; GROUP],
    ) -> [[L::Vec; GROUP]; 3] {
        let mut all = [[l.splat(T::ZERO); GROUP]; 3];
        for (k, (x, t)) in x.into_iter().zip(t).enumerate().take(present) {
            let values = self.classes(l, x, t);
            for (all, value) in all.iter_mut().zip(values) {
                if let Some(place) = all.get_mut(k) {
                    *place = value;
                }
            }
        }
        all
    }

    /// The two terms and the gradient; what was not asked for may be anything.
    #[inline(always)]
    fn classes<A: Arithmetic<Elem = T>>(&self, a: A, x: A::Vec, t: A::Vec) -> [A::Vec; 3] {
        let student = self.student.side(a, x);
        let teacher = match self.teacher {
            TeacherSide::Logits(normalised) => normalised.side(a, t),
            TeacherSide::Probs => Side { ln: ln(a, t), p: t },
            TeacherSide::OneHot => {
                let zero = a.splat(T::ZERO);
                Side { ln: a.select(a.equal(t, zero), a.splat(T::NEG_INFINITY), zero), p: t }
            }
        };
        let ln_ratio = match (self.apart, self.aligned) {
            (Some(apart), _) => apart.ln_ratio(a, x, t),
            (None, Some(aligned)) => aligned.ln_ratio(a, x, t),
            (None, None) => a.sub(student.ln, teacher.ln),
        };
        let zeros = !A::USUAL || matches!(self.teacher, TeacherSide::OneHot);
        self.divergence.of_class(a, self.asked, Class { student, teacher, ln_ratio, zeros })
    }
}

/// Register by register.
#[inline(always)]
fn sums_of<A: Arithmetic>(
    a: A,
    [e, f, g, h]: [A::Vec; GROUP],
    [i, j, k, m]: [A::Vec; GROUP],
) -> [A::Vec; GROUP] {
    [a.add(e, i), a.add(f, j), a.add(g, k), a.add(h, m)]
}
