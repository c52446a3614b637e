//! `ExactSum` against integers of any length, whatever the order, the grouping and the way through bytes.

mod support;

use kldiv::{Element, Error, ExactSum, reference};
use num_bigint::{BigInt, Sign};
use support::{Number, Random, same};

/// A place below `limit`.
fn place(random: &mut Random, limit: usize) -> usize {
    random.below(limit as u64) as usize
}

fn shuffle<X>(random: &mut Random, things: &mut [X]) {
    for i in (1..things.len()).rev() {
        things.swap(i, place(random, i + 1));
    }
}

/// A type's layout, written here once more.
trait Layout: Number {
    const FRACTION_BITS: u32;
    const EXPONENTS: u64;

    fn with(negative: bool, exponent: u64, fraction: u64) -> Self {
        assert!(exponent < Self::EXPONENTS);
        let bits = exponent << Self::FRACTION_BITS | fraction >> (64 - Self::FRACTION_BITS);
        let sign = Self::EXPONENTS << Self::FRACTION_BITS;
        Self::from_bits(if negative { bits | sign } else { bits })
    }

    /// Any finite number, its exponent one of `spread` from `lowest` on.
    fn random(random: &mut Random, lowest: u64, spread: u64) -> Self {
        let exponent = lowest + random.next() % spread;
        // Zeros or ones in many places at once, too: there carries are long and halves exact.
        let fraction = match random.next() % 4 {
            0 => u64::MAX << place(random, 64),
            1 => random.next() << place(random, 64),
            _ => random.next(),
        };
        Self::with(random.next() % 2 == 1, exponent.min(Self::EXPONENTS - 2), fraction)
    }

    fn infinity(negative: bool) -> Self {
        Self::with(negative, Self::EXPONENTS - 1, 0)
    }
}

impl Layout for f32 {
    const FRACTION_BITS: u32 = 23;
    const EXPONENTS: u64 = 1 << 8;
}

impl Layout for f64 {
    const FRACTION_BITS: u32 = 52;
    const EXPONENTS: u64 = 1 << 11;
}

/// A finite number in units of 2⁻¹⁰⁷⁴.
fn units<T: Number>(x: T) -> BigInt {
    let x = x.to_f64();
    assert!(x.is_finite());
    let (exponent, fraction) = (x.to_bits() >> 52 & 0x7ff, x.to_bits() & ((1 << 52) - 1));
    let magnitude = match exponent {
        0 => BigInt::from(fraction),
        _ => BigInt::from(fraction | 1 << 52) << (exponent - 1),
    };
    if x < 0.0 { -magnitude } else { magnitude }
}

fn total<T: Number>(values: &[T]) -> BigInt {
    values.iter().map(|&x| units(x)).sum()
}

/// The number nearest to a total: found by comparing with all there are, which are in the order of their bits.
fn nearest<T: Layout>(total: &BigInt) -> T {
    let magnitude = BigInt::from(total.magnitude().clone());
    let infinity = (T::EXPONENTS - 1) << T::FRACTION_BITS;
    let number = |bits: u64| {
        if bits == infinity {
            // What would follow the largest number.
            units(T::LARGEST) * 2 - units(T::LARGEST.inward())
        } else {
            units(T::from_bits(bits))
        }
    };
    // The largest that is not above.
    let (mut low, mut high) = (0, infinity + 1);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if number(middle) <= magnitude { low = middle } else { high = middle }
    }
    let bits = if low == infinity {
        infinity
    } else {
        let (below, above) = (&magnitude - number(low), number(low + 1) - &magnitude);
        match below.cmp(&above) {
            core::cmp::Ordering::Less => low,
            core::cmp::Ordering::Greater => low + 1,
            core::cmp::Ordering::Equal => low + low % 2,
        }
    };
    let negative = total.sign() == Sign::Minus;
    T::from_bits(if negative { bits | T::EXPONENTS << T::FRACTION_BITS } else { bits })
}

