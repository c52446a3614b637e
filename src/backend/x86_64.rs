//! x86-64: SSE2 always, AVX2 and AVX-512 by asking the CPU and the operating system.

use pulp::x86::V3;
#[cfg(feature = "avx512")]
use pulp::x86::V4;

use crate::isa::Isa;
use crate::lanes::Kernel;
use crate::lanes::pulp::{OnToken, run};
use crate::lanes::scalar::Scalar;
use crate::lanes::wide::OnWide;

/// A number type that every back-end of this machine has.
pub trait Number: OnToken + OnWide {}

impl<T: OnToken + OnWide> Number for T {}

/// An instruction set that was found to be there; holding one is the proof.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    Scalar,
    Sse2,
    Avx2(V3),
    #[cfg(feature = "avx512")]
    Avx512(V4),
}

impl Backend {
    /// The widest there is.
    #[inline]
    pub(crate) fn best() -> Backend {
        #[cfg(feature = "avx512")]
        if let Some(token) = avx512() {
            return Backend::Avx512(token);
        }
        match avx2() {
            Some(token) => Backend::Avx2(token),
            None => Backend::Sse2,
        }
    }

    /// That of an instruction set, if it is there.
    pub(crate) fn new(isa: Isa) -> Option<Backend> {
        match isa {
            Isa::Scalar => Some(Backend::Scalar),
            Isa::Sse2 => Some(Backend::Sse2),
            Isa::Avx2 => avx2().map(Backend::Avx2),
            #[cfg(feature = "avx512")]
            Isa::Avx512 => avx512().map(Backend::Avx512),
            #[cfg(not(feature = "avx512"))]
            Isa::Avx512 => None,
            Isa::Neon | Isa::Simd128 => None,
        }
    }

    /// Its name.
    pub(crate) fn isa(self) -> Isa {
        match self {
            Backend::Scalar => Isa::Scalar,
            Backend::Sse2 => Isa::Sse2,
            Backend::Avx2(_) => Isa::Avx2,
            #[cfg(feature = "avx512")]
            Backend::Avx512(_) => Isa::Avx512,
        }
    }

    /// Runs a kernel. The one branch on the instruction set stands here, outside every loop.
    #[inline]
    pub(crate) fn run<T: Number, K: Kernel<T>>(self, kernel: K) -> K::Output {
        match self {
            Backend::Scalar => kernel.run(Scalar::<T>::NEW),
            Backend::Sse2 => kernel.run(T::wide()),
            Backend::Avx2(token) => run(token, kernel),
            #[cfg(feature = "avx512")]
            Backend::Avx512(token) => run(token, kernel),
        }
    }
}

// Pulp without std reads the CPU's flags alone; these also ask whether the operating system
// saves the wide registers.
cpufeatures::new!(ymm_saved, "avx2");
#[cfg(feature = "avx512")]
cpufeatures::new!(zmm_saved, "avx512f");

#[inline]
fn avx2() -> Option<V3> {
    if ymm_saved::get() { V3::try_new() } else { None }
}

#[cfg(feature = "avx512")]
#[inline]
fn avx512() -> Option<V4> {
    if zmm_saved::get() { V4::try_new() } else { None }
}
