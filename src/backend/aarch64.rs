//! AArch64: NEON by asking the CPU.

use pulp::aarch64::Neon;

use crate::isa::Isa;
use crate::lanes::Kernel;
use crate::lanes::pulp::{OnToken, run};
use crate::lanes::scalar::Scalar;

/// A number type that every back-end of this machine has.
pub trait Number: OnToken {}

impl<T: OnToken> Number for T {}

/// An instruction set that was found to be there; holding one is the proof.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    Scalar,
    Neon(Neon),
}

impl Backend {
    /// The widest there is.
    #[inline]
    pub(crate) fn best() -> Backend {
        match Neon::try_new() {
            Some(token) => Backend::Neon(token),
            None => Backend::Scalar,
        }
    }

    /// That of an instruction set, if it is there.
    pub(crate) fn new(isa: Isa) -> Option<Backend> {
        match isa {
            Isa::Scalar => Some(Backend::Scalar),
            Isa::Neon => Neon::try_new().map(Backend::Neon),
            Isa::Sse2 | Isa::Avx2 | Isa::Avx512 | Isa::Simd128 => None,
        }
    }

    /// Its name.
    pub(crate) fn isa(self) -> Isa {
        match self {
            Backend::Scalar => Isa::Scalar,
            Backend::Neon(_) => Isa::Neon,
        }
    }

    /// Runs a kernel. The one branch on the instruction set stands here, outside every loop.
    #[inline]
    pub(crate) fn run<T: Number, K: Kernel<T>>(self, kernel: K) -> K::Output {
        match self {
            Backend::Scalar => kernel.run(Scalar::<T>::NEW),
            Backend::Neon(token) => run(token, kernel),
        }
    }
}
