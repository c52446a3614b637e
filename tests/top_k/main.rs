//! Teachers that name few classes of each row: against the reference, against their own slopes, at the edges, and the
//! same bits everywhere.

#[path = "../support/mod.rs"]
mod support;

mod against_reference;
mod edges;
mod errors;
mod layouts;
mod problem;
mod slopes;
