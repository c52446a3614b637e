//! KL divergence as a loss, on plain slices of `f32` and `f64`: values and gradients.
//!
//! Everything computes `D(target ‖ input) = Σ p·(ln p − ln q)` in nats. The **input** says `q`, what
//! a model believes; the **target** says `p`, the reference distribution. Each is given as
//! probabilities or as their natural logarithms. Every function returns the same bits on every
//! instruction set.
//!
//! - [`KlDiv`] is the core: sums, single terms, rows, gradients by input and target, entropy.
//! - [`KlDivLoss`] and [`kl_div`] are the same under the names of PyTorch's `nn.KLDivLoss` and
//!   `nn.functional.kl_div`.
//! - [`DistillLoss`] goes from rows of logits straight to losses and gradients, for distillation and
//!   for class indices.
//! - [`ExactSum`] adds up losses of rows that are spread over threads, files or machines: the order does
//!   not show.
//! - [`log_softmax`] and [`softmax`] turn rows of logits into what the others take.
//! - [`reference`](mod@reference) is every operation once more, plain and slow, to read and to
//!   compare with.
//! - [`guide`] has longer tables: costs on small machines, speed.
//!
//! ```
//! use kldiv::{Input, KlDiv, Target, Upstream};
//!
//! # fn main() -> Result<(), kldiv::Error> {
//! // A fair coin, and a model that expects heads once in four throws: ½·ln 2 + ½·ln ⅔.
//! let (model, coin) = ([0.25_f64, 0.75], [0.5, 0.5]);
//! let kl = KlDiv::new(Input::Probs(&model), Target::Probs(&coin))?;
//! assert!((kl.sum() - 0.5 * (4.0_f64 / 3.0).ln()).abs() < 1e-15);
//!
//! // −p/q: more of the first would lower the loss, faster than more of the second.
//! let mut gradient = [0.0; 2];
//! kl.grad_input(Upstream::Uniform(1.0), &mut gradient)?;
//! assert_eq!(gradient, [-2.0, -0.5 / 0.75]);
//! # Ok(())
//! # }
//! ```
//!
//! # The four pairs
//!
//! | input | target | term | d term / d input | d term / d target |
//! |---|---|---|---|---|
//! | [`LogProbs`](Input::LogProbs) x | [`Probs`](Target::Probs) t | t·(ln t − x) | −t | ln t + 1 − x |
//! | [`LogProbs`](Input::LogProbs) x | [`LogProbs`](Target::LogProbs) t | eᵗ·(t − x) | −eᵗ | eᵗ·(t − x + 1) |
//! | [`Probs`](Input::Probs) q | [`Probs`](Target::Probs) t | t·(ln t − ln q) | −t/q | ln t − ln q + 1 |
//! | [`Probs`](Input::Probs) q | [`LogProbs`](Target::LogProbs) t | eᵗ·(t − ln q) | −eᵗ/q | eᵗ·(t − ln q + 1) |
//!
//! Nothing is normalised: input and target are taken as they are. [`KlDiv::validate`] checks them on
//! request. The first two pairs are those of PyTorch, without and with its `log_target`.
//!
//! # Special values
//!
//! An element whose target probability p is zero **takes no part**: its term and both its gradients
//! are +0, whatever the input and the upstream gradient hold. Zero means t = ±0, or a log-probability
//! whose eᵗ rounds to 0 in the type at hand: −∞, and whatever is below about −103.97 for `f32`,
//! −745.13 for `f64`. Everywhere else a result has the class (NaN, ±∞, sign) that the formulas above
//! have in IEEE arithmetic; subnormals count as numbers.
//!
//! Of a target probability p and an input log-probability x:
//!
//! | target p | input x | term | d term / d input | d term / d target |
//! |---|---|---|---|---|
//! | 0, −0, or eᵗ = 0 | anything, ±∞ and NaN too | 0 | 0 | 0 |
//! | positive, finite | −∞ | +∞ | −p | +∞ |
//! | positive, finite | +∞ | −∞ | −p | −∞ |
//! | positive, +∞ too | NaN | NaN | −p | NaN |
//! | negative, −∞ too | anything | NaN | −p | NaN |
//! | t = +∞, as it is or as a logarithm | below +∞ | +∞ | −∞ | +∞ |
//! | t = +∞, as it is or as a logarithm | +∞ | NaN | −∞ | NaN |
//! | +∞ because eᵗ overflows, t finite | not NaN | ∞·(t − x) | −∞ | ∞·(t − x + 1) |
//! | NaN | anything | NaN | NaN | NaN |
//!
//! For an input of probabilities read x = ln q: q = ±0 is −∞, a negative q is NaN. Its derivative is
//! −p/q, which is −∞ at q = 0 and +∞ at q = −0. A gradient is the derivative times the upstream
//! factor, so an infinite derivative under a factor of 0 is NaN, and so is one that underflows to 0
//! under an infinite factor, as everywhere in IEEE arithmetic.
//!
//! Where PyTorch answers otherwise:
//!
//! | where | PyTorch | here |
//! |---|---|---|
//! | p = 0 and x infinite or NaN | term NaN; target gradient NaN | 0 |
//! | t = ±0, any x | target gradient NaN | 0 |
//! | log target t = −∞, any x | term and target gradient NaN | 0 |
//! | p = 0, upstream infinite or NaN | gradients NaN | 0 |
//! | p = 0, upstream finite | input gradient 0 of either sign | +0 |
//! | t = +∞ and 0 ≤ x < +∞ | term NaN: it computes t·ln t − t·x | +∞ |
//! | t = +∞ and x < +∞ | target gradient NaN | +∞ |
//! | t finite, t·ln t or t·x overflows | term infinite or NaN, by the same way of computing | t·(ln t − x) |
//! | log target, t finite, eᵗ overflows, t ≤ x | target gradient NaN | ∞·(t − x + 1) |
//! | t negative and finite, upstream 0, x finite | target gradient 0 | NaN |
//! | p > 0, upstream infinite | target gradient may be NaN, from ∞ − ∞ | the derivative times ∞ |
//! | upstream times t overflows or underflows | target gradient infinite or inexact: it divides by t again | the derivative times upstream |
//!
//! # Equal bits
//!
//! For the same values and lengths every function returns the same bits with AVX-512, AVX2, SSE2,
//! NEON, WebAssembly's simd128 and plain scalar code, whatever the alignment of the slices. Any NaN
//! stands for any other: its sign and payload are not part of the promise. It holds because kernels
//! use only operations with one right answer: IEEE addition, subtraction, multiplication, division,
//! comparison, selection and the bits themselves. There is no fused multiply-add, no reciprocal
//! estimate, no minimum or maximum instruction and no library function.
//!
//! What it asks for:
//!
//! - The default floating-point environment: round to nearest, subnormal numbers kept. Code that
//!   sets flush-to-zero or another rounding mode gets other bits.
//! - Floats that the target computes as IEEE 754 has them. 32-bit x86 without SSE2, where the
//!   compiler uses the x87 unit, does not.
//!
//! An element's term and gradients depend on that element and its upstream factor alone, a row's sum
//! and a row's softmax and loss on that row alone, so elements and rows can be split among threads in any way.
//! A sum over everything depends on its order, which is fixed. With `L` = 128 bytes of elements, that
//! is 32 for `f32` and 16 for `f64`:
//!
//! 1. Term `i` of a stream belongs to virtual lane `i mod L`. Each row of [`KlDiv::row_sums`], each
//!    row of logits, and each whole slice is a stream of its own.
//! 2. A lane has a main sum and a second sum, both +0 at first. It takes its terms four at a time as
//!    `v = (a + b) + (c + d)`, absent ones of the last four as +0. The new main sum is `s' = s + v`;
//!    the second sum gains what rounding took, `v − (s' − s)`.
//! 3. Lanes are merged pairwise: `i` with `i + L/2`, then with `i + L/4`, down to `i + 1`. The main
//!    sums are added; the second sums are added, and then the exact rounding error of the former
//!    (Knuth's two-sum).
//! 4. A stream longer than 65,536 terms is cut into chunks of that length, each summed by steps 1 to
//!    3; their results are merged like lanes, in order.
//! 5. At the end the two sums are added. If the main sum is not finite, it is the result by itself,
//!    so infinities and NaN come out as a plain sum has them.
//!
//! A change of any result's bits is a change of behaviour, and the changelog says so.
//!
//! # Accuracy
//!
//! `u` is 2⁻²⁴ for `f32` and 2⁻⁵³ for `f64`. The numbers are the constants in [`accuracy`], and
//! the tests read them there.
//!
//! | what | error at most | constant |
//! |---|---|---|
//! | ln, `f32` | 0.85 ulp | [`LN_F32_MAX_ULP`](accuracy::LN_F32_MAX_ULP) |
//! | exp, `f32` | 0.75 ulp | [`EXP_F32_MAX_ULP`](accuracy::EXP_F32_MAX_ULP) |
//! | ln and exp, `f64` | 0.9 ulp | [`LN_F64_MAX_ULP`](accuracy::LN_F64_MAX_ULP), [`EXP_F64_MAX_ULP`](accuracy::EXP_F64_MAX_ULP) |
//! | exp where the result is subnormal | 1 ulp | [`EXP_SUBNORMAL_MAX_ULP`](accuracy::EXP_SUBNORMAL_MAX_ULP) |
//! | a term | 4 u · p (\|ln p\| + \|ln q\|) | [`TERM_MAX_U`](accuracy::TERM_MAX_U) |
//! | the same, both given as logarithms | 4 u · \|term\| | [`TERM_MAX_U`](accuracy::TERM_MAX_U) |
//! | a sum of any length | 2 u · \|sum\| + 8 u · Σ p (\|ln p\| + \|ln q\|) | [`SUM_MAX_U`](accuracy::SUM_MAX_U), [`SUM_MAX_U_OF_SCALE`](accuracy::SUM_MAX_U_OF_SCALE) |
//!
//! Where eᵗ or a result is subnormal, the distance between two subnormal numbers is a further floor.
//! The bound of a sum does not grow with its length. That of exp in ulp holds where exp is the
//! result, which is [`KlDiv::grad_input`]; as a factor in a term, a share or a loss it takes fewer
//! operations and is within 1.3 u of itself ([`EXP_FACTOR_MAX_U`](accuracy::EXP_FACTOR_MAX_U)), which
//! the other bounds include.
//!
//! # Instruction sets
//!
//! | target | instruction sets | chosen |
//! |---|---|---|
//! | x86-64 | `avx512`, `avx2`, `sse2`, `scalar` | at run time, by what the CPU has and the operating system saves |
//! | x86 with SSE2 | `sse2`, `scalar` | at compile time |
//! | AArch64 with NEON | `neon`, `scalar` | at run time |
//! | WebAssembly with `-C target-feature=+simd128` | `simd128`, `scalar` | at compile time |
//! | everything else | `scalar` | |
//!
//! [`KlDiv::new`] chooses the widest, and so does each call of [`softmax`] and [`log_softmax`]: one
//! branch, outside every loop. The CPU is asked the first time and the answer kept. [`Isa::best`]
//! names the choice, [`KlDiv::on`] overrules it.
//!
//! # Features
//!
//! | feature | default | brings |
//! |---|---|---|
//! | `std` | yes | detection by the standard library; nothing in the interface or the results changes |
//! | `avx512` | yes | kernels for AVX-512 beside those for AVX2 |
//! | `rayon` | no | the module `parallel`: the same results, bit for bit, on several threads; brings `std` |
//! | `ffi` | no | the C interface, for a static or a dynamic library; the only unsafe code |
//! | `panic-handler` | no | a panic handler for a static library without `std` |
//!
//! The crate is `no_std` either way. It does not allocate, contains no `unsafe` without `ffi`, and
//! no public function panics, whatever it is given: lengths that disagree are an [`Error`], and
//! outputs are untouched when one is returned.
//!
//! The minimum supported Rust version is 1.89.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(feature = "ffi"), forbid(unsafe_code))]

