//! Longer tables: what it costs on small machines, how fast it is.

#[doc = include_str!("guide/small_machines.md")]
pub mod small_machines {}

#[doc = include_str!("guide/speed.md")]
pub mod speed {}
