//! `Σ p·(ln p − ln q)`: the teacher weighs.

use super::weighted::weighted;
use crate::kernel::distill::parts::class::{Asked, Class};
use crate::lanes::Arithmetic;

#[inline(always)]
pub(super) fn of_class<A: Arithmetic>(
    a: A,
    asked: Asked<A::Elem>,
    class: Class<A::Vec>,
) -> [A::Vec; 3] {
    weighted(a, asked, [class.teacher, class.student], class.ln_ratio, class.zeros)
}
