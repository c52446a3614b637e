//! Random numbers for tests, fuzz targets and benchmarks.
#![allow(dead_code, reason = "each program that includes this file uses its own part")]

/// Sebastiano Vigna's splitmix64: integers only, so the same stream everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; the tiny bias towards small numbers does not matter here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A multiple of 2⁻⁵³ in (0, 1].
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// A number in (−`limit`, `limit`].
    pub(crate) fn between(&mut self, limit: f64) -> f64 {
        (self.unit() - 0.5) * 2.0 * limit
    }
}
