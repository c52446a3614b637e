//! The computations behind `table.rs`: fixed inputs, every operation, each result as a few numbers.
//!
//! Without `std` and without allocation, so that a firmware can include this file and compare with the same table:
//!
//! ```ignore
//! #[path = "…/tests/bits_table/cases.rs"] mod cases;
//! static mut SPACE: cases::Space<f32> = cases::Space::new(0.0); // or wherever 4 × 16 KB are free
//! cases::elementwise(Isa::best(), &mut space, &mut |case, numbers| { … })?;
//! cases::logits(&mut space, &mut |case, numbers| { … })?;
//! cases::distillation(Isa::best(), &mut space, &mut |case, numbers| { … })?;
//! ```
//!
//! Inputs are put together from random bits: no rounding, and so no difference between machines, takes part in it.

use core::fmt;

use kldiv::{
    DistillLoss, Divergence, Element, Error, Input, Isa, KlDiv, Reduction, Rows, Target, Teacher,
    Upstream, log_softmax, softmax,
};

/// The longest slice.
pub(crate) const LONGEST: usize = 4100;

/// Lengths with ordinary numbers.
const LENGTHS: [usize; 9] = [0, 1, 3, 10, 33, 100, 129, 1000, LONGEST];
/// Lengths where some numbers are zero, subnormal or infinite, but no result is infinite or NaN.
const LENGTHS_WITH_ZEROS: [usize; 3] = [33, 129, 1000];
/// Every pair of special numbers.
const GRID: usize = SPECIALS * SPECIALS;
const SPECIALS: usize = 20;
/// `(rows, classes)` of the logits.
const LOGITS: [(usize, usize); 5] = [(3, 1), (4, 3), (3, 10), (2, 100), (1, 1000)];

/// `(rows, classes)` of the losses: short rows, several tiles, several blocks.
const DISTILLATION: [(usize, usize); 3] = [(3, 10), (2, 129), (1, LONGEST - 1)];

/// What a number must be able to do besides what the library asks for.
pub(crate) trait Number: Element {
    const NAME: &'static str;
    /// The grid: zeros, subnormals, ordinary numbers, infinities, NaN.
    const SPECIALS: [Self; SPECIALS];
    /// A target or an input of probability zero, by form: `[probability, logarithm]`.
    const ZEROS: [Self; 2] = [Self::SPECIALS[0], Self::SPECIALS[18]];
    /// The largest subnormal, and a logarithm of one.
    const TINY: [Self; 2];

    /// ±(1 + mantissa)·2^exponent, the mantissa the uppermost of 64 bits.
    fn compose(negative: bool, exponent: i16, mantissa: u64) -> Self;
    /// The bit pattern, one for all NaNs.
    fn bits(self) -> u64;
}

macro_rules! number {
    ($type:ident, $word:ident, $mantissa_bits:literal, $bias:literal, $tiny_logarithm:literal) => {
        impl Number for $type {
            const NAME: &'static str = stringify!($type);
            const SPECIALS: [$type; SPECIALS] = [
                0.0,
                -0.0,
                $type::from_bits(1),
                -$type::from_bits(1),
                $type::from_bits($type::MIN_POSITIVE.to_bits() - 1),
                $type::MIN_POSITIVE,
                0.5,
                -0.5,
                $type::from_bits((1.0 as $type).to_bits() - 1),
                1.0,
                -1.0,
                2.0,
                88.0,
                $tiny_logarithm,
                -10_000.0,
                $type::MAX,
                $type::MIN,
                $type::INFINITY,
                $type::NEG_INFINITY,
                $type::NAN,
            ];
            const TINY: [$type; 2] = [Self::SPECIALS[4], $tiny_logarithm];

            fn compose(negative: bool, exponent: i16, mantissa: u64) -> $type {
                let biased = $word::from((exponent + $bias).unsigned_abs());
                let mantissa = (mantissa >> (64 - $mantissa_bits)) as $word;
                let magnitude = (biased << $mantissa_bits) | mantissa;
                $type::from_bits((($word::from(negative)) << ($word::BITS - 1)) | magnitude)
            }

            fn bits(self) -> u64 {
                (if self.is_nan() { $type::from_bits(!0 >> 1) } else { self }).to_bits().into()
            }
        }
    };
}
number!(f32, u32, 23, 127, -100.0);
number!(f64, u64, 52, 1023, -740.0);

