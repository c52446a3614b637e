//! The last read of one side's logits, when the one before has left `ln w − ln o` in the gradient's place and
//! told what it is centred by: one exponential for each class, and no logarithm. The results are those
//! of [`second`](super::second), to the last bit.

use crate::float::Float;
use crate::kernel::distill::parts::logits::Normalised;
use crate::kernel::distill::parts::slope::{Slope, weighted_slope};
use crate::lanes::{Arithmetic, Kernel, Lanes, Two, usual};
use crate::numbers::{Numbers, room};
use crate::stream::ahead::{Ahead, distance};
use crate::stream::group::{part, registers, store, whole};
use crate::stream::order::{GROUP, tile_length};

/// A pass over such logits.
pub(crate) struct CentredRead<'a, T: Float> {
    /// The side that the gradient is of.
    pub(crate) weights: Normalised<T>,
    pub(crate) center: T,
    pub(crate) factor: T,
    /// Whether all of its logits are known to be usual.
    pub(crate) all_usual: bool,
    pub(crate) logits: Numbers<'a, T>,
    /// The differences, and then the gradient.
    pub(crate) grad: &'a mut [T],
}

impl<T: Float> Kernel<T> for CentredRead<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(mut self, l: L) {
        let length = tile_length::<T>();
        let mut grad = core::mem::take(&mut self.grad);
        let mut room = room::<_, { tile_length::<f32>() }>();
        let mut logits = self.logits;
        let mut reach = logits.plain();
        while logits.len() > 0
            && let Some(t) = logits.take(length.min(logits.len()))
        {
            let out = grad.split_off_mut(..t.len()).unwrap_or_default();
            let ahead =
                [Ahead::new(l, None, reach), Ahead::at(l, distance::<T>() - length, None, &*grad)];
            self.tile(l, t.in_room(T::ZERO, &mut room), ahead, out);
            reach = reach.get(length..).unwrap_or_default();
        }
    }
}

impl<T: Float> CentredRead<'_, T> {
    #[inline(always)]
    fn tile<L: Lanes<Elem = T>>(
        &self,
        l: L,
        t: &[T],
        ahead: [Ahead<'_, L, GROUP>; 2],
        grad: &mut [T],
    ) {
        let (t, t_tail) = l.split_slice(t);
        let (grad, grad_tail) = l.split_slice_mut(grad);
        let step = registers::<L>();
        for start in 0..step {
            for ahead in &ahead {
                ahead.ask(l, start);
            }
            let groups = (whole(l, t, start, step), whole(l, grad, start, step));
            let slopes = if let (Some(t), Some(d)) = groups
                && (self.all_usual || self.weights.logits.usual(l, t))
            {
                let ([t0, t1, t2, t3], [d0, d1, d2, d3]) = (t, d);
                let [a, b] = self.classes(usual(Two(l)), [t0, t1], [d0, d1]);
                let [c, d] = self.classes(usual(Two(l)), [t2, t3], [d2, d3]);
                [a, b, c, d]
            } else {
                let t = part(l, t, t_tail, [start, step], T::NEG_INFINITY);
                let differences = part(l, grad, grad_tail, [start, step], T::ZERO).registers;
                if t.present == 0 {
                    break;
                }
                let mut slopes = differences;
                let numbers = t.registers.into_iter().zip(differences);
                for ((t, d), slope) in numbers.zip(&mut slopes).take(t.present) {
                    *slope = self.classes(l, t, d);
                }
                slopes
            };
            store(l, grad, grad_tail, [start, step], slopes);
        }
    }

    #[inline(always)]
    fn classes<A: Arithmetic<Elem = T>>(&self, a: A, t: A::Vec, difference: A::Vec) -> A::Vec {
        let weight = self.weights.probability(a, t);
        let formula = Slope::Weight { center: self.center };
        a.mul(weighted_slope(a, formula, weight, difference), a.splat(self.factor))
    }
}
