//! One class of a row, and what is asked of it.

use super::logits::Side;
use super::slope::Slope;
use crate::kernel::distill::problem::Party;

/// A class: both sides, `ln q − ln p`, and whether a side that weighs may be 0.
#[derive(Clone, Copy)]
pub(crate) struct Class<V> {
    pub(crate) student: Side<V>,
    pub(crate) teacher: Side<V>,
    pub(crate) ln_ratio: V,
    pub(crate) zeros: bool,
}

/// What is asked of a class.
#[derive(Clone, Copy)]
pub(crate) struct Asked<T> {
    /// Whether its terms are.
    pub(crate) terms: bool,
    /// Formula and factor.
    pub(crate) gradient: Option<(Slope<T>, T)>,
    /// Whose gradient is meant.
    pub(crate) of: Party,
}
