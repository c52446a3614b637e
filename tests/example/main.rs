//! The example `kl_div` as its users run it: files in, text and an exit status out.
//!
//! `cargo test` builds the example first; `cargo test --test example` takes the one that is there, however old.

// Under an emulator a test cannot start another program of its target.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod arrays;
mod forms;
mod kinds;
mod labels;
mod losses;
mod refusals;
mod report;
mod running;
mod statistics;
mod threads;
