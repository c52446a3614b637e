//! Reads of a row, each a kernel.

pub(super) mod centred;
pub(super) mod elsewhere;
pub(super) mod first;
pub(super) mod kept;
pub(super) mod second;
