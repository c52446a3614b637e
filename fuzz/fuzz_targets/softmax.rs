//! Rows of logits: `softmax` and `log_softmax` close to the reference.
#![no_main]

mod support;

use kldiv::{Rows, log_softmax, reference, softmax};
use support::{Number, assert_close, assert_refused, fuzz_numbers, logits, slack};

fuzz_numbers!(check);

fn check<T: Number>(head: [u8; 2], bytes: &[u8]) {
    let values = logits::<T>(head[0] & 2 != 0, bytes);
    let classes = 1 + usize::from(head[1]);
    let logits = &values[..values.len() / classes * classes];
    against_reference(logits, classes);
    wrong_lengths(logits, classes);
}

fn against_reference<T: Number>(logits: &[T], classes: usize) {
    let rows = Rows::new(logits, classes).unwrap();
    let mut got = vec![T::of(0.0); logits.len()];
    let mut want = vec![0.0; logits.len()];
    log_softmax(rows, &mut got).unwrap();
    reference::log_softmax(logits, classes, &mut want);
    for (&got, &want) in got.iter().zip(&want) {
        let bound = T::UNIT * slack::<T>() * (4.0 * want.abs() + 4.0);
        assert_close("log_softmax", got, want, bound);
    }
    softmax(rows, &mut got).unwrap();
    let log_probs = want.clone();
    reference::softmax(logits, classes, &mut want);
    for (index, (&got, &want)) in got.iter().zip(&want).enumerate() {
        // What the rounding of a logit's distance from the largest makes of the result.
        let distance = if want > 0.0 { log_probs[index].abs() } else { 0.0 };
        let bound = T::UNIT * slack::<T>() * want * (distance + 8.0);
        assert_close("softmax", got, want, bound);
    }
}

fn wrong_lengths<T: Number>(logits: &[T], classes: usize) {
    let rows = Rows::new(logits, classes).unwrap();
    assert_refused(logits.len() + 1, |out: &mut [T]| log_softmax(rows, out));
    assert_refused(logits.len() + 1, |out: &mut [T]| softmax(rows, out));
    assert!(Rows::new(logits, 0).is_err());
    if classes > 1 {
        let longer = vec![T::of(0.5); logits.len() + 1];
        assert!(Rows::new(&longer, classes).is_err());
    }
}
