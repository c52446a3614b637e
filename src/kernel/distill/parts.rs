//! What the reads of a row are made of.

pub(crate) mod class;
pub(crate) mod companion;
pub(crate) mod logits;
pub(crate) mod named;
pub(crate) mod numbers;
pub(crate) mod slope;
pub(crate) mod teacher;
pub(crate) mod totals;
