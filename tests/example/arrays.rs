//! Writing `.npy` files, by hand, so that the example's reader is not checked against itself.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder of one test's files.
pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) fn new(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("example").join(test);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(format!("{name}.npy")).display().to_string()
    }

    pub(crate) fn raw(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn f32(&self, name: &str, shape: &[usize], values: &[f32]) -> String {
        self.write(name, "<f4", false, shape, &bytes_of(values, |value| value.to_le_bytes()))
    }

    pub(crate) fn i64(&self, name: &str, shape: &[usize], values: &[i64]) -> String {
        self.write(name, "<i8", false, shape, &bytes_of(values, |value| value.to_le_bytes()))
    }

    pub(crate) fn f64(&self, name: &str, shape: &[usize], values: &[f64]) -> String {
        self.write(name, "<f8", false, shape, &bytes_of(values, |value| value.to_le_bytes()))
    }

    /// Format version 1.0.
    pub(crate) fn write(
        &self,
        name: &str,
        dtype: &str,
        fortran: bool,
        shape: &[usize],
        data: &[u8],
    ) -> String {
        let order = if fortran { "True" } else { "False" };
        let dims: String = shape.iter().map(|dim| format!("{dim},")).collect();
        let mut header =
            format!("{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': ({dims}), }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        self.raw(name, &[b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat())
    }
}

pub(crate) fn bytes_of<T: Copy, const N: usize>(
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}
