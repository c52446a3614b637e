//! Exact sums: any bytes are refused or read back as they are, and no order of the terms shows.
#![no_main]

use kldiv::{ExactSum, reference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    bytes_of_a_sum(bytes);
    if let Some((&cut, bytes)) = bytes.split_first() {
        let (numbers, _) = bytes.as_chunks();
        let numbers: Vec<f64> = numbers.iter().map(|&number| f64::from_le_bytes(number)).collect();
        sum_of(&numbers, cut.into());
        let (numbers, _) = bytes.as_chunks();
        let numbers: Vec<f32> = numbers.iter().map(|&number| f32::from_le_bytes(number)).collect();
        sum_of(&numbers, cut.into());
    }
});

/// What is read is written as it was; a sum's own bytes are read whatever their beginning.
fn bytes_of_a_sum(bytes: &[u8]) {
    if let Ok(sum) = ExactSum::from_bytes(bytes) {
        assert_eq!(sum.to_bytes()[..], *bytes);
    }
    let mut finite = [0; ExactSum::BYTES];
    finite[0] = 1;
    for (place, &byte) in finite[2..].iter_mut().zip(bytes) {
        *place = byte;
    }
    let sum = ExactSum::from_bytes(&finite).expect("any integer is a sum");
    assert_eq!(sum.to_bytes(), finite);
    let mut twice = sum.clone();
    twice.merge(&sum);
    let _: (f32, f64) = (twice.value(), twice.value());
}

fn sum_of<T: kldiv::Element>(numbers: &[T], cut: usize) {
    let mut sum = ExactSum::new();
    sum.extend_from_slice(numbers);
    let expected = reference::exact_sum(numbers);
    let value: f64 = sum.value();
    assert!(value == expected || value.is_nan() && expected.is_nan(), "{value:e}, {expected:e}");
    let (one, other) = numbers.split_at(cut.min(numbers.len()));
    let (mut backwards, mut front) = (ExactSum::new(), ExactSum::new());
    for &number in other.iter().rev() {
        backwards.add(number);
    }
    front.extend_from_slice(one);
    backwards.merge(&front);
    assert_eq!(backwards, sum);
    assert_eq!(backwards.to_bytes(), sum.to_bytes());
}
