//! Losses of rows of which the teacher names few classes.

use core::iter::once;

use super::total;
use crate::Element;
use crate::top_k::{Rest, TopKRow};

/// What a teacher says of few classes, and a student of all.
pub(super) struct Named<'a, T, Q> {
    places: TopKRow<'a, T>,
    rest: Rest,
    classes: usize,
    /// The logarithm of the student's probability of a class.
    ln_q: Q,
    /// The sum of the teacher's probabilities.
    p: f64,
    /// What is left of one.
    r: f64,
    /// The number of classes elsewhere, and the logarithm of the student's probability there.
    elsewhere: usize,
    ln_s: f64,
}

impl<'a, T: Element, Q: Fn(usize) -> f64> Named<'a, T, Q> {
    pub(super) fn new(places: TopKRow<'a, T>, rest: Rest, classes: usize, ln_q: Q) -> Self {
        let mut named =
            Named { places, rest, classes, ln_q, p: 0.0, r: 0.0, elsewhere: 0, ln_s: 0.0 };
        named.p = total::<T>(named.places().map(|(_, ln_p)| probability::<T>(ln_p)));
        named.elsewhere = named.classes_elsewhere().count();
        let larger = |a: f64, b: f64| if b > a { b } else { a };
        let largest = named.classes_elsewhere().map(&named.ln_q).fold(f64::NEG_INFINITY, larger);
        let above = |class| libm::exp((named.ln_q)(class) - largest);
        let mass = total::<f64>(named.classes_elsewhere().map(above));
        named.ln_s = if largest == f64::NEG_INFINITY { largest } else { largest + libm::log(mass) };
        let nothing_there = named.ln_s == f64::NEG_INFINITY;
        let r = total::<f64>(once(1.0).chain(once(-named.p)));
        named.r = if r < 0.0 || nothing_there && r <= 16.0 * unit::<T>() { 0.0 } else { r };
        named
    }

    /// Class and log-probability of each place that is not empty.
    fn places(&self) -> impl Iterator<Item = (usize, f64)> {
        let places = self.places.classes.iter().zip(self.places.log_probs);
        let places = places.map(|(&class, &ln_p)| (class as usize, ln_p.into()));
        places.filter(|&(_, ln_p)| ln_p != f64::NEG_INFINITY)
    }

    fn classes_elsewhere(&self) -> impl Iterator<Item = usize> {
        (0..self.classes).filter(|&class| self.places().all(|(named, _)| named != class))
    }

    pub(super) fn loss(&self) -> f64 {
        // Σ p (ln p − ln q), each p over a sum of which the logarithm is given.
        let of_named = |ln_sum: f64| {
            total::<T>(self.places().map(|(class, ln_p)| {
                let ln_p = ln_p - ln_sum;
                weighed(probability::<T>(ln_p), ln_p, (self.ln_q)(class))
            }))
        };
        let (r, n) = (self.r, self.elsewhere as f64);
        match self.rest {
            Rest::Renormalise => of_named(self.ln_sum()),
            Rest::Bucket => of_named(0.0) + weighed(r, libm::log(r), self.ln_s),
            Rest::Uniform => {
                let each = |class| weighed(r / n, libm::log(r / n), (self.ln_q)(class));
                of_named(0.0) + total::<T>(self.classes_elsewhere().map(each))
            }
            Rest::Ignore => of_named(0.0),
        }
    }

    /// The derivative by a logit times the temperature.
    pub(super) fn slope(&self, class: usize) -> f64 {
        let q = libm::exp((self.ln_q)(class));
        let place = self.places().find(|&(named, _)| named == class);
        match (self.rest, place) {
            (Rest::Renormalise, _) if self.places().next().is_none() => 0.0,
            (Rest::Renormalise, Some((_, ln_p))) => q - libm::exp(ln_p - self.ln_sum()),
            (Rest::Renormalise, None) => q,
            (Rest::Bucket | Rest::Uniform, Some((_, ln_p))) => q - probability::<T>(ln_p),
            // q (1 − r / s)
            (Rest::Bucket, None) if (self.ln_q)(class) == f64::NEG_INFINITY => 0.0,
            (Rest::Bucket, None) => q - self.r * libm::exp((self.ln_q)(class) - self.ln_s),
            (Rest::Uniform, None) => q - self.r / self.elsewhere as f64,
            (Rest::Ignore, Some((_, ln_p))) => self.p * q - probability::<T>(ln_p),
            (Rest::Ignore, None) => self.p * q,
        }
    }

    /// The logarithm of the sum of the teacher's probabilities, which need not be in range themselves.
    fn ln_sum(&self) -> f64 {
        let larger = |a: f64, b: f64| if b > a { b } else { a };
        let largest = self.places().map(|(_, ln_p)| ln_p).fold(f64::NEG_INFINITY, larger);
        let above = self.places().map(|(_, ln_p)| libm::exp(ln_p - largest));
        largest + libm::log(total::<f64>(above))
    }
}

/// `w (ln w − ln o)`; nothing without weight.
fn weighed(weight: f64, ln_weight: f64, ln_other: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { weight * (ln_weight - ln_other) }
}

/// 0 where that is what it is rounded to.
fn probability<T: Element>(ln_p: f64) -> f64 {
    let p = libm::exp(ln_p);
    if T::Real::from_f64(p) == T::Real::ZERO { 0.0 } else { p }
}

/// Half the distance from 1 to the next number.
fn unit<T: Element>() -> f64 {
    let mut unit = 1.0;
    while T::Real::from_f64(1.0 + unit) != T::Real::ONE {
        unit /= 2.0;
    }
    unit
}
