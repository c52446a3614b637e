//! Compensated sums, in the order that is part of the contract.
//!
//! With `L = 128 / size_of::<T>()` virtual lanes (32 for f32, 16 for f64):
//!
//! 1. Term `i` of a stream belongs to lane `i mod L`.
//! 2. A lane takes its terms four at a time, `(a + b) + (c + d)`, absent ones as +0, and adds
//!    that to its sum; the rounding error of this addition goes to a second sum.
//! 3. Lanes are merged pairwise: `i` with `i + L/2`, then with `i + L/4`, down to `i + 1`.
//! 4. A stream longer than [`CHUNK`](order::CHUNK) is cut into chunks, whose results are merged in
//!    order.
//! 5. At the end the two sums are added.
//!
//! The main sum alone decides whether the result is finite, so infinities and NaNs come out as
//! the plain sum has them.

pub(crate) mod ahead;
pub(crate) mod compensated;
pub(crate) mod fold;
pub(crate) mod group;
pub(crate) mod order;
