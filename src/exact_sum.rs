//! Totals without an order: [`ExactSum`].

use core::fmt;

use crate::compiled::exact::Exact;
use crate::element::Element;
use crate::error::Error;
use crate::fixed_point::{FixedPoint, NAN, WORDS};

/// `Σ x`, exact: whatever the order and the grouping, the same bits.
///
/// A sum of floats depends on its order, because each addition rounds. This one never rounds until it is asked for its
/// [`value`](ExactSum::value): it is one long integer that has a place for every bit that an `f64` can have, 544 bytes
/// in all. So rows may be spread over threads, files and machines, in any way and in any order, and their total
/// has the same bits.
///
/// **When to take which.** [`KlDiv::sum`](crate::KlDiv::sum), [`DistillLoss::reduce`](crate::DistillLoss::reduce) and the
/// other totals of this crate do not use it. They are as accurate as a sum of terms has to be, which are rounded
/// themselves, they are faster, and their bits are the same everywhere for the same rows *in the same order*. Take
/// `ExactSum` where the order is not yours: batches shuffled anew, results as they arrive from workers, shards of a
/// data set that will be cut otherwise tomorrow, a mean over a long run that goes on after a restart. Add the loss of
/// each row, from [`row_losses`](crate::DistillLoss::row_losses) or [`row_sums`](crate::KlDiv::row_sums), whose bits depend
/// on that row alone. The total is then another number than `reduce` gives, most often by its last bit.
///
/// # Shape
/// Any number of terms, of any mixture of element types; at least 2⁶³ of them, and as many
/// [mergers](ExactSum::merge), before anything can overflow.
/// # Accuracy
/// Exact; [`value`](ExactSum::value) rounds once.
/// # Special values
///
/// | terms | value |
/// |---|---|
/// | none | +0 |
/// | zeros of either sign only, or such that their total is zero | +0, as a plain sum that starts at +0 has it |
/// | subnormal | counted as the numbers they are |
/// | finite, their total beyond the largest number | ±∞; the sum itself goes on, and may come back |
/// | +∞ among them, neither −∞ nor NaN | +∞ |
/// | −∞ among them, neither +∞ nor NaN | −∞ |
/// | NaN, or both infinities | NaN |
///
/// An intermediate result never overflows: twice `f64::MAX` and then minus `f64::MAX` is `f64::MAX`.
/// # Examples
/// ```
/// use kldiv::ExactSum;
///
/// let mut sum = ExactSum::new();
/// sum.extend_from_slice(&[1e100, 1.0, -1e100]);
/// assert_eq!(sum.value::<f64>(), 1.0); // a plain sum has 0
/// ```
/// The losses of four rows, on two workers, however the rows are dealt:
/// ```
/// use kldiv::{DistillLoss, Error, ExactSum, Rows, Teacher};
///
/// fn worker(student: &[f32], classes: &[u32]) -> Result<ExactSum, Error> {
///     let mut losses = [0.0; 4];
///     let losses = &mut losses[..classes.len()];
///     DistillLoss::new(Rows::new(student, 2)?, Teacher::Classes(classes))?.row_losses(losses)?;
///     let mut sum = ExactSum::new();
///     sum.extend_from_slice(losses);
///     Ok(sum)
/// }
///
/// fn main() -> Result<(), Error> {
///     let mut total = worker(&[2.0, 0.0, 0.5, 0.5], &[0, 1])?;
///     total.merge(&worker(&[-1.0, 3.0, 0.0, 1.0], &[0, 1])?);
///     let mut other = worker(&[0.0, 1.0], &[1])?;
///     other.merge(&worker(&[-1.0, 3.0, 0.5, 0.5, 2.0, 0.0], &[0, 1, 0])?);
///     assert_eq!(total, other);
///     // ln(1 + e⁻²) + ln 2 + ln(1 + e⁴) + ln(1 + e⁻¹)
///     assert!((total.value::<f64>() - 5.151487).abs() < 1e-5);
///     Ok(())
/// }
/// ```
/// # Source
/// A fixed-point accumulator over the whole range: U. W. Kulisch and W. L. Miranker, *Computer Arithmetic in Theory and
/// Practice*, Academic Press 1981; U. Kulisch, *Computer Arithmetic and Validity*, de Gruyter 2013, chapter 8. Digits
/// with room, so that carries can wait: R. M. Neal, *Fast exact summation using small and large superaccumulators*,
/// arXiv:1505.05571 (2015), the small one. Blocks of a slice are summed in floating point first, without error: S. M. Rump,
/// T. Ogita and S. Oishi, *Accurate floating-point summation, part I*, SIAM J. Sci. Comput. 31 (2008).
#[derive(Clone)]
#[repr(transparent)]
pub struct ExactSum(FixedPoint);

