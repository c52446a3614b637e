//! Losses and gradients of rows of logits against arithmetic of many more bits: every share of a mixture, sides that
//! nearly agree, rows of up to a language model's vocabulary.

#[path = "support/mod.rs"]
mod support;

use astro_float::{BigFloat, Consts, RoundingMode, Sign};
use kldiv::{DistillLoss, Divergence, Element, Isa, Rows, Teacher, Upstream};
use support::{Number, Random};

/// The largest relative error of a loss above `FLOOR_U2 u²`.
const SMALL_LOSS: f64 = 1e-3;
const FLOOR_U2: f64 = 8192.0;
/// The largest error of a mixture's gradient, in `u` of the size of its parts.
const GRADIENT: f64 = 8.0;

/// Bits that are computed with: a divergence of 1e-28 has the digits left that the terms of 1 lose.
const BITS: usize = 128;
const NEAREST: RoundingMode = RoundingMode::ToEven;

/// Arithmetic of so many bits.
struct Wide(Consts);

impl Wide {
    fn new() -> Self {
        Self(Consts::new().expect("memory for constants"))
    }
    fn exp(&mut self, x: &BigFloat) -> BigFloat {
        x.exp(BITS, NEAREST, &mut self.0)
    }
    fn ln(&mut self, x: &BigFloat) -> BigFloat {
        x.ln(BITS, NEAREST, &mut self.0)
    }
}

fn wide(x: f64) -> BigFloat {
    BigFloat::from_f64(x, BITS)
}

fn sum(a: &BigFloat, b: &BigFloat) -> BigFloat {
    a.add(b, BITS, NEAREST)
}

fn less(a: &BigFloat, b: &BigFloat) -> BigFloat {
    a.sub(b, BITS, NEAREST)
}

fn times(a: &BigFloat, b: &BigFloat) -> BigFloat {
    a.mul(b, BITS, NEAREST)
}

/// The uppermost bits, as many as an `f64` has and some of the rest.
fn narrow(x: &BigFloat) -> f64 {
    let Some((mantissa, _, sign, exponent, _)) = x.as_raw_parts() else { return f64::NAN };
    let digit =
        |from_top: usize| mantissa.len().checked_sub(from_top + 1).map_or(0, |at| mantissa[at]);
    let word = f64::from(u32::MAX) + 1.0;
    let top = digit(0) as f64 + digit(1) as f64 / (word * word);
    let magnitude = libm::ldexp(top, exponent - astro_float::WORD_BIT_SIZE as i32);
    if sign == Sign::Neg { -magnitude } else { magnitude }
}

/// One side of a row: probabilities and their logarithms.
struct Shares {
    p: Vec<BigFloat>,
    ln_p: Vec<BigFloat>,
}

impl Shares {
    fn of<R: Number>(wide_math: &mut Wide, logits: &[R], temperature: R) -> Self {
        let largest = logits.iter().map(|x| x.to_f64()).fold(f64::NEG_INFINITY, f64::max);
        let scaled = |x: &R| {
            less(&wide(x.to_f64()), &wide(largest)).div(&wide(temperature.to_f64()), BITS, NEAREST)
        };
        let scaled: Vec<BigFloat> = logits.iter().map(scaled).collect();
        let powers: Vec<BigFloat> = scaled.iter().map(|x| wide_math.exp(x)).collect();
        let mass = powers.iter().fold(wide(0.0), |mass, power| sum(&mass, power));
        let ln_mass = wide_math.ln(&mass);
        Shares {
            p: powers.iter().map(|power| power.div(&mass, BITS, NEAREST)).collect(),
            ln_p: scaled.iter().map(|x| less(x, &ln_mass)).collect(),
        }
    }
}

/// What one side adds to a loss: its weight in it, and `ln p − ln m` of each class.
struct Part {
    weight: BigFloat,
    differences: Vec<BigFloat>,
}

impl Part {
    /// `Σ p·(ln p − ln m)`, not weighted.
    fn mean(&self, side: &Shares) -> BigFloat {
        let terms = side.p.iter().zip(&self.differences);
        terms.fold(wide(0.0), |mean, (p, d)| sum(&mean, &times(p, d)))
    }
}

/// The types that are computed in; others are these once they are widened.
trait Computed: Number<Computed = Self> + Element<Real = Self> {
    /// Shares of a mixture, down to the last that are no end.
    const SHARES: [f64; 9];
}

impl Computed for f32 {
    const SHARES: [f64; 9] = [1e-7, 1e-4, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999, 1.0 - 1e-7];
}

impl Computed for f64 {
    const SHARES: [f64; 9] = [1e-15, 1e-4, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999, 1.0 - 1e-14];
}

/// One row of a student and a teacher.
struct Pair<R> {
    student: Vec<R>,
    teacher: Vec<R>,
    temperature: R,
}

