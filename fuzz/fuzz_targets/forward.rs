//! Terms and sums: the same bits on every instruction set, and close to the reference.
#![no_main]

mod support;

use kldiv::accuracy::{SUM_MAX_U, SUM_MAX_U_OF_SCALE, TERM_MAX_U};
use kldiv::{Isa, KlDiv, reference};
use support::{
    Case, Number, assert_close, assert_refused, assert_same, assert_zero, fuzz_numbers, slack,
};

fuzz_numbers!(check);

fn check<T: Number>(head: [u8; 2], bytes: &[u8]) {
    let case = &Case::<T>::new(head, bytes);
    let scalar = KlDiv::new(case.input(), case.target()).unwrap().on(Isa::Scalar).unwrap();
    let want = results(scalar, case.rows);
    for isa in Isa::available() {
        assert_same(isa, &results(scalar.on(isa).unwrap(), case.rows), &want);
    }
    against_reference(case, scalar);
    if case.len().is_multiple_of(case.rows) {
        let mut sums = vec![T::of(0.0); case.rows];
        scalar.row_sums(&mut sums).unwrap();
        for (row, &sum) in sums.iter().enumerate() {
            let case = case.row(row);
            assert_sum("row", sum, reference::sum(case.input(), case.target()), terms(&case));
        }
    } else {
        assert_refused(case.rows, |out: &mut [T]| scalar.row_sums(out));
    }
    wrong_lengths(case, scalar);
}

/// Everything that depends on the instruction set, in one vector.
fn results<T: Number>(pair: KlDiv<'_, T>, rows: usize) -> Vec<T> {
    let mut all = vec![T::of(0.0); pair.len() + rows];
    let (terms, sums) = all.split_at_mut(pair.len());
    pair.pointwise(terms).unwrap();
    // Refused if the rows do not come out even.
    pair.row_sums(sums).ok();
    all.extend([pair.sum(), pair.mean(), pair.entropy(), pair.cross_entropy()]);
    all
}

fn against_reference<T: Number>(case: &Case<T>, pair: KlDiv<'_, T>) {
    let (input, target) = (case.input(), case.target());
    let mut got = vec![T::of(0.0); case.len()];
    let mut want = vec![0.0; case.len()];
    pair.pointwise(&mut got).unwrap();
    reference::pointwise(input, target, &mut want);
    for (part, (&got, &want)) in case.parts().zip(got.iter().zip(&want)) {
        if part.p == 0.0 {
            assert_zero("term", got);
            continue;
        }
        let scale = part.ln_p + part.ln_q;
        let bound = TERM_MAX_U * T::UNIT * slack::<T>() * (part.p * scale);
        assert_close("term", got, want, bound + part.floor * scale);
    }
    assert_sum("sum", pair.sum(), reference::sum(input, target), terms(case));
    let entropy = case.parts().map(|part| (part.p * part.ln_p, part.floor * part.ln_p));
    assert_sum("entropy", pair.entropy(), reference::entropy(target), entropy);
    let cross = case.parts().map(|part| (part.p * part.ln_q, part.floor * part.ln_q));
    let want = reference::cross_entropy(input, target);
    assert_sum("cross-entropy", pair.cross_entropy(), want, cross);
}

/// Of each term: how large its parts are, and its error by underflow.
fn terms<T: Number>(case: &Case<T>) -> impl Iterator<Item = (f64, f64)> {
    case.parts().map(|part| {
        let scale = part.ln_p + part.ln_q;
        (part.p * scale, part.floor * scale)
    })
}

/// Where finite terms overflow on their way, the order of the sum decides, and the reference has another.
fn assert_sum<T: Number>(what: &str, got: T, want: f64, terms: impl Iterator<Item = (f64, f64)>) {
    let (mut scale, mut floor, mut infinite) = (0.0, 0.0, false);
    for (size, error) in terms {
        if size.is_finite() {
            scale += size;
            floor += error + T::SMALLEST.to_f64();
        } else {
            infinite = true;
        }
    }
    if scale < T::LARGEST.to_f64() / 4.0 && infinite != want.is_finite() {
        let bound = T::UNIT * slack::<T>() * (SUM_MAX_U * want.abs() + SUM_MAX_U_OF_SCALE * scale);
        assert_close(what, got, want, bound + floor);
    }
}

fn wrong_lengths<T: Number>(case: &Case<T>, pair: KlDiv<'_, T>) {
    let longer = vec![T::of(0.5); case.len() + 1];
    assert!(KlDiv::new(case.input(), case.other_target(&longer)).is_err());
    assert_refused(case.len() + 1, |out: &mut [T]| pair.pointwise(out));
    if case.len() > 0 {
        assert_refused(case.len() + 1, |out: &mut [T]| pair.row_sums(out));
    }
}
