//! Each side against their mixture `m = beta·p + (1 − beta)·q`: Jensen and Shannon's divergence.

use super::weighted::close_square;
use crate::float::Float;
use crate::formula::or_nothing;
use crate::kernel::distill::parts::class::{Asked, Class};
use crate::kernel::distill::parts::logits::Side;
use crate::kernel::distill::parts::slope::weighted_slope;
use crate::kernel::distill::problem::Party;
use crate::lanes::{Arithmetic, any};
use crate::math::{ln, phi, psi};

#[inline(always)]
pub(super) fn of_class<A: Arithmetic>(
    a: A,
    beta: A::Elem,
    asked: Asked<A::Elem>,
    Class { student, teacher, ln_ratio, .. }: Class<A::Vec>,
) -> [A::Vec; 3] {
    let none = a.splat(A::Elem::ZERO);
    let [mut divergence, mut part, mut gradient] = [none; 3];
    let shares = [a.splat(beta), a.splat(A::Elem::ONE - beta)];
    let mixture = a.add(a.mul(shares[0], teacher.p), a.mul(shares[1], student.p));
    // Of the smallest numbers a share may underflow: no logarithm of zero under a weight.
    let whole = a.add(teacher.p, student.p);
    let mixture = a.select(a.equal(mixture, none), whole, mixture);
    let ln_mixture = ln(any(a), mixture);
    let of_teacher = centred(a, shares[0], teacher, ln_mixture);
    let of_student = centred(a, shares[1], student, ln_mixture);
    let (share, own, own_part) = match asked.of {
        Party::Teacher => (shares[0], teacher, of_teacher),
        Party::Student => (shares[1], student, of_student),
    };
    if asked.terms {
        let both = a.add(of_teacher, of_student);
        divergence = jensen_shannon(a, shares, teacher.p, ln_ratio, both);
        part = own_part;
    }
    if let Some((formula, factor)) = asked.gradient {
        let difference = a.mul(share, a.sub(own.ln, ln_mixture));
        gradient = a.mul(weighted_slope(a, formula, own.p, difference), a.splat(factor));
    }
    [divergence, part, gradient]
}

/// `share·w·(ln w − ln m)`, 0 without weight.
#[inline(always)]
fn centred<A: Arithmetic>(a: A, share: A::Vec, side: Side<A::Vec>, ln_mixture: A::Vec) -> A::Vec {
    or_nothing(a, side.p, a.mul(side.p, a.mul(share, a.sub(side.ln, ln_mixture))))
}

/// `beta·p·(ln p − ln m) + rest·q·(ln q − ln m)`, never negative. With `d = ln q − ln p`,
/// `E = e^d − 1` and `w = rest·E` that is
///
/// ```text
/// p·(rest·(d·E − φ(d)) − ψ(w)),    ψ(w) = (1 + w)·ln(1 + w) − w
/// ```
///
/// which does not cancel for small `d`; otherwise it is `sum`, computed as it is written.
#[inline(always)]
fn jensen_shannon<A: Arithmetic>(
    a: A,
    [_, rest]: [A::Vec; 2],
    p: A::Vec,
    d: A::Vec,
    sum: A::Vec,
) -> A::Vec {
    let one = a.splat(A::Elem::ONE);
    let square = a.mul(d, d);
    let phi = phi(a, d, square);
    let w = a.mul(rest, a.add(d, phi));
    // d·E − φ = d² − (1 − d)·φ.
    let gained = a.mul(rest, a.sub(square, a.mul(a.sub(one, d), phi)));
    let close = a.mul(p, a.sub(gained, psi(a, w)));
    let value = a.select(a.less(square, a.splat(close_square())), close, sum);
    let zero = a.splat(A::Elem::ZERO);
    a.select(a.less(value, zero), zero, value)
}