/// The bytes of a finite sum.
fn bytes_of(total: &BigInt) -> Vec<u8> {
    let fill = if total.sign() == Sign::Minus { 0xff } else { 0 };
    let mut bytes = vec![1, 0];
    bytes.extend(total.to_signed_bytes_le());
    assert!(bytes.len() <= ExactSum::BYTES);
    bytes.resize(ExactSum::BYTES, fill);
    bytes
}

fn sum_of<T: Element>(values: &[T]) -> ExactSum {
    let mut sum = ExactSum::new();
    sum.extend_from_slice(values);
    sum
}

fn one_by_one<T: Element>(values: &[T]) -> ExactSum {
    let mut sum = ExactSum::new();
    for &x in values {
        sum.add(x);
    }
    sum
}

#[track_caller]
fn assert_value<T: Layout>(sum: &ExactSum, expected: T) {
    let value = sum.value::<T>();
    assert!(same(value, expected), "{value:?} ({:x}), not {expected:?}", value.bits());
}

/// Every way out of a sum: both values, the bytes, back from them.
#[track_caller]
fn assert_total(sum: &ExactSum, total: &BigInt) {
    assert_value::<f32>(sum, nearest(total));
    assert_value::<f64>(sum, nearest(total));
    assert_eq!(sum.to_bytes()[..], bytes_of(total));
    assert_eq!(ExactSum::from_bytes(&sum.to_bytes()).as_ref(), Ok(sum));
}

/// Lowest exponents and how many: next to each other, as far apart as blocks are summed at once and a little farther,
/// anything, only the smallest numbers, only the largest.
fn spreads<T: Layout>() -> Vec<(u64, u64)> {
    let all = T::EXPONENTS - 1;
    let mut spreads = vec![(0, all), (0, 1), (0, 3), (all - 1, 1), (all - 3, 3)];
    let middle = all / 2;
    spreads.extend(
        [1, 2, 20, 36, 37, 38, 39, 40, 41, 42, 44, 60, 90]
            .map(|spread| (middle - spread / 2, spread)),
    );
    // Where blocks begin to be too large.
    spreads.extend((1..=12).map(|below| (all - below, 1)));
    // Where their second sums come to the smallest numbers.
    spreads.extend((35..=42).map(|lowest| (lowest, 2)));
    spreads
}

fn sums_are_exact<T: Layout>() {
    let mut random = Random::new(1);
    for (lowest, spread) in spreads::<T>() {
        for len in [
            1, 2, 3, 10, 15, 16, 17, 19, 100, 255, 256, 257, 300, 1791, 1792, 1793, 2046, 2047,
            2048, 4500,
        ] {
            let mut values: Vec<T> =
                (0..len).map(|_| T::random(&mut random, lowest, spread)).collect();
            if random.next().is_multiple_of(3) {
                // One sign: totals as large as they come.
                for x in &mut values {
                    *x = T::of(x.to_f64().abs());
                }
            }
            let total = total(&values);
            assert_total(&sum_of(&values), &total);
            assert_total(&one_by_one(&values), &total);
            if len <= 300 {
                assert_value::<f64>(&sum_of(&values), reference::exact_sum(&values));
            }
        }
    }
}

#[test]
fn sums_of_f32_are_exact() {
    sums_are_exact::<f32>();
}

#[test]
fn sums_of_f64_are_exact() {
    sums_are_exact::<f64>();
}