#[cfg(feature = "std")]
extern crate std;

pub mod accuracy;
mod backend;
mod compiled;
mod distill;
mod element;
mod error;
mod exact_sum;
#[cfg(feature = "ffi")]
#[allow(unsafe_code, reason = "C passes pointers")]
mod ffi;
mod fixed_point;
mod float;
mod forms;
mod formula;
#[cfg(doc)]
pub mod guide;
mod isa;
mod kernel;
mod kl;
mod lanes;
mod loss;
mod math;
mod numbers;
#[cfg(feature = "rayon")]
pub mod parallel;
mod reduction;
pub mod reference;
mod row_state;
mod rows;
mod shape;
mod softmax;
mod stream;
mod teacher;
mod top_k;
mod upstream;

pub use distill::{DistillLoss, validate_top_k};
pub use element::Element;
pub use error::{Error, Side};
pub use exact_sum::ExactSum;
pub use forms::{Input, Target};
pub use isa::Isa;
pub use kl::KlDiv;
pub use loss::{KlDivLoss, kl_div};
pub use reduction::Reduction;
pub use row_state::RowState;
pub use rows::Rows;
pub use softmax::{log_softmax, log_softmax_on, softmax, softmax_on};
pub use teacher::{Divergence, IGNORED, Teacher};
pub use top_k::{Rest, TopK};
pub use upstream::Upstream;

/// Here so that `cargo test` runs the README's code; nothing else sees it.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
