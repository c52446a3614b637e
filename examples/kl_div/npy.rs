//! Arrays from `.npy` files. Every error names the file.

use core::ops::Range;
use std::io::ErrorKind;
use std::path::Path;

use npyz::{DType, Deserialize, Endianness, NpyFile, NpyHeader, Order, TypeChar};

use crate::Failure;
use crate::number::Number;
use crate::source::Source;

/// A header is one line of text, far shorter than this.
const MOST_HEADER_BYTES: u64 = 1 << 20;
/// Columns that are not wanted are read along if there are not more bytes of them between two rows.
const SMALL_GAP: usize = 16 << 10;
/// Whole columns of an array in Fortran order are read if they are not longer.
const SHORT_COLUMN: usize = 64 << 10;
/// Bytes of a column that are read at once.
const LONGEST_RUN: usize = 1 << 20;

/// What one item of a file is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Item {
    F16,
    Bf16,
    F32,
    F64,
    Integer { is_signed: bool, size: usize },
}

impl Item {
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Integer { size, .. } => size,
        }
    }
}

/// What a 2-byte item without a type of NumPy's is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Untyped {
    Refused,
    Bf16,
}

/// An open file that holds as many items as its header promises.
#[derive(Debug)]
pub(crate) struct ArrayFile {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) item: Item,
    source: Source,
    /// Where the items begin.
    start: u64,
    order: Order,
    is_swapped: bool,
}

/// Opens an array of floating-point numbers.
pub(crate) fn open_numbers(path: &Path, untyped: Untyped) -> Result<ArrayFile, Failure> {
    let (name, source, header, start) = open(path)?;
    let (item, is_swapped) = match (plain(&header), untyped) {
        (Some((TypeChar::Float, 2, swapped)), _) => (Item::F16, swapped),
        (Some((TypeChar::Float, 4, swapped)), _) => (Item::F32, swapped),
        (Some((TypeChar::Float, 8, swapped)), _) => (Item::F64, swapped),
        (Some((TypeChar::RawData | TypeChar::Uint, 2, swapped)), Untyped::Bf16) => {
            (Item::Bf16, swapped)
        }
        (Some((TypeChar::RawData, 2, _)), Untyped::Refused) => {
            let found = header.dtype().descr();
            return refuse(
                &name,
                &format!("holds {found}, 2 bytes without a type; if they are bfloat16, add --bf16"),
            );
        }
        _ => {
            let found = header.dtype().descr();
            return refuse(
                &name,
                &format!("holds {found}, not f16, f32 or f64; array.astype('f4') converts it"),
            );
        }
    };
    finish(name, source, &header, start, item, is_swapped)
}

/// Opens an array of integers.
pub(crate) fn open_integers(path: &Path) -> Result<ArrayFile, Failure> {
    let (name, source, header, start) = open(path)?;
    let (is_signed, size, is_swapped) = match plain(&header) {
        Some((TypeChar::Int, size, swapped)) => (true, size, swapped),
        Some((TypeChar::Uint, size, swapped)) => (false, size, swapped),
        _ => {
            let found = header.dtype().descr();
            return refuse(
                &name,
                &format!("labels are integers, not {found}; array.astype('i8') converts them"),
            );
        }
    };
    finish(name, source, &header, start, Item::Integer { is_signed, size }, is_swapped)
}

/// The values of a file that is part of this program.
pub(crate) fn built_in<T: Deserialize>(name: &str, bytes: &[u8]) -> Result<Vec<T>, Failure> {
    let read = NpyFile::new(bytes).and_then(NpyFile::into_vec);
    read.map_err(|error| Failure::Data(format!("{name}: {error}")))
}

fn refuse<T>(name: &str, why: &str) -> Result<T, Failure> {
    Err(Failure::Data(format!("{name}: {why}")))
}

fn open(path: &Path) -> Result<(String, Source, NpyHeader, u64), Failure> {
    let name = path.display().to_string();
    let unreadable = |error| Failure::Data(format!("{name}: cannot be read: {error}"));
    let source = Source::open(path).map_err(unreadable)?;
    let length = source.len().map_err(unreadable)?;
    let mut head = vec![0; length.min(MOST_HEADER_BYTES) as usize];
    source.read_at(0, &mut head).map_err(unreadable)?;
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return refuse(
            &name,
            "is an archive; take one array out of it: \
             np.save('array.npy', np.load('archive.npz')['name'])",
        );
    }
    let mut rest = &head[..];
    let header = header(&head).and_then(|()| {
        NpyHeader::from_reader(&mut rest).map_err(|error| {
            // A header that is not understood is quoted in full below the first line.
            error.to_string().lines().next().unwrap_or_default().to_owned()
        })
    });
    match header {
        Ok(header) => Ok((name, source, header, (head.len() - rest.len()) as u64)),
        Err(reason) => refuse(&name, &format!("not a .npy file: {reason}")),
    }
}

