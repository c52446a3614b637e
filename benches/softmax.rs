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
use kldiv::{Error, Isa, Rows, log_softmax, reference, softmax};
use support::{CACHED, Data, Exact, Number, Work};

const ROW: usize = 10;

/// No bound is documented for these: here they are held to this many units, and more where a
/// logit is far below the largest, because the distance itself is rounded.
const MAX_U: f64 = 16.0;

fn main() {
    let mut criterion = support::criterion();
    rows::<f32>(&mut criterion);
    rows::<f64>(&mut criterion);
    criterion.final_summary();
}

fn rows<T: Number>(criterion: &mut Criterion) {
    for (ending, lengths) in [("", CACHED), ("_of_10", &[1_000])] {
        for &n in lengths {
            let classes = if ending.is_empty() { n } else { ROW };
            let log = Face { kernel: &format!("log_softmax{ending}"), n, classes };
            log.bench::<T>(criterion, log_softmax, reference::log_softmax, |ln_p, below| {
                MAX_U + 2.0 * (below + ln_p.abs())
            });
            let plain = Face { kernel: &format!("softmax{ending}"), n, classes };
            plain
                .bench::<T>(criterion, softmax, reference::softmax, |p, below| (MAX_U + below) * p);
        }
    }
}

/// One of the two functions on rows of `classes`.
struct Face<'a> {
    kernel: &'a str,
    n: usize,
    classes: usize,
}

impl Face<'_> {
    /// `units(value, below)` is what a result may be off, `below` its distance from the largest.
    fn bench<T: Number>(
        self,
        criterion: &mut Criterion,
        run: impl Fn(Rows<'_, T>, &mut [T]) -> Result<(), Error>,
        reference: impl Fn(&[T], usize, &mut [f64]),
        units: impl Fn(f64, f64) -> f64,
    ) {
        let Face { kernel, n, classes } = self;
        let data = Data::<T>::new(n);
        let exact = LazyCell::new(|| exact(data.ln_q(), classes, reference, units));
        Work { kernel, isa: Isa::best(), n, inputs: n, outputs: n }.bench(
            criterion,
            || data.ln_q(),
            |logits, out| {
                let rows = Rows::new(logits, classes).expect("whole rows");
                run(rows, out).expect("equal lengths");
            },
            |id, out| support::assert_close(id, out, &exact),
        );
    }
}

fn exact<T: Number>(
    logits: &[T],
    classes: usize,
    reference: impl Fn(&[T], usize, &mut [f64]),
    units: impl Fn(f64, f64) -> f64,
) -> Vec<Exact> {
    let mut values = vec![0.0; logits.len()];
    reference(logits, classes, &mut values);
    let rows = logits.chunks(classes).zip(values.chunks(classes));
    rows.flat_map(|(logits, values)| {
        let logits = logits.iter().map(|&logit| -> f64 { logit.into() });
        let largest = logits.clone().fold(f64::NEG_INFINITY, f64::max);
        let units = &units;
        let each = logits.zip(values);
        each.map(move |(logit, &value)| {
            Exact::within::<T>(value, 1.0, units(value, largest - logit))
        })
    })
    .collect()
}
