//! Slices of numbers as they are stored: in the type that they are computed with in, or of 16 bits.
//!
//! Kernels are written for the former. What is stored otherwise is widened piece by piece, into a room on the
//! stack that stays in the first cache.
//!
//! Without the feature `half` both enums are slices and no more: a kernel of such numbers gets them in registers, and a
//! call with few of them takes half the time.

#![cfg_attr(
    not(feature = "half"),
    allow(unused_variables, reason = "rooms are for numbers of 16 bits alone")
)]

use core::ops::Add;

use crate::float::Computed;
#[cfg(feature = "half")]
use crate::float::Narrow;

/// Numbers to read.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a, R: Computed> {
    /// As they are computed with.
    Wide(&'a [R]),
    /// Of 16 bits.
    #[cfg(feature = "half")]
    Narrow(R::Narrow, &'a [u16]),
}

/// Numbers to write.
#[derive(Debug)]
pub enum Places<'a, R: Computed> {
    /// As they are computed with.
    Wide(&'a mut [R]),
    /// Of 16 bits.
    #[cfg(feature = "half")]
    Narrow(R::Narrow, &'a mut [u16]),
}

/// Where a piece of so many numbers is widened, once there is one.
pub(crate) type Room<R, const N: usize> = Option<[R; N]>;

/// Room for no piece yet.
#[inline(always)]
pub(crate) const fn room<R, const N: usize>() -> Room<R, N> {
    None
}

/// The first `length` places of a room.
#[cfg(feature = "half")]
#[inline(always)]
fn places_in<R: Copy, const N: usize>(room: &mut Room<R, N>, zero: R, length: usize) -> &mut [R] {
    room.get_or_insert([zero; N]).get_mut(..length).unwrap_or_default()
}

impl<'a, R: Computed> Numbers<'a, R> {
    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        match self {
            Numbers::Wide(values) => values.len(),
            #[cfg(feature = "half")]
            Numbers::Narrow(_, bits) => bits.len(),
        }
    }

    #[inline(always)]
    pub(crate) fn is_wide(self) -> bool {
        match self {
            Numbers::Wide(_) => true,
            #[cfg(feature = "half")]
            Numbers::Narrow(..) => false,
        }
    }

    /// The numbers before `middle`, which there are, and the others.
    #[cfg(feature = "rayon")]
    pub(crate) fn halves(self, middle: usize) -> (Self, Self) {
        match self {
            Numbers::Wide(values) => {
                let (first, others) = values.split_at(middle);
                (Numbers::Wide(first), Numbers::Wide(others))
            }
            #[cfg(feature = "half")]
            Numbers::Narrow(kind, bits) => {
                let (first, others) = bits.split_at(middle);
                (Numbers::Narrow(kind, first), Numbers::Narrow(kind, others))
            }
        }
    }

    /// Takes the first numbers off, if there are as many.
    #[inline(always)]
    pub(crate) fn take(&mut self, length: usize) -> Option<Self> {
        match self {
            Numbers::Wide(values) => Some(Numbers::Wide(values.split_off(..length)?)),
            #[cfg(feature = "half")]
            Numbers::Narrow(kind, bits) => Some(Numbers::Narrow(*kind, bits.split_off(..length)?)),
        }
    }

    /// So many numbers from `start` on.
    #[inline(always)]
    pub(crate) fn part(self, start: usize, length: usize) -> Option<Self> {
        match self {
            Numbers::Wide(values) => Some(Numbers::Wide(values.get(start..)?.get(..length)?)),
            #[cfg(feature = "half")]
            Numbers::Narrow(kind, bits) => {
                Some(Numbers::Narrow(kind, bits.get(start..)?.get(..length)?))
            }
        }
    }

    /// The numbers from `start` on.
    #[inline(always)]
    pub(crate) fn after(self, start: usize) -> Option<Self> {
        match self {
            Numbers::Wide(values) => Some(Numbers::Wide(values.get(start..)?)),
            #[cfg(feature = "half")]
            Numbers::Narrow(kind, bits) => Some(Numbers::Narrow(kind, bits.get(start..)?)),
        }
    }

    /// Four of them, `step` apart, if they are all there.
    #[inline(always)]
    pub(crate) fn group(self, start: usize, step: usize) -> Option<[R; 4]> {
        match self {
            Numbers::Wide(values) => {
                let group = values.get(start..)?.get(..3 * step + 1)?;
                Some([group[0], group[step], group[2 * step], group[3 * step]])
            }
            #[cfg(feature = "half")]
            Numbers::Narrow(kind, bits) => {
                let group = bits.get(start..)?.get(..3 * step + 1)?;
                Some(
                    [group[0], group[step], group[2 * step], group[3 * step]]
                        .map(|bits| kind.widened(bits)),
                )
            }
        }
    }

    /// One of them.
    #[inline(always)]
    pub(crate) fn get(self, index: usize) -> Option<R> {
        match self {
            Numbers::Wide(values) => values.get(index).copied(),
            #[cfg(feature = "half")]
            Numbers::Narrow(kind, bits) => bits.get(index).map(|&bits| kind.widened(bits)),
        }
    }

    /// The numbers that need no room, which are worth reading ahead; otherwise none.
    #[inline(always)]
    pub(crate) fn plain(self) -> &'a [R] {
        match self {
            Numbers::Wide(values) => values,
            #[cfg(feature = "half")]
            Numbers::Narrow(..) => &[],
        }
    }

    /// All of them.
    pub(crate) fn all(self) -> impl Iterator<Item = R> + Clone {
        (0..self.len()).filter_map(move |index| self.get(index))
    }

    /// The same numbers where they lie, or, of a piece that the room has place for, widened.
    #[inline(always)]
    pub(crate) fn in_room<'b, const N: usize>(self, zero: R, room: &'b mut Room<R, N>) -> &'b [R]
    where
        'a: 'b,
    {
        self.begin_in_room(zero, self.len(), room)
    }

    /// The first `length` numbers likewise; behind those that need no room lie the others.
    #[inline(always)]
    pub(crate) fn begin_in_room<'b, const N: usize>(
        self,
        zero: R,
        length: usize,
        room: &'b mut Room<R, N>,
    ) -> &'b [R]
    where
        'a: 'b,
    {
        match self {
            Numbers::Wide(values) => values,
            #[cfg(feature = "half")]
            Numbers::Narrow(kind, bits) => {
                debug_assert!(length <= N);
                let places = places_in(room, zero, length);
                kind.widen(bits, places);
                places
            }
        }
    }
}