/// Room for what a case reads and writes.
pub(crate) struct Space<T> {
    input: [T; LONGEST],
    target: [T; LONGEST],
    factors: [T; LONGEST],
    out: [T; LONGEST],
}

impl<T: Copy> Space<T> {
    /// What it is filled with does not matter.
    pub(crate) const fn new(with: T) -> Self {
        Space {
            input: [with; LONGEST],
            target: [with; LONGEST],
            factors: [with; LONGEST],
            out: [with; LONGEST],
        }
    }
}

/// What was computed; written out it is the name in the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) number: &'static str,
    pub(crate) operation: &'static str,
    /// Input and target, or what else the operation reads.
    pub(crate) forms: &'static str,
    pub(crate) data: &'static str,
    pub(crate) len: usize,
    pub(crate) rows: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { number, operation, forms, data, len, rows } = self;
        write!(f, "{number} {operation} {forms} {data} {len}/{rows}")
    }
}

/// Takes results: of a single number its bits, of more the first, the last and a hash of all. All NaNs are one.
pub(crate) type Report<'a> = &'a mut dyn FnMut(Case, &[u64]);

/// Sebastiano Vigna's splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn exponent(&mut self, lowest: i16, count: u64) -> i16 {
        lowest + (self.next() % count) as i16
    }

    /// In [2⁻²⁰, 1).
    fn probability<T: Number>(&mut self) -> T {
        T::compose(false, self.exponent(-20, 20), self.next())
    }

    /// In (−32, −1/8].
    fn logarithm<T: Number>(&mut self) -> T {
        T::compose(true, self.exponent(-3, 8), self.next())
    }

    /// In (−16, 16), either sign.
    fn any<T: Number>(&mut self) -> T {
        T::compose(self.next() % 2 == 1, self.exponent(-4, 8), self.next())
    }
}

