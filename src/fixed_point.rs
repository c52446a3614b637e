//! One long integer that holds any sum of doubles: the arithmetic of [`ExactSum`](crate::ExactSum).

mod format;

use format::BinaryFormat;

/// Digits of a total. Numbers reach the first 65 (2,098 bits), carries the others: room for 2⁷⁶ times the largest number.
const DIGITS: usize = 67;
/// Bits of a digit once carries are made.
const DIGIT_BITS: u32 = 32;
/// The largest digit once carries are made.
const LARGEST_DIGIT: i64 = (1 << DIGIT_BITS) - 1;
/// Terms between carries. Each changes a digit by at most 2⁵², and the digit was below 2³²: 2³² + 2047·2⁵² < 2⁶³.
const CAPACITY: u32 = (1 << 11) - 1;

/// 32-bit words of a total in two's complement.
pub(crate) const WORDS: usize = DIGITS + 1;

/// +∞ was added.
pub(crate) const INFINITY: u32 = 1;
/// −∞ was added.
pub(crate) const NEG_INFINITY: u32 = 2;
/// A NaN was added, or both infinities: what any sum of them is.
pub(crate) const NAN: u32 = INFINITY | NEG_INFINITY;

/// Whether blocks of a slice are summed in floating point first: where the machine has doubles.
const BLOCKS: bool =
    cfg!(any(target_feature = "sse2", target_feature = "neon", target_family = "wasm"));
/// Numbers of a block.
const BLOCK: usize = 256;
/// Numbers of a block that are added side by side.
const LANES: usize = 4;
/// Fewer numbers than this are added one by one: sooner done than a block is set up.
const SHORTEST_BLOCK: usize = 16;
/// Blocks that are added one by one, once one had to be: its neighbours are most often like it.
const BLOCKS_ALIKE: usize = 7;

/// `Σ digits[i]·2^(32·i − 1074)`, and what infinities and NaNs were added.
///
/// A digit is 32 bits of the total and 32 bits of room: a term is added without a carry, and carries are made when
/// the room may be used up. Any bits are a value, and all zeros are no terms: the C interface counts on both.
#[derive(Clone)]
#[repr(C)]
pub struct FixedPoint {
    digits: [i64; DIGITS],
    /// Since carries were last made: at most [`CAPACITY`], and below it between calls.
    terms: u32,
    /// [`INFINITY`], [`NEG_INFINITY`], [`NAN`] or 0.
    special: u32,
}

impl FixedPoint {
    pub(crate) const ZERO: Self = FixedPoint { digits: [0; DIGITS], terms: 0, special: 0 };

    pub(crate) const fn special(&self) -> u32 {
        self.special
    }

    /// One more term.
    #[inline]
    pub(crate) fn add<T, F: BinaryFormat<T>>(&mut self, x: T) {
        self.special |= add_digits::<T, F>(&mut self.digits, x);
        self.terms += 1;
        if self.terms >= CAPACITY {
            self.carry();
        }
    }

    /// Each of `values` is one more term.
    #[inline(always)]
    pub(crate) fn extend<T: Copy + Into<f64>, F: BinaryFormat<T>>(&mut self, values: &[T]) {
        for blocks in values.chunks(BLOCKS_ALIKE * BLOCK) {
            let mut one_by_one = !BLOCKS;
            for block in blocks.chunks(BLOCK) {
                if !one_by_one && block.len() >= SHORTEST_BLOCK {
                    match sum_block(block) {
                        Some([high, low]) => {
                            self.add::<f64, f64>(high);
                            self.add::<f64, f64>(low);
                            continue;
                        }
                        None => one_by_one = true,
                    }
                }
                self.make_room(block.len() as u32);
                let mut special = 0;
                for &x in block {
                    special |= add_digits::<T, F>(&mut self.digits, x);
                }
                self.special |= special;
            }
        }
    }

    /// All terms of another total.
    pub(crate) fn merge(&mut self, other: &Self) {
        // What the other had at its last carries counts as one term more.
        self.make_room(other.terms + 1);
        let ([digits @ .., last], [other_digits @ .., other_last]) =
            (&mut self.digits, &other.digits);
        for (digit, other) in digits.iter_mut().zip(other_digits) {
            *digit += other;
        }
        // Beyond 2⁷⁶ times the largest number totals start anew from below, so that no order shows even there.
        *last = last.wrapping_add(*other_last);
        self.special |= other.special;
        if self.terms >= CAPACITY {
            self.carry();
        }
    }

    /// Counts `terms` more, and makes carries before if they would leave no room for one after them.
    fn make_room(&mut self, terms: u32) {
        if self.terms + terms >= CAPACITY {
            self.carry();
        }
        self.terms += terms;
    }

    /// All digits but the last to 0 … 2³² − 1, which leaves the total as it is. There is one such form of a total.
    #[inline(never)]
    fn carry(&mut self) {
        let [digits @ .., last] = &mut self.digits;
        let mut carry = 0;
        for digit in digits {
            let sum = *digit + carry;
            *digit = sum & LARGEST_DIGIT;
            carry = sum >> DIGIT_BITS;
        }
        *last = last.wrapping_add(carry);
        self.terms = 0;
    }

