//! `kl_div`: the divergence of each row.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, PrimitiveArray};
use datafusion::arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::comparison::{Comparison, OPTIONS};
use crate::lists::numbers_of;
use crate::losses::{Columns, Stored};
use crate::types::{Weights, coerced, computed_in};

/// `kl_div(student, teacher[, temperature[, divergence[, form]]])`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct KlDiv {
    signature: Signature,
}

impl KlDiv {
    pub(crate) fn new() -> Self {
        KlDiv { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for KlDiv {
    fn name(&self) -> &str {
        "kl_div"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        coerced(self.name(), types, Weights::None)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let types = self.coerce_types(types)?;
        Ok(computed_in(numbers_of(&types[0]).unwrap_or(&DataType::Float32)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [student, teacher, options @ ..] = args.args.as_slice() else {
            return exec_err!("{} takes two lists", self.name());
        };
        let mut constants = Vec::new();
        for (value, name) in options.iter().zip(OPTIONS) {
            match value {
                ColumnarValue::Scalar(constant) => constants.push(constant.clone()),
                ColumnarValue::Array(_) => return exec_err!("the {name} has to be a constant"),
            }
        }
        let comparison = Comparison::from_constants(&constants)?;
        let student = student.to_array(args.number_rows)?;
        let teacher = teacher.to_array(args.number_rows)?;
        let columns = Columns { student: &student, teacher: &teacher, weights: None, filter: None };
        let losses = match numbers_of(student.data_type()) {
            Some(DataType::Float16) => losses::<Float16Type>(&columns, &comparison)?,
            Some(DataType::Float32) => losses::<Float32Type>(&columns, &comparison)?,
            Some(DataType::Float64) => losses::<Float64Type>(&columns, &comparison)?,
            _ => return exec_err!("{} of {}", self.name(), student.data_type()),
        };
        Ok(ColumnarValue::Array(losses))
    }
}

fn losses<S: Stored>(columns: &Columns<'_>, comparison: &Comparison) -> Result<ArrayRef> {
    let losses = columns.losses::<S>(comparison)?;
    Ok(Arc::new(PrimitiveArray::<S::Real>::new(losses.values.into(), losses.counted)))
}
