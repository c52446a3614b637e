//! A tensor's memory as rows.

use candle_core::{CpuStorage, Layout, Result, WithDType, bail};
use kldiv::{Element, Rows};

/// Types of logits that both crates know, with losses of a type that both know.
pub(crate) trait Number: Element<Real: WithDType> + WithDType {}

impl<T: Element<Real: WithDType> + WithDType> Number for T {}

/// The numbers of one type behind a tensor, from its first on.
pub(crate) fn numbers<'a, T: WithDType>(
    storage: &'a CpuStorage,
    layout: &Layout,
) -> Result<&'a [T]> {
    T::cpu_storage_as_slice(storage)?
        .get(layout.start_offset()..)
        .map_or_else(|| bail!("a tensor that ends before it begins"), Ok)
}

/// A tensor's rows along its last dimension, where they are.
pub(crate) fn rows<'a, T: Number>(
    name: &str,
    storage: &'a CpuStorage,
    layout: &Layout,
) -> Result<Rows<'a, T>> {
    let numbers = numbers::<T>(storage, layout)?;
    let Some((&classes, outer)) = layout.dims().split_last() else {
        bail!("the {name} is a scalar, not rows of classes: call .reshape((rows, classes)) first");
    };
    if classes == 0 {
        bail!("the {name}'s shape is {:?}: rows of no classes", layout.dims());
    }
    let count: usize = outer.iter().product();
    let Some(stride) = row_stride(layout) else {
        let (dims, strides) = (layout.dims(), layout.stride());
        bail!(
            "the {name}'s rows are not in one piece (shape {dims:?}, strides {strides:?}): call .contiguous() first"
        );
    };
    let length = if count == 0 { 0 } else { (count - 1) * stride + classes };
    Rows::strided(numbers.get(..length).unwrap_or_default(), classes, stride)
        .map_err(candle_core::Error::wrap)
}

/// From the beginning of a row to that of the next, if that is the same for all and their elements lie side by side.
fn row_stride(layout: &Layout) -> Option<usize> {
    let (dims, strides) = (layout.dims(), layout.stride());
    let (&classes, outer) = dims.split_last()?;
    if classes > 1 && strides.last() != Some(&1) {
        return None;
    }
    // From the innermost dimension outwards: a dimension of one has no stride that matters.
    let mut steps = outer.iter().zip(strides).rev().filter(|&(&dim, _)| dim != 1);
    let Some((&inner, &stride)) = steps.next() else { return Some(classes) };
    let mut reached = inner * stride;
    for (&dim, &step) in steps {
        if step != reached {
            return None;
        }
        reached *= dim;
    }
    (stride >= classes).then_some(stride)
}
