//! From a C caller's pointers to slices, and one number back: the crate's only unsafe code lies here
//! and in the functions that call it.

use core::ops::Range;

use super::status::KldivStatus;

/// Whether a slice can lie there, as far as its address and length tell.
fn check<T>(data: *const T, len: usize) -> Result<(), KldivStatus> {
    if len > isize::MAX.unsigned_abs() / size_of::<T>() {
        Err(KldivStatus::TooLong)
    } else if data.is_null() {
        Err(KldivStatus::Null)
    } else if !data.is_aligned() {
        Err(KldivStatus::Misaligned)
    } else {
        Ok(())
    }
}

/// Options; where there are none, the default.
///
/// # Safety
/// `options` is NULL or points to options, of which any bits are a value.
pub unsafe fn read<O: Copy + Default>(options: *const O) -> Result<O, KldivStatus> {
    if options.is_null() {
        return Ok(O::default());
    }
    check(options, 1)?;
    // SAFETY: not NULL and aligned; the rest is the caller's promise.
    Ok(unsafe { options.read() })
}

/// # Safety
/// `len` numbers at `data` can be read, and nobody writes them, for `'a`.
pub unsafe fn slice<'a, T>(data: *const T, len: usize) -> Result<&'a [T], KldivStatus> {
    if len == 0 {
        return Ok(&[]);
    }
    check(data, len)?;
    // SAFETY: not NULL, aligned and no longer than a slice can be; the rest is the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts(data, len) })
}

/// The addresses of a slice.
pub fn span<T>(slice: &[T]) -> Range<usize> {
    let Range { start, end } = slice.as_ptr_range();
    start.addr()..end.addr()
}

/// A slice to write, which must overlap none of `inputs`.
///
/// # Safety
/// `len` numbers at `data` can be written, and nobody else uses them, for `'a`.
pub unsafe fn output<'a, T>(
    data: *mut T,
    len: usize,
    inputs: &[Range<usize>],
) -> Result<&'a mut [T], KldivStatus> {
    if len == 0 {
        return Ok(&mut []);
    }
    check(data, len)?;
    let (start, end) = (data.addr(), data.wrapping_add(len).addr());
    if inputs.iter().any(|input| start < input.end && input.start < end) {
        return Err(KldivStatus::Overlap);
    }
    // SAFETY: not NULL, aligned, no longer than a slice can be, and apart from what this call
    // reads; the rest is the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts_mut(data, len) })
}

/// Writes the only result of a function.
///
/// # Safety
/// `result` is NULL or can be written.
pub unsafe fn give<T>(result: *mut T, value: T) -> Result<(), KldivStatus> {
    check(result, 1)?;
    // SAFETY: not NULL and aligned; that it can be written is the caller's promise. Nothing that
    // is read overlaps it any more: all borrows have ended.
    unsafe { result.write(value) };
    Ok(())
}
