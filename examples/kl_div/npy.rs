//! Arrays from `.npy` files. Every error names the file.

use std::path::Path;

use npyz::{DType, Deserialize, NpyFile, NpyHeader, Order, TypeChar};

use crate::Failure;

/// An array in C order.
#[derive(Debug)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values,
}

#[derive(Debug)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Values {
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
        }
    }
}

/// Reads an array of f32 or f64, of either byte order.
pub(crate) fn read(path: &Path) -> Result<Array, Failure> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::Data(format!("{name}: cannot be read: {error}")))?;
    let file = open(&name, &bytes)?;
    let dtype = file.dtype();
    let shape = shape(&name, &file)?;
    let values = match float_size(&dtype) {
        Some(4) => Values::F32(values(&name, file)?),
        Some(8) => Values::F64(values(&name, file)?),
        _ => {
            let found = dtype.descr();
            return Err(Failure::Data(format!(
                "{name}: holds {found}, not f32 or f64; array.astype('f4') converts it"
            )));
        }
    };
    Ok(Array { shape, values })
}

/// Reads class indices, u32 of either byte order.
pub(crate) fn read_labels(path: &Path) -> Result<Vec<u32>, Failure> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::Data(format!("{name}: cannot be read: {error}")))?;
    let file = open(&name, &bytes)?;
    match file.dtype() {
        DType::Plain(plain) if plain.type_char() == TypeChar::Uint && plain.size_field() == 4 => {
            values(&name, file)
        }
        other => {
            let found = other.descr();
            Err(Failure::Data(format!(
                "{name}: holds {found}, not u32; array.astype('u4') converts it"
            )))
        }
    }
}

/// The values of a file that is part of this program.
pub(crate) fn built_in<T: Deserialize>(name: &str, bytes: &[u8]) -> Result<Vec<T>, Failure> {
    values(name, open(name, bytes)?)
}

fn open<'a>(name: &str, bytes: &'a [u8]) -> Result<NpyFile<&'a [u8]>, Failure> {
    let mut rest = bytes;
    let header = NpyHeader::from_reader(&mut rest).map_err(|error| {
        // A header that is not understood is quoted in full below the first line.
        let reason = error.to_string();
        let reason = reason.lines().next().unwrap_or_default();
        Failure::Data(format!("{name}: not a .npy file: {reason}"))
    })?;
    if header.order() == Order::Fortran {
        return Err(Failure::Data(format!(
            "{name}: stored in Fortran order; save np.ascontiguousarray(array) instead"
        )));
    }
    Ok(NpyFile::with_header(header, rest))
}

fn float_size(dtype: &DType) -> Option<u64> {
    match dtype {
        DType::Plain(plain) if plain.type_char() == TypeChar::Float => Some(plain.size_field()),
        _ => None,
    }
}

fn shape(name: &str, header: &NpyHeader) -> Result<Vec<usize>, Failure> {
    let shape: Option<Vec<usize>> =
        header.shape().iter().map(|&dim| usize::try_from(dim).ok()).collect();
    shape.ok_or_else(|| Failure::Data(format!("{name}: shape {:?} is too large", header.shape())))
}

/// All values, once it is certain that the file holds as many as its header promises.
fn values<T: Deserialize>(name: &str, file: NpyFile<&[u8]>) -> Result<Vec<T>, Failure> {
    let header = file.header().clone();
    let promised = byte_count(&header);
    let held = file.into_inner();
    if promised != Some(held.len()) {
        return Err(Failure::Data(format!(
            "{name}: damaged: shape {:?} of {} does not fit its {} bytes of data",
            header.shape(),
            header.dtype().descr(),
            held.len()
        )));
    }
    NpyFile::with_header(header, held)
        .into_vec()
        .map_err(|error| Failure::Data(format!("{name}: {error}")))
}

/// `None` if no memory could hold it.
fn byte_count(header: &NpyHeader) -> Option<usize> {
    header.shape().iter().try_fold(header.dtype().num_bytes()?, |bytes, &dim| {
        bytes.checked_mul(usize::try_from(dim).ok()?)
    })
}
