//! The classes that a row names: found where a row is read, without sorting and without memory of their
//! number.
//!
//! A row goes by in windows. At the beginning of each all places are looked at once, and those that name a
//! class of the window set a bit; afterwards a block's bits say which of its classes are named.

use crate::float::Float;
use crate::stream::order::SMALL;
use crate::top_k::TopKRow;

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
    pub(crate) fn mark<T: Float>(&mut self, named: TopKRow<'_, T>, start: usize) {
        self.0 = [0; WINDOW / WORD];
        for (&class, &ln_p) in named.classes.iter().zip(named.log_probs) {
            // Without a branch: what is not meant sets no bit of some word.
            let offset = (class as usize).wrapping_sub(start);
            let bit = u32::from(offset < WINDOW) & u32::from(!is_empty(ln_p));
            self.0[offset / WORD % (WINDOW / WORD)] |= bit << (offset % WORD);
        }
    }

    /// A block of which the first class is the `start`th of the window, with `instead` for the named ones:
    /// as it lies, if there are none, or in the room.
    #[inline(always)]
    pub(crate) fn without<'b, T: Float, const N: usize>(
        &self,
        start: usize,
        block: &'b [T],
        room: &'b mut [T; N],
    ) -> &'b [T] {
        let words = self.words(start, block.len());
        if words.iter().fold(0, |any, word| any | word) == 0 {
            return block;
        }
        let Some(places) = room.get_mut(..block.len()) else { return block };
        for (place, &x) in places.iter_mut().zip(block) {
            *place = x;
        }
        replace(words, places, T::NEG_INFINITY);
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
