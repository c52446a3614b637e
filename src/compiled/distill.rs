//! Losses between rows of logits, for each type.

use crate::float::Computed;
use crate::kernel::distill::problem::{Outcome, Problem, Wanted};
#[cfg(feature = "rayon")]
use crate::kernel::distill::rows::RowSums;
use crate::kernel::distill::rows::distill;

/// Losses between rows of logits, and their gradients.
pub trait Distill<T: Computed> {
    /// All that is wanted, over all rows.
    fn distill(problem: Problem<'_, T>, wanted: Wanted<'_, T>) -> Outcome<T>;
    /// The same problem with weights so small that their sums stay in range.
    fn with_small_weights(problem: Problem<'_, T>) -> Problem<'_, T>;
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
            use super::{Distill, Outcome, Problem, Wanted, distill};

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