impl<R: Computed> Pair<R> {
    /// The student misses the teacher by about `gap`, and by `offset` in all classes.
    fn new(classes: usize, gap: f64, offset: f64) -> Self {
        let mut random = Random::new(classes as u64 + 17);
        let teacher: Vec<R> = (0..classes).map(|_| R::of(random.between(3.0))).collect();
        let missed = |t: &R| R::of(t.to_f64() + random.between(gap) + offset);
        Pair { student: teacher.iter().map(missed).collect(), teacher, temperature: R::ONE }
    }

    fn loss(&self, divergence: Divergence<R>) -> DistillLoss<'_, R> {
        let rows = |values| Rows::new(values, self.teacher.len()).expect("one row");
        DistillLoss::new(rows(&self.student), Teacher::Logits(rows(&self.teacher)))
            .and_then(|loss| loss.temperature(self.temperature)?.divergence(divergence))
            .expect("equal shapes, a temperature, a share")
    }

    fn exact(&self) -> Exact {
        let mut math = Wide::new();
        let teacher = Shares::of(&mut math, &self.teacher, self.temperature);
        let student = Shares::of(&mut math, &self.student, self.temperature);
        Exact { math, teacher, student }
    }

    /// Holds losses, alone and with the gradient, and the gradients of a mixture to what is documented.
    fn check(&self, exact: &mut Exact, divergence: Divergence<R>) {
        let classes = self.teacher.len();
        let loss = self.loss(divergence);
        let context = format!("{} {classes} classes, {divergence:?}", R::NAME);
        let (mut alone, mut beside) = ([R::ZERO], [R::ZERO]);
        let (mut by_student, mut by_teacher) = (vec![R::ZERO; classes], vec![R::ZERO; classes]);
        let one = Upstream::Uniform(R::ONE);
        loss.row_losses(&mut alone).expect("one row");
        loss.loss_and_grad_student(one, &mut beside, &mut by_student).expect("one row");
        loss.grad_teacher(one, &mut by_teacher).expect("one row");

        let [of_teacher, of_student] = exact.parts(divergence);
        let value = sum(
            &times(&of_teacher.weight, &of_teacher.mean(&exact.teacher)),
            &times(&of_student.weight, &of_student.mean(&exact.student)),
        );
        let value = narrow(&value);
        if value >= FLOOR_U2 * R::UNIT * R::UNIT {
            for loss in [alone[0], beside[0]] {
                let error = (loss.to_f64() / value - 1.0).abs();
                assert!(error <= SMALL_LOSS, "{context}: {loss:?}, not {value:e}: {error:e}");
            }
        }
        if matches!(divergence, Divergence::JensenShannon { .. }) {
            let sides = [
                ("teacher", &of_teacher, &exact.teacher, by_teacher),
                ("student", &of_student, &exact.student, by_student),
            ];
            for (name, part, shares, grad) in sides {
                let context = format!("{context}, by {name}");
                check_gradient(&context, part, shares, self.temperature.to_f64(), &grad);
            }
        }
    }
}

/// `(s − p·Σs)/τ` of each class, `s = weight·p·(ln p − ln m)`, within [`GRADIENT`] `u` of the size of its parts, which is
/// all that it is allowed: however close the sides are, and however small the weight, digits are kept.
fn check_gradient<R: Computed>(
    context: &str,
    part: &Part,
    shares: &Shares,
    temperature: f64,
    grad: &[R],
) {
    let mean = part.mean(shares);
    let weight = narrow(&part.weight) / temperature;
    let classes = shares.p.iter().zip(&shares.ln_p).zip(&part.differences);
    let sizes = classes.clone().map(|((p, _), d)| narrow(p) * narrow(d).abs());
    let size_of_mean: f64 = sizes.sum();
    let ln_classes = (grad.len() as f64).ln();
    for (index, (((p, ln_p), d), &got)) in classes.zip(grad).enumerate() {
        let exact = weight * narrow(&times(p, &less(d, &mean)));
        let size = weight * narrow(p) * (narrow(d).abs() + size_of_mean);
        let tolerance = GRADIENT * R::UNIT * size * (narrow(ln_p).abs() + ln_classes + 8.0);
        let error = (got.to_f64() - exact).abs();
        assert!(
            error <= tolerance + R::SMALLEST.to_f64(),
            "{context}, class {index}: {got:?}, not {exact:e} within {tolerance:e}"
        );
    }
}

/// Both sides of a row.
struct Exact {
    math: Wide,
    teacher: Shares,
    student: Shares,
}