/// What bounds the sums of a block: all numbers just below a power of two, of one sign; and one that is far smaller, in
/// each place.
#[test]
fn blocks_at_their_bounds() {
    for exponent in [1, 38, 39, 40, 100, 1023, 2037, 2038, 2039, 2046] {
        let largest = f64::with(false, exponent, u64::MAX);
        for x in [largest, -largest, f64::with(false, exponent, 0)] {
            for len in [16, 64, 255, 256, 1792, 5000] {
                assert_total(&sum_of(&vec![x; len]), &(units(x) * len));
            }
        }
    }
    let one = f64::with(false, 1023, u64::MAX);
    for lower in [0, 1, 44, 45, 46, 47, 90, 91, 92, 93, 99, 100, 101, 200, 1022, 1023] {
        let small = f64::with(true, 1023 - lower, 1 << 12);
        for place in (0..16).chain(240..256) {
            let mut values = [one; 256];
            values[place] = small;
            assert_total(&sum_of(&values), &total(&values));
        }
        // Ties of what an addition leaves out, all in one direction.
        let half = f64::with(false, 1023 - lower, 0);
        assert_total(&sum_of(&[one + half; 256]), &(units(one + half) * 256));
        assert_total(&sum_of(&[half; 256]), &(units(half) * 256));
    }
}

/// Pieces of the numbers, each in an order of its own, merged in a tree of any shape, some by way of bytes.
fn merged<T: Element>(random: &mut Random, values: &mut [T]) -> ExactSum {
    shuffle(random, values);
    if values.len() < 2 || random.next().is_multiple_of(8) {
        return if random.next().is_multiple_of(2) { sum_of(values) } else { one_by_one(values) };
    }
    let (left, right) = values.split_at_mut(place(random, values.len() + 1));
    let (mut left, right) = (merged(random, left), merged(random, right));
    if random.next().is_multiple_of(4) {
        left = ExactSum::from_bytes(&left.to_bytes()).expect("bytes of a sum");
    }
    left.merge(&right);
    left
}

fn no_order_shows<T: Layout>() {
    let mut random = Random::new(2);
    for (lowest, spread) in spreads::<T>() {
        for len in [2, 9, 300, 2500] {
            let mut values: Vec<T> =
                (0..len).map(|_| T::random(&mut random, lowest, spread)).collect();
            let total = total(&values);
            for _ in 0..5 {
                let sum = merged(&mut random, &mut values);
                assert_total(&sum, &total);
                assert_eq!(sum, sum_of(&values));
            }
        }
    }
}

#[test]
fn no_order_and_no_grouping_shows_in_f32() {
    no_order_shows::<f32>();
}

#[test]
fn no_order_and_no_grouping_shows_in_f64() {
    no_order_shows::<f64>();
}

#[test]
fn element_types_mix() {
    let mut sum = sum_of(&[0.1_f32, 1e-40]);
    sum.extend_from_slice(&[0.1_f64]);
    sum.add(-3.0_f32);
    sum.add(5e-324_f64);
    let total = total(&[0.1_f32, 1e-40, -3.0]) + total(&[0.1_f64, 5e-324]);
    assert_total(&sum, &total);
}

/// 2²⁴ additions of the largest number, by each way, and back.
#[test]
fn the_largest_number_many_times() {
    const TIMES: u32 = 1 << 24;
    for largest in [f64::MAX, f64::MIN] {
        let mut sum = ExactSum::new();
        for _ in 0..TIMES {
            sum.add(largest);
        }
        assert_total(&sum, &(units(largest) * TIMES));
        assert_value(&sum, largest * 2.0);
        let block = vec![-largest; 1 << 12];
        for _ in 0..TIMES >> 12 {
            sum.extend_from_slice(&block);
        }
        assert_eq!(sum, ExactSum::new());
        sum.add(largest);
        assert_value(&sum, largest);
    }
}

/// 2⁶³ additions, as mergers of a sum with itself; and as many of what takes them back.
#[test]
fn as_many_terms_as_are_promised() {
    for x in [f64::MAX, f64::MIN, 5e-324, -5e-324, 1.5] {
        let (mut sum, mut back) = (sum_of(&[x]), sum_of(&[-x]));
        let mut total = units(x);
        for _ in 0..63 {
            sum.merge(&sum.clone());
            back.merge(&back.clone());
            total *= 2;
            assert_total(&sum, &total);
        }
        // Further terms, so that carries are made on the way.
        for _ in 0..5000 {
            sum.add(x);
            back.add(-x);
        }
        assert_total(&sum, &(total + units(x) * 5000));
        sum.merge(&back);
        assert_eq!(sum, ExactSum::new());
    }
}