impl<'a, R: Computed> Places<'a, R> {
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        match self {
            Places::Wide(values) => values.len(),
            #[cfg(feature = "half")]
            Places::Narrow(_, bits) => bits.len(),
        }
    }

    #[inline(always)]
    pub(crate) fn is_wide(&self) -> bool {
        match self {
            Places::Wide(_) => true,
            #[cfg(feature = "half")]
            Places::Narrow(..) => false,
        }
    }

    /// The places that are written without a room, which are worth reading ahead; otherwise none.
    #[inline(always)]
    pub(crate) fn plain(&self) -> &[R] {
        match self {
            Places::Wide(values) => values,
            #[cfg(feature = "half")]
            Places::Narrow(..) => &[],
        }
    }

    /// The places that are written without a room; otherwise none.
    #[inline(always)]
    pub(crate) fn into_plain(self) -> &'a mut [R] {
        match self {
            Places::Wide(values) => values,
            #[cfg(feature = "half")]
            Places::Narrow(..) => &mut [],
        }
    }

    /// No places.
    #[inline(always)]
    pub(crate) fn none() -> Self {
        Places::Wide(&mut [])
    }

    /// The same places, for a while.
    #[inline(always)]
    pub(crate) fn again(&mut self) -> Places<'_, R> {
        match self {
            Places::Wide(values) => Places::Wide(values),
            #[cfg(feature = "half")]
            Places::Narrow(kind, bits) => Places::Narrow(*kind, bits),
        }
    }

    /// The first places, and the others.
    #[inline(always)]
    pub(crate) fn split_at(self, middle: usize) -> Option<(Self, Self)> {
        match self {
            Places::Wide(values) => {
                let (first, others) = values.split_at_mut_checked(middle)?;
                Some((Places::Wide(first), Places::Wide(others)))
            }
            #[cfg(feature = "half")]
            Places::Narrow(kind, bits) => {
                let (first, others) = bits.split_at_mut_checked(middle)?;
                Some((Places::Narrow(kind, first), Places::Narrow(kind, others)))
            }
        }
    }

    /// The places before `middle`, which there are, and the others.
    #[cfg(feature = "rayon")]
    pub(crate) fn halves(self, middle: usize) -> (Self, Self) {
        match self {
            Places::Wide(values) => {
                let (first, others) = values.split_at_mut(middle);
                (Places::Wide(first), Places::Wide(others))
            }
            #[cfg(feature = "half")]
            Places::Narrow(kind, bits) => {
                let (first, others) = bits.split_at_mut(middle);
                (Places::Narrow(kind, first), Places::Narrow(kind, others))
            }
        }
    }

    /// Takes the first places off, if there are as many.
    #[inline(always)]
    pub(crate) fn take(&mut self, length: usize) -> Option<Self> {
        match self {
            Places::Wide(values) => Some(Places::Wide(values.split_off_mut(..length)?)),
            #[cfg(feature = "half")]
            Places::Narrow(kind, bits) => {
                Some(Places::Narrow(*kind, bits.split_off_mut(..length)?))
            }
        }
    }

    /// The same number in all of them.
    #[inline(always)]
    pub(crate) fn fill(&mut self, value: R) {
        match self {
            Places::Wide(values) => values.fill(value),
            #[cfg(feature = "half")]
            Places::Narrow(kind, bits) => {
                bits.fill(kind.narrowed(value));
            }
        }
    }

    /// Places to write a piece to, with the numbers that are there if they are `wanted`: these places, or the
    /// room, from where [`keep`](Places::keep) brings them here.
    #[inline(always)]
    pub(crate) fn in_room<'b, const N: usize>(
        &'b mut self,
        zero: R,
        room: &'b mut Room<R, N>,
        wanted: bool,
    ) -> &'b mut [R] {
        match self {
            Places::Wide(values) => values,
            #[cfg(feature = "half")]
            Places::Narrow(kind, bits) => {
                debug_assert!(bits.len() <= N);
                let places = places_in(room, zero, bits.len());
                if wanted {
                    kind.widen(bits, places);
                }
                places
            }
        }
    }

    /// Adds to each number that is there.
    #[inline(always)]
    pub(crate) fn add(self, terms: &[R])
    where
        R: Add<Output = R>,
    {
        match self {
            Places::Wide(values) => {
                for (place, &term) in values.iter_mut().zip(terms) {
                    *place = *place + term;
                }
            }
            #[cfg(feature = "half")]
            Places::Narrow(kind, bits) => {
                for (place, &term) in bits.iter_mut().zip(terms) {
                    *place = kind.narrowed(kind.widened(*place) + term);
                }
            }
        }
    }

    /// Writes one number, or adds it to what is there.
    #[inline(always)]
    pub(crate) fn put(&mut self, index: usize, value: R, added: bool)
    where
        R: Add<Output = R>,
    {
        match self {
            Places::Wide(values) => {
                if let Some(place) = values.get_mut(index) {
                    *place = if added { *place + value } else { value };
                }
            }
            #[cfg(feature = "half")]
            Places::Narrow(kind, bits) => {
                if let Some(place) = bits.get_mut(index) {
                    let value = if added { kind.widened(*place) + value } else { value };
                    *place = kind.narrowed(value);
                }
            }
        }
    }

    /// Rounds what is in the room.
    #[inline(always)]
    pub(crate) fn keep<const N: usize>(self, room: &Room<R, N>) {
        match (self, room) {
            #[cfg(feature = "half")]
            (Places::Narrow(kind, bits), Some(room)) => kind.narrow(room, bits),
            _ => {}
        }
    }
}
