//! Losses between rows of logits, for each type.

use crate::kernel::distill::problem::{Outcome, Problem, Wanted};
use crate::kernel::distill::rows::distill;

/// Losses between rows of logits, and their gradients.
pub trait Distill<T> {
    /// All that is wanted, over all rows.
    fn distill(problem: Problem<'_, T>, wanted: Wanted<'_, T>) -> Outcome<T>;
    /// The same problem with weights so small that their sums stay in range.
    fn with_small_weights(problem: Problem<'_, T>) -> Problem<'_, T>;
}

// Two modules, so that the compiler can work on both types at once.
macro_rules! compile {
    ($module:ident, $elem:ty) => {
        mod $module {
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
            }
        }
    };
}

compile!(single, f32);
compile!(double, f64);
