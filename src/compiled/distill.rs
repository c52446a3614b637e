//! Losses between rows of logits, for each type.

use crate::float::Computed;
use crate::kernel::distill::problem::{Gradient, Outcome, Party, Problem, Wanted};
#[cfg(feature = "rayon")]
use crate::kernel::distill::rows::RowSums;
use crate::kernel::distill::rows::distill;
use crate::kernel::distill::states;
use crate::row_state::RowState;

/// Losses between rows of logits, and their gradients.
pub trait Distill<T: Computed> {
    /// All that is wanted, over all rows.
    fn distill(problem: Problem<'_, T>, wanted: Wanted<'_, T>) -> Outcome<T>;
    /// The same problem with weights so small that their sums stay in range.
    fn with_small_weights(problem: Problem<'_, T>) -> Problem<'_, T>;
    /// Each row's classes, merged into its state.
    fn row_states(problem: Problem<'_, T>, states: &mut [RowState<T>]);
    /// States of disjoint classes of a row together.
    fn joined(one: RowState<T>, other: RowState<T>) -> RowState<T>;
    /// The divergence of which one side weighs.
    fn divergence_of(state: &RowState<T>, weighs: Party) -> T;
    /// The logarithm of one side's sum of exponentials.
    fn log_mass(state: &RowState<T>, of: Party) -> T;
    /// These classes' parts of losses, where there are places for them, and gradient.
    fn within(
        problem: Problem<'_, T>,
        whole: &[RowState<T>],
        losses: &mut [T],
        gradient: Gradient<'_, T>,
    );
    /// No rows added up.
    #[cfg(feature = "rayon")]
    fn no_rows() -> RowSums<T>;
    /// Sums of rows, and then of these, the first ones of a problem.
    #[cfg(feature = "rayon")]
    fn with_rows(sums: RowSums<T>, problem: &Problem<'_, T>, losses: &[T]) -> RowSums<T>;
    /// The totals of all rows.
    #[cfg(feature = "rayon")]
    fn totals(sums: &RowSums<T>) -> Outcome<T>;
}

// Two modules, so that the compiler can work on both types at once.
macro_rules! compile {
    ($module:ident, $elem:ty) => {
        mod $module {
            #[cfg(feature = "rayon")]
            use super::RowSums;
            use super::{Distill, Gradient, Outcome, Party, Problem, RowState, Wanted};
            use super::{distill, states};

            impl Distill<$elem> for $elem {
                fn distill(
                    problem: Problem<'_, $elem>,
                    wanted: Wanted<'_, $elem>,
                ) -> Outcome<$elem> {
                    distill(problem, wanted)
                }
                fn with_small_weights(problem: Problem<'_, $elem>) -> Problem<'_, $elem> {
                    problem.with_small_weights()
                }
                fn row_states(problem: Problem<'_, $elem>, states: &mut [RowState<$elem>]) {
                    states::row_states(problem, states);
                }
                fn joined(one: RowState<$elem>, other: RowState<$elem>) -> RowState<$elem> {
                    states::merged(one, other)
                }
                fn divergence_of(state: &RowState<$elem>, weighs: Party) -> $elem {
                    states::divergence(state, weighs)
                }
                fn log_mass(state: &RowState<$elem>, of: Party) -> $elem {
                    states::log_mass(state, of)
                }
                fn within(
                    problem: Problem<'_, $elem>,
                    whole: &[RowState<$elem>],
                    losses: &mut [$elem],
                    gradient: Gradient<'_, $elem>,
                ) {
                    states::within(problem, whole, losses, gradient);
                }
                #[cfg(feature = "rayon")]
                fn no_rows() -> RowSums<$elem> {
                    RowSums::new()
                }
                #[cfg(feature = "rayon")]
                fn with_rows(
                    mut sums: RowSums<$elem>,
                    problem: &Problem<'_, $elem>,
                    losses: &[$elem],
                ) -> RowSums<$elem> {
                    sums.add_rows(problem, losses);
                    sums
                }
                #[cfg(feature = "rayon")]
                fn totals(sums: &RowSums<$elem>) -> Outcome<$elem> {
                    sums.totals()
                }
            }
        }
    };
}

compile!(single, f32);
compile!(double, f64);
