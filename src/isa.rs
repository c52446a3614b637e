//! Which back-end runs: the only place that names pulp's tokens or a CPU feature.

use core::fmt;
use core::str::FromStr;

use crate::error::Error;
use crate::kernel::Kernel;
use crate::lanes::Float;
#[cfg(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "aarch64", target_feature = "neon")
))]
use crate::lanes::pulp;
use crate::lanes::scalar;

/// An instruction set that a kernel can be run with. All give the same bits.
///
/// The text form is the name in lower case, read and written alike: `scalar`, `sse2`, `avx2`,
/// `avx512`, `neon`, `simd128`. All names are known everywhere; which of them are available is
/// another matter.
///
/// # Errors
/// Reading anything else gives [`Error::UnknownIsa`].
/// # Examples
/// ```
/// use kldiv::Isa;
///
/// assert!(Isa::Scalar.is_available());
/// assert!(Isa::available().any(|isa| isa == Isa::best()));
/// assert_eq!("avx512".parse(), Ok(Isa::Avx512));
/// assert_eq!(Isa::Simd128.to_string(), "simd128");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// One element at a time, on every target.
    Scalar,
    /// x86 with SSE2, fixed at compile time.
    Sse2,
    /// x86-64 with AVX2, found at run time; FMA, BMI1, BMI2, LZCNT and POPCNT must be there too.
    Avx2,
    /// x86-64 with AVX-512 F, BW, CD, DQ and VL beside all that [`Avx2`](Isa::Avx2) asks for, found
    /// at run time; needs the feature `avx512`.
    Avx512,
    /// AArch64 with NEON (Advanced SIMD), found at run time.
    Neon,
    /// WebAssembly with `simd128`, fixed at compile time.
    Simd128,
}

impl Isa {
    /// From the narrowest to the widest: of those that a machine has, the last is the best.
    const ALL: [Isa; 6] = [Isa::Scalar, Isa::Sse2, Isa::Avx2, Isa::Avx512, Isa::Neon, Isa::Simd128];

    /// The widest instruction set of this machine: what every function uses unless told otherwise.
    ///
    /// The CPU is asked once; later calls read the answer.
    ///
    /// # Examples
    /// ```
    /// use kldiv::Isa;
    ///
    /// assert_eq!(Some(Isa::best()), Isa::available().last());
    /// ```
    #[must_use]
    pub fn best() -> Isa {
        Backend::best().isa()
    }

    /// All that this machine and this build have, [`Scalar`](Isa::Scalar) first, the best last.
    ///
    /// # Examples
    /// ```
    /// use kldiv::Isa;
    ///
    /// assert_eq!(Isa::available().next(), Some(Isa::Scalar));
    /// ```
    pub fn available() -> impl Iterator<Item = Isa> {
        Isa::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// Whether this machine and this build have it, and the operating system saves its registers.
    ///
    /// # Examples
    /// ```
    /// use kldiv::Isa;
    ///
    /// assert!(Isa::best().is_available());
    /// assert!(!(Isa::Neon.is_available() && Isa::Sse2.is_available())); // no machine is both
    /// ```
    #[must_use]
    pub fn is_available(self) -> bool {
        Backend::new(self).is_some()
    }

    const fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Sse2 => "sse2",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
            Isa::Simd128 => "simd128",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Isa {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Isa::ALL
            .into_iter()
            .find(|isa| isa.name() == name)
            .ok_or(Error::UnknownIsa { len: name.len() })
    }
}

/// An instruction set that was found to be there; holding one is the proof.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    Scalar,
    #[cfg(any(
        all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"),
        all(target_arch = "wasm32", target_feature = "simd128")
    ))]
    Wide,
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Avx2(::pulp::x86::V3),
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2", feature = "avx512"))]
    Avx512(::pulp::x86::V4),
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    Neon(::pulp::aarch64::Neon),
}

impl Backend {
    #[inline]
    pub(crate) fn best() -> Backend {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        {
            #[cfg(feature = "avx512")]
            if let Some(token) = avx512() {
                return Backend::Avx512(token);
            }
            if let Some(token) = avx2() {
                return Backend::Avx2(token);
            }
        }
        #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
        if let Some(token) = ::pulp::aarch64::Neon::try_new() {
            return Backend::Neon(token);
        }
        #[cfg(any(
            all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"),
            all(target_arch = "wasm32", target_feature = "simd128")
        ))]
        return Backend::Wide;
        #[cfg(not(any(
            all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"),
            all(target_arch = "wasm32", target_feature = "simd128")
        )))]
        Backend::Scalar
    }

    pub(crate) fn new(isa: Isa) -> Option<Backend> {
        match isa {
            Isa::Scalar => Some(Backend::Scalar),
            #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"))]
            Isa::Sse2 => Some(Backend::Wide),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128 => Some(Backend::Wide),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Isa::Avx2 => avx2().map(Backend::Avx2),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2", feature = "avx512"))]
            Isa::Avx512 => avx512().map(Backend::Avx512),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Isa::Neon => ::pulp::aarch64::Neon::try_new().map(Backend::Neon),
            #[allow(unreachable_patterns, reason = "which arms stand above depends on the target")]
            _ => None,
        }
    }

    /// The same, or the error that says it is not there.
    pub(crate) fn of(isa: Isa) -> Result<Backend, Error> {
        Backend::new(isa).ok_or(Error::IsaUnavailable { isa })
    }

    fn isa(self) -> Isa {
        match self {
            Backend::Scalar => Isa::Scalar,
            #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"))]
            Backend::Wide => Isa::Sse2,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Backend::Wide => Isa::Simd128,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Backend::Avx2(_) => Isa::Avx2,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2", feature = "avx512"))]
            Backend::Avx512(_) => Isa::Avx512,
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Backend::Neon(_) => Isa::Neon,
        }
    }

    /// Runs a kernel. The one branch on the instruction set stands here, outside every loop.
    #[inline]
    pub(crate) fn run<T: Float, K: Kernel<T>>(self, kernel: K) -> K::Output {
        match self {
            Backend::Scalar => kernel.run(scalar::Scalar::<T>::NEW),
            #[cfg(any(
                all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"),
                all(target_arch = "wasm32", target_feature = "simd128")
            ))]
            Backend::Wide => kernel.run(T::wide()),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Backend::Avx2(token) => pulp::run(token, kernel),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2", feature = "avx512"))]
            Backend::Avx512(token) => pulp::run(token, kernel),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Backend::Neon(token) => pulp::run(token, kernel),
        }
    }
}

// Pulp without std reads the CPU's flags alone; these also ask whether the operating system
// saves the wide registers.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
cpufeatures::new!(ymm_saved, "avx2");
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", feature = "avx512"))]
cpufeatures::new!(zmm_saved, "avx512f");

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline]
fn avx2() -> Option<::pulp::x86::V3> {
    if ymm_saved::get() { ::pulp::x86::V3::try_new() } else { None }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", feature = "avx512"))]
#[inline]
fn avx512() -> Option<::pulp::x86::V4> {
    if zmm_saved::get() { ::pulp::x86::V4::try_new() } else { None }
}
