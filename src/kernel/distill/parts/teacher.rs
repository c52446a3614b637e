//! Where a teacher's numbers come from.

#[cfg(feature = "half")]
use crate::float::Narrow;
use crate::float::{Computed, Float};
use crate::numbers::Numbers;
use crate::stream::order::tile_length;
use crate::teacher::{IGNORED, TeacherNumbers};
use crate::top_k::{NamedRow, Rest};

/// One row of a teacher: a source of tiles.
#[derive(Clone, Copy)]
pub(crate) enum TeacherRow<'a, T: Computed> {
    /// They lie in memory.
    Numbers(Numbers<'a, T>),
    /// The class whose probability is one.
    Class(usize),
    /// Few classes are named; there are no tiles.
    TopK(NamedRow<'a, T>, Rest),
}

/// Room for a tile that does not lie in memory.
pub(crate) type Room<T> = [T; tile_length::<f32>()];

impl<'a, T: Float> TeacherRow<'a, T> {
    /// A row of the teacher, if there is one of this number that counts.
    pub(crate) fn new(teacher: TeacherNumbers<'a, T>, row: usize) -> Option<Self> {
        Some(match teacher {
            TeacherNumbers::Logits(rows)
            | TeacherNumbers::LogProbs(rows)
            | TeacherNumbers::Probs(rows) => TeacherRow::Numbers(rows.row(row)?),
            TeacherNumbers::Classes(classes) => match *classes.get(row)? {
                IGNORED => return None,
                class => TeacherRow::Class(class as usize),
            },
            TeacherNumbers::TopK(top_k) => TeacherRow::TopK(top_k.row(row)?, top_k.rest),
        })
    }

    /// The numbers of `length` classes from `start` on, no more than a tile: where they lie, or made or
    /// widened in the room.
    #[inline(always)]
    pub(crate) fn tile<'b>(
        &self,
        start: usize,
        length: usize,
        room: &'b mut Room<T>,
    ) -> Option<&'b [T]>
    where
        'a: 'b,
    {
        match *self {
            TeacherRow::Numbers(numbers) => match numbers.part(start, length)? {
                Numbers::Wide(values) => Some(values),
                #[cfg(feature = "half")]
                Numbers::Narrow(kind, bits) => {
                    kind.widen(bits, room);
                    room.get(..length)
                }
            },
            TeacherRow::Class(class) => {
                for (k, p) in room.iter_mut().enumerate() {
                    *p = if start + k == class { T::ONE } else { T::ZERO };
                }
                room.get(..length)
            }
            TeacherRow::TopK(..) => None,
        }
    }
}
