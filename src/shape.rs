//! Lengths, checked once at the door; below it they are facts.

use crate::error::Error;

/// Input and target have one length; returns it.
pub(crate) fn same(input: usize, target: usize) -> Result<usize, Error> {
    if input == target { Ok(input) } else { Err(Error::Length { input, target }) }
}

/// An output slice has the length of what is written to it.
pub(crate) fn output(expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::OutputLength { expected, found }) }
}

/// An upstream gradient has one factor for each element.
pub(crate) fn upstream(expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::UpstreamLength { expected, found }) }
}

/// Elements in each of `rows` equal rows. No elements can be cut into any number of rows.
pub(crate) fn row_length(len: usize, rows: usize) -> Result<usize, Error> {
    if len == 0 {
        return Ok(0);
    }
    match (len.checked_div(rows), len.checked_rem(rows)) {
        (Some(row_length), Some(0)) => Ok(row_length),
        _ => Err(Error::Rows { len, rows }),
    }
}

/// Number of rows of `classes` elements.
pub(crate) fn row_count(len: usize, classes: usize) -> Result<usize, Error> {
    match (len.checked_div(classes), len.checked_rem(classes)) {
        (Some(rows), Some(0)) => Ok(rows),
        (Some(_), _) => Err(Error::Classes { len, classes }),
        (None, _) => Err(Error::ZeroClasses { len }),
    }
}

/// Rows of `classes` elements, `stride` apart; the last one may lack its padding.
pub(crate) fn strided_rows(len: usize, classes: usize, stride: usize) -> Result<usize, Error> {
    if classes == 0 {
        return Err(Error::ZeroClasses { len });
    }
    if stride < classes {
        return Err(Error::Stride { classes, stride });
    }
    match len.checked_rem(stride) {
        Some(last) if last == 0 || last >= classes => Ok(rows_within(len, classes, stride)),
        Some(_) | None => Err(Error::StridedRows { len, classes, stride }),
    }
}

/// Number of rows that begin `stride` elements after each other, each with all of its classes.
pub(crate) fn rows_within(len: usize, classes: usize, stride: usize) -> usize {
    match len.checked_sub(classes) {
        Some(before_last) => before_last.checked_div(stride).unwrap_or(0) + 1,
        None => 0,
    }
}

/// The teacher has as many rows as the student.
pub(crate) fn teacher_rows(student: usize, teacher: usize) -> Result<(), Error> {
    if student == teacher { Ok(()) } else { Err(Error::TeacherRows { student, teacher }) }
}

/// The teacher's rows have as many classes as the student's.
pub(crate) fn teacher_classes(student: usize, teacher: usize) -> Result<(), Error> {
    if student == teacher { Ok(()) } else { Err(Error::TeacherClasses { student, teacher }) }
}

/// Every index names one of the classes, or `ignored` none.
pub(crate) fn class_indices(indices: &[u32], classes: usize, ignored: u32) -> Result<(), Error> {
    for (row, &index) in indices.iter().enumerate() {
        if index == ignored || usize::try_from(index).is_ok_and(|index| index < classes) {
            continue;
        }
        return Err(Error::ClassIndex { row, index, classes });
    }
    Ok(())
}

/// Places of a teacher that names `k` classes of each row.
pub(crate) fn top_k(classes: usize, log_probs: usize, k: usize) -> Result<(), Error> {
    if classes != log_probs {
        return Err(Error::TopKLength { classes, log_probs });
    }
    match (classes, classes.checked_rem(k)) {
        (0, None) | (_, Some(0)) => Ok(()),
        (len, _) => Err(Error::TopKRows { len, k }),
    }
}

/// Every named class is one of these; `named` has `k` places a row, empty ones too.
pub(crate) fn named_classes(
    named: impl Iterator<Item = Option<u32>>,
    k: usize,
    classes: usize,
) -> Result<(), Error> {
    for (place, class) in named.enumerate() {
        if let Some(index) = class
            && usize::try_from(index).map_or(true, |index| index >= classes)
        {
            return Err(Error::ClassIndex { row: place / k.max(1), index, classes });
        }
    }
    Ok(())
}

/// One state for each row.
pub(crate) fn states(rows: usize, found: usize) -> Result<(), Error> {
    if rows == found { Ok(()) } else { Err(Error::StatesLength { expected: rows, found }) }
}

/// One weight for each row.
pub(crate) fn weights(rows: usize, found: usize) -> Result<(), Error> {
    if rows == found { Ok(()) } else { Err(Error::WeightsLength { expected: rows, found }) }
}
