//! Elementary functions, written once over [`Arithmetic`](crate::lanes::Arithmetic).
//!
//! Arithmetic that is [`USUAL`](crate::lanes::Arithmetic::USUAL) says that numbers are usual (positive
//! and normal for a logarithm, within [`ExpConstants::USUAL`](crate::float::ExpConstants::USUAL) for an
//! exponential): nothing is spent on the rest then. With any other every argument is right, and usual
//! ones have the same bits.

mod exp;
mod horner;
mod ln;
mod phi;

pub(crate) use exp::{exp, exp_factor, exp_less_one};
pub(crate) use ln::{ln, ln_minus, ln_of_sum};
pub(crate) use phi::phi;
