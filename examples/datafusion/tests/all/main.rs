//! What the functions answer, beside the crate's own functions on the same numbers; the programs as they are run.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod errors;
mod lists;
mod programs;
mod state;
mod support;
mod totals;
