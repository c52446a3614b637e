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

#[path = "../support/number.rs"]
pub(crate) mod number;
#[path = "../support/random.rs"]
mod random;

use core::fmt;

use kldiv::{
    DistillLoss, Divergence, Error, ExactSum, Input, Isa, KlDiv, Reduction, Rest, RowState, Rows,
    Target, Teacher, TopK, Upstream, log_softmax, softmax,
};
use number::Number;
use random::Random;

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

/// The grid: zeros, subnormals, ordinary numbers, infinities, NaN.
fn specials<T: Number>() -> [T; SPECIALS] {
    let n = T::of;
    [
        n(0.0),
        n(-0.0),
        T::SMALLEST,
        T::SMALLEST.negative(),
        T::SMALLEST_NORMAL.inward(),
        T::SMALLEST_NORMAL,
        n(0.5),
        n(-0.5),
        n(1.0).inward(),
        n(1.0),
        n(-1.0),
        n(2.0),
        n(88.0),
        T::LN_SUBNORMAL,
        n(-10_000.0),
        T::LARGEST,
        T::LARGEST.negative(),
        n(f64::INFINITY),
        n(f64::NEG_INFINITY),
        n(f64::NAN),
    ]
}

/// How a probability is written.
#[derive(Clone, Copy)]
enum Form {
    Probs,
    LogProbs,
}

impl Form {
    const fn name(self) -> &'static str {
        match self {
            Form::Probs => "probs",
            Form::LogProbs => "log_probs",
        }
    }

    fn ordinary<T: Number>(self, random: &mut Random) -> T {
        match self {
            Form::Probs => random.probability(),
            Form::LogProbs => random.logarithm(),
        }
    }

    fn zero<T: Number>(self) -> T {
        T::of(match self {
            Form::Probs => 0.0,
            Form::LogProbs => f64::NEG_INFINITY,
        })
    }

    /// The largest subnormal, or a logarithm of one.
    fn subnormal<T: Number>(self) -> T {
        match self {
            Form::Probs => T::SMALLEST_NORMAL.inward(),
            Form::LogProbs => T::LN_SUBNORMAL,
        }
    }
}

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
#[derive(Clone, Copy)]
pub(crate) struct Case {
    number: &'static str,
    operation: &'static str,
    read: Read,
    len: usize,
    rows: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { number, operation, read, len, rows } = self;
        write!(f, "{number} {operation} {read} {len}/{rows}")
    }
}

/// What an operation reads.
#[derive(Clone, Copy)]
enum Read {
    Pair(Pair, PairData),
    Logits(LogitsData),
    Loss(Kind, RowsData, TeacherForm),
    TopK(Rest, RowsData),
    Pieces(RowsData),
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Read::Pair(Pair { input, target }, data) => {
                write!(f, "{}|{} {}", input.name(), target.name(), data.name())
            }
            Read::Logits(data) => write!(f, "logits {}", data.name()),
            Read::TopK(rest, data) => write!(f, "{} {} top_k", rest_name(*rest), data.name()),
            Read::Pieces(data) => write!(f, "{} pieces", data.name()),
            Read::Loss(kind, data, teacher) => {
                write!(f, "{} {} {}", kind.name(), data.name(), teacher.name())
            }
        }
    }
}

/// Takes results: of a single number its bits, of more the first, the last and a hash of all. All NaNs are one.
pub(crate) type Report<'a> = &'a mut dyn FnMut(Case, &[u64]);

