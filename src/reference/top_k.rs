//! Losses of rows of which the teacher names few classes.

use core::iter::once;

use super::total;
use crate::Element;
use crate::top_k::{Rest, TopKRow};

/// What a teacher says of few classes, and a student of all.
pub(super) struct Named<'a, T, Q, A> {
    places: TopKRow<'a, T>,
    rest: Rest,
    classes: usize,
    /// The logarithm of the student's probability of a class.
    ln_q: Q,
    /// By how much that of one class is above that of another; nothing is lost where both are far below zero.
    above: A,
    /// The sum of the teacher's probabilities.
    p: f64,
    /// What is left of one.
    r: f64,
    /// The number of classes elsewhere, and the likeliest of them.
    elsewhere: usize,
    likeliest: usize,
    /// The logarithms of the student's probability there: over that of the likeliest, and as it is.
    ln_mass: f64,
    ln_s: f64,
}

impl<'a, T, Q, A> Named<'a, T, Q, A>
where
    T: Element,
    Q: Fn(usize) -> f64,
    A: Fn(usize, usize) -> f64,
{
    pub(super) fn new(
        places: TopKRow<'a, T>,
        rest: Rest,
        classes: usize,
        ln_q: Q,
        above: A,
    ) -> Self {
        let mut named = Named {
            places,
            rest,
            classes,
            ln_q,
            above,
            p: 0.0,
            r: 0.0,
            elsewhere: 0,
            likeliest: 0,
            ln_mass: f64::NEG_INFINITY,
            ln_s: f64::NEG_INFINITY,
        };
        named.p = total::<T>(named.places().map(|(_, ln_p)| probability::<T>(ln_p)));
        named.elsewhere = named.classes_elsewhere().count();
        let likelier = |a, b| if (named.ln_q)(b) > (named.ln_q)(a) { b } else { a };
        if let Some(likeliest) = named.classes_elsewhere().reduce(likelier)
            && (named.ln_q)(likeliest) != f64::NEG_INFINITY
        {
            let powers =
                named.classes_elsewhere().map(|class| libm::exp((named.above)(class, likeliest)));
            named.ln_mass = libm::log(total::<f64>(powers));
            named.ln_s = (named.ln_q)(likeliest) + named.ln_mass;
            named.likeliest = likeliest;
        }
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
        // Σ p (ln p − ln q), each p over a sum of which the logarithm is given in two parts.
        let of_named = |ln_sum: [f64; 2]| {
            total::<T>(self.places().map(|(class, ln_p)| {
                let ln_p = over(ln_p, ln_sum);
                weighed(probability::<T>(ln_p), ln_p, (self.ln_q)(class))
            }))
        };
        let (r, n) = (self.r, self.elsewhere as f64);
        match self.rest {
            Rest::Renormalise => of_named(self.ln_sum()),
            Rest::Bucket => of_named([0.0; 2]) + weighed(r, libm::log(r), self.ln_s),
            Rest::Uniform => {
                let each = |class| weighed(r / n, libm::log(r / n), (self.ln_q)(class));
                of_named([0.0; 2]) + total::<T>(self.classes_elsewhere().map(each))
            }
            Rest::Ignore => of_named([0.0; 2]),
        }
    }

    /// The derivative by a logit times the temperature.
    pub(super) fn slope(&self, class: usize) -> f64 {
        let q = libm::exp((self.ln_q)(class));
        let place = self.places().find(|&(named, _)| named == class);
        match (self.rest, place) {
            (Rest::Renormalise, _) if self.places().next().is_none() => 0.0,
            (Rest::Renormalise, Some((_, ln_p))) => q - libm::exp(over(ln_p, self.ln_sum())),
            (Rest::Renormalise, None) => q,
            (Rest::Bucket | Rest::Uniform, Some((_, ln_p))) => q - probability::<T>(ln_p),
            // q (1 − r / s)
            (Rest::Bucket, None) if (self.ln_q)(class) == f64::NEG_INFINITY => 0.0,
            (Rest::Bucket, None) => {
                q - self.r * libm::exp((self.above)(class, self.likeliest) - self.ln_mass)
            }
            (Rest::Uniform, None) => q - self.r / self.elsewhere as f64,
            (Rest::Ignore, Some((_, ln_p))) => self.p * q - probability::<T>(ln_p),
            (Rest::Ignore, None) => self.p * q,
        }
    }

    /// The logarithm of the sum of the teacher's probabilities, which need not be in range themselves:
    /// the largest one's, and by how much the sum is above it.
    fn ln_sum(&self) -> [f64; 2] {
        let larger = |a: f64, b: f64| if b > a { b } else { a };
        let largest = self.places().map(|(_, ln_p)| ln_p).fold(f64::NEG_INFINITY, larger);
        let above = self.places().map(|(_, ln_p)| libm::exp(ln_p - largest));
        [largest, libm::log(total::<f64>(above))]
    }
}

/// The logarithm of a quotient; nothing is lost where both parts are far below zero.
fn over(ln_p: f64, ln_sum: [f64; 2]) -> f64 {
    ln_p - ln_sum[0] - ln_sum[1]
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
