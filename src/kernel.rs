//! The loops that run formulas over slices: one text for all back-ends and both types.

pub(crate) mod distill;
pub(crate) mod softmax;
pub(crate) mod sum;
pub(crate) mod write;