/// Mergers alone, with carries that wait on both sides.
#[test]
fn many_mergers_without_carries() {
    for pending in [0, 1, 1022, 1023, 1024, 2045, 2046, 2047] {
        for x in [f64::MAX, -f64::MAX] {
            let piece = one_by_one(&vec![x; pending]);
            let mut sum = ExactSum::new();
            for _ in 0..5000 {
                sum.merge(&piece);
            }
            assert_total(&sum, &(units(x) * pending * 5000));
        }
    }
}

/// Beyond all that is promised sums start anew from below, so that even then no order shows.
#[test]
fn an_overflow_has_no_order_either() {
    let mut half = sum_of(&[f64::MAX]);
    for _ in 0..77 {
        half.merge(&half.clone());
    }
    let mut there_and_back = half.clone();
    there_and_back.merge(&half);
    there_and_back.add(1.0);
    let mut minus = sum_of(&[f64::MIN]);
    for _ in 0..77 {
        minus.merge(&minus.clone());
    }
    there_and_back.merge(&minus);
    there_and_back.merge(&minus);
    assert_eq!(there_and_back, sum_of(&[1.0]));
}

fn two(exponent: i32) -> f64 {
    2.0_f64.powi(exponent)
}

/// Terms, and what they round to: each with its negative.
#[track_caller]
fn rounds<T: Layout>(terms: &[f64], expected: T) {
    assert_value(&sum_of(terms), expected);
    let negative: Vec<f64> = terms.iter().map(|x| -x).collect();
    assert_value(&sum_of(&negative), expected.negative());
}

#[test]
fn halves_round_to_even_in_f32() {
    let (step, little) = (f32::EPSILON, 5e-324);
    rounds(&[1.0, two(-24)], 1.0_f32);
    rounds(&[1.0, two(-24), little], 1.0 + step);
    rounds(&[1.0, two(-24), -little], 1.0_f32);
    rounds(&[1.0, 3.0 * two(-24)], 1.0 + 2.0 * step);
    rounds(&[1.0, 3.0 * two(-24), -little], 1.0 + step);
    rounds(&[1.0, -two(-25)], 1.0_f32);
    rounds(&[1.0, -two(-25), -little], 1.0 - step / 2.0);
    // By way of f64 this is a half, and goes to the even one.
    rounds(&[1.0, two(-24), two(-54)], 1.0 + step);
    rounds(&[1.0, 3.0 * two(-24), -two(-54)], 1.0 + step);
    // A carry out of the fraction.
    rounds(&[2.0, -two(-24)], 2.0_f32);
    // The smallest numbers.
    let smallest = f32::from_bits(1);
    rounds(&[two(-150), little], smallest);
    rounds(&[3.0 * two(-150)], 2.0 * smallest);
    rounds(&[3.0 * two(-150), -little], smallest);
    rounds(&[two(-126), -two(-150)], f32::MIN_POSITIVE);
    rounds(&[two(-126), -two(-150), -little], f32::from_bits(0x7f_ffff));
    // The largest.
    let (max, half) = (f32::MAX.into(), two(103));
    rounds(&[max, half], f32::INFINITY);
    rounds(&[max, half, -little], f32::MAX);
    rounds(&[max, max, -max], f32::MAX);
    rounds(&[f64::MAX], f32::INFINITY);
}

