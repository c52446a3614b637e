//! Machines without vectors, or without vectors that are known here.

use crate::float::Float;
use crate::isa::Isa;
use crate::lanes::Kernel;
use crate::lanes::scalar::Scalar;

/// A number type that every back-end of this machine has.
pub trait Number: Float {}

impl<T: Float> Number for T {}

/// Scalar code, which is everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Backend;

impl Backend {
    /// The only one.
    #[inline]
    pub(crate) fn best() -> Backend {
        Backend
    }

    /// That of an instruction set, if it is there.
    pub(crate) fn new(isa: Isa) -> Option<Backend> {
        if isa == Isa::Scalar { Some(Backend) } else { None }
    }

    /// Its name.
    pub(crate) fn isa(self) -> Isa {
        Isa::Scalar
    }

    /// Runs a kernel.
    #[inline]
    pub(crate) fn run<T: Number, K: Kernel<T>>(self, kernel: K) -> K::Output {
        kernel.run(Scalar::<T>::NEW)
    }
}
