//! Softmax and its logarithm, for each type.

use crate::backend::Backend;
use crate::float::Computed;
use crate::kernel::softmax::{ShareForm, Softmax};
use crate::numbers::Places;
use crate::rows::{NumberRows, PlaceRows};

/// Rows of logits as shares of their sums of exponentials.
pub trait Shares<R: Computed> {
    /// The logarithms of the shares.
    fn log_softmax(backend: Backend, logits: NumberRows<'_, R>, out: Places<'_, R>);
    /// The shares.
    fn softmax(backend: Backend, logits: NumberRows<'_, R>, out: Places<'_, R>);
}

// Two modules, so that the compiler can work on both types at once.
macro_rules! compile {
    ($module:ident, $elem:ty) => {
        mod $module {
            use super::{Backend, NumberRows, PlaceRows, Places, ShareForm, Shares, Softmax};

            fn run(
                backend: Backend,
                form: ShareForm,
                logits: NumberRows<'_, $elem>,
                values: Places<'_, $elem>,
            ) {
                let NumberRows { classes, stride, .. } = logits;
                let out = PlaceRows { values, classes, stride };
                backend.run(Softmax { form, logits, out });
            }

            impl Shares<$elem> for $elem {
                fn log_softmax(
                    backend: Backend,
                    logits: NumberRows<'_, $elem>,
                    out: Places<'_, $elem>,
                ) {
                    run(backend, ShareForm::Logarithm, logits, out);
                }
                fn softmax(
                    backend: Backend,
                    logits: NumberRows<'_, $elem>,
                    out: Places<'_, $elem>,
                ) {
                    run(backend, ShareForm::Probability, logits, out);
                }
            }
        }
    };
}

compile!(single, f32);
compile!(double, f64);
