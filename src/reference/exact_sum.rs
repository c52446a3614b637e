//! Sums as they are done on paper, digit by digit.

use crate::element::Element;

/// Binary digits of a total: those of the largest number, and 64 for carries.
const PLACES: usize = 2098 + 64;

/// `Σ x`, rounded once, to nearest, ties to even.
///
/// The definition of [`ExactSum`](crate::ExactSum): the binary digits of all positive numbers are added up, with
/// carries, as at school; so are those of all negative ones; the smaller total is taken from the larger.
///
/// # Special values
/// NaN if there is one or if there are both infinities; else an infinity if there is one; +0 for no numbers and for a
/// total of zero.
/// # Examples
/// ```
/// assert_eq!(kldiv::reference::exact_sum(&[1e100, 1.0, -1e100]), 1.0);
/// ```
pub fn exact_sum<T: Element>(values: &[T]) -> f64 {
    let numbers = || values.iter().map(|&x| -> f64 { x.into() });
    let has = |number| numbers().any(|x| x == number);
    match (has(f64::INFINITY), has(f64::NEG_INFINITY), numbers().any(f64::is_nan)) {
        (true, true, _) | (_, _, true) => return f64::NAN,
        (true, false, false) => return f64::INFINITY,
        (false, true, false) => return f64::NEG_INFINITY,
        (false, false, false) => {}
    }
    let (mut positive, mut negative) = (Total::zero(), Total::zero());
    for x in numbers() {
        if x > 0.0 {
            positive.add(x);
        } else {
            negative.add(libm::fabs(x)); // not −x: of +0 that has a sign
        }
    }
    if positive.is_below(&negative) {
        negative.subtract(&positive);
        -negative.rounded()
    } else {
        positive.subtract(&negative);
        positive.rounded()
    }
}

/// A total of positive numbers: its binary digits, the lowest first, which is the one of 2⁻¹⁰⁷⁴.
struct Total {
    digits: [bool; PLACES],
}

impl Total {
    fn zero() -> Self {
        Total { digits: [false; PLACES] }
    }

    /// Adds a number that is not negative.
    fn add(&mut self, x: f64) {
        let (exponent, fraction) = (x.to_bits() >> 52, x.to_bits() & ((1 << 52) - 1));
        let (mut digits, place) =
            if exponent == 0 { (fraction, 0) } else { (fraction | (1 << 52), exponent - 1) };
        let mut carry = false;
        for digit in self.digits.iter_mut().skip(place as usize) {
            let ones = u8::from(*digit) + u8::from(digits % 2 == 1) + u8::from(carry);
            *digit = ones % 2 == 1;
            carry = ones >= 2;
            digits /= 2;
        }
    }

    fn is_below(&self, other: &Self) -> bool {
        self.digits.iter().rev().lt(other.digits.iter().rev())
    }

    /// Takes a total away that is not larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for (digit, &other) in self.digits.iter_mut().zip(&other.digits) {
            let take = u8::from(other) + u8::from(borrow);
            borrow = u8::from(*digit) < take;
            *digit = (u8::from(*digit) + take) % 2 == 1;
        }
    }

    /// The nearest number.
    fn rounded(&self) -> f64 {
        let Some(highest) = self.digits.iter().rposition(|&digit| digit) else { return 0.0 };
        // A number has 53 digits, and none below the place of 2⁻¹⁰⁷⁴.
        let last = highest.saturating_sub(52);
        let mut value = 0.0;
        for &digit in self.digits.iter().skip(last).rev() {
            value = 2.0 * value + f64::from(u8::from(digit));
        }
        let mut below = self.digits.iter().take(last).rev();
        let half = below.next() == Some(&true);
        let more = below.any(|&digit| digit);
        let odd = self.digits.get(last) == Some(&true);
        if half && (more || odd) {
            value += 1.0;
        }
        libm::scalbn(value, last as i32 - 1074)
    }
}