impl ExactSum {
    /// Bytes of [`to_bytes`](ExactSum::to_bytes): a version, a kind, 68 words of 32 bits.
    pub const BYTES: usize = DIGITS_AT + 4 * WORDS;

    /// A sum of no terms.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(kldiv::ExactSum::new().value::<f64>().to_bits(), 0); // +0
    /// ```
    pub const fn new() -> Self {
        ExactSum(FixedPoint::ZERO)
    }

    /// One more term.
    ///
    /// # Accuracy
    /// Exact.
    /// # Examples
    /// ```
    /// let mut sum = kldiv::ExactSum::new();
    /// sum.add(0.5_f32);
    /// sum.add(0.25_f64);
    /// assert_eq!(sum.value::<f32>(), 0.75);
    /// ```
    #[inline]
    pub fn add<T: Element>(&mut self, x: T) {
        T::Kernels::add(&mut self.0, x);
    }

    /// Each of `values` is one more term. Faster than [`add`](ExactSum::add) for each, with the same result.
    ///
    /// # Accuracy
    /// Exact.
    /// # Examples
    /// ```
    /// let mut sum = kldiv::ExactSum::new();
    /// sum.extend_from_slice(&[0.1_f32; 10]);
    /// // 10 times the f32 next to 0.1, rounded once; a plain sum comes to 1.0000001.
    /// assert_eq!(sum.value::<f32>(), 1.0);
    /// ```
    pub fn extend_from_slice<T: Element>(&mut self, values: &[T]) {
        T::Kernels::extend(&mut self.0, values);
    }

    /// All terms of another sum, as if each were added here.
    ///
    /// # Accuracy
    /// Exact.
    /// # Examples
    /// ```
    /// use kldiv::ExactSum;
    ///
    /// let (mut here, mut there) = (ExactSum::new(), ExactSum::new());
    /// here.extend_from_slice(&[f64::MAX, f64::MAX]);
    /// there.extend_from_slice(&[-f64::MAX, 3.0, -f64::MAX]);
    /// here.merge(&there);
    /// assert_eq!(here.value::<f64>(), 3.0);
    /// ```
    pub fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    /// The number of type `T` that is nearest to the sum; of two as near the one whose last bit is 0.
    ///
    /// # Accuracy
    /// Rounded once: to `f32` too, and not by way of `f64`.
    /// # Special values
    /// Those of the table [above](ExactSum). A sum between the largest finite number and the next one that there would be,
    /// in the upper half, is infinite, as IEEE 754 rounds.
    /// # Examples
    /// ```
    /// let mut sum = kldiv::ExactSum::new();
    /// // A little more than half a step of f32 above 1; the little is lost in f64.
    /// sum.extend_from_slice(&[1.0, f64::powi(2.0, -24), f64::powi(2.0, -80)]);
    /// assert_eq!(sum.value::<f32>(), 1.0 + f32::EPSILON);
    /// assert_eq!(sum.value::<f64>() as f32, 1.0); // rounded twice
    /// ```
    pub fn value<T: Element>(&self) -> T {
        T::Kernels::nearest(&self.0)
    }