/// Fowler, Noll and Vo's hash (1a) of all bytes, so that a change of order changes it too.
fn hash<T: Number>(numbers: &[T]) -> u64 {
    let bytes = numbers.iter().flat_map(|x| x.bits().to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn report_slice<T: Number>(case: Case, numbers: &[T], report: Report<'_>) {
    match numbers {
        [] => report(case, &[]),
        [only] => report(case, &[only.bits()]),
        [first, .., last] => report(case, &[first.bits(), last.bits(), hash(numbers)]),
    }
}

/// As many rows as the length allows, so that rows are short and long in turn.
fn rows_of(len: usize) -> usize {
    match len {
        3 | 129 => 3,
        10 => 5,
        33 => 11,
        100 => 10,
        1000 => 8,
        LONGEST => 2,
        GRID => GRID,
        _ => 1,
    }
}

#[derive(Clone, Copy)]
struct Forms {
    log_input: bool,
    log_target: bool,
    name: &'static str,
}

const FORMS: [Forms; 4] = [
    Forms { log_input: true, log_target: false, name: "log_probs|probs" },
    Forms { log_input: true, log_target: true, name: "log_probs|log_probs" },
    Forms { log_input: false, log_target: false, name: "probs|probs" },
    Forms { log_input: false, log_target: true, name: "probs|log_probs" },
];

impl Forms {
    fn fill_ordinary<T: Number>(self, len: usize, space: &mut Space<T>) {
        let mut random = Random(len as u64);
        let Space { input, target, factors, .. } = space;
        let elements = input.iter_mut().zip(target).zip(factors);
        for ((x, t), g) in elements.take(len) {
            *x = if self.log_input { random.logarithm() } else { random.probability() };
            *t = if self.log_target { random.logarithm() } else { random.probability() };
            *g = random.any();
        }
    }

    fn fill_with_zeros<T: Number>(self, len: usize, space: &mut Space<T>) {
        self.fill_ordinary(len, space);
        let (of_input, of_target) = (usize::from(self.log_input), usize::from(self.log_target));
        for (i, (x, t)) in space.input.iter_mut().zip(&mut space.target).enumerate().take(len) {
            match i % 16 {
                2 | 7 | 15 => (*x, *t) = (T::ZEROS[of_input], T::ZEROS[of_target]),
                5 => *t = T::TINY[of_target],
                10 => *x = T::TINY[of_input],
                12 => (*x, *t) = (T::TINY[of_input], T::TINY[of_target]),
                _ => {}
            }
        }
    }

    fn fill_grid<T: Number>(self, space: &mut Space<T>) {
        self.fill_ordinary(GRID, space);
        let pairs = T::SPECIALS.into_iter().flat_map(|x| T::SPECIALS.map(|t| (x, t)));
        for (i, (x, t)) in pairs.enumerate() {
            (space.input[i], space.target[i]) = (x, t);
        }
    }

    fn report<T: Number>(
        self,
        isa: Isa,
        data: &'static str,
        len: usize,
        space: &mut Space<T>,
        report: Report<'_>,
    ) -> Result<(), Error> {
        let rows = rows_of(len);
        let case =
            |operation| Case { number: T::NAME, operation, forms: self.name, data, len, rows };
        let (input, target) = (&space.input[..len], &space.target[..len]);
        let input = if self.log_input { Input::LogProbs(input) } else { Input::Probs(input) };
        let target = if self.log_target { Target::LogProbs(target) } else { Target::Probs(target) };
        let kl = KlDiv::new(input, target)?.on(isa)?;
        report(case("sum"), &[kl.sum().bits()]);
        report(case("mean"), &[kl.mean().bits()]);
        report(case("entropy"), &[kl.entropy().bits()]);
        report(case("cross_entropy"), &[kl.cross_entropy().bits()]);
        kl.row_sums(&mut space.out[..rows])?;
        report_slice(case("row_sums"), &space.out[..rows], report);
        let out = &mut space.out[..len];
        kl.pointwise(out)?;
        report_slice(case("pointwise"), out, report);
        let upstreams = [
            ["grad_input uniform", "grad_target uniform"],
            ["grad_input per_row", "grad_target per_row"],
            ["grad_input per_element", "grad_target per_element"],
        ];
        for (kind, [by_input, by_target]) in upstreams.into_iter().enumerate() {
            let upstream = match kind {
                0 => Upstream::Uniform(T::compose(true, -2, 1 << 63)),
                1 => Upstream::PerRow(&space.factors[..rows]),
                _ => Upstream::PerElement(&space.factors[..len]),
            };
            kl.grad_input(upstream, out)?;
            report_slice(case(by_input), out, report);
            kl.grad_target(upstream, out)?;
            report_slice(case(by_target), out, report);
        }
        Ok(())
    }
}

/// Every operation on every pair of forms.
///
/// # Errors
/// If the instruction set is not available.
pub(crate) fn elementwise<T: Number>(
    isa: Isa,
    space: &mut Space<T>,
    report: Report<'_>,
) -> Result<(), Error> {
    for forms in FORMS {
        for len in LENGTHS {
            forms.fill_ordinary(len, space);
            forms.report(isa, "ordinary", len, space, report)?;
        }
        for len in LENGTHS_WITH_ZEROS {
            forms.fill_with_zeros(len, space);
            forms.report(isa, "zeros", len, space, report)?;
        }
        forms.fill_grid(space);
        forms.report(isa, "grid", GRID, space, report)?;
    }
    Ok(())
}

/// `log_softmax` and `softmax`, which choose their instruction set themselves.
///
/// # Errors
/// None; lengths agree.
pub(crate) fn logits<T: Number>(space: &mut Space<T>, report: Report<'_>) -> Result<(), Error> {
    for (rows, classes) in LOGITS {
        let len = rows * classes;
        for data in ["ordinary", "masked", "specials"] {
            let mut random = Random(len as u64);
            for (i, logit) in space.input[..len].iter_mut().enumerate() {
                *logit = match (data, i % 7) {
                    ("masked", 1 | 4) => T::ZEROS[1],
                    ("specials", 3) => T::SPECIALS[(i / 7) % SPECIALS],
                    _ => random.any(),
                };
            }
            let case =
                |operation| Case { number: T::NAME, operation, forms: "logits", data, len, rows };
            let logits = Rows::new(&space.input[..len], classes)?;
            let out = &mut space.out[..len];
            log_softmax(logits, out)?;
            report_slice(case("log_softmax"), out, report);
            softmax(logits, out)?;
            report_slice(case("softmax"), out, report);
        }
    }
    Ok(())
}

/// Losses of rows and their gradients: every teacher, every divergence.
///
/// # Errors
/// If the instruction set is not available.
pub(crate) fn distillation<T: Number>(
    isa: Isa,
    space: &mut Space<T>,
    report: Report<'_>,
) -> Result<(), Error> {
    let quarter = T::compose(false, -2, 0);
    let divergences = [
        ("forward", Divergence::Forward),
        ("reverse", Divergence::Reverse),
        ("mixture", Divergence::JensenShannon { beta: quarter }),
    ];
    for (rows, classes) in DISTILLATION {
        let len = rows * classes;
        for data in ["ordinary", "rising", "masked", "close"] {
            for form in ["logits", "log_probs", "probs", "classes"] {
                // Many blocks take long where floats are emulated, and differ only here.
                let blocks_matter = form == "logits" && matches!(data, "rising" | "close");
                if classes > 1_000 && !blocks_matter {
                    continue;
                }
                let Space { input, target, out, .. } = &mut *space;
                let (student, numbers, out) =
                    (&mut input[..len], &mut target[..len], &mut out[..len + rows]);
                fill_rows(data, form, classes, student, numbers);
                let indices = [2, 0, 1, 2];
                let teacher_rows = Rows::new(&*numbers, classes)?;
                let teacher = match form {
                    "logits" => Teacher::Logits(teacher_rows),
                    "log_probs" => Teacher::LogProbs(teacher_rows),
                    "probs" => Teacher::Probs(teacher_rows),
                    _ => Teacher::Classes(&indices[..rows]),
                };
                let loss = DistillLoss::new(Rows::new(&*student, classes)?, teacher)?.on(isa)?;
                for (forms, divergence) in divergences {
                    // A temperature that is no power of two.
                    let loss =
                        loss.divergence(divergence)?.temperature(T::compose(false, 0, 1 << 63))?;
                    let case = |operation| Case {
                        number: T::NAME,
                        operation,
                        forms,
                        data: match (data, form) {
                            ("ordinary", "logits") => "ordinary logits",
                            ("ordinary", "log_probs") => "ordinary log_probs",
                            ("ordinary", "probs") => "ordinary probs",
                            ("ordinary", _) => "ordinary classes",
                            ("rising", "logits") => "rising logits",
                            ("rising", "log_probs") => "rising log_probs",
                            ("rising", "probs") => "rising probs",
                            ("rising", _) => "rising classes",
                            ("masked", "logits") => "masked logits",
                            ("masked", "log_probs") => "masked log_probs",
                            ("masked", "probs") => "masked probs",
                            ("masked", _) => "masked classes",
                            (_, "logits") => "close logits",
                            (_, "log_probs") => "close log_probs",
                            (_, "probs") => "close probs",
                            _ => "close classes",
                        },
                        len,
                        rows,
                    };
                    let upstream = Upstream::Uniform(T::compose(true, -2, 1 << 63));
                    report(case("distill"), &[loss.reduce(Reduction::Sum).bits()]);
                    let (losses, grad) = out.split_at_mut(rows);
                    loss.row_losses(losses)?;
                    report_slice(case("row_losses"), losses, report);
                    loss.loss_and_grad_student(upstream, losses, grad)?;
                    report_slice(case("fused losses"), losses, report);
                    report_slice(case("grad_student"), grad, report);
                    if form != "classes" {
                        loss.grad_teacher(upstream, grad)?;
                        report_slice(case("grad_teacher"), grad, report);
                    }
                }
            }
        }
    }
    Ok(())
}

fn fill_rows<T: Number>(
    data: &str,
    form: &str,
    classes: usize,
    student: &mut [T],
    teacher: &mut [T],
) {
    let mut random = Random(student.len() as u64);
    for (i, (x, t)) in student.iter_mut().zip(teacher).enumerate() {
        *x = random.any();
        *t = match form {
            "log_probs" => random.logarithm(),
            "probs" => random.probability(),
            _ => random.any(),
        };
        let masked = i % 3 == 0 || i % classes < classes / 4;
        match data {
            // Ever larger powers of two.
            "rising" => *x = T::compose(false, (i % classes * 7 / classes) as i16, random.next()),
            "masked" if masked => {
                *x = T::ZEROS[1];
                *t = T::ZEROS[usize::from(form != "probs")];
            }
            // The last bit of a teacher's logit is nearly nothing.
            "close" if form == "logits" => *t = *x + T::compose(i % 2 == 0, -16, random.next()),
            _ => {}
        }
    }
}
