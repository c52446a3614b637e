//! Softmax and its logarithm, for each type.

use crate::backend::Backend;
use crate::kernel::softmax::{ShareForm, Softmax};
use crate::rows::{Rows, RowsMut};

/// Rows of logits as shares of their sums of exponentials.
pub trait Shares<T> {
    /// The logarithms of the shares.
    fn log_softmax(backend: Backend, logits: Rows<'_, T>, out: &mut [T]);
    /// The shares.
    fn softmax(backend: Backend, logits: Rows<'_, T>, out: &mut [T]);
}

// Two modules, so that the compiler can work on both types at once.
macro_rules! compile {
    ($module:ident, $elem:ty) => {
        mod $module {
            use super::{Backend, Rows, RowsMut, ShareForm, Shares, Softmax};

            fn run(
                backend: Backend,
                form: ShareForm,
                logits: Rows<'_, $elem>,
                values: &mut [$elem],
            ) {
                let Rows { classes, stride, .. } = logits;
                let out = RowsMut { values, classes, stride };
                backend.run(Softmax { form, logits, out });
            }

            impl Shares<$elem> for $elem {
                fn log_softmax(backend: Backend, logits: Rows<'_, $elem>, out: &mut [$elem]) {
                    run(backend, ShareForm::Logarithm, logits, out);
                }
                fn softmax(backend: Backend, logits: Rows<'_, $elem>, out: &mut [$elem]) {
                    run(backend, ShareForm::Probability, logits, out);
                }
            }
        }
    };
}

compile!(single, f32);
compile!(double, f64);
