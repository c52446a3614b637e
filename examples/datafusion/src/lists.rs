//! A column of lists as slices of one buffer, without a copy.

use std::ops::Range;

use datafusion::arrow::array::{
    Array, ArrowPrimitiveType, FixedSizeListArray, LargeListArray, ListArray, PrimitiveArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_primitive_array;
use datafusion::common::{Result, exec_err};

/// Where each row begins and ends in the column's numbers.
enum Bounds<'a> {
    Fixed(usize),
    Small(&'a [i32]),
    Large(&'a [i64]),
}

/// One side of the comparison: a list a row.
pub(crate) struct Lists<'a, T: ArrowPrimitiveType> {
    /// What messages call it.
    side: &'static str,
    values: &'a PrimitiveArray<T>,
    bounds: Bounds<'a>,
    nulls: Option<&'a NullBuffer>,
}

impl<'a, T: ArrowPrimitiveType> Lists<'a, T> {
    pub(crate) fn new(side: &'static str, column: &'a dyn Array) -> Result<Self> {
        let any = column.as_any();
        let (values, bounds) = if let Some(lists) = any.downcast_ref::<FixedSizeListArray>() {
            (lists.values(), Bounds::Fixed(lists.value_length() as usize))
        } else if let Some(lists) = any.downcast_ref::<ListArray>() {
            (lists.values(), Bounds::Small(lists.value_offsets()))
        } else if let Some(lists) = any.downcast_ref::<LargeListArray>() {
            (lists.values(), Bounds::Large(lists.value_offsets()))
        } else {
            return exec_err!("the {side} has to be a list, found {}", column.data_type());
        };
        Ok(Lists { side, values: as_primitive_array(values)?, bounds, nulls: column.nulls() })
    }

    pub(crate) fn nulls(&self) -> Option<&'a NullBuffer> {
        self.nulls
    }

    /// Where the numbers of these rows are, which lie one after another.
    fn range(&self, rows: Range<usize>) -> Range<usize> {
        // The offsets of an array are in order and within its values: arrow checks them.
        match self.bounds {
            Bounds::Fixed(length) => rows.start * length..rows.end * length,
            Bounds::Small(offsets) => offsets[rows.start] as usize..offsets[rows.end] as usize,
            Bounds::Large(offsets) => offsets[rows.start] as usize..offsets[rows.end] as usize,
        }
    }

    /// How many classes a row has.
    pub(crate) fn classes(&self, row: usize) -> usize {
        self.range(row..row + 1).len()
    }

    /// The numbers of these rows, all of `classes` classes. `first` is what messages add to their numbers.
    pub(crate) fn numbers(&self, rows: Range<usize>, classes: usize) -> Result<&'a [T::Native]> {
        let range = self.range(rows.clone());
        if let Some(nulls) = self.values.nulls() {
            let within = nulls.slice(range.start, range.len());
            if let Some(place) = within.iter().position(|valid| !valid) {
                let (row, class) = (rows.start + place / classes, place % classes);
                return exec_err!("row {row}: the {}'s class {class} is null", self.side);
            }
        }
        Ok(&self.values.values()[range])
    }
}

/// The type of the numbers in a list of a kind that is taken.
pub(crate) fn numbers_of(list: &DataType) -> Option<&DataType> {
    match list {
        DataType::FixedSizeList(field, _) | DataType::List(field) | DataType::LargeList(field) => {
            Some(field.data_type())
        }
        _ => None,
    }
}

/// The same kind of list with other numbers.
pub(crate) fn with_numbers(list: &DataType, numbers: &DataType) -> DataType {
    let retyped = |field: &datafusion::arrow::datatypes::FieldRef| {
        std::sync::Arc::new(field.as_ref().clone().with_data_type(numbers.clone()))
    };
    match list {
        DataType::FixedSizeList(field, length) => DataType::FixedSizeList(retyped(field), *length),
        DataType::List(field) => DataType::List(retyped(field)),
        DataType::LargeList(field) => DataType::LargeList(retyped(field)),
        other => other.clone(),
    }
}
