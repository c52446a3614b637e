//! A machine's own limits, on its widest vectors.

use crate::support::Number;

/// Independent chains of operations: more than the latency times the number of pipes of any processor
/// so far, and few enough for 16 registers.
const CHAINS: usize = 12;
/// Vectors that are read from a part before the next one's turn.
const LINES: usize = 4;

/// A number type, and what the limits need of it.
pub(crate) trait Limit: Number {
    /// Multiply-adds in registers, `steps` one after another in each of some independent chains;
    /// returns how many that are, counting each element of a vector, and something of their result.
    fn multiply_adds(steps: usize) -> (usize, Self);
    /// Reads all values, of all parts side by side, and does the least with them that the compiler
    /// cannot leave out. The parts have one length.
    fn read<const PARTS: usize>(parts: [&[Self]; PARTS]) -> Self;
}

#[cfg(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "aarch64", target_feature = "neon")
))]
mod vectors {
    use core::hint::black_box;

    use pulp::{Arch, Simd, WithSimd};

    use super::{CHAINS, LINES, Limit};

    macro_rules! limit {
        ($type:ident, $splat:ident, $mul_add:ident, $add:ident, $as:ident, $reduce:ident) => {
            impl Limit for $type {
                fn multiply_adds(steps: usize) -> (usize, $type) {
                    struct Work(usize);
                    impl WithSimd for Work {
                        type Output = (usize, $type);
                        #[inline(always)]
                        fn with_simd<S: Simd>(self, simd: S) -> (usize, $type) {
                            // Towards 2: nothing overflows, nothing gets subnormal.
                            let (factor, term) = black_box((0.5, 1.0));
                            let (factor, term) = (simd.$splat(factor), simd.$splat(term));
                            let mut chains = [term; CHAINS];
                            for _ in 0..self.0 {
                                for chain in &mut chains {
                                    *chain = simd.$mul_add(*chain, factor, term);
                                }
                            }
                            let mut all = chains[0];
                            for chain in chains {
                                all = simd.$add(all, chain);
                            }
                            let lanes = size_of_val(&all) / size_of::<$type>();
                            (self.0 * CHAINS * lanes, simd.$reduce(all))
                        }
                    }
                    Arch::new().dispatch(Work(steps))
                }

                fn read<const PARTS: usize>(parts: [&[$type]; PARTS]) -> $type {
                    struct Work<'a, const PARTS: usize>([&'a [$type]; PARTS]);
                    impl<const PARTS: usize> WithSimd for Work<'_, PARTS> {
                        type Output = $type;
                        #[inline(always)]
                        fn with_simd<S: Simd>(self, simd: S) -> $type {
                            let mut chains = [[simd.$splat(0.0); LINES]; PARTS];
                            let parts = self.0.map(|part| S::$as(part).0.as_chunks::<LINES>().0);
                            for i in 0..parts[0].len() {
                                for (chains, part) in chains.iter_mut().zip(parts) {
                                    for (chain, &vector) in chains.iter_mut().zip(&part[i]) {
                                        *chain = simd.$add(*chain, vector);
                                    }
                                }
                            }
                            let mut all = simd.$splat(0.0);
                            for chain in chains.into_iter().flatten() {
                                all = simd.$add(all, chain);
                            }
                            simd.$reduce(all)
                        }
                    }
                    Arch::new().dispatch(Work(parts))
                }
            }
        };
    }
    limit!(f32, splat_f32s, mul_add_f32s, add_f32s, as_simd_f32s, reduce_sum_f32s);
    limit!(f64, splat_f64s, mul_add_f64s, add_f64s, as_simd_f64s, reduce_sum_f64s);
}

/// Plain code, as the target compiles it.
#[cfg(not(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "aarch64", target_feature = "neon")
)))]
mod plain {
    use core::hint::black_box;

    use super::{CHAINS, LINES, Limit};

    macro_rules! limit {
        ($type:ident) => {
            impl Limit for $type {
                fn multiply_adds(steps: usize) -> (usize, $type) {
                    let (factor, term): ($type, $type) = black_box((0.5, 1.0));
                    let mut chains = [term; CHAINS];
                    for _ in 0..steps {
                        for chain in &mut chains {
                            *chain = *chain * factor + term;
                        }
                    }
                    (steps * CHAINS, chains.iter().sum())
                }

                fn read<const PARTS: usize>(parts: [&[$type]; PARTS]) -> $type {
                    let mut chains = [[0.0; LINES]; PARTS];
                    let parts = parts.map(|part| part.as_chunks::<LINES>().0);
                    for i in 0..parts[0].len() {
                        for (chains, part) in chains.iter_mut().zip(parts) {
                            for (chain, &value) in chains.iter_mut().zip(&part[i]) {
                                *chain += value;
                            }
                        }
                    }
                    chains.into_iter().flatten().sum()
                }
            }
        };
    }
    limit!(f32);
    limit!(f64);
}