/// Numbers put together from random bits.
impl Random {
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
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn report_slice<T: Number>(case: Case, numbers: &[T], report: Report<'_>) {
    match numbers {
        [] => report(case, &[]),
        [only] => report(case, &[only.result_bits()]),
        [first, .., last] => {
            let bytes = numbers.iter().flat_map(|x| x.result_bits().to_le_bytes());
            report(case, &[first.result_bits(), last.result_bits(), hash(bytes)])
        }
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

/// Input and target.
#[derive(Clone, Copy)]
struct Pair {
    input: Form,
    target: Form,
}

const PAIRS: [Pair; 4] = [
    Pair { input: Form::LogProbs, target: Form::Probs },
    Pair { input: Form::LogProbs, target: Form::LogProbs },
    Pair { input: Form::Probs, target: Form::Probs },
    Pair { input: Form::Probs, target: Form::LogProbs },
];

#[derive(Clone, Copy)]
enum PairData {
    Ordinary,
    /// Some are zero or subnormal.
    Zeros,
    /// Every pair of special numbers.
    Grid,
}

impl PairData {
    const fn name(self) -> &'static str {
        match self {
            PairData::Ordinary => "ordinary",
            PairData::Zeros => "zeros",
            PairData::Grid => "grid",
        }
    }
}

impl Pair {
    fn fill<T: Number>(self, data: PairData, len: usize, space: &mut Space<T>) {
        let mut random = Random::new(len as u64);
        let Space { input, target, factors, .. } = space;
        let elements = input.iter_mut().zip(target).zip(factors);
        for ((x, t), g) in elements.take(len) {
            *x = self.input.ordinary(&mut random);
            *t = self.target.ordinary(&mut random);
            *g = random.any();
        }
        match data {
            PairData::Ordinary => {}
            PairData::Zeros => self.add_zeros(len, space),
            PairData::Grid => {
                let specials = specials::<T>();
                let pairs = specials.into_iter().flat_map(|x| specials.map(|t| (x, t)));
                for (i, (x, t)) in pairs.enumerate() {
                    (space.input[i], space.target[i]) = (x, t);
                }
            }
        }
    }

    fn add_zeros<T: Number>(self, len: usize, space: &mut Space<T>) {
        let Pair { input, target } = self;
        for (i, (x, t)) in space.input.iter_mut().zip(&mut space.target).enumerate().take(len) {
            match i % 16 {
                2 | 7 | 15 => (*x, *t) = (input.zero(), target.zero()),
                5 => *t = target.subnormal(),
                10 => *x = input.subnormal(),
                12 => (*x, *t) = (input.subnormal(), target.subnormal()),
                _ => {}
            }
        }
    }

    fn report<T: Number>(
        self,
        isa: Isa,
        data: PairData,
        len: usize,
        space: &mut Space<T>,
        report: Report<'_>,
    ) -> Result<(), Error> {
        self.fill(data, len, space);
        let rows = rows_of(len);
        let read = Read::Pair(self, data);
        let case = |operation| Case { number: T::NAME, operation, read, len, rows };
        let (input, target) = (&space.input[..len], &space.target[..len]);
        let input = match self.input {
            Form::Probs => Input::Probs(input),
            Form::LogProbs => Input::LogProbs(input),
        };
        let target = match self.target {
            Form::Probs => Target::Probs(target),
            Form::LogProbs => Target::LogProbs(target),
        };
        let kl = KlDiv::new(input, target)?.on(isa)?;
        report(case("sum"), &[kl.sum().result_bits()]);
        report(case("mean"), &[kl.mean().result_bits()]);
        report(case("entropy"), &[kl.entropy().result_bits()]);
        report(case("cross_entropy"), &[kl.cross_entropy().result_bits()]);
        kl.row_sums(&mut space.out[..rows])?;
        report_slice(case("row_sums"), &space.out[..rows], report);
        let out = &mut space.out[..len];
        kl.pointwise(out)?;
        report_slice(case("pointwise"), out, report);
        let uniform = Upstream::Uniform(T::compose(true, -2, 1 << 63));
        let per_row = Upstream::PerRow(&space.factors[..rows]);
        let per_element = Upstream::PerElement(&space.factors[..len]);
        for (upstream, by_input, by_target) in [
            (uniform, "grad_input uniform", "grad_target uniform"),
            (per_row, "grad_input per_row", "grad_target per_row"),
            (per_element, "grad_input per_element", "grad_target per_element"),
        ] {
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
    for pair in PAIRS {
        for len in LENGTHS {
            pair.report(isa, PairData::Ordinary, len, space, report)?;
        }
        for len in LENGTHS_WITH_ZEROS {
            pair.report(isa, PairData::Zeros, len, space, report)?;
        }
        pair.report(isa, PairData::Grid, GRID, space, report)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum LogitsData {
    Ordinary,
    Masked,
    Specials,
}

impl LogitsData {
    const ALL: [Self; 3] = [LogitsData::Ordinary, LogitsData::Masked, LogitsData::Specials];

    const fn name(self) -> &'static str {
        match self {
            LogitsData::Ordinary => "ordinary",
            LogitsData::Masked => "masked",
            LogitsData::Specials => "specials",
        }
    }
}

/// `log_softmax` and `softmax`, which choose their instruction set themselves, and exact sums, which need none.
///
/// # Errors
/// None; lengths agree.
pub(crate) fn logits<T: Number>(space: &mut Space<T>, report: Report<'_>) -> Result<(), Error> {
    let specials = specials::<T>();
    for (rows, classes) in LOGITS {
        let len = rows * classes;
        for data in LogitsData::ALL {
            let mut random = Random::new(len as u64);
            for (i, logit) in space.input[..len].iter_mut().enumerate() {
                *logit = match data {
                    LogitsData::Masked if matches!(i % 7, 1 | 4) => T::of(f64::NEG_INFINITY),
                    LogitsData::Specials if i % 7 == 3 => specials[(i / 7) % SPECIALS],
                    LogitsData::Ordinary | LogitsData::Masked | LogitsData::Specials => {
                        random.any()
                    }
                };
            }
            let read = Read::Logits(data);
            let case = |operation| Case { number: T::NAME, operation, read, len, rows };
            let logits = Rows::new(&space.input[..len], classes)?;
            let out = &mut space.out[..len];
            log_softmax(logits, out)?;
            report_slice(case("log_softmax"), out, report);
            softmax(logits, out)?;
            report_slice(case("softmax"), out, report);
            let mut sum = ExactSum::new();
            sum.extend_from_slice(&space.input[..len]);
            let values = [sum.value::<f32>().result_bits(), sum.value::<f64>().result_bits()];
            let bytes = sum.to_bytes().into_iter();
            report(case("exact_sum"), &[values[0], values[1], hash(bytes)]);
        }
    }
    Ok(())
}

/// Which divergence; the library's own says its share in the element type.
#[derive(Clone, Copy)]
enum Kind {
    Forward,
    Reverse,
    Mixture,
}

impl Kind {
    const ALL: [Self; 3] = [Kind::Forward, Kind::Reverse, Kind::Mixture];

    const fn name(self) -> &'static str {
        match self {
            Kind::Forward => "forward",
            Kind::Reverse => "reverse",
            Kind::Mixture => "mixture",
        }
    }

    fn divergence<T: Number>(self) -> Divergence<T> {
        match self {
            Kind::Forward => Divergence::Forward,
            Kind::Reverse => Divergence::Reverse,
            Kind::Mixture => Divergence::JensenShannon { beta: T::compose(false, -2, 0) },
        }
    }
}

#[derive(Clone, Copy)]
enum TeacherForm {
    Logits,
    Shares(Form),
    Classes,
}

impl TeacherForm {
    const ALL: [Self; 4] = [
        TeacherForm::Logits,
        TeacherForm::Shares(Form::LogProbs),
        TeacherForm::Shares(Form::Probs),
        TeacherForm::Classes,
    ];

    const fn name(self) -> &'static str {
        match self {
            TeacherForm::Logits => "logits",
            TeacherForm::Shares(form) => form.name(),
            TeacherForm::Classes => "classes",
        }
    }
}

#[derive(Clone, Copy)]
enum RowsData {
    Ordinary,
    /// Ever larger powers of two.
    Rising,
    Masked,
    /// The last bit of a teacher's logit is nearly nothing.
    Close,
}

impl RowsData {
    const ALL: [Self; 4] =
        [RowsData::Ordinary, RowsData::Rising, RowsData::Masked, RowsData::Close];

    const fn name(self) -> &'static str {
        match self {
            RowsData::Ordinary => "ordinary",
            RowsData::Rising => "rising",
            RowsData::Masked => "masked",
            RowsData::Close => "close",
        }
    }

    /// Many blocks take long where floats are emulated, and differ only here.
    const fn needs_many_blocks(self, form: TeacherForm) -> bool {
        let rows_move = match self {
            RowsData::Rising | RowsData::Close => true,
            RowsData::Ordinary | RowsData::Masked => false,
        };
        let of_logits = match form {
            TeacherForm::Logits => true,
            TeacherForm::Shares(_) | TeacherForm::Classes => false,
        };
        rows_move && of_logits
    }

    fn fill<T: Number>(
        self,
        form: TeacherForm,
        classes: usize,
        student: &mut [T],
        teacher: &mut [T],
    ) {
        let mut random = Random::new(student.len() as u64);
        for (i, (x, t)) in student.iter_mut().zip(teacher).enumerate() {
            *x = random.any();
            *t = match form {
                TeacherForm::Shares(form) => form.ordinary(&mut random),
                TeacherForm::Logits | TeacherForm::Classes => random.any(),
            };
            match self {
                RowsData::Ordinary => {}
                RowsData::Rising => {
                    *x = T::compose(false, (i % classes * 7 / classes) as i16, random.next());
                }
                RowsData::Masked => {
                    if i % 3 == 0 || i % classes < classes / 4 {
                        *x = T::of(f64::NEG_INFINITY);
                        *t = match form {
                            TeacherForm::Shares(form) => form.zero(),
                            TeacherForm::Logits | TeacherForm::Classes => T::of(f64::NEG_INFINITY),
                        };
                    }
                }
                RowsData::Close => match form {
                    TeacherForm::Logits => {
                        *t = *x + T::compose(i % 2 == 0, -16, random.next());
                    }
                    TeacherForm::Shares(_) | TeacherForm::Classes => {}
                },
            }
        }
    }
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
    for (rows, classes) in DISTILLATION {
        let len = rows * classes;
        for data in RowsData::ALL {
            for form in TeacherForm::ALL {
                if classes > 1_000 && !data.needs_many_blocks(form) {
                    continue;
                }
                let Space { input, target, out, .. } = &mut *space;
                let (student, numbers, out) =
                    (&mut input[..len], &mut target[..len], &mut out[..len + rows]);
                data.fill(form, classes, student, numbers);
                let indices = [2, 0, 1, 2];
                let teacher_rows = Rows::new(&*numbers, classes)?;
                let teacher = match form {
                    TeacherForm::Logits => Teacher::Logits(teacher_rows),
                    TeacherForm::Shares(Form::LogProbs) => Teacher::LogProbs(teacher_rows),
                    TeacherForm::Shares(Form::Probs) => Teacher::Probs(teacher_rows),
                    TeacherForm::Classes => Teacher::Classes(&indices[..rows]),
                };
                let loss = DistillLoss::new(Rows::new(&*student, classes)?, teacher)?.on(isa)?;
                for kind in Kind::ALL {
                    // A temperature that is no power of two.
                    let loss = loss.divergence(kind.divergence())?.temperature(T::compose(
                        false,
                        0,
                        1 << 63,
                    ))?;
                    let read = Read::Loss(kind, data, form);
                    let case = |operation| Case { number: T::NAME, operation, read, len, rows };
                    let upstream = Upstream::Uniform(T::compose(true, -2, 1 << 63));
                    report(case("distill"), &[loss.reduce(Reduction::Sum).result_bits()]);
                    let (losses, grad) = out.split_at_mut(rows);
                    loss.row_losses(losses)?;
                    report_slice(case("row_losses"), losses, report);
                    loss.loss_and_grad_student(upstream, losses, grad)?;
                    report_slice(case("fused losses"), losses, report);
                    report_slice(case("grad_student"), grad, report);
                    match form {
                        TeacherForm::Logits | TeacherForm::Shares(_) => {
                            loss.grad_teacher(upstream, grad)?;
                            report_slice(case("grad_teacher"), grad, report);
                        }
                        TeacherForm::Classes => {}
                    }
                }
            }
            if classes < 1_000 || data.needs_many_blocks(TeacherForm::Logits) {
                top_k(isa, (rows, classes), data, space, report)?;
                pieces(isa, (rows, classes), data, space, report)?;
            }
        }
    }
    Ok(())
}

/// What becomes of the classes that a teacher does not name.
const RESTS: [Rest; 4] = [Rest::Renormalise, Rest::Bucket, Rest::Uniform, Rest::Ignore];

const fn rest_name(rest: Rest) -> &'static str {
    match rest {
        Rest::Renormalise => "renormalise",
        Rest::Bucket => "bucket",
        Rest::Uniform => "uniform",
        Rest::Ignore => "ignore",
    }
}

/// Places of a row.
const PLACES: usize = 5;

/// Losses of rows of which few classes are named.
fn top_k<T: Number>(
    isa: Isa,
    (rows, classes): (usize, usize),
    data: RowsData,
    space: &mut Space<T>,
    report: Report<'_>,
) -> Result<(), Error> {
    let len = rows * classes;
    let Space { input, target, out, .. } = space;
    let (student, numbers, out) = (&mut input[..len], &mut target[..len], &mut out[..len + rows]);
    let form = TeacherForm::Shares(Form::LogProbs);
    data.fill(form, classes, student, numbers);
    let log_probs = &mut numbers[..rows * PLACES];
    let mut named = [0; 3 * PLACES];
    for (i, (class, ln_p)) in named.iter_mut().zip(&mut *log_probs).enumerate() {
        // One apart from the other, in no order; the last one of a row is empty.
        let place = i % PLACES;
        *class = ((place * 7 + 3) % PLACES * (classes / PLACES)) as u32;
        if place == PLACES - 1 {
            *ln_p = T::of(f64::NEG_INFINITY);
        }
    }
    let student = Rows::new(&*student, classes)?;
    for rest in RESTS {
        let teacher = TopK::new(&named[..rows * PLACES], log_probs, PLACES, rest)?;
        let loss = DistillLoss::new(student, Teacher::TopK(teacher))?.on(isa)?;
        let loss = loss.temperature(T::compose(false, 0, 1 << 63))?;
        let read = Read::TopK(rest, data);
        let case = |operation| Case { number: T::NAME, operation, read, len, rows };
        let upstream = Upstream::Uniform(T::compose(true, -2, 1 << 63));
        let (losses, grad) = out.split_at_mut(rows);
        loss.row_losses(losses)?;
        report_slice(case("row_losses"), losses, report);
        loss.loss_and_grad_student(upstream, losses, grad)?;
        report_slice(case("grad_student"), grad, report);
        loss.accumulate(true).grad_student(upstream, grad)?;
        report_slice(case("grad_student added"), grad, report);
    }
    Ok(())
}

/// Rows in two pieces.
fn pieces<T: Number>(
    isa: Isa,
    (rows, classes): (usize, usize),
    data: RowsData,
    space: &mut Space<T>,
    report: Report<'_>,
) -> Result<(), Error> {
    let len = rows * classes;
    let Space { input, target, out, .. } = space;
    data.fill(TeacherForm::Logits, classes, &mut input[..len], &mut target[..len]);
    let middle = classes / 3;
    let piece = |from: usize, to: usize| {
        let end = len - classes + to;
        let student = Rows::strided(&input[from..end], to - from, classes)?;
        let teacher = Rows::strided(&target[from..end], to - from, classes)?;
        DistillLoss::new(student, Teacher::Logits(teacher))?.on(isa)?.temperature(T::compose(
            false,
            0,
            1 << 63,
        ))
    };
    let pieces = [piece(0, middle)?, piece(middle, classes)?];
    let mut all = [RowState::new(); 3];
    let states = &mut all[..rows];
    for piece in &pieces {
        piece.row_states(states)?;
    }
    let case = |operation| Case { number: T::NAME, operation, read: Read::Pieces(data), len, rows };
    for (state, operation) in
        states.iter().zip(["state of row 0", "state of row 1", "state of row 2"])
    {
        report_slice(case(operation), &state.to_array(), report);
        let read =
            [state.loss(), state.reverse(), state.student_log_mass(), state.teacher_log_mass()];
        report_slice(case("what it says"), &read, report);
    }
    let grad = &mut out[..len - middle];
    let upstream = Upstream::Uniform(T::compose(true, -2, 1 << 63));
    for kind in [Kind::Forward, Kind::Reverse] {
        let last = pieces[1].divergence(kind.divergence())?;
        let mut losses = [T::of(0.0); 3];
        last.loss_and_grad_student_within(states, upstream, &mut losses[..rows], grad)?;
        report_slice(case("losses within"), &losses[..rows], report);
        report_slice(case("grad_student within"), grad, report);
    }
    Ok(())
}