    /// The total in two's complement, the lowest word first; all 0 if there were infinities or NaNs.
    pub(crate) fn words(&self) -> [u32; WORDS] {
        let mut words = [0; WORDS];
        if self.special == 0 {
            let mut settled = self.clone();
            settled.carry();
            for (word, &digit) in words.iter_mut().zip(&settled.digits) {
                *word = digit as u32;
            }
            let [.., last] = settled.digits;
            words[DIGITS] = (last >> DIGIT_BITS) as u32;
        }
        words
    }

    /// The total of these words, and what infinities and NaNs were added.
    pub(crate) fn from_words(words: [u32; WORDS], special: u32) -> Self {
        let mut total = FixedPoint { special, ..Self::ZERO };
        for (digit, &word) in total.digits.iter_mut().zip(&words) {
            *digit = word.into();
        }
        let [.., last] = &mut total.digits;
        *last |= i64::from(words[DIGITS] as i32) << DIGIT_BITS;
        total
    }

    /// The nearest number of a type; of two as near the one with an even fraction. A total of zero is +0.
    #[inline(always)]
    pub(crate) fn nearest<T, F: BinaryFormat<T>>(&self) -> T {
        F::from_bits(match self.special {
            0 => nearest_finite::<T, F>(self.words()),
            INFINITY => F::INFINITY,
            NEG_INFINITY => F::SIGN | F::INFINITY,
            _ => F::NAN,
        })
    }
}

/// Adds a number where its bits belong. Returns [`INFINITY`], [`NEG_INFINITY`] or [`NAN`] if it is one, and adds nothing;
/// 0 otherwise.
#[inline(always)]
fn add_digits<T, F: BinaryFormat<T>>(digits: &mut [i64; DIGITS], x: T) -> u32 {
    let bits = F::to_bits(x);
    let exponent = (bits >> F::FRACTION_BITS) & F::SPECIAL_EXPONENT;
    if exponent == F::SPECIAL_EXPONENT {
        return special(bits & (F::LEADING_BIT - 1) != 0, bits & F::SIGN != 0);
    }
    // Subnormal numbers have the exponent of the smallest normal ones and no leading bit.
    let normal = u64::from(exponent != 0);
    let magnitude = (bits & (F::LEADING_BIT - 1)) | (normal << F::FRACTION_BITS);
    let negative = ((bits << F::SIGN.leading_zeros()) as i64) >> 63;
    let integer = (magnitude as i64 ^ negative) - negative;

    let place = (exponent - normal) as u32 + lowest_place::<T, F>();
    let shift = place % DIGIT_BITS;
    let (low, high) = if F::FRACTION_BITS + 1 + DIGIT_BITS < i64::BITS {
        let shifted = integer << shift;
        (shifted & LARGEST_DIGIT, shifted >> DIGIT_BITS)
    } else {
        (i64::from((integer as u32) << shift), integer >> (DIGIT_BITS - shift))
    };
    // No place is beyond digit 63. The compiler does not see it and would check.
    let index = (place / DIGIT_BITS) as usize % 64;
    digits[index] += low;
    digits[index + 1] += high;
    0
}

/// The place of a type's smallest number.
#[inline(always)]
fn lowest_place<T, F: BinaryFormat<T>>() -> u32 {
    <f64 as BinaryFormat<f64>>::SMALLEST - F::SMALLEST
}

#[cold]
fn special(is_nan: bool, is_negative: bool) -> u32 {
    match (is_nan, is_negative) {
        (true, _) => NAN,
        (false, false) => INFINITY,
        (false, true) => NEG_INFINITY,
    }
}

/// The sum of at most [`BLOCK`] numbers as the exact sum of two; `None` if they spread too far for that, or are too
/// large, infinite or NaN.
///
/// All are below 2^e. A sum that starts at 1.5·2^(e + 7) keeps its binade, and so its last place of 2^(e − 45), however
/// often one of them is added. What an addition leaves out is exact, at most half of that place, and goes to a second
/// sum, which starts 46 binades lower and leaves nothing out if no number has a bit below 2^(e − 91). Each sum of all
/// lanes is a multiple of its last place, and at most 2⁵³ of them: exact too.
#[inline(always)]
fn sum_block<T: Copy + Into<f64>>(block: &[T]) -> Option<[f64; 2]> {
    /// Biased exponents from the largest number's, which is e + 1022, to the first sum's and down to the second's.
    const FIRST: u64 = 8;
    const SECOND: u64 = 38;
    /// Of the largest finite numbers.
    const MAX_EXPONENT: u64 = 2046;

    let (groups, rest) = block.as_chunks::<LANES>();
    let mut last = [0.0; LANES];
    for (last, &x) in last.iter_mut().zip(rest) {
        *last = x.into();
    }

    let mut largest = [0.0; LANES];
    for group in groups {
        largest = larger(largest, group.map(Into::into));
    }
    let largest = larger(largest, last).into_iter().fold(0.0, |a, b| if b > a { b } else { a });
    // A NaN is not among the larger; it is left over below.
    let exponent = (largest.to_bits() >> <f64 as BinaryFormat<f64>>::FRACTION_BITS).max(SECOND + 1);
    // 256 numbers just below 2^e are 2^(e + 8) in the first sums, which must not be infinite.
    if exponent >= MAX_EXPONENT - FIRST {
        return None;
    }

    let mut sums = [Lanes::new(exponent + FIRST), Lanes::new(exponent - SECOND)];
    let mut left = [0; LANES];
    for group in groups {
        left = add_group(&mut sums, group.map(Into::into), left);
    }
    let left = add_group(&mut sums, last, left).into_iter().fold(0, |a, b| a | b);
    // Zeros of either sign are nothing left.
    (left << 1 == 0).then(|| sums.map(Lanes::sum))
}

