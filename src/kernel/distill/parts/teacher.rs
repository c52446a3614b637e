//! Where a teacher's numbers come from.

use crate::float::Float;
use crate::stream::order::tile_length;
use crate::teacher::{IGNORED, Teacher};
use crate::top_k::{Rest, TopKRow};

/// One row of a teacher: a source of tiles.
#[derive(Clone, Copy)]
pub(crate) enum TeacherRow<'a, T> {
    /// They lie in memory.
    Numbers(&'a [T]),
    /// The class whose probability is one.
    Class(usize),
    /// Few classes are named; there are no tiles.
    TopK(TopKRow<'a, T>, Rest),
}

/// Room for a tile that does not lie in memory.
pub(crate) type Room<T> = [T; tile_length::<f32>()];

impl<'a, T: Float> TeacherRow<'a, T> {
    /// A row of the teacher, if there is one of this number that counts.
    pub(crate) fn new(teacher: Teacher<'a, T>, row: usize) -> Option<Self> {
        Some(match teacher {
            Teacher::Logits(rows) | Teacher::LogProbs(rows) | Teacher::Probs(rows) => {
                TeacherRow::Numbers(rows.row(row)?)
            }
            Teacher::Classes(classes) => match *classes.get(row)? {
                IGNORED => return None,
                class => TeacherRow::Class(class as usize),
            },
            Teacher::TopK(top_k) => TeacherRow::TopK(top_k.row(row)?, top_k.rest),
        })
    }

    /// The numbers of `length` classes from `start` on, no more than a tile: where they lie, or made in
    /// the room.
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
            TeacherRow::Numbers(numbers) => numbers.get(start..start + length),
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
