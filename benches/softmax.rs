//! Rows of logits to probabilities or their logarithms.
//!
//! # What is measured
//! `log_softmax` and `softmax` of one row of the id's length; `log_softmax_of_10` and
//! `softmax_of_10` of rows of ten. The functions choose the instruction set themselves, so ids
//! name the best of the machine.
//! # Units
//! Time of a call; elements a second; bytes a second, one read and one write for each element.
//! # One id
//! Ids are `kernel/type/instruction set/length`:
//! ```text
//! cargo bench --bench softmax -- 'log_softmax/f32/.*/4096$'
//! ```

mod support;

use core::cell::LazyCell;

use criterion::Criterion;
use kldiv::{Error, Isa, Rows, log_softmax, softmax};
use support::exact::{self, Exact};
use support::{CACHED, Data, Number, Work, for_each_number};

const ROW: usize = 10;

fn main() {
    let mut criterion = support::criterion();
    for_each_number!(T => both::<T>(&mut criterion));
    criterion.final_summary();
}

fn both<T: Number>(criterion: &mut Criterion) {
    for &n in CACHED {
        one::<T>(criterion, "log_softmax", n, n, log_softmax, exact::log_softmax);
        one::<T>(criterion, "softmax", n, n, softmax, exact::softmax);
    }
    one::<T>(criterion, "log_softmax_of_10", 1_000, ROW, log_softmax, exact::log_softmax);
    one::<T>(criterion, "softmax_of_10", 1_000, ROW, softmax, exact::softmax);
}

fn one<T: Number>(
    criterion: &mut Criterion,
    kernel: &str,
    n: usize,
    classes: usize,
    run: impl Fn(Rows<'_, T>, &mut [T]) -> Result<(), Error>,
    exact: impl Fn(&[T], usize) -> Vec<Exact>,
) {
    let data = Data::<T>::new(n);
    let exact = LazyCell::new(|| exact(data.ln_q(), classes));
    Work { kernel, isa: Isa::best(), n, inputs: n, outputs: n }.bench(
        criterion,
        || data.ln_q(),
        |logits, out| {
            let rows = Rows::new(logits, classes).expect("whole rows");
            run(rows, out).expect("equal lengths");
        },
        |id, out| exact::assert_close(id, out, &exact),
    );
}