#[inline(always)]
fn larger(largest: [f64; LANES], group: [f64; LANES]) -> [f64; LANES] {
    let mut result = largest;
    for (largest, x) in result.iter_mut().zip(group) {
        *largest = if x.abs() > *largest { x.abs() } else { *largest };
    }
    result
}

/// Adds a group; returns all bits that were left over before or now.
#[inline(always)]
fn add_group(sums: &mut [Lanes; 2], group: [f64; LANES], left: [u64; LANES]) -> [u64; LANES] {
    let [first, second] = sums;
    let mut result = left;
    for (lane, x) in group.into_iter().enumerate() {
        result[lane] |= second.add(lane, first.add(lane, x)).to_bits();
    }
    result
}

/// Sums side by side, each with one last place whatever is added.
struct Lanes {
    start: f64,
    sums: [f64; LANES],
}

impl Lanes {
    /// Sums that start in the middle of a binade, that of a biased exponent.
    #[inline(always)]
    fn new(exponent: u64) -> Self {
        let start = f64::from_bits((exponent << 52) | (1 << 51));
        Lanes { start, sums: [start; LANES] }
    }

    /// Adds a number; returns what is left of it below the last place.
    #[inline(always)]
    fn add(&mut self, lane: usize, x: f64) -> f64 {
        let sum = self.sums[lane] + x;
        let added = sum - self.sums[lane];
        self.sums[lane] = sum;
        x - added
    }

    #[inline(always)]
    fn sum(self) -> f64 {
        self.sums.into_iter().fold(0.0, |total, sum| total + (sum - self.start))
    }
}

/// The bits of the number nearest to a total in two's complement.
fn nearest_finite<T, F: BinaryFormat<T>>(mut words: [u32; WORDS]) -> u64 {
    let negative = words[WORDS - 1] >> (u32::BITS - 1) != 0;
    if negative {
        let mut carry = true;
        for word in &mut words {
            (*word, carry) = (!*word).overflowing_add(carry.into());
        }
    }
    let Some(top) = words.iter().rposition(|&word| word != 0) else { return 0 };
    let highest = top as u32 * u32::BITS + words[top].ilog2();

    // The place of the result's last bit: as many places as the type has below the highest, but none below those of
    // its smallest number.
    let lowest = lowest_place::<T, F>();
    let last = highest.saturating_sub(F::FRACTION_BITS).max(lowest);
    let kept = bits_from(&words, last);
    let round_up = last.checked_sub(1).is_some_and(|half| {
        let halves = bits_from(&words, half);
        let is_half = halves & 1 == 1;
        let is_more = any_below(&words, half);
        is_half && (is_more || kept & 1 == 1)
    });
    // A normal number's leading bit counts the exponent up by one, and so does a carry out of the fraction.
    let binades = u64::from(last - lowest) << F::FRACTION_BITS;
    let bits = (binades + kept + u64::from(round_up)).min(F::INFINITY);
    if negative { bits | F::SIGN } else { bits }
}

/// 64 bits from a place on.
fn bits_from(words: &[u32; WORDS], place: u32) -> u64 {
    let (index, shift) = ((place / u32::BITS) as usize, place % u32::BITS);
    let word = |index: usize| u64::from(words.get(index).copied().unwrap_or(0));
    let low = word(index) | (word(index + 1) << u32::BITS);
    let high = word(index + 2);
    // A shift by 64 where nothing of the third word is wanted.
    (low >> shift) | high.checked_shl(u64::BITS - shift).unwrap_or(0)
}

/// Whether a bit below a place is set.
fn any_below(words: &[u32; WORDS], place: u32) -> bool {
    let (index, shift) = ((place / u32::BITS) as usize, place % u32::BITS);
    let (whole, rest) = words.split_at_checked(index).unwrap_or((words, &[]));
    let part = rest.first().map_or(0, |word| word & ((1 << shift) - 1));
    part != 0 || whole.iter().any(|&word| word != 0)
}
