//! KL-divergence loss kernels on slices.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "std")]
extern crate std;

pub mod accuracy;
mod error;
mod isa;
mod kernel;
mod kl;
mod lanes;
mod loss;
mod math;
pub mod reference;
mod shape;
mod softmax;
mod sum;

pub use error::{Error, Side};
pub use isa::Isa;
pub use kl::{Input, KlDiv, Reduction, Target, Upstream};
pub use lanes::Element;
pub use loss::{KlDivLoss, kl_div};
pub use softmax::{Rows, log_softmax, softmax};