/// What rounds to zero has its sign, as any rounding has it; a total of zero has not.
#[test]
fn what_rounds_to_zero_keeps_its_sign() {
    for (terms, bits) in [
        (&[two(-150)][..], 0),
        (&[-two(-150)], 1 << 31),
        (&[5e-324], 0),
        (&[-5e-324], 1 << 31),
        (&[5e-324, -5e-324], 0),
        (&[-0.0], 0),
        (&[-0.0, -0.0, 0.0], 0),
        (&[-0.0; 40], 0),
        (&[], 0),
    ] {
        assert_eq!(sum_of(terms).value::<f32>().to_bits(), bits, "{terms:?}");
        assert_eq!(one_by_one(terms).value::<f32>().to_bits(), bits, "{terms:?}");
    }
}

#[test]
fn halves_round_to_even_in_f64() {
    let (step, little) = (f64::EPSILON, 5e-324);
    rounds(&[1.0, two(-53)], 1.0);
    rounds(&[1.0, two(-53), little], 1.0 + step);
    rounds(&[1.0, two(-53), -little], 1.0);
    rounds(&[1.0, 3.0 * two(-53)], 1.0 + 2.0 * step);
    rounds(&[1.0, 3.0 * two(-53), -little], 1.0 + step);
    rounds(&[1.0, -two(-54), -little], 1.0 - step / 2.0);
    rounds(&[2.0, -two(-53)], 2.0);
    // No total lies between two of the smallest numbers.
    rounds(&[little, little, little], f64::from_bits(3));
    rounds(&[f64::MIN_POSITIVE, -little], f64::from_bits((1 << 52) - 1));
    let half = two(970);
    rounds(&[f64::MAX, half], f64::INFINITY);
    rounds(&[f64::MAX, half, -little], f64::MAX);
    rounds(&[f64::MAX, f64::MAX, -f64::MAX], f64::MAX);
}

fn special_values<T: Layout>() {
    let (infinity, minus) = (T::infinity(false), T::infinity(true));
    let nan = T::of(f64::NAN);
    let kinds =
        |sum: &ExactSum| (sum.value::<f32>().to_f64(), sum.value::<f64>(), sum.to_bytes()[1]);
    let mut random = Random::new(3);
    // Short and long enough for blocks.
    for len in [0, 1, 15, 16, 300, 2000] {
        for (specials, value, kind) in [
            (&[infinity][..], f64::INFINITY, 1),
            (&[infinity, infinity], f64::INFINITY, 1),
            (&[minus], f64::NEG_INFINITY, 2),
            (&[infinity, minus], f64::NAN, 3),
            (&[minus, infinity], f64::NAN, 3),
            (&[nan], f64::NAN, 3),
            (&[nan, infinity], f64::NAN, 3),
            (&[minus, nan], f64::NAN, 3),
        ] {
            let mut values: Vec<T> = (0..len).map(|_| T::random(&mut random, 100, 4)).collect();
            for &special in specials {
                values.insert(place(&mut random, values.len() + 1), special);
            }
            let sum = sum_of(&values);
            assert!(same(sum.value::<f64>(), value), "{values:?}");
            assert!(same(sum.value::<f32>(), value as f32), "{values:?}");
            assert!(same(reference::exact_sum(&values), value));
            // One form, whatever else was added.
            assert_eq!(sum, sum_of(specials));
            assert_eq!(sum, merged(&mut random, &mut values));
            let mut bytes = [0; ExactSum::BYTES];
            (bytes[0], bytes[1]) = (1, kind);
            assert_eq!(sum.to_bytes(), bytes);
            let back = ExactSum::from_bytes(&bytes).expect("bytes of a sum");
            assert_eq!(format!("{:?}", kinds(&back)), format!("{:?}", kinds(&sum)));
            assert_eq!(back, sum);
        }
    }
    assert_ne!(sum_of(&[infinity]), sum_of(&[minus]));
    assert_ne!(sum_of(&[infinity]), sum_of(&[nan]));
    assert_ne!(sum_of(&[infinity]), ExactSum::new());
}

#[test]
fn special_values_as_documented() {
    special_values::<f32>();
    special_values::<f64>();
}