impl Exact {
    /// What the teacher and what the student adds. The formulas as they stand: there are bits enough.
    fn parts<R: Computed>(&mut self, divergence: Divergence<R>) -> [Part; 2] {
        let Exact { math, teacher, student } = self;
        let (nothing, one) = (wide(0.0), wide(1.0));
        let against = |weight: &BigFloat, side: &Shares, other: &[BigFloat]| Part {
            weight: weight.clone(),
            differences: side.ln_p.iter().zip(other).map(|(own, other)| less(own, other)).collect(),
        };
        match divergence {
            Divergence::Forward => {
                [against(&one, teacher, &student.ln_p), against(&nothing, student, &teacher.ln_p)]
            }
            Divergence::Reverse => {
                [against(&nothing, teacher, &student.ln_p), against(&one, student, &teacher.ln_p)]
            }
            Divergence::JensenShannon { beta } => {
                let beta = wide(beta.to_f64());
                let rest = less(&one, &beta);
                let mixed = teacher.p.iter().zip(&student.p);
                let mixed = mixed.map(|(p, q)| sum(&times(&beta, p), &times(&rest, q)));
                let ln_m: Vec<BigFloat> = mixed.map(|m| math.ln(&m)).collect();
                [against(&beta, teacher, &ln_m), against(&rest, student, &ln_m)]
            }
        }
    }
}

/// Every share, gaps from 1e-4 to 10, students that lie anywhere above their teachers.
fn every_share<R: Computed>() {
    for classes in [2, 3, 10, 60] {
        for gap in [1e-4, 1e-3, 0.03, 1.0, 10.0] {
            for offset in [0.0, 0.9, -5.0, 1000.0] {
                let pair = Pair::<R>::new(classes, gap, offset);
                let mut exact = pair.exact();
                pair.check(&mut exact, Divergence::Forward);
                pair.check(&mut exact, Divergence::Reverse);
                for share in R::SHARES {
                    let beta = R::of(share);
                    pair.check(&mut exact, Divergence::JensenShannon { beta });
                }
            }
        }
    }
}

#[test]
fn every_share_is_right_in_f32() {
    every_share::<f32>();
}

#[test]
fn every_share_is_right_in_f64() {
    every_share::<f64>();
}

/// A temperature divides both, also where it makes their differences small.
#[test]
fn every_share_is_right_at_any_temperature() {
    fn check<R: Computed>() {
        for temperature in [0.3, 4.0, 1000.0] {
            for gap in [1e-3, 1.0] {
                let mut pair = Pair::<R>::new(30, gap, 0.2);
                pair.temperature = R::of(temperature);
                let mut exact = pair.exact();
                for share in R::SHARES {
                    let beta = R::of(share);
                    pair.check(&mut exact, Divergence::JensenShannon { beta });
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

/// The vocabulary of a language model, padded to a multiple of 128.
fn the_longest_rows<R: Computed>(share: f64) {
    let pair = Pair::<R>::new(152_064, 1e-3, 0.4);
    pair.check(&mut pair.exact(), Divergence::JensenShannon { beta: R::of(share) });
}

#[test]
fn the_longest_rows_are_as_right_in_f32() {
    the_longest_rows::<f32>(0.9);
}

#[test]
fn the_longest_rows_are_as_right_in_f64() {
    the_longest_rows::<f64>(1e-15);
}

/// Divergences that are hardly above the floor, from logits that are offset by anything.
#[test]
fn one_sided_divergences_keep_their_digits_down_to_the_floor() {
    fn check<R: Computed>(gap: f64) {
        for classes in [2, 3, 10, 200] {
            for offset in [0.0, 0.3, 0.9, -0.6, 2.0, -5.0, 1000.0] {
                for more in [1.0, 2.0, 7.0, 40.0, 300.0] {
                    let pair = Pair::<R>::new(classes, gap * more, offset);
                    let mut exact = pair.exact();
                    pair.check(&mut exact, Divergence::Forward);
                    pair.check(&mut exact, Divergence::Reverse);
                }
            }
        }
    }
    check::<f32>(2e-5);
    check::<f64>(4e-14);
}

/// What a report said, by value.
#[test]
fn unequal_shares_of_two_classes() {
    for (beta, student, teacher, exact) in [
        (0.01_f32, [1.1, 0.0], [1.0, 0.0], 9.579_430_56e-6),
        (0.1, [-1.769_391_3, 1.465_547_6], [-1.8, 1.5], 6.681_312_68e-6),
        (0.9, [-1.723_348_1, 0.949_246_05], [-1.5, 1.1], 1.466_815_8e-5),
    ] {
        let pair =
            Pair { student: student.to_vec(), teacher: teacher.to_vec(), temperature: 1.0_f32 };
        for isa in Isa::available() {
            let loss = pair.loss(Divergence::JensenShannon { beta }).on(isa).expect("available");
            let error = (f64::from(loss.weighted_mean()) / exact - 1.0).abs();
            assert!(error < 1e-5, "{beta} on {isa}: {error:e}");
        }
    }
}
