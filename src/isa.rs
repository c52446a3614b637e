//! The instruction sets and their names. Which of them a machine has is known to `backend`.

use core::fmt;

/// An instruction set that a kernel can be run with. All give the same bits.
///
/// The text form is the name in lower case, read and written alike: `scalar`, `sse2`, `avx2`,
/// `avx512`, `neon`, `simd128`. All names are known everywhere; which of them are available is
/// another matter.
///
/// # Errors
/// Reading anything else gives [`Error::UnknownIsa`](crate::Error::UnknownIsa).
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
    pub(crate) const ALL: [Isa; 6] =
        [Isa::Scalar, Isa::Sse2, Isa::Avx2, Isa::Avx512, Isa::Neon, Isa::Simd128];

    pub(crate) const fn name(self) -> &'static str {
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
