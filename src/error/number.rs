//! How an error says a number.

use core::fmt;
use core::fmt::Write;

/// A number in few signs: with an exponent where that is shorter, and one that an `f32` holds in the digits
/// that tell it from other `f32`s. A sign or two are worth nothing in exchange: 0.001 and all digits of 2³⁰
/// stay.
pub(super) struct Short(pub(super) f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Short(double) = *self;
        let single = double as f32;
        let mut shortest = (usize::MAX, Way::Plain(double));
        for way in [
            Way::Plain(double),
            Way::Exponent(double),
            Way::Single(single),
            Way::SingleExponent(single),
        ] {
            let signs = Signs::of(way);
            if way.is(double) && signs < shortest.0.saturating_sub(FEW) {
                shortest = (signs, way);
            }
        }
        shortest.1.write(f)
    }
}

/// How a number can be written.
#[derive(Clone, Copy)]
enum Way {
    Plain(f64),
    Exponent(f64),
    Single(f32),
    SingleExponent(f32),
}

impl Way {
    fn is(self, number: f64) -> bool {
        match self {
            Way::Plain(_) | Way::Exponent(_) => true,
            Way::Single(single) | Way::SingleExponent(single) => f64::from(single) == number,
        }
    }

    fn write(self, out: &mut impl Write) -> fmt::Result {
        match self {
            Way::Plain(x) => write!(out, "{x}"),
            Way::Exponent(x) => write!(out, "{x:e}"),
            Way::Single(x) => write!(out, "{x}"),
            Way::SingleExponent(x) => write!(out, "{x:e}"),
        }
    }
}

/// Signs that nobody minds.
const FEW: usize = 2;

/// Counts what is written to it.
struct Signs(usize);

impl Signs {
    fn of(way: Way) -> usize {
        let mut signs = Signs(0);
        match way.write(&mut signs) {
            Ok(()) => signs.0,
            Err(fmt::Error) => usize::MAX,
        }
    }
}

impl Write for Signs {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}
