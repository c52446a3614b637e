//! What the target guarantees at compile time: SSE2 on 32-bit x86, simd128 in WebAssembly.

use crate::isa::Isa;
use crate::lanes::Kernel;
use crate::lanes::scalar::Scalar;
use crate::lanes::wide::OnWide;

/// The instruction set beside scalar code.
const VECTORS: Isa = if cfg!(target_arch = "wasm32") { Isa::Simd128 } else { Isa::Sse2 };

/// A number type that every back-end of this machine has.
pub trait Number: OnWide {}

impl<T: OnWide> Number for T {}

/// An instruction set that is known to be there.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    Scalar,
    Vectors,
}

impl Backend {
    /// The widest there is.
    #[inline]
    pub(crate) fn best() -> Backend {
        Backend::Vectors
    }

    /// That of an instruction set, if it is there.
    pub(crate) fn new(isa: Isa) -> Option<Backend> {
        if isa == VECTORS {
            Some(Backend::Vectors)
        } else if isa == Isa::Scalar {
            Some(Backend::Scalar)
        } else {
            None
        }
    }

    /// Its name.
    pub(crate) fn isa(self) -> Isa {
        match self {
            Backend::Scalar => Isa::Scalar,
            Backend::Vectors => VECTORS,
        }
    }

    /// Runs a kernel. The one branch on the instruction set stands here, outside every loop.
    #[inline]
    pub(crate) fn run<T: Number, K: Kernel<T>>(self, kernel: K) -> K::Output {
        match self {
            Backend::Scalar => kernel.run(Scalar::<T>::NEW),
            Backend::Vectors => kernel.run(T::wide()),
        }
    }
}