/// Whether the header is all there, so that nobody makes room for 4 GB because two bytes are wrong.
fn header(head: &[u8]) -> Result<(), String> {
    if head.is_empty() {
        return Err("it is empty".to_owned());
    }
    let length = match head {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, low, high, ..] => {
            10 + usize::from(u16::from_le_bytes([*low, *high]))
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, ..] => {
            12 + u32::from_le_bytes([*a, *b, *c, *d]) as usize
        }
        // The reader of headers knows what to say.
        _ => return Ok(()),
    };
    match head.get(..length) {
        Some(header) if !is_countable(header) => Err("its shape is too large".to_owned()),
        Some(_) => Ok(()),
        None => Err("it ends within its header".to_owned()),
    }
}

/// Whether the items of the shape in a header can be counted at all: the reader of headers multiplies unchecked.
fn is_countable(header: &[u8]) -> bool {
    let text = String::from_utf8_lossy(header);
    let shape = text.split("shape").nth(1).and_then(|rest| rest.split(['(', ')']).nth(1));
    let dims =
        shape.unwrap_or_default().split(',').filter_map(|dim| dim.trim().parse::<u64>().ok());
    let items = dims.filter(|&dim| dim > 0).try_fold(1_u64, |items, dim| items.checked_mul(dim));
    items.is_some_and(|items| items <= i64::MAX as u64)
}

/// Kind, size and byte order of items that are no records.
fn plain(header: &NpyHeader) -> Option<(TypeChar, usize, bool)> {
    match header.dtype() {
        DType::Plain(plain) => {
            let size = usize::try_from(plain.size_field()).ok()?;
            let is_swapped = match plain.endianness() {
                Endianness::Little => cfg!(target_endian = "big"),
                Endianness::Big => cfg!(target_endian = "little"),
                Endianness::Irrelevant => false,
            };
            Some((plain.type_char(), size, is_swapped))
        }
        DType::Array(..) | DType::Record(..) => None,
    }
}

/// Compares what the header promises with what is there.
fn finish(
    name: String,
    source: Source,
    header: &NpyHeader,
    start: u64,
    item: Item,
    is_swapped: bool,
) -> Result<ArrayFile, Failure> {
    let length = source.len();
    let length = length.map_err(|error| Failure::Data(format!("{name}: {error}")))?;
    let held = length.saturating_sub(start);
    let promised = header.shape().iter().try_fold(item.size() as u64, |bytes, &dim| {
        if dim == 0 { Some(0) } else { bytes.checked_mul(dim) }
    });
    let shape: Option<Vec<usize>> =
        header.shape().iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let (Some(shape), true) = (shape, promised == Some(held)) else {
        let what = format!(
            "shape {:?} of {} does not fit its {held} bytes of data",
            header.shape(),
            header.dtype().descr(),
        );
        let ends_early = promised.is_none_or(|promised| held < promised);
        let row = header.shape().split_last().and_then(|(&classes, rows)| {
            let all = rows.iter().try_fold(1_u64, |all, &dim| all.checked_mul(dim))?;
            let bytes = classes.checked_mul(item.size() as u64)?;
            (header.order() == Order::C && bytes > 0).then(|| (held / bytes, all))
        });
        return match row {
            Some((good, all)) if ends_early => {
                refuse(&name, &format!("ends early: {what}; {good} of {all} rows are good"))
            }
            _ if ends_early => refuse(&name, &format!("ends early: {what}")),
            _ => refuse(&name, &format!("damaged: {what}")),
        };
    };
    let order = if shape.len() > 1 { header.order() } else { Order::C };
    Ok(ArrayFile { name, shape, item, source, start, order, is_swapped })
}

/// A file as rows of its last dimension.
#[derive(Debug)]
pub(crate) struct Matrix {
    pub(crate) file: ArrayFile,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// All dimensions of the rows.
    row_dims: Vec<usize>,
}

