//! The numbers that are computed with, and how they are written.

use core::fmt::{Debug, LowerExp};

use bytemuck::Pod;
use kldiv::Element;

use crate::npy::Item;

/// What is computed with: the wider of the files' types.
pub(crate) trait Number: Element<Real = Self> + Pod + LowerExp + From<f32> {
    /// The item whose bytes are this type's.
    const ITEM: Item;
}

impl Number for f32 {
    const ITEM: Item = Item::F32;
}

impl Number for f64 {
    const ITEM: Item = Item::F64;
}

/// The fewest digits that name the number, with an exponent where that is shorter.
pub(crate) fn shortest<T: Debug + LowerExp>(number: T) -> String {
    let (plain, scientific) = (format!("{number:?}"), format!("{number:e}"));
    if scientific.len() < plain.len() { scientific } else { plain }
}
