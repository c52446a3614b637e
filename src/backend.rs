//! Which instruction set runs: found once, by asking the machine. Each kind of machine has a file.

#[cfg_attr(all(target_arch = "x86_64", target_feature = "sse2"), path = "backend/x86_64.rs")]
#[cfg_attr(all(target_arch = "aarch64", target_feature = "neon"), path = "backend/aarch64.rs")]
#[cfg_attr(
    any(
        all(target_arch = "x86", target_feature = "sse2"),
        all(target_arch = "wasm32", target_feature = "simd128")
    ),
    path = "backend/fixed.rs"
)]
#[cfg_attr(
    not(any(
        all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "sse2"),
        all(target_arch = "aarch64", target_feature = "neon"),
        all(target_arch = "wasm32", target_feature = "simd128")
    )),
    path = "backend/scalar.rs"
)]
mod machine;

use core::str::FromStr;

use crate::error::Error;
use crate::isa::Isa;

pub use machine::{Backend, Number};

impl Backend {
    /// The back-end of an instruction set, or the error that says it is not there.
    #[inline]
    pub(crate) fn of(isa: Isa) -> Result<Backend, Error> {
        Backend::new(isa).ok_or(Error::IsaUnavailable { isa })
    }
}

impl Isa {
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

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::float::Float;
    use crate::lanes::{Kernel, Lanes};
    use std::vec::Vec;

    /// The larger of each pair of these numbers, in lane 0.
    struct LargerOfPairs<'a, T>(&'a [T]);

    impl<T: Float> Kernel<T> for LargerOfPairs<'_, T> {
        type Output = Vec<T>;

        #[inline(always)]
        fn run<L: Lanes<Elem = T>>(self, l: L) -> Vec<T> {
            let pairs = self.0.iter().flat_map(|&a| self.0.iter().map(move |&b| (a, b)));
            pairs.map(|(a, b)| l.first(l.larger(l.splat(a), l.splat(b)))).collect()
        }
    }

    fn compare<T: Number>(numbers: &[T], bits: fn(T) -> u64) {
        let larger = |&a: &T, &b: &T| bits(if a < b { b } else { a });
        let expected: Vec<u64> =
            numbers.iter().flat_map(|a| numbers.iter().map(move |b| larger(a, b))).collect();
        for isa in Isa::available() {
            let backend = Backend::new(isa).expect("an available instruction set");
            let found: Vec<u64> =
                backend.run(LargerOfPairs(numbers)).into_iter().map(bits).collect();
            assert_eq!(found, expected, "{isa}");
        }
    }

    /// The first where they are unordered or equal: two zeros, two NaNs.
    #[test]
    fn larger_is_a_comparison_and_a_selection() {
        let nan = f32::from_bits(0x7fc0_0001);
        compare(&[0.0, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, nan], |x| {
            u64::from(x.to_bits())
        });
        let nan = f64::from_bits(0x7ff8_0000_0000_0001);
        compare(
            &[0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, nan],
            f64::to_bits,
        );
    }
}
