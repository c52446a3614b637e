//! Numbers of 16 bits: what they are in the type that they are computed with in, and back.
//!
//! Both are integer operations and selections, element by element: the compiler makes registers of them, of
//! whatever instruction set the loop around them is compiled for.

use core::fmt::Debug;

/// A number type that is computed with.
pub trait Computed: Copy + Debug + Send + Sync + 'static {
    /// The numbers of 16 bits that are computed with in it.
    #[cfg(feature = "half")]
    type Narrow: Narrow<Self>;
}

/// A kind of numbers of 16 bits.
#[cfg(feature = "half")]
pub trait Narrow<R>: Copy + Debug + Send + Sync + 'static {
    /// The same number; exact.
    fn widened(self, bits: u16) -> R;
    /// The same numbers, as many as both have.
    fn widen(self, bits: &[u16], out: &mut [R]);
    /// The nearest number, ties to even; too large ones are infinite.
    fn narrowed(self, value: R) -> u16;
    /// Likewise, as many as both have.
    fn narrow(self, values: &[R], out: &mut [u16]);
}

/// There is none.
#[cfg(feature = "half")]
#[derive(Clone, Copy, Debug)]
pub enum Never {}

#[cfg(feature = "half")]
impl<R> Narrow<R> for Never {
    #[inline(always)]
    fn widened(self, _: u16) -> R {
        match self {}
    }
    #[inline(always)]
    fn widen(self, _: &[u16], _: &mut [R]) {
        match self {}
    }
    #[inline(always)]
    fn narrowed(self, _: R) -> u16 {
        match self {}
    }
    #[inline(always)]
    fn narrow(self, _: &[R], _: &mut [u16]) {
        match self {}
    }
}

impl Computed for f64 {
    #[cfg(feature = "half")]
    type Narrow = Never;
}

#[cfg(not(feature = "half"))]
impl Computed for f32 {}
