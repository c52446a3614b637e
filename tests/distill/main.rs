//! Losses of rows of logits: against the reference, against their own slopes, at the edges, and the same bits everywhere.

#[path = "../support/mod.rs"]
mod support;

mod against_reference;
mod bits;
mod errors;
mod layouts;
mod problem;
mod slopes;
mod small_divergences;
mod special_values;
mod validate;