    /// The sum as bytes, to keep it or to send it elsewhere; the same bytes for the same sum, whatever it was added
    /// up from and on which machine.
    ///
    /// | bytes | what |
    /// |---|---|
    /// | 0 | the version of this form: 1 |
    /// | 1 | 0: finite; 1: +∞; 2: −∞; 3: NaN |
    /// | 2 … 273 | the sum in units of 2⁻¹⁰⁷⁴, an integer of 2,176 bits in two's complement, the lowest byte first; all 0 if it is not finite |
    ///
    /// # Examples
    /// ```
    /// let mut sum = kldiv::ExactSum::new();
    /// sum.add(f64::from_bits(5)); // 5 · 2⁻¹⁰⁷⁴
    /// assert_eq!(sum.to_bytes()[..4], [1, 0, 5, 0]);
    /// ```
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let [version, kind, digits @ ..] = &mut bytes;
        *version = VERSION;
        *kind = self.0.special() as u8;
        let (digits, _) = digits.as_chunks_mut();
        for (bytes, word) in digits.iter_mut().zip(self.0.words()) {
            *bytes = word.to_le_bytes();
        }
        bytes
    }

    /// The sum of these bytes, as [`to_bytes`](ExactSum::to_bytes) writes them.
    ///
    /// # Shape
    /// [`ExactSum::BYTES`] bytes.
    /// # Errors
    /// [`Error::ExactSumLength`] for any other number of bytes, [`Error::ExactSumVersion`] if the first is not 1,
    /// [`Error::ExactSumByte`] if a further one is not as it is written for any sum.
    /// # Examples
    /// ```
    /// use kldiv::{Error, ExactSum};
    ///
    /// let mut sum = ExactSum::new();
    /// sum.add(-0.75);
    /// assert_eq!(ExactSum::from_bytes(&sum.to_bytes())?, sum);
    /// let refused = ExactSum::from_bytes(&[1, 0, 0]);
    /// assert_eq!(refused, Err(Error::ExactSumLength { expected: ExactSum::BYTES, found: 3 }));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let length = Error::ExactSumLength { expected: Self::BYTES, found: bytes.len() };
        let bytes: &[u8; Self::BYTES] = bytes.try_into().map_err(|_| length)?;
        let &[version, kind, ref digits @ ..] = bytes;
        if version != VERSION {
            return Err(Error::ExactSumVersion { expected: VERSION, found: version });
        }
        let special = u32::from(kind);
        if special > NAN {
            return Err(Error::ExactSumByte { index: KIND_AT, found: kind });
        }
        if special != 0 {
            let not_zero = digits.iter().enumerate().find(|&(_, &byte)| byte != 0);
            if let Some((index, &found)) = not_zero {
                return Err(Error::ExactSumByte { index: DIGITS_AT + index, found });
            }
        }
        let mut words = [0; WORDS];
        let (digits, _) = digits.as_chunks();
        for (word, &bytes) in words.iter_mut().zip(digits) {
            *word = u32::from_le_bytes(bytes);
        }
        Ok(ExactSum(FixedPoint::from_words(words, special)))
    }
}

/// The first byte of a sum as bytes. A change of their form changes it.
const VERSION: u8 = 1;
/// Where the bytes say what kind of number the sum is.
const KIND_AT: usize = 1;
/// Where the bytes have the sum.
const DIGITS_AT: usize = 2;

impl Default for ExactSum {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether the sums are the same, however they were added up; all that are NaN are the same.
impl PartialEq for ExactSum {
    fn eq(&self, other: &Self) -> bool {
        self.0.special() == other.0.special() && self.0.words() == other.0.words()
    }
}

/// The value as an `f64`.
impl fmt::Debug for ExactSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExactSum").field(&self.value::<f64>()).finish()
    }
}
