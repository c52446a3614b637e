//! Divergences between rows of logits, and their gradients, without a temporary.
//!
//! A row is read once for its masses and, where that suffices, its loss ([`passes::first`]); it is
//! read again, once or twice, for what needs the masses first: terms that do not cancel, and
//! gradients ([`passes::second`], or [`passes::kept`] in the usual case). Each read is a kernel of its
//! own. What is done once a row ([`rows`], [`known`]) needs no vectors: it is compiled once for each
//! type instead of once for each back-end, and the kernels stay small enough for the compiler, whose
//! time grows faster than a function does.

pub(crate) mod divergences;
mod known;
pub(crate) mod parts;
mod passes;
pub(crate) mod problem;
pub(crate) mod rows;
pub(crate) mod states;
mod top_k;
