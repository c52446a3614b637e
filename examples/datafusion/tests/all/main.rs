//! What the functions answer, beside the crate's own functions on the same numbers; the programs as they are run.

mod errors;
mod lists;
mod programs;
mod state;
mod support;
mod totals;
