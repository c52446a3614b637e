//! `Σ q·(ln q − ln p)`: the student weighs.

use super::weighted::weighted;
use crate::float::Float;
use crate::kernel::distill::parts::class::{Asked, Class};
use crate::lanes::Arithmetic;

#[inline(always)]
pub(super) fn of_class<A: Arithmetic>(
    a: A,
    asked: Asked<A::Elem>,
    class: Class<A::Vec>,
) -> [A::Vec; 3] {
    let ln_ratio = a.sub(a.splat(A::Elem::ZERO), class.ln_ratio);
    weighted(a, asked, [class.student, class.teacher], ln_ratio, class.zeros)
}