/// NaN is NaN whatever its bits.
#[test]
fn every_nan() {
    for bits in
        [0x7ff0_0000_0000_0001, 0xfff0_0000_0000_0001, 0x7fff_ffff_ffff_ffff, 0xfff8_0000_0000_0000]
    {
        assert!(sum_of(&[f64::from_bits(bits)]).value::<f64>().is_nan());
        assert!(one_by_one(&[f64::from_bits(bits)]).value::<f32>().is_nan());
    }
    for bits in [0x7f80_0001, 0xff80_0001, 0x7fff_ffff, 0xffc0_0000] {
        assert!(sum_of(&[f32::from_bits(bits)]).value::<f32>().is_nan());
        assert!(one_by_one(&[f32::from_bits(bits)]).value::<f64>().is_nan());
    }
}

#[test]
fn any_finite_bytes_are_a_sum() {
    let mut random = Random::new(4);
    let mut bytes = [0; ExactSum::BYTES];
    for case in 0..2000 {
        for byte in &mut bytes[2..] {
            *byte = match case % 3 {
                0 => random.next() as u8,
                1 => [0, 0xff][place(&mut random, 2)],
                _ => 0xff,
            };
        }
        bytes[2 + place(&mut random, 272)] = random.next() as u8;
        (bytes[0], bytes[1]) = (1, 0);
        let sum = ExactSum::from_bytes(&bytes).expect("bytes of a sum");
        assert_total(&sum, &BigInt::from_signed_bytes_le(&bytes[2..]));
    }
}

#[test]
fn other_bytes_are_refused() {
    let good = sum_of(&[1.5, -3e300]).to_bytes();
    for len in (0..=2 * ExactSum::BYTES).filter(|&len| len != ExactSum::BYTES) {
        let bytes: Vec<u8> = good.iter().copied().cycle().take(len).collect();
        let error = Error::ExactSumLength { expected: 274, found: len };
        assert_eq!(ExactSum::from_bytes(&bytes), Err(error));
    }
    for version in (0..=255).filter(|&version| version != 1) {
        let mut bytes = good;
        bytes[0] = version;
        let error = Error::ExactSumVersion { expected: 1, found: version };
        assert_eq!(ExactSum::from_bytes(&bytes), Err(error));
    }
    for kind in 4..=255 {
        let mut bytes = good;
        bytes[1] = kind;
        let error = Error::ExactSumByte { index: 1, found: kind };
        assert_eq!(ExactSum::from_bytes(&bytes), Err(error));
    }
    // A sum that is not finite has no digits.
    for kind in 1..=3 {
        for index in 2..ExactSum::BYTES {
            let mut bytes = [0; ExactSum::BYTES];
            (bytes[0], bytes[1]) = (1, kind);
            assert!(ExactSum::from_bytes(&bytes).is_ok());
            bytes[index..].fill(0x80);
            let error = Error::ExactSumByte { index, found: 0x80 };
            assert_eq!(ExactSum::from_bytes(&bytes), Err(error));
        }
    }
    let error = Error::ExactSumByte { index: 1, found: 9 };
    assert_eq!(error.to_string(), "byte 1 is 9, which no exact sum has there");
}

#[test]
fn small_and_plain() {
    assert!(size_of::<ExactSum>() <= 700);
    assert_eq!(size_of::<ExactSum>(), 544); // as its documentation says
    assert_eq!(ExactSum::BYTES, 274);
    assert_eq!(ExactSum::default(), ExactSum::new());
    assert_eq!(format!("{:?}", sum_of(&[0.5_f32, 1.0])), "ExactSum(1.5)");
    const EMPTY: ExactSum = ExactSum::new();
    assert_eq!(EMPTY.to_bytes()[..], bytes_of(&BigInt::from(0)));
    // The same sum, with carries made and not.
    assert_eq!(sum_of(&[two(40), -two(40), 1.0]), sum_of(&[1.0]));
    assert_ne!(sum_of(&[1.0, 5e-324]), sum_of(&[1.0]));
}