/// Room to read into, used again and again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    items: Vec<u8>,
    strip: Vec<u8>,
    places: Vec<(usize, usize)>,
}

impl Matrix {
    /// The last dimension is the columns.
    pub(crate) fn of_rows(file: ArrayFile) -> Self {
        let (columns, row_dims) = match file.shape.split_last() {
            Some((&columns, rows)) => (columns, rows.to_vec()),
            None => (1, Vec::new()),
        };
        Self { rows: row_dims.iter().product(), columns, row_dims, file }
    }

    /// Every item is a row of its own.
    pub(crate) fn of_items(file: ArrayFile) -> Self {
        let row_dims = file.shape.clone();
        Self { rows: row_dims.iter().product(), columns: 1, row_dims, file }
    }

    pub(crate) fn is_fortran(&self) -> bool {
        self.file.order == Order::Fortran
    }

    /// Fills `out` with those columns of those rows, a row after the other.
    pub(crate) fn read<T: Number>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        out: &mut [T],
        scratch: &mut Scratch,
    ) -> Result<(), Failure> {
        if self.file.item == T::ITEM && !self.file.is_swapped {
            let bytes = bytemuck::cast_slice_mut(out);
            return self.gather(rows, columns, bytes, scratch);
        }
        let mut items = core::mem::take(&mut scratch.items);
        items.resize(out.len() * self.file.item.size(), 0);
        let read = self.gather(rows, columns, &mut items, scratch);
        if read.is_ok() {
            self.widen(&items, out);
        }
        scratch.items = items;
        read
    }

    /// The integers of those rows of an array of items.
    pub(crate) fn read_integers(
        &self,
        rows: Range<usize>,
        out: &mut Vec<i128>,
        scratch: &mut Scratch,
    ) -> Result<(), Failure> {
        let size = self.file.item.size();
        let is_signed = matches!(self.file.item, Item::Integer { is_signed: true, .. });
        let mut items = core::mem::take(&mut scratch.items);
        items.resize(rows.len() * size, 0);
        let read = self.gather(rows, 0..1, &mut items, scratch);
        out.clear();
        if read.is_ok() {
            out.extend(items.chunks_exact(size).map(|item| self.integer(item, is_signed)));
        }
        scratch.items = items;
        read
    }

    /// Eight bytes at most.
    fn integer(&self, item: &[u8], is_signed: bool) -> i128 {
        let is_little = cfg!(target_endian = "little") != self.file.is_swapped;
        let highest_first = |bits: u64, &byte: &u8| bits << 8 | u64::from(byte);
        let bits = if is_little {
            item.iter().rev().fold(0, highest_first)
        } else {
            item.iter().fold(0, highest_first)
        };
        if is_signed {
            let unused = 64 - 8 * item.len() as u32;
            i128::from((bits << unused) as i64 >> unused)
        } else {
            i128::from(bits)
        }
    }

    /// Each item as the type that is computed with, which is no narrower.
    fn widen<T: Number>(&self, items: &[u8], out: &mut [T]) {
        let swapped = self.file.is_swapped;
        match self.file.item {
            Item::F16 => each(items, swapped, out, |b| half::f16::from_ne_bytes(b).to_f32().into()),
            Item::Bf16 => {
                each(items, swapped, out, |b| half::bf16::from_ne_bytes(b).to_f32().into())
            }
            Item::F32 => each(items, swapped, out, |b| f32::from_ne_bytes(b).into()),
            Item::F64 => each(items, swapped, out, |b| T::from_f64(f64::from_ne_bytes(b))),
            // Opened as numbers, a file has none.
            Item::Integer { .. } => {}
        }
    }

    /// The bytes of those items, whatever their order in the file.
    fn gather(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<(), Failure> {
        let first = rows.start;
        let read = if self.is_fortran() {
            self.gather_fortran(rows, columns, out, scratch)
        } else {
            self.gather_rows(rows, columns, out, scratch)
        };
        read.map_err(|error| self.interrupted(first, &error))
    }

    /// The file was whole when it was opened.
    fn interrupted(&self, first: usize, error: &std::io::Error) -> Failure {
        let name = &self.file.name;
        let good = if error.kind() == ErrorKind::UnexpectedEof && !self.is_fortran() {
            let held = self.file.source.len().unwrap_or(0).saturating_sub(self.file.start);
            held as usize / (self.columns * self.file.item.size()).max(1)
        } else {
            first
        };
        let all = self.rows;
        Failure::Data(match error.kind() {
            ErrorKind::UnexpectedEof => {
                format!(
                    "{name}: ends early, it shrank while it was read; {good} of {all} rows are good"
                )
            }
            _ => format!("{name}: cannot be read on: {error}; {good} of {all} rows are good"),
        })
    }

    fn gather_rows(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> std::io::Result<()> {
        let size = self.file.item.size();
        let (source, start) = (&self.file.source, self.file.start);
        let place = |row: usize| start + ((row * self.columns + columns.start) * size) as u64;
        if columns.len() == self.columns {
            return source.read_at(place(rows.start), out);
        }
        let (wanted, stride) = (columns.len() * size, self.columns * size);
        if wanted == 0 || rows.is_empty() {
            return Ok(());
        }
        if stride - wanted > SMALL_GAP {
            for (row, out) in rows.zip(out.chunks_exact_mut(wanted)) {
                source.read_at(place(row), out)?;
            }
            return Ok(());
        }
        scratch.strip.resize((rows.len() - 1) * stride + wanted, 0);
        source.read_at(place(rows.start), &mut scratch.strip)?;
        for (row, out) in scratch.strip.chunks(stride).zip(out.chunks_exact_mut(wanted)) {
            out.copy_from_slice(&row[..wanted]);
        }
        Ok(())
    }

    /// In Fortran order a column stands together, its rows in another order: the first index runs fastest.
    fn gather_fortran(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> std::io::Result<()> {
        let size = self.file.item.size();
        let Scratch { strip, places, .. } = scratch;
        // Where a row stands in its column, and which of those asked for it is.
        places.clear();
        places.extend(
            rows.enumerate().map(|(wanted, row)| (fortran_place(&self.row_dims, row), wanted)),
        );
        places.sort_unstable();
        let width = columns.len();
        let place = |column: usize, row: usize| {
            self.file.start + ((column * self.rows + row) * size) as u64
        };
        let mut scatter = |strip: &[u8], origin: usize, run: &[(usize, usize)], column: usize| {
            for &(row, wanted) in run {
                let (from, to) = ((row - origin) * size, (wanted * width + column) * size);
                out[to..to + size].copy_from_slice(&strip[from..from + size]);
            }
        };
        let column_bytes = self.rows * size;
        if places.is_empty() || width == 0 {
            return Ok(());
        }
        if column_bytes <= SHORT_COLUMN {
            let together = (4 * SHORT_COLUMN / column_bytes).max(1);
            for left in (0..width).step_by(together) {
                let count = together.min(width - left);
                strip.resize(count * column_bytes, 0);
                self.file.source.read_at(place(columns.start + left, 0), strip)?;
                for (offset, strip) in strip.chunks_exact(column_bytes).enumerate() {
                    scatter(strip, 0, places, left + offset);
                }
            }
            return Ok(());
        }
        // Rows that stand near each other are read with what is between them.
        let is_near = |&(a, _): &(usize, usize), &(b, _): &(usize, usize)| {
            (b - a) * size <= SMALL_GAP / 4 && a * size / LONGEST_RUN == b * size / LONGEST_RUN
        };
        for column in 0..width {
            for run in places.chunk_by(is_near) {
                let (from, to) = (run[0].0, run[run.len() - 1].0);
                strip.resize((to - from + 1) * size, 0);
                self.file.source.read_at(place(columns.start + column, from), strip)?;
                scatter(strip, from, run, column);
            }
        }
        Ok(())
    }
}

/// The place of a row, counted in C order, among the rows in Fortran order.
fn fortran_place(dims: &[usize], row: usize) -> usize {
    // The last index runs fastest in C order: it is the rest of the first division.
    let (mut rest, mut place) = (row, 0);
    let mut step: usize = dims.iter().product();
    for &dim in dims.iter().rev() {
        step /= dim;
        place += rest % dim * step;
        rest /= dim;
    }
    place
}

fn each<T, const N: usize>(
    items: &[u8],
    is_swapped: bool,
    out: &mut [T],
    number: impl Fn([u8; N]) -> T,
) {
    let (items, _) = items.as_chunks::<N>();
    for (out, &item) in out.iter_mut().zip(items) {
        let mut item = item;
        if is_swapped {
            item.reverse();
        }
        *out = number(item);
    }
}
