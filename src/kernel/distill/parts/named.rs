//! The classes that a row names: found where a row is read, without sorting and without memory of their
//! number.
//!
//! A row goes by in windows. At the beginning of each all places are looked at once, and those that name a
//! class of the window set a bit; afterwards a block's bits say which of its classes are named.

use crate::float::Float;
#[cfg(feature = "half")]
use crate::float::Narrow;
use crate::numbers::{Numbers, room};
use crate::stream::order::{PIECE, SMALL};
use crate::top_k::NamedRow;

/// Classes of a window: a multiple of any block.
pub(crate) const WINDOW: usize = if SMALL { 2_048 } else { 32_768 };

/// Classes that share a word.
const WORD: usize = 32;

/// A bit for each class of a window: whether it is named.
pub(crate) struct Marks([u32; WINDOW / WORD]);

impl Marks {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Marks([0; WINDOW / WORD])
    }

    /// Those of the window that begins with class `start`. Empty places name nothing.
    #[inline(always)]
    pub(crate) fn mark<T: Float>(&mut self, named: NamedRow<'_, T>, start: usize) {
        self.0 = [0; WINDOW / WORD];
        let mut room = room::<_, PIECE>();
        let piece = if named.log_probs.is_wide() { named.classes.len() } else { PIECE };
        let mut left = named;
        while let Some(NamedRow { classes, log_probs }) = left.take(piece) {
            for (&class, &ln_p) in classes.iter().zip(log_probs.in_room(T::ZERO, &mut room)) {
                // Without a branch: what is not meant sets no bit of some word.
                let offset = (class as usize).wrapping_sub(start);
                let bit = u32::from(offset < WINDOW) & u32::from(!is_empty(ln_p));
                self.0[offset / WORD % (WINDOW / WORD)] |= bit << (offset % WORD);
            }
        }
    }

    /// A block of which the first class is the `start`th of the window, with `instead` for the named ones:
    /// as it lies, if there are none and it is wide, or in the room.
    #[inline(always)]
    pub(crate) fn without<'b, T: Float, const N: usize>(
        &self,
        start: usize,
        block: Numbers<'b, T>,
        room: &'b mut [T; N],
    ) -> &'b [T] {
        let words = self.words(start, block.len());
        let any_named = words.iter().fold(0, |any, word| any | word) != 0;
        let places = room.get_mut(..block.len()).unwrap_or_default();
        match block {
            Numbers::Wide(values) if !any_named => return values,
            Numbers::Wide(values) => {
                for (place, &x) in places.iter_mut().zip(values) {
                    *place = x;
                }
            }
            #[cfg(feature = "half")]
            Numbers::Narrow(kind, bits) => kind.widen(bits, places),
        }
        if any_named {
            replace(words, places, T::NEG_INFINITY);
        }
        places
    }

    /// Replaces the named ones of such a block.
    #[inline(always)]
    pub(crate) fn replace<T: Float>(&self, start: usize, block: &mut [T], instead: T) {
        replace(self.words(start, block.len()), block, instead);
    }

    #[inline(always)]
    fn words(&self, start: usize, length: usize) -> &[u32] {
        let words = self.0.get(start / WORD..).unwrap_or_default();
        words.get(..length.div_ceil(WORD)).unwrap_or_default()
    }
}

#[inline(always)]
fn replace<T: Float>(words: &[u32], block: &mut [T], instead: T) {
    for (&word, classes) in words.iter().zip(block.chunks_mut(WORD)) {
        let mut left = word;
        while left != 0 {
            if let Some(place) = classes.get_mut(left.trailing_zeros() as usize) {
                *place = instead;
            }
            left &= left - 1;
        }
    }
}

/// Whether a place with this log-probability is empty.
#[inline(always)]
pub(crate) fn is_empty<T: Float>(ln_p: T) -> bool {
    ln_p == T::NEG_INFINITY
}
